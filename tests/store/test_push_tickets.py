"""Tickets: short, signed, and over at some time."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.push_tickets import TICKET_CHARACTERS_LIMIT, BadTicket, ExpiredTicket, Ticket, make_ticket, open_ticket
from store.sealing import Sealer

OLD, NEW = b"o" * 32, b"n" * 32
SEALER = Sealer([NEW, OLD])
MESSAGE = Ticket(
    send_key="0123456789abcdef" * 2,
    user="u-annnnnnnnnnnnnnnnnn3",
    device="0199c82c-c000-7123-8123-456789abcdef",
    channel="webpush",
    push_id="u-annnnnnnnnnnnnnnnnn3:d-abcdefghijklmnopqrstuvwxyz:7:2",
    purpose="message",
    ref="",
    conversation="d-abcdefghijklmnopqrstuvwxyz",
    to_seq=7,
    until_ms=1_760_000_000_000,
)
CALL = Ticket(
    *("ab" * 16, "u-ann", "d-phone", "apns_voip", "u-ann:call:c-1", "call", "c-0199c82cc00071238123456789abcdef", "d-x", 0, 9_000)
)


@pytest.mark.parametrize("ticket", [MESSAGE, CALL])
def test_a_ticket_is_short_and_says_again_what_went_into_it(ticket: Ticket) -> None:
    text = make_ticket(ticket, SEALER)
    assert len(text) <= TICKET_CHARACTERS_LIMIT
    assert open_ticket(text, SEALER, ticket.until_ms - 1) == ticket
    assert open_ticket(make_ticket(ticket, Sealer([OLD])), SEALER, 0) == ticket  # of before the key was changed


def test_a_ticket_ends() -> None:
    with pytest.raises(ExpiredTicket):
        open_ticket(make_ticket(MESSAGE, SEALER), SEALER, MESSAGE.until_ms)


@given(st.data())
def test_one_changed_bit_makes_it_none_of_ours(data: st.DataObject) -> None:
    whole = bytearray(base64.urlsafe_b64decode(make_ticket(MESSAGE, SEALER) + "=="))
    bit = data.draw(st.integers(0, len(whole) * 8 - 1))
    whole[bit // 8] ^= 1 << bit % 8
    with pytest.raises(BadTicket):
        open_ticket(base64.urlsafe_b64encode(whole).rstrip(b"=").decode(), SEALER, 0)


@given(st.text(max_size=400))
def test_anything_else_is_none(text: str) -> None:
    with pytest.raises(BadTicket):
        open_ticket(text, SEALER, 0)


def test_one_of_another_installation_is_none() -> None:
    with pytest.raises(BadTicket):
        open_ticket(make_ticket(MESSAGE, Sealer([b"x" * 32])), SEALER, 0)


def test_ids_that_are_too_long_give_no_ticket() -> None:
    long = Ticket(MESSAGE.send_key, MESSAGE.user, "d" * 128, "fcm", "p" * 60, "message", "", "c" * 60, 1, 1)
    assert make_ticket(long, SEALER) == ""
