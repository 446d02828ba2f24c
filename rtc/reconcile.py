"""What a room has against what its call has, and what to do about the difference. Pure.

Rule 1: the log decides who is in the call; the engine sees whose media flows. Each is believed in its own matter only.
Rule 2: what was reported a moment ago is on its way; it is said again only after a while.
"""

from msgspec import Struct

from rtc.engines.port import RoomSnapshot
from rtc.reports import Report, Reports
from rtc.state import Call, Party
from schemas.call_values import Holder


class Missing(Struct, frozen=True):
    """`kicks`: legs in the room that are no participants. `holders`: participants whose media flows."""

    commands: tuple[Report, ...] = ()
    kicks: tuple[tuple[str, str], ...] = ()
    holders: tuple[Holder, ...] = ()


def reconcile(call: Call, snapshot: RoomSnapshot, reports: Reports, now_ms: int, patience_ms: int) -> Missing:
    """Shape: the snapshot is of the call's room of now, and the room exists."""
    flowing: dict[tuple[str, str], bool] = {}
    for seen in snapshot.legs:
        leg = (seen.leg.user, seen.leg.device)
        flowing[leg] = flowing.get(leg, False) or seen.flowing
    parties = {(party.user, party.device): party for party in call.participants}
    found = [_of(party, flowing.get(leg), reports, now_ms, patience_ms) for leg, party in parties.items()]
    return Missing(
        commands=tuple(command for command in found if command is not None),
        kicks=tuple(sorted(flowing.keys() - parties.keys())),
        holders=tuple(Holder(user, device) for (user, device), flows in sorted(flowing.items()) if flows and (user, device) in parties),
    )


def _of(party: Party, flows: bool | None, reports: Reports, now_ms: int, patience_ms: int) -> Report | None:
    """`flows` None: the room does not have the leg."""
    last = reports.last(party.user, party.device)
    said_up = last is not None and last.flow == "up"
    if flows:
        if not said_up:
            return reports.seen(party.user, party.device, "up", now_ms)
        return None if party.flow == "flowing" else reports.again(party.user, party.device, "up", now_ms, patience_ms)
    if said_up:
        return reports.seen(party.user, party.device, "gone" if flows is None else "lost", now_ms)
    # The call has it flowing though it was reported lost; of a room in which it never was, the call moves it itself.
    if party.flow == "flowing" and last is not None:
        return reports.again(party.user, party.device, last.flow, now_ms, patience_ms)
    return None
