"""The verdict: whatever is wrong with what was read back is counted under its name."""

from pathlib import Path

import pytest
from warbler.ids import uuid7

from ops.irc.compare import Expected, Held, Verdict, body_of, compare
from ops.irc.files import log_of
from ops.irc.plan import Add, Depart, Say, plan_of, step_bits

TEXT = "[10:01] <ana> one\n=== ben has joined #tea\n[10:02] <ben> two\n[10:03] <ana> three\n=== ben has left #tea []\n"
LOG = log_of(Path("tea.log"), "tea.log", TEXT.encode())
PLAN = plan_of(LOG.lines)
USERS = {"": "u-import", "ana": "u-ana", "ben": "u-ben"}


def expected() -> Expected:
    bits = [step_bits("run", LOG.digest, index) for index in range(len(PLAN.steps))]
    return Expected("tea.log", PLAN, bits, step_bits("run", LOG.digest, -1), USERS.__getitem__, {u: n for n, u in USERS.items()})


def command_id(index: int) -> str:
    return uuid7(1_000 + index, step_bits("run", LOG.digest, index))


def held(*order: int) -> list[Held]:
    """The creation and the steps of `order`, as a timeline would hold them."""
    rows = [Held(1, command_id(-1), "u-import", None)]
    for seq, index in enumerate(order, 2):
        step = PLAN.steps[index]
        rows.append(Held(seq, command_id(index), USERS[step.actor], step.body))
    return rows


def verdict_of(rows: list[Held], only_messages: bool = False) -> Verdict:
    verdict = Verdict()
    compare(expected(), rows, verdict, only_messages=only_messages)
    return verdict


def test_what_is_as_the_file_says_is_good() -> None:
    verdict = verdict_of(held(0, 1, 2, 3, 4))
    assert verdict.good
    assert (verdict.lines, verdict.extra) == (5, 0)


@pytest.mark.parametrize(
    ("order", "wrong"),
    [
        ((0, 1, 3, 4), {"lost": 1}),
        ((), {"lost": 5}),
        ((0, 1, 2, 2, 3, 4), {"duplicated": 1}),
        ((0, 1, 3, 2, 4), {"out_of_order": 1}),
        ((1, 2, 3, 4, 0), {"out_of_order": 1}),
    ],
)
def test_lost_doubled_and_misplaced_lines_are_counted(order: tuple[int, ...], wrong: dict[str, int]) -> None:
    verdict = verdict_of(held(*order))
    assert not verdict.good
    names = ("lost", "duplicated", "out_of_order", "differing", "foreign", "gaps")
    assert {name: getattr(verdict, name) for name in names if getattr(verdict, name)} == wrong
    assert verdict.details


def test_another_text_or_another_author_differs() -> None:
    rows = held(0, 1, 2, 3, 4)
    rows[1] = Held(2, rows[1].command_id, "u-ana", Say("text/plain; at=10:01", "One"))
    rows[3] = Held(4, rows[3].command_id, "u-ana", rows[3].body)
    assert verdict_of(rows).differing == 2


def test_events_of_others_and_holes_in_seq_are_counted() -> None:
    rows = held(0, 1, 2, 3, 4)
    stranger = Held(7, uuid7(5, 5), "u-x", None)
    assert verdict_of([*rows, stranger]).foreign == 1
    assert verdict_of([*rows[:2], *(Held(row.seq + 1, row.command_id, row.user, row.body) for row in rows[2:])]).gaps == 1


def test_pages_of_messages_are_held_against_the_messages_only() -> None:
    rows = [row for row in held(0, 1, 2, 3, 4) if isinstance(row.body, Say)]
    verdict = verdict_of(rows, only_messages=True)
    assert verdict.good
    assert verdict.lines == 3
    assert verdict_of(rows[:-1], only_messages=True).lost == 1


def test_an_event_gives_back_the_body_that_made_it() -> None:
    nicks = {"u-ana": "ana"}
    assert body_of("message_sent", "text/plain; at=10:01", "x", None, nicks) == Say("text/plain; at=10:01", "x")
    assert body_of("member_added", None, None, "u-ana", nicks) == Add("ana")
    assert body_of("member_added", None, None, "u-new", nicks) != Add("ana")
    assert body_of("member_left", None, None, None, nicks) == Depart()
    assert body_of("read_marked", None, None, None, nicks) is None
