"""What time alone does to a call: when next, and with which events. Pure, so that the durable timer is rebuilt from the events.

The owner keeps one wake-up per conversation: `next_due` of its line. After a restart it folds the events and asks again.
Rule 1: what was due happens at the moment it was due, however late somebody looks, and before any command of a later moment.
Rule 2: firing late, twice or in pieces gives the same events as firing in time.
"""

from collections.abc import Iterator
from typing import Literal

from msgspec import Struct

from rtc.draft import Draft
from rtc.rules import Rules
from rtc.state import Call, Line, Party
from schemas import call_events as events

What = Literal["ring", "connect", "reconnect", "lease", "engine_lease", "grace", "length"]
# Of what is due at one moment: the whole call before its parts, and a lease before what it may have caused.
_ORDER: dict[What, int] = {"length": 0, "grace": 1, "lease": 2, "engine_lease": 3, "ring": 4, "connect": 5, "reconnect": 6}


class Due(Struct, frozen=True):
    at_ms: int
    what: What
    user: str = ""


def next_due(line: Line, rules: Rules) -> Due | None:
    """The next thing that time does, if nothing else happens. Shape: there is one whenever a call is live."""
    if line.live is None:
        return None
    return min(_dues(line.live, rules), key=lambda due: (due.at_ms, _ORDER[due.what], due.user))


def passed(line: Line, now_ms: int, rules: Rules) -> tuple[events.Event, ...]:
    """What time has brought up to and including now; folding them leaves nothing that is due."""
    draft = Draft(line, line.head_at_ms)
    while (due := next_due(draft.line, rules)) is not None and due.at_ms <= now_ms:
        draft.at_ms = max(due.at_ms, draft.line.head_at_ms)
        _happen(draft, due)
    return tuple(draft.events)


def _dues(call: Call, rules: Rules) -> Iterator[Due]:
    yield Due(call.requested_at_ms + rules.call_ms_limit, "length")
    if call.empty_since_ms:
        yield Due(call.empty_since_ms + rules.grace_ms, "grace")
    if call.engine_until_ms:
        yield Due(call.engine_until_ms, "engine_lease")
    for party in call.parties.values():
        if party.open:
            yield Due(party.ring_deadline_ms, "ring", party.user)
        elif party.in_call:
            yield Due(party.lease_until_ms, "lease", party.user)
            if not call.before_answer:
                yield from _media_due(call, party, rules)


def _media_due(call: Call, party: Party, rules: Rules) -> Iterator[Due]:
    if party.flow == "waiting":
        yield Due(party.flow_since_ms + rules.connect_ms, "connect", party.user)
    elif party.flow != "flowing" and not call.held and not party.held:
        yield Due(party.flow_since_ms + rules.reconnect_ms, "reconnect", party.user)


def _happen(draft: Draft, due: Due) -> None:
    match due.what:
        case "length":
            draft.end("too_long")
        case "grace":
            draft.end("all_left")
        case "lease":
            draft.leave(due.user, "lease_expired")
        case "engine_lease":
            draft.emit(events.EngineLost, epoch=draft.call.epoch)
        case "ring":
            draft.emit(events.RingTimedOut, party=due.user)
            draft.unanswered(due.user)
        case "connect":
            draft.leave(due.user, "no_media")
        case "reconnect":
            draft.leave(due.user, "engine_lost" if draft.call.engine_lost else "connection_lost")
