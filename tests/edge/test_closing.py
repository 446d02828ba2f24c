"""The table of close codes keeps its own rules."""

from edge import closing
from edge.closing import CLOSE_CODES, CloseCode

REASON_BYTES_LIMIT = 123  # RFC 6455 5.5: a control frame's payload is 125 bytes at most, two of them are the code


def test_every_code_is_in_the_table_once() -> None:
    named = [value for value in vars(closing).values() if isinstance(value, CloseCode)]
    assert sorted(close.code for close in named) == sorted(close.code for close in CLOSE_CODES)
    assert len({close.code for close in CLOSE_CODES}) == len(CLOSE_CODES)


def test_every_reason_fits_a_close_frame() -> None:
    assert all(0 < len(close.reason.encode()) <= REASON_BYTES_LIMIT for close in CLOSE_CODES)


def test_the_range_says_whether_to_come_back_by_itself() -> None:
    for close in CLOSE_CODES:
        if 4000 <= close.code <= 4499:
            assert close.reconnect == "backoff", close
        else:
            assert close.reconnect != "backoff", close


def test_our_codes_are_in_the_private_range_and_the_others_are_the_protocols() -> None:
    assert {close.code for close in CLOSE_CODES if not 4000 <= close.code <= 4999} == {1000, 1002, 1007, 1009}
