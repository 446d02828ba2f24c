"""From events to users' rosters and ties: whatever comes twice, late or in pieces, the tables say what the folds say."""

import random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from log.port import Record
from schemas import events
from schemas.accounts import ApplicationChanged, InvitationChanged, RosterChanged, RosterNoted
from schemas.codec import decode_roster_event, encode
from schemas.ids import direct_conversation_id
from schemas.values import Content, Member
from store.roster_rows import JoiningRow, RosterRow, fold_joining, fold_roster
from store.rosters import joining_row_of, roster_row_of, tie_row_of
from store.ties import NO_TIE, Tie, fold_tie
from streams.notifier.rosters import roster_entries, roster_events
from streams.timelines.rows import project
from tests.store.cells import Cells

ANA, BEN = "u-ana", "u-ben"
DIRECT = direct_conversation_id(ANA, BEN)
KINDS: tuple[type[Any], ...] = (
    events.FriendRequested,
    events.FriendAccepted,
    events.FriendDeclined,
    events.FriendRemoved,
    events.UserBlocked,
    events.UserUnblocked,
)
STEPS = st.lists(st.tuples(st.sampled_from(KINDS), st.booleans(), st.sampled_from([(), (ANA,), (ANA, BEN)])), max_size=30)


def event_of(kind: type[Any], seq: int, user: str, conversation: str = DIRECT, **fields: Any) -> Any:
    base = {"event_id": f"{conversation}:{seq}", "tenant": "default", "conversation_id": conversation, "seq": seq, "ordinal": 0}
    base |= {"at_ms": 1_000 + seq, "user": user, "device": "d", "command_id": "c", "trace_id": "t"}
    return kind(**{**base, **fields})


def history_of(steps: list[tuple[type[Any], bool, tuple[str, ...]]]) -> list[Any]:
    members = (Member(ANA), Member(BEN))
    made = [event_of(events.ConversationCreated, 1, ANA, conversation_kind="direct", title="", members=members, refuse_strangers=(BEN,))]
    for number, (kind, by_ana, refusing) in enumerate(steps, 2):
        user, member = (ANA, BEN) if by_ana else (BEN, ANA)
        fields: dict[str, Any] = {"member": member}
        if kind is events.FriendRemoved:
            fields["refuse_strangers"] = refusing
        elif kind not in (events.UserBlocked, events.UserUnblocked):
            fields["text"] = f"text {number}"
        made.append(event_of(kind, number, user, **fields))
    return made


def log_of(history: list[Any], repeats: random.Random) -> list[Record]:
    """The topic as the notifier writes it when it dies again and again: parts of what was told are told once more."""
    told = [entry for part in roster_entries(history, 1).values() for entry in part]
    again = [told[start : start + 5] for start in repeats.sample(range(len(told) or 1), k=min(3, len(told)))]
    return [
        Record("rosters", 0, offset, entry.timestamp_ms or 0, entry.key, entry.value)
        for offset, entry in enumerate([*told, *(entry for part in again for entry in part)])
    ]


def rows_of(cells: Cells) -> dict[tuple[str, str], RosterRow]:
    names = ("relation", "text", "seq", "blocked", "blocked_seq", "version", "changed_at_ms")
    return {
        (user, other): roster_row_of((other, *(cells.row("rosters", user, other).get(name) for name in names)))
        for user, other in cells.keys("rosters")
    }


@given(STEPS, st.integers(0, 999))
def test_rosters_are_the_fold_of_the_topic_however_it_is_cut_and_in_any_order(steps: list[Any], seed: int) -> None:
    log = log_of(history_of(steps), random.Random(seed))
    folded: dict[tuple[str, str], RosterRow] = {}
    for record in log:
        event = decode_roster_event(record.value)
        assert isinstance(event, RosterChanged)
        folded[event.user, event.other] = fold_roster(folded.get((event.user, event.other)), event, record.offset + 1)
    writes = project(log).writes
    random.Random(seed).shuffle(writes)
    cells = Cells()
    cells.run(writes)
    assert rows_of(cells) == folded


@given(STEPS, st.integers(0, 999))
def test_a_roster_says_what_the_tie_says_after_every_repeat(steps: list[Any], seed: int) -> None:
    history = history_of(steps)
    tie = NO_TIE
    for event in history:
        tie = fold_tie(tie, event)
    cells = Cells()
    cells.run(project(log_of(history, random.Random(seed))).writes)
    rows = rows_of(cells)
    for user, other in ((ANA, BEN), (BEN, ANA)):
        row = rows.get((user, other), RosterRow(other))
        assert (row.relation, row.blocked) == (tie.relation(user), user in tie.blocked_by)


