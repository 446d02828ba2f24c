"""Judges a history against promises 1-5 and 8 of the design: what was recorded and read back becomes a list of violations. Pure.

Called by the harness after a run and by the tests with histories that lie. `tests.faults.devices_checked` judges what devices saw.
"""

from __future__ import annotations

from collections import Counter

from tests.faults.devices_checked import check_devices
from tests.faults.history import Acked, History, LogEvent, PageRead, ReadBack, Refused
from tests.faults.violations import Kind, Violation


def check(history: History, found: ReadBack) -> list[Violation]:
    """Everything that contradicts a promise. Shape: empty means that all of them were kept."""
    log = {conversation: {event.seq: event for event in events} for conversation, events in found.log.items()}
    return [
        *check_log(history, found),
        *check_answers(history, log),
        *check_tables(found, log),
        *(violation for page in found.pages for violation in check_page(page, log)),
        *check_devices(history, found.log),
        *check_receipts(history, found),
    ]


def check_log(history: History, found: ReadBack) -> list[Violation]:
    """Promises 2 and 3: dense, each command once, and nothing that nobody asked for."""
    bad: list[Violation] = []
    for conversation, events in found.log.items():
        seen: dict[int, int] = {}
        for expected, event in enumerate(events, 1):
            if event.seq != expected:
                bad.append(Violation(Kind.REORDERED, "log", conversation, event.seq, f"stands where {expected} belongs"))
            if (first := seen.setdefault(event.digest, event.seq)) != event.seq:
                bad.append(Violation(Kind.DUPLICATED, "log", conversation, event.seq, f"the same as {first}: {event.command}"))
            if event.command not in history.commands:
                bad.append(Violation(Kind.PHANTOM, "log", conversation, event.seq, f"nobody asked for {event.command}"))
    return bad


def check_answers(history: History, log: dict[str, dict[int, LogEvent]]) -> list[Violation]:
    """Promises 1, 2 and 8: each command is answered; an ack names its event for ever; what was refused did not happen."""
    bad: list[Violation] = []
    done = {event.command for events in log.values() for event in events.values()}
    for command in history.commands.values():
        answers = history.answers.get(command.id, [])
        if not answers:
            bad.append(Violation(Kind.UNANSWERED, command.device, command.conversation, 0, f"{command.kind} {command.id}"))
        acks = [answer for answer in answers if isinstance(answer, Acked)]
        where, conversation = command.device, command.conversation
        if command.kind == "mark_read":
            acks = [ack for ack in acks if ack.seq]  # 0: it became no event
        bad += [Violation(Kind.SEQ_CHANGED, where, conversation, ack.seq, f"{command.id} had {acks[0].seq}") for ack in acks[1:]]
        for ack in acks:
            event = log.get(command.conversation, {}).get(ack.seq)
            if event is None or event.command != command.id:
                bad.append(Violation(Kind.LOST, "log", command.conversation, ack.seq, f"acked {command.kind} {command.id}"))
            elif event.digest != command.digest:
                bad.append(Violation(Kind.DIFFERENT, "log", command.conversation, ack.seq, f"{command.id} was altered"))
        codes = ", ".join(answer.code for answer in answers if isinstance(answer, Refused))
        if not acks and command.id in done and codes:
            bad.append(Violation(Kind.REFUSED_BUT_DONE, command.device, command.conversation, 0, f"{command.id}: {codes}"))
    return bad


def check_tables(found: ReadBack, log: dict[str, dict[int, LogEvent]]) -> list[Violation]:
    """Promise 1 in Cassandra: every event of the log, once, with its bytes; and what `verify timelines` found besides."""
    bad = [Violation(Kind.TABLES_DIFFER, "cassandra", "", 0, line) for line in found.table_differences]
    for conversation, events in log.items():
        bad += compare("cassandra", conversation, found.tables.get(conversation, []), events)
    return bad


def check_page(page: PageRead, log: dict[str, dict[int, LogEvent]]) -> list[Violation]:
    """What a member reads from the beginning is the log."""
    events = log.get(page.conversation, {})
    if page.messages_only:
        events = {seq: event for seq, event in events.items() if event.kind == "message_sent"}
    return compare(page.where, page.conversation, list(page.rows), events)


def compare(where: str, conversation: str, rows: list[tuple[int, int]], events: dict[int, LogEvent]) -> list[Violation]:
    """Rows that must be exactly the events, in order."""
    seqs = [seq for seq, _ in rows]
    bad = [Violation(Kind.LOST, where, conversation, seq, "not there") for seq in events.keys() - set(seqs)]
    bad += [Violation(Kind.DUPLICATED, where, conversation, seq, f"{count} times") for seq, count in Counter(seqs).items() if count > 1]
    if seqs != sorted(seqs):
        bad.append(Violation(Kind.REORDERED, where, conversation, 0, "not ascending"))
    for seq, digest in rows:
        if seq not in events:
            bad.append(Violation(Kind.PHANTOM, where, conversation, seq, "not in the log"))
        elif events[seq].digest != digest:
            bad.append(Violation(Kind.DIFFERENT, where, conversation, seq, f"not what the log has: {events[seq].command}"))
    return bad


def check_receipts(history: History, found: ReadBack) -> list[Violation]:
    """Watermarks never beyond what the user's devices hold, never backwards, and at the end where the devices said."""
    bad: list[Violation] = []
    held = held_by_users(history)
    for (conversation, user), mark in [*found.delivered.items(), *history.delivered_seen.items()]:
        if mark > held.get((conversation, user), 0):
            bad.append(Violation(Kind.RECEIPT_BEYOND, user, conversation, mark, f"holds {held.get((conversation, user), 0)}"))
    for (conversation, user), told in history.told.items():
        if not is_member(found.log.get(conversation, []), user):
            continue  # what a device says of a conversation it is not in any more is refused
        stored = found.delivered.get((conversation, user), 0)
        if stored < told:
            bad.append(Violation(Kind.RECEIPT_LOST, user, conversation, told, f"the mark stands at {stored}"))
    before: dict[tuple[str, str], int] = {}
    for sample in [*history.delivered_samples, found.delivered]:
        for key, mark in sample.items():
            if mark < before.get(key, 0):
                bad.append(Violation(Kind.RECEIPT_BACKWARDS, key[1], key[0], mark, f"was {before[key]}"))
        before = sample
    return bad


def is_member(events: list[LogEvent], user: str) -> bool:
    """At the end."""
    moves = [user in event.joined for event in events if user in event.joined or user in event.left]
    return bool(moves) and moves[-1]


def held_by_users(history: History) -> dict[tuple[str, str], int]:
    """(conversation, user) -> the highest seq that any of the user's devices was given."""
    held: dict[tuple[str, str], int] = {}
    for device, tracks in history.tracks.items():
        for conversation, track in tracks.items():
            key = (conversation, device.user)
            held[key] = max(held.get(key, 0), max(track.seqs, default=0))
    return held
