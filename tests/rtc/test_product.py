"""Every command in every state of a call, by everybody whom it makes a difference."""

from itertools import product
from typing import Any, get_args

import pytest

from rtc.call import decide
from rtc.state import Line
from rtc.values import CallState, Refusal
from schemas import call_commands as commands
from schemas.call_values import Quality
from tests.rtc.talking import ANA, ANA2, BOB, BOB2, ENGINE, EVE, HASH, MOD, STRANGER, Talk, in_state, tags

STATES: tuple[CallState, ...] = get_args(CallState)
WHO = {"caller": ANA, "caller2": ANA2, "callee": BOB, "callee2": BOB2, "stranger": STRANGER}
DEVICE_COMMANDS: dict[str, tuple[type[commands.Command], dict[str, Any]]] = {
    "request": (commands.RequestCall, {"call_id": "c2", "call_kind": "one_to_one", "media": "audio", "engine": ENGINE}),
    "delivered": (commands.ReportDelivered, {}),
    "ringing": (commands.ReportRinging, {}),
    "accept": (commands.AcceptCall, {"answer_hash": HASH}),
    "reject": (commands.RejectCall, {}),
    "busy": (commands.ReportBusy, {}),
    "hang_up": (commands.HangUp, {}),
    "join": (commands.JoinCall, {}),
    "leave": (commands.LeaveCall, {}),
    "invite": (commands.InviteToCall, {"callees": ("eve",)}),
    "kick": (commands.KickParticipant, {"target": "bob"}),
    "mute": (commands.MuteParticipant, {"target": "bob"}),
    "hand": (commands.RaiseHand, {}),
    "upgrade": (commands.UpgradeCall, {}),
    "hold": (commands.HoldCall, {}),
    "resume": (commands.ResumeCall, {}),
    "transfer": (commands.TransferCall, {"target": "eve"}),
    "renew": (commands.RenewLease, {}),
    "media": (commands.ReportMedia, {"flow": "up"}),
}
ENGINE_COMMANDS: dict[str, tuple[type[commands.Command], dict[str, Any]]] = {
    "up": (commands.ReportEngineMedia, {"user": "bob", "device": "1", "flow": "up"}),
    "lost": (commands.ReportEngineMedia, {"user": "bob", "device": "1", "flow": "lost"}),
    "vanished": (commands.ReportVanished, {"user": "bob", "device": "1"}),
    "quality": (commands.ReportQuality, {"user": "bob", "device": "1", "quality": Quality(0.0, 10, 1, 900)}),
    "leases": (commands.RenewLeases, {}),
    "engine_vanished": (commands.ReportEngineVanished, {}),
    "switch": (commands.SwitchEngine, {"epoch": 2, "engine": "janus"}),
}

# A call between two. Columns: requested ringing accepted connected reconnecting held ended. A cell is the events, joined by "+", or the
# refusal's code; "-": accepted, and nothing new; one cell alone stands for all but ended, where it is call_ended unless said otherwise.
TABLE = """
request    caller    call_exists call_exists call_exists call_exists call_exists call_exists call_requested
request    caller2   call_exists call_exists call_exists call_exists call_exists call_exists call_requested
request    callee    call_accepted call_accepted call_exists call_exists call_exists call_exists call_requested
request    callee2   call_accepted call_accepted call_exists call_exists call_exists call_exists call_requested
request    stranger  not_member not_member not_member not_member not_member not_member not_member
delivered  caller    already_answered
delivered  callee    ring_delivered - already_answered already_answered already_answered already_answered call_ended
delivered  callee2   ring_delivered - already_answered already_answered already_answered already_answered call_ended
delivered  stranger  not_invited
ringing    caller    already_answered
ringing    callee    ring_started - already_answered already_answered already_answered already_answered call_ended
ringing    callee2   ring_started - already_answered already_answered already_answered already_answered call_ended
ringing    stranger  not_invited
accept     caller    -
accept     caller2   already_answered
accept     callee    call_accepted call_accepted - - - - call_ended
accept     callee2   call_accepted call_accepted already_answered already_answered already_answered already_answered call_ended
accept     stranger  not_invited
reject     caller    -
reject     callee    call_rejected+call_ended call_rejected+call_ended - - - - call_ended
reject     callee2   call_rejected+call_ended call_rejected+call_ended - - - - call_ended
reject     stranger  not_invited
busy       caller    -
busy       callee    call_busy+call_ended call_busy+call_ended - - - - call_ended
busy       callee2   call_busy+call_ended call_busy+call_ended - - - - call_ended
busy       stranger  not_invited
hang_up    caller    participant_left+call_ended
hang_up    caller2   already_answered
hang_up    callee    call_rejected+call_ended call_rejected+call_ended participant_left+call_ended participant_left+call_ended \
participant_left+call_ended participant_left+call_ended call_ended
hang_up    callee2   call_rejected+call_ended call_rejected+call_ended already_answered already_answered already_answered \
already_answered call_ended
hang_up    stranger  not_in_call
join       caller    -
join       caller2   participant_joined
join       callee    not_now not_now - - - - call_ended
join       callee2   not_now not_now participant_joined participant_joined participant_joined participant_joined call_ended
join       stranger  not_invited
leave      caller    participant_left+call_ended
leave      callee    not_in_call not_in_call participant_left+call_ended participant_left+call_ended participant_left+call_ended \
participant_left+call_ended call_ended
leave      stranger  not_in_call
invite     caller    not_now not_now parties_invited parties_invited parties_invited parties_invited call_ended
invite     callee    not_in_call not_in_call parties_invited parties_invited parties_invited parties_invited call_ended
invite     stranger  not_in_call
kick       caller    not_allowed
kick       stranger  not_allowed
mute       caller    not_allowed
mute       stranger  not_allowed
hand       caller    not_now
hand       stranger  not_in_call
upgrade    caller    not_now not_now call_upgraded call_upgraded call_upgraded call_upgraded call_ended
upgrade    callee2   not_in_call not_in_call already_answered already_answered already_answered already_answered call_ended
upgrade    stranger  not_in_call
hold       caller    not_now not_now not_now call_held call_held - call_ended
hold       callee    not_in_call not_in_call not_now call_held call_held call_held call_ended
hold       stranger  not_in_call
resume     caller    - - - - - call_resumed call_ended
resume     callee    not_in_call not_in_call - - - - call_ended
resume     stranger  not_in_call
transfer   caller    not_now not_now parties_invited parties_invited parties_invited parties_invited call_ended
transfer   callee    not_in_call not_in_call parties_invited parties_invited parties_invited parties_invited call_ended
transfer   stranger  not_in_call
renew      caller    -
renew      callee2   not_in_call not_in_call already_answered already_answered already_answered already_answered call_ended
renew      stranger  not_in_call
media      caller    not_allowed
media      stranger  not_allowed
up         engine    not_a_participant not_a_participant media_changed - media_changed - call_ended
lost       engine    not_a_participant not_a_participant nothing_to_lose media_changed - media_changed call_ended
vanished   engine    not_a_participant not_a_participant nothing_to_lose media_changed - media_changed call_ended
quality    engine    not_a_participant not_a_participant quality_noted quality_noted quality_noted quality_noted call_ended
leases     engine    leases_renewed
engine_vanished engine engine_lost
switch     engine    engine_switched
"""


