"""The checker by itself: a history that kept its promises is accepted, and every way of breaking one is found.

Method: hypothesis makes a true history (a log, devices that saw it, members who come and go); each lie is told at a random place of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.faults.checker import check
from tests.faults.history import (
    Acked,
    Command,
    DeviceName,
    History,
    LogEvent,
    PageRead,
    ReadBack,
    Refused,
    Sight,
    digest_of,
)
from tests.faults.violations import Kind

G = "g-1"
ANA = DeviceName("ana", "phone")
BEN = DeviceName("ben", "phone", wire=True)
EVE = DeviceName("eve", "phone")  # a guest: joins and leaves


@dataclass
class Truth:
    """`tail`: the seq from which on Eve is no member any more and nothing lets her in again."""

    history: History
    found: ReadBack

    @property
    def events(self) -> list[LogEvent]:
        return self.found.log[G]

    def kinds(self) -> set[Kind]:
        return {violation.kind for violation in check(self.history, self.found)}

    def sights(self, device: DeviceName) -> list[tuple[int, int, int, float]]:
        return list(self.history.tracks[device][G])

    def see(self, device: DeviceName, sights: list[tuple[int, int, int, float]]) -> None:
        self.history.tracks[device].pop(G)
        for sight, seq, digest, at_s in sights:
            self.history.track(device, G).add(Sight(sight), seq, digest, at_s)


def told_truly(steps: list[str], away_from: int) -> Truth:
    """A history in which everybody keeps the promises; "move" lets Eve in or out. Ben is away for a while and catches up."""
    history, found = History(), ReadBack()
    log: list[LogEvent] = []
    eve_in = False

    def commit(kind: str, joined: tuple[str, ...] = (), left: tuple[str, ...] = ()) -> None:
        seq = len(log) + 1
        command = f"c{seq}"
        digest = digest_of(kind, command, "ana", b"text")
        history.invoke(Command(command, kind, "ana", "phone", G, digest, float(seq)))
        history.answer(command, Acked(seq, seq + 0.1))
        log.append(LogEvent(seq, kind, command, "ana", digest, joined, left))

    commit("conversation_created", ("ana", "ben"))
    for step in [*steps, "say", "say"]:
        if step == "move":
            commit("member_removed" if eve_in else "member_added", () if eve_in else ("eve",), ("eve",) if eve_in else ())
            eve_in = not eve_in
        else:
            commit("message_sent")
    if eve_in:
        commit("member_removed", (), ("eve",))
    commit("message_sent")
    commit("message_sent")
    history.invoke(Command("r1", "send_message", "eve", "phone", G, 1, 0.5))
    history.answer("r1", Refused("not_member", 0.6))
    found.log[G] = log
    inside = False
    for event in log:
        inside = inside or "eve" in event.joined
        for device in (ANA, BEN, EVE):
            if device is not EVE or inside:
                late = 1_000.0 if device is BEN and event.seq >= away_from else 0.2
                history.track(device, G).add(Sight.EVENT, event.seq, event.digest, event.seq + late)
        inside = inside and "eve" not in event.left
    if not any("eve" in event.joined for event in log):
        history.tracks.pop(EVE, None)
    history.present = {ANA, BEN, EVE}
    rows = tuple((event.seq, event.digest) for event in log)
    found.tables[G] = list(rows)
    found.pages = [PageRead("events page", G, rows)]
    said = tuple((event.seq, event.digest) for event in log if event.kind == "message_sent")
    found.pages.append(PageRead("history", G, said, messages_only=True))
    history.told[G, "ben"] = len(log) - 1
    found.delivered[G, "ben"] = len(log) - 1
    history.delivered_samples = [{(G, "ben"): 1}]
    return Truth(history, found)


TRUTHS = st.builds(told_truly, st.lists(st.sampled_from(["say", "say", "move"]), min_size=1, max_size=12), st.integers(2, 12))


@given(TRUTHS)
def test_a_history_that_kept_its_promises_is_accepted(truth: Truth) -> None:
    # Eve, who comes back, may be given what was said meanwhile only as a gap that is filled; here she begins anew each time.
    forget_between_stays(truth)
    assert check(truth.history, truth.found) == []


def forget_between_stays(truth: Truth) -> None:
    if EVE not in truth.history.tracks:
        return
    joins = {event.seq for event in truth.events if "eve" in event.joined}
    anew = []
    for sight in truth.sights(EVE):
        if sight[1] in joins:
            anew.append((int(Sight.START), 0, 0, sight[3]))
        anew.append(sight)
    truth.see(EVE, anew)


Lie = Callable[[Truth, int], None]
LIES: dict[str, tuple[Kind, Lie]] = {}


def lie(kind: Kind) -> Callable[[Lie], Lie]:
    def kept(told: Lie) -> Lie:
        LIES[told.__name__] = (kind, told)
        return told

    return kept


def pick(truth: Truth, at: int) -> LogEvent:
    """Some event that is neither the first nor the last."""
    return truth.events[1 + at % (len(truth.events) - 2)]


@lie(Kind.LOST)
def acked_and_not_in_the_log(truth: Truth, at: int) -> None:
    truth.history.invoke(Command("gone", "send_message", "ana", "phone", G, 7, 0.0))
    truth.history.answer("gone", Acked(len(truth.events) + 1, 1.0))


@lie(Kind.LOST)
def a_row_missing_in_cassandra(truth: Truth, at: int) -> None:
    del truth.found.tables[G][at % len(truth.events)]


@lie(Kind.DIFFERENT)
def a_row_with_other_bytes(truth: Truth, at: int) -> None:
    place = at % len(truth.events)
    truth.found.tables[G][place] = (place + 1, 99)


@lie(Kind.LOST)
def a_page_without_one(truth: Truth, at: int) -> None:
    page = truth.found.pages[0]
    truth.found.pages[0] = replace(page, rows=tuple(row for row in page.rows if row[0] != pick(truth, at).seq))


@lie(Kind.DUPLICATED)
def a_page_with_one_twice(truth: Truth, at: int) -> None:
    page = truth.found.pages[0]
    truth.found.pages[0] = replace(page, rows=(*page.rows, page.rows[-1]))


@lie(Kind.REORDERED)
def a_page_out_of_order(truth: Truth, at: int) -> None:
    page = truth.found.pages[0]
    truth.found.pages[0] = replace(page, rows=page.rows[::-1])


@lie(Kind.LOST)
def a_history_without_one(truth: Truth, at: int) -> None:
    page = truth.found.pages[1]
    truth.found.pages[1] = replace(page, rows=page.rows[:-1])


@lie(Kind.DUPLICATED)
def accepted_twice(truth: Truth, at: int) -> None:
    first = pick(truth, at)
    truth.events.append(replace(first, seq=len(truth.events) + 1))


@lie(Kind.REORDERED)
def a_log_that_is_not_dense(truth: Truth, at: int) -> None:
    place = at % len(truth.events)
    truth.events[place] = replace(truth.events[place], seq=truth.events[place].seq + 1)


@lie(Kind.PHANTOM)
def an_event_nobody_asked_for(truth: Truth, at: int) -> None:
    truth.events.append(LogEvent(len(truth.events) + 1, "message_sent", "forged", "eve", 5))


@lie(Kind.SEQ_CHANGED)
def a_retry_with_another_seq(truth: Truth, at: int) -> None:
    event = pick(truth, at)
    truth.history.answer(event.command, Acked(event.seq + 1, 3.0))


@lie(Kind.DIFFERENT)
def a_message_altered_on_its_way(truth: Truth, at: int) -> None:
    event = pick(truth, at)
    truth.history.commands[event.command] = replace(truth.history.commands[event.command], digest=4)


@lie(Kind.UNANSWERED)
def no_answer(truth: Truth, at: int) -> None:
    del truth.history.answers["r1"]


@lie(Kind.REFUSED_BUT_DONE)
def refused_but_done(truth: Truth, at: int) -> None:
    truth.history.answers[pick(truth, at).command] = [Refused("not_allowed", 1.0)]


@lie(Kind.UNREPORTED_GAP)
def a_device_that_skips_one(truth: Truth, at: int) -> None:
    lacking = pick(truth, at).seq
    truth.see(ANA, [sight for sight in truth.sights(ANA) if sight[1] != lacking])


@lie(Kind.LOST)
def a_device_that_lacks_the_end(truth: Truth, at: int) -> None:
    truth.see(BEN, truth.sights(BEN)[: -1 - at % 2])


@lie(Kind.LOST)
def a_device_that_never_heard_of_it(truth: Truth, at: int) -> None:
    del truth.history.tracks[BEN][G]


@lie(Kind.LOST)
def told_missing_what_is_there(truth: Truth, at: int) -> None:
    lacking = pick(truth, at).seq
    sights = truth.sights(BEN)
    truth.see(BEN, [(int(Sight.MISSING), lacking, 0, 0.0), *(sight for sight in sights if sight[1] != lacking)])


@lie(Kind.DUPLICATED)
def a_device_that_sees_one_twice(truth: Truth, at: int) -> None:
    sights = truth.sights(ANA)
    place = at % len(sights)
    truth.see(ANA, [*sights[: place + 1], sights[place], *sights[place + 1 :]])


@lie(Kind.DUPLICATED)
def an_edge_that_repeats(truth: Truth, at: int) -> None:
    truth.history.track(BEN, G).add(Sight.REPEATED, 1, 0, 9.0)


@lie(Kind.REORDERED)
def an_edge_that_goes_back(truth: Truth, at: int) -> None:
    truth.history.track(BEN, G).add(Sight.BACKWARDS, 1, 0, 9.0)


@lie(Kind.REORDERED)
def a_device_that_sees_two_swapped(truth: Truth, at: int) -> None:
    sights = truth.sights(ANA)
    place = at % (len(sights) - 1)
    sights[place], sights[place + 1] = sights[place + 1], sights[place]
    truth.see(ANA, sights)


@lie(Kind.DIFFERENT)
def a_device_that_sees_something_else(truth: Truth, at: int) -> None:
    sights = truth.sights(ANA)
    place = at % len(sights)
    sights[place] = (sights[place][0], sights[place][1], 17, sights[place][3])
    truth.see(ANA, sights)


@lie(Kind.SEEN_BY_STRANGER)
def shown_after_the_door_was_closed(truth: Truth, at: int) -> None:
    last = truth.events[-1]
    truth.history.track(EVE, G).add(Sight.EVENT, last.seq, last.digest, last.seq + 0.2)


@lie(Kind.SEEN_BY_STRANGER)
def shown_before_the_door_was_opened(truth: Truth, at: int) -> None:
    """Before the joining was even asked for; later it would be reading what was said before."""
    truth.history.tracks.setdefault(EVE, {}).pop(G, None)
    truth.history.track(EVE, G).add(Sight.EVENT, 1, truth.events[0].digest, 1.1)


@lie(Kind.RECEIPT_BEYOND)
def a_receipt_for_what_was_never_given(truth: Truth, at: int) -> None:
    truth.found.delivered[G, "ben"] = len(truth.events) + 1


@lie(Kind.RECEIPT_BEYOND)
def a_receipt_shown_too_early(truth: Truth, at: int) -> None:
    truth.history.delivered_seen[G, "ana"] = len(truth.events) + 1


@lie(Kind.RECEIPT_LOST)
def a_receipt_dropped_for_ever(truth: Truth, at: int) -> None:
    truth.found.delivered.clear()
    truth.history.delivered_samples.clear()


@lie(Kind.RECEIPT_BACKWARDS)
def a_receipt_that_goes_back(truth: Truth, at: int) -> None:
    truth.history.delivered_samples = [{(G, "ben"): len(truth.events)}]


@lie(Kind.TABLES_DIFFER)
def tables_that_verify_finds_different(truth: Truth, at: int) -> None:
    truth.found.table_differences.append("members: ...")


@pytest.mark.parametrize("name", LIES)
@given(truth=TRUTHS, at=st.integers(0, 1_000))
def test_every_lie_is_found(name: str, truth: Truth, at: int) -> None:
    kind, told = LIES[name]
    forget_between_stays(truth)
    told(truth, at)
    assert kind in truth.kinds()


def test_every_kind_of_violation_has_a_lie() -> None:
    assert {kind for kind, _ in LIES.values()} == set(Kind)
