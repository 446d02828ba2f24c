import pytest
from hypothesis import given
from hypothesis import strategies as st

from store import cql, cql_calls, cql_looks, cql_people, cql_push
from store.generations import OF_TOPIC, PROJECTIONS, Place, mirrored_projection, place_of, progress_name, table_name, text_at
from store.schema import CALL_TABLES, PRESENCE_TABLES, RECEIPT_TABLES, ROSTER_TABLES, SEARCH_TABLES, TABLES, TIMELINE_TABLES

ALL_AT_2 = dict.fromkeys(PROJECTIONS, 2)
STATEMENTS = {
    f"{module.__name__}.{name}": text
    for module in (cql, cql_calls, cql_looks, cql_people, cql_push)
    for name, value in vars(module).items()
    if name.isupper() and not name.startswith("_")
    for text in (value.values() if isinstance(value, dict) else [value])
    if isinstance(text, str) and text.startswith(("SELECT", "INSERT", "UPDATE", "DELETE"))
}
REBUILT = {table for projection in PROJECTIONS.values() for table in projection.tables}


def test_the_first_generation_has_the_plain_names() -> None:
    assert all(text_at(text, {}) == text for text in STATEMENTS.values())
    assert (table_name("events", 1), table_name("events", 3), progress_name("receipts", 1)) == ("events", "events_g3", "receipts")


def test_every_statement_about_a_rebuilt_table_follows_the_pointer_and_no_other() -> None:
    assert len(STATEMENTS) > 100
    for name, text in STATEMENTS.items():
        words = text.replace("(", " ").split()
        named = {words[at + 1] for at, word in enumerate(words) if word in ("FROM", "INTO", "UPDATE")} & TABLES.keys()
        assert len(named) == 1, name
        there = text_at(text, ALL_AT_2)
        assert ("_g2" in there) == bool(named & REBUILT), name


def test_columns_that_are_called_as_a_table_stay() -> None:
    assert text_at("SELECT conversation, receipts FROM privacy WHERE user = ?", ALL_AT_2) == (
        "SELECT conversation, receipts FROM privacy WHERE user = ?"
    )
    assert text_at(cql.PUT_EVENT, {"timelines": 12}).startswith("INSERT INTO events_g12 (conversation, bucket, message, seq, value)")


def test_a_table_and_a_topic_belong_to_one_projection() -> None:
    tables = [table for projection in PROJECTIONS.values() for table in projection.tables]
    assert len(tables) == len(set(tables))
    assert "progress" not in tables
    assert set(tables) <= TABLES.keys()
    assert {*TIMELINE_TABLES, *SEARCH_TABLES, *RECEIPT_TABLES, *ROSTER_TABLES, *CALL_TABLES, *PRESENCE_TABLES} - {"progress"} <= {*tables}
    assert len(OF_TOPIC) == sum(len(each.topics) for each in PROJECTIONS.values())


@pytest.mark.parametrize(
    ("text", "projection"),
    [
        (cql.PUT_STATE, "accounts"),
        (cql.PUT_PRESENCE, "presence"),
        (cql_calls.DROP_OF_USER, "calls"),
        (cql.ACCOUNT_STATE, None),
        (cql.PUT_EVENT, None),
        (cql.PUT_SIGN_IN, None),
    ],
    ids=["state", "presence", "erasure", "read", "projector-alone", "not-rebuilt"],
)
def test_only_what_others_than_the_projector_write_is_mirrored(text: str, projection: str | None) -> None:
    assert mirrored_projection(text) == projection


def test_a_process_begins_where_the_pointers_are() -> None:
    place = place_of(
        [("timelines", 2, 1, "ready"), ("timelines", 2, 2, "ready"), ("timelines", 2, 3, "dropping"), ("calls", None, None, None)]
    )
    assert (place.live_of("timelines"), place.target_of("timelines"), place.live_of("calls")) == (2, 2, 1)
    assert (place.known, place.others("timelines")) == ({"timelines": (1, 2)}, (1,))


EVENTS = "conversation-events"
Offsets = dict[tuple[str, int], int]
OFFSETS = st.dictionaries(st.sampled_from([(EVENTS, 0), (EVENTS, 1), ("receipts", 0)]), st.integers(0, 9))


@given(st.lists(OFFSETS, max_size=6), OFFSETS)
def test_nobody_goes_over_to_what_lacks_something_it_was_told_of(told: list[Offsets], progress: Offsets) -> None:
    place = Place()
    for each in told:
        for (topic, partition), offset in each.items():
            place.hand(topic, {partition: offset})
    lacking = [each for part in told for each, offset in part.items() if each[0] == EVENTS and progress.get(each, 0) < offset]
    assert place.may_adopt("timelines", progress) == (not lacking)


def test_another_generation_or_pointer_is_a_new_version() -> None:
    place = Place()
    place.learn({"timelines": 1}, {})
    before = place.version
    place.learn({"timelines": 1}, {"timelines": (1, 2)})
    assert place.version == before
    place.learn({"timelines": 2}, {"timelines": (1, 2)})
    assert place.version == before + 1
    place.adopt("timelines", 2)
    assert place.version == before + 2