@given(STEPS, st.integers(0, 999))
def test_the_row_of_a_tie_is_its_fold_in_any_order_of_writes(steps: list[Any], seed: int) -> None:
    history = history_of(steps)
    tie: Tie = NO_TIE
    for event in history:
        tie = fold_tie(tie, event)
    records = [Record("conversation-events", 0, e.seq, e.at_ms, DIRECT.encode(), encode("conversation-events", e)) for e in history]
    writes = [write for write in project(records).writes if "ties" in write.statement.split()[:3]]
    random.Random(seed).shuffle(writes)
    cells = Cells()
    cells.run(writes)
    row = cells.row("ties", DIRECT)
    maps: dict[str, dict[str, Any]] = {"blocks": {}, "refusals": {}}
    for name, value in row.items():
        if isinstance(name, tuple):
            maps[name[0]][name[1]] = value
    found = tie_row_of((*(row.get(name) for name in ("friends", "asked_by", "text", "since_seq")), maps["blocks"], maps["refusals"]))
    assert found.tie == Tie(tie.friends, tie.asked_by, tie.text, tie.since_seq, tie.blocked_by, tie.refusing)


def test_of_a_block_only_its_actor_is_told() -> None:
    told = roster_events(event_of(events.UserBlocked, 2, ANA, member=BEN))
    assert [(each.user, each.blocked, each.relation) for each in told if isinstance(each, RosterChanged)] == [(ANA, True, None)]


def test_a_note_raises_the_version_and_changes_nothing_else() -> None:
    row = RosterRow(BEN, "friends", "hi", 3, False, 0, 7, 1_003)
    noted = fold_roster(row, RosterNoted(tenant="default", user=ANA, at_ms=2_000, other=BEN), 9)
    assert noted == RosterRow(BEN, "friends", "hi", 3, False, 0, 9, 2_000)


def test_invitations_and_applications_are_told_to_who_was_asked_and_the_latest_stays() -> None:
    group = "g-" + "1" * 32
    history = [
        event_of(events.MemberInvited, 4, ANA, group, member=BEN, role="member"),
        event_of(events.InvitationDeclined, 6, BEN, group),
        event_of(events.ApplicationMade, 8, BEN, group, text="please", link_id=""),
        event_of(events.ApplicationDeclined, 9, ANA, group, member=BEN, reason="full"),
        event_of(events.ApplicationMade, 11, BEN, group, text="again", link_id=""),
        event_of(events.MemberAdded, 12, ANA, group, member=BEN, role="member", via="application"),
        event_of(events.MemberAdded, 13, ANA, group, member="u-cleo", role="member"),
        event_of(events.MessageSent, 14, ANA, group, content=Content("text/plain", b"x")),
    ]
    log = log_of(history, random.Random(1))
    folded: dict[tuple[str, str], JoiningRow] = {}
    for record in log:
        event = decode_roster_event(record.value)
        assert isinstance(event, InvitationChanged | ApplicationChanged)
        way = "invitation" if isinstance(event, InvitationChanged) else "application"
        folded[event.user, way] = fold_joining(folded.get((event.user, way)), event)
    cells = Cells()
    cells.run(project(log[::-1]).writes)
    names = ("state", "by_user", "reason", "seq", "at_ms")
    for way, state in (("invitation", "declined"), ("application", "joined")):
        row = cells.row("joinings", BEN, way, group)
        found = joining_row_of((way, group, *(row[name] for name in names)))
        assert found == folded[BEN, way]
        assert found.state == state
    assert {key[0] for key in cells.keys("joinings")} == {BEN}


def test_what_is_no_roster_record_becomes_a_dead_letter() -> None:
    good = log_of(history_of([(events.FriendRequested, True, ())]), random.Random(0))[0]
    chunk = project([good._replace(value=b"junk!"), good._replace(key=b"u-eve", offset=good.offset + 1)])
    assert [letter.reason for letter in chunk.dead_letters] == ["not the wire format", "the key is not the event's user"]
    assert (chunk.writes, chunk.progress) == ([], {("rosters", 0): good.offset + 2})