def rows() -> dict[tuple[str, str], list[str]]:
    table = {}
    for line in TABLE.strip().splitlines():
        name, who, *cells = line.split()
        table[name, who] = cells if len(cells) == len(STATES) else cells * (len(STATES) - 1) + ["call_ended"]
    return table


def spoken(talk: Talk, name: str, who: str) -> commands.Command:
    if who == "engine":
        kind, fields = ENGINE_COMMANDS[name]
        return talk.command(kind, **fields)
    kind, fields = DEVICE_COMMANDS[name]
    if name == "request":
        fields = fields | {"callees": ("ana",) if who.startswith("callee") else ("bob",)}
    return talk.command(kind, WHO[who], **fields)


def test_the_table_has_every_command_and_every_state() -> None:
    assert {name for name, _ in rows()} == DEVICE_COMMANDS.keys() | ENGINE_COMMANDS.keys()
    kinds = {kind for kind, _ in (*DEVICE_COMMANDS.values(), *ENGINE_COMMANDS.values())}
    assert kinds == set(get_args(commands.Command))
    assert all(len(cells) == len(STATES) for cells in rows().values())


@pytest.mark.parametrize(("row", "state"), list(product(sorted(rows()), STATES)))
def test_every_command_in_every_state(row: tuple[str, str], state: CallState) -> None:
    talk = in_state(state)
    assert talk.state == state
    outcome = talk.hear(spoken(talk, *row))
    told = outcome.code if isinstance(outcome, Refusal) else "+".join(tags(outcome)) or "-"
    assert told == rows()[row][STATES.index(state)]
    assert talk.state == "ended" or talk.call.call_id in ("c1", "c2")


@pytest.mark.parametrize(("row", "state", "kind"), list(product(sorted(rows()), STATES, ("one_to_one", "group"))))
def test_a_repeated_command_changes_nothing(row: tuple[str, str], state: CallState, kind: str) -> None:
    talk = in_state(state, kind)
    command = spoken(talk, *row)
    first = talk.hear(command)
    before = talk.line
    again = talk.hear(command)
    assert talk.line == before
    assert again == () if not isinstance(first, Refusal) else again == first


@pytest.mark.parametrize(("row", "state"), list(product(sorted(rows()), STATES)))
def test_a_decision_leaves_its_argument_alone(row: tuple[str, str], state: CallState) -> None:
    talk = in_state(state)
    line = talk.line
    copied = repr(line)
    decide(line, spoken(talk, *row), talk.clock_ms, talk.rules)
    assert repr(line) == copied


def test_commands_to_a_conversation_without_calls() -> None:
    for row in rows():
        talk = Talk()
        outcome = talk.hear(spoken(talk, *row))
        if row[0] != "request":
            assert tags(outcome) == ["refused unknown_call device"]
    assert Talk().line == Line(tenant="t", conversation_id="d-1")


GROUP_ONLY = """
join     STRANGER  not_invited
join     MOD       participant_joined
kick     ANA       participant_left
kick     MOD       participant_left
kick     EVE       not_allowed
mute     ANA       participant_muted
mute     EVE       not_allowed
hand     BOB       hand_raised
hand     EVE       not_in_call
transfer ANA       not_now
hang_up  BOB       participant_left
hang_up  EVE       call_rejected
"""


@pytest.mark.parametrize("line", GROUP_ONLY.strip().splitlines())
@pytest.mark.parametrize("state", ["accepted", "connected", "reconnecting"])
def test_commands_that_mean_something_else_in_a_group(line: str, state: str) -> None:
    name, who, expected = line.split()
    talk = in_state(state, "group")
    assert talk.state == state
    kind, fields = DEVICE_COMMANDS[name]
    speaker = {"STRANGER": STRANGER, "MOD": MOD, "ANA": ANA, "BOB": BOB, "EVE": EVE}[who]
    outcome = talk.say(kind, speaker, **fields)
    assert (outcome.code if isinstance(outcome, Refusal) else "+".join(tags(outcome))) == expected
