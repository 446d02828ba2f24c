import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from log.web.retry_after import RETRY_AFTER_LIMIT_MS, retry_after_ms
from streams.push.channels.answers import (
    TABLES,
    BadTable,
    Row,
    Sheet,
    Unreadable,
    checked,
    expired,
    read_fields,
    table_of,
    time_to_live_s,
)
from streams.push.channels.port import Accepted, Refused
from tests.push.channel_laws import alert

VERDICTS = {"retry", "remove_token", "give_up", "misconfigured"}
NOW_MS = 1_795_000_000_000
each_table = pytest.mark.parametrize("channel", sorted(path.stem for path in TABLES.glob("*.yaml")))
WHOLE = {
    "source": "the vendor's page",
    "accepted": [0],
    "answers": [
        {"status": 429, "verdict": "retry", "retry_after_ms": 5_000},
        {"status": "3xx", "verdict": "give_up"},
        {"status": "4xx", "verdict": "give_up"},
        {"status": "5xx", "verdict": "retry"},
        {"code": "Gone", "verdict": "remove_token"},
        {"status": 400, "code": "Gone", "verdict": "give_up"},
        {"status": 401, "verdict": "misconfigured", "as_code": "key"},
    ],
    "other": "retry",
    "verify": ["with a real key"],
}


def sheet(**changes: object) -> Sheet:
    return msgspec.convert({**WHOLE, **changes}, Sheet)


@each_table
def test_every_table_has_a_verdict_for_whatever_is_answered(channel: str) -> None:
    table = table_of(channel)
    found = {status: table.refused(status) for status in range(100, 600)}
    assert {refused.verdict for refused in found.values()} <= VERDICTS
    assert all(refused.code for refused in found.values())
    assert found[429].verdict == "retry"
    assert found[429].retry_after_ms is not None
    assert {found[status].verdict for status in (500, 502, 503, 504, 599)} == {"retry"}


@each_table
def test_every_table_says_where_it_is_from_and_what_is_left_to_see(channel: str) -> None:
    table = table_of(channel)
    assert len(table.verify) >= 1


@each_table
def test_a_code_nobody_heard_of_is_never_a_reason_to_remove_a_token(channel: str) -> None:
    assert {table_of(channel).refused(status, "never heard of").verdict for status in (200, 400, 500)} <= VERDICTS - {"remove_token"}


def test_the_closest_row_wins() -> None:
    table = checked(sheet())
    assert table.refused(400, "Gone").verdict == "give_up"
    assert table.refused(404, "Gone").verdict == "remove_token"
    assert table.refused(404, "What").verdict == "give_up"
    assert table.refused(200, "What").verdict == "retry"
    assert (table.refused(401).verdict, table.refused(401).code) == ("misconfigured", "key")
    assert table.refused(503).code == "status_503"
    assert len(table.refused(400, "x" * 500, detail="y" * 5_000).code) == 64


def test_what_the_answer_says_of_the_wait_goes_before_the_table() -> None:
    table = checked(sheet())
    assert table.refused(429).retry_after_ms == 5_000
    assert table.refused(429, retry_after_ms=0).retry_after_ms == 0


def test_success_is_a_code_and_a_status() -> None:
    table = checked(sheet())
    assert table.outcome(200, "0", "id-1") == Accepted(200, "id-1")
    assert isinstance(table.outcome(500, "0"), Refused)
    assert isinstance(table.outcome(200, ""), Refused)


def test_an_operators_rows_go_first() -> None:
    table = checked(sheet()).with_rows((Row(status=401, verdict="retry"), Row(code="New", verdict="remove_token")))
    assert (table.refused(401).verdict, table.refused(400, "New").verdict, table.refused(429).verdict) == ("retry", "remove_token", "retry")


@pytest.mark.parametrize(
    "changes",
    [
        {"answers": WHOLE["answers"][:3]},
        {"answers": [*WHOLE["answers"], {"status": 429, "verdict": "retry"}]},
        {"answers": [*WHOLE["answers"], {"verdict": "retry"}]},
        {"answers": [*WHOLE["answers"], {"status": 418, "verdict": "give_up", "retry_after_ms": 1}]},
        {"source": ""},
        {"verify": []},
    ],
)
def test_a_table_with_a_hole_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(BadTable):
        checked(sheet(**changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"other": "perhaps"},
        {"answers": [{"status": 429, "verdict": "ignore"}]},
        {"answers": [{"status": 99, "verdict": "retry"}]},
        {"odd": 1},
    ],
)
def test_a_verdict_that_is_none_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        sheet(**changes)


def test_a_table_that_is_not_there_is_named() -> None:
    with pytest.raises(BadTable, match=r"pigeon\.yaml"):
        table_of("pigeon")


@pytest.mark.parametrize(
    ("value", "after_ms"),
    [
        ("7", 7_000),
        (" 0 ", 0),
        ("99999999999999999999", RETRY_AFTER_LIMIT_MS),
        ("Wed, 18 Nov 2026 11:07:30 GMT", 50_000),
        ("Wed, 18 Nov 2026 11:06:30 GMT", 0),
        ("Wed, 18 Nov 2099 11:06:30 GMT", RETRY_AFTER_LIMIT_MS),
        (None, None),
        ("", None),
        ("-3", None),
        ("1.5", None),
        ("soon", None),
        ("٧", None),
        ("Wed, 99 Nov 2026 11:07:30 GMT", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(value: str | None, after_ms: int | None) -> None:
    assert retry_after_ms(value, 1_795_000_000_000) == after_ms


@given(st.text(max_size=60))
def test_retry_after_of_any_text_is_nothing_or_within_a_day(value: str) -> None:
    found = retry_after_ms(value, NOW_MS)
    assert found is None or 0 <= found <= RETRY_AFTER_LIMIT_MS


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "empty"),
        (b"  \n", "empty"),
        (b"<!doctype html>", "html"),
        (b"\n <p>", "html"),
        (b"ok", "not_json"),
        (b"[1]", "not_json"),
        (b"\xff\xfe", "not_json"),
    ],
)
def test_an_answer_that_is_none_is_called_what_it_looks_like(body: bytes, code: str) -> None:
    with pytest.raises(Unreadable) as caught:
        read_fields(body)
    assert caught.value.code == code


@given(st.binary(max_size=200) | st.just(b"[" * 100_000))
def test_no_bytes_break_the_reading_of_an_answer(body: bytes) -> None:
    try:
        assert read_fields(body) == json.loads(body)
    except Unreadable:
        pass


def test_a_deadline_leaves_whole_seconds_and_never_one_too_many() -> None:
    some = alert(now_ms=NOW_MS, ttl_ms=61_999)
    assert time_to_live_s(some, NOW_MS, 86_400) == 61
    assert time_to_live_s(some, NOW_MS, 30) == 30
    assert time_to_live_s(some, NOW_MS + 61_500, 30) == 0
    assert expired(some, NOW_MS + 61_998) is None
    assert expired(some, NOW_MS + 61_999) == Refused("give_up", 0, "expired")
