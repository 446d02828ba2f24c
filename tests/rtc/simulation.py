"""A conversation's calls played at random: several devices, an engine that lies, an owner that crashes, timers that are late.

A history is a string of bytes, three to a step, so that hypothesis can shrink it and 100,000 of them are cheap. Devices say things into
queues of their own; the log takes from the queues in any order, sometimes twice. After every step the laws are asked.
"""

from collections import deque
from typing import Any

import msgspec

from rtc.active import ActiveLegs
from rtc.call import decide, fold
from rtc.record import CallRecord, call_record, fold_record
from rtc.rules import Rules
from rtc.state import Line
from rtc.timers import next_due, passed
from rtc.values import Refusal
from schemas import call_commands as commands
from schemas import call_events as events
from schemas.call_values import Holder, Quality
from schemas.ids import uuid7
from streams.calls.recording import recorded
from tests.rtc.laws import Observer, adds_up

START_MS = 1_700_000_000_000
RULES = Rules(participants_limit=3, invites_per_command_limit=4, invites_per_user_limit=5, call_ms_limit=300_000, lease_ms=60_000)
DEVICES = ("ana/1", "bob/1", "ana/2", "bob/2", "eve/1", "mod/1", "xen/1")
USERS = ("bob", "ana", "eve", "mod", "xen")
ENGINES = ("embedded", "janus", "p2p")
RINGS_MS = (30_000, 60_000, 120_000)
PAUSES_MS = (1, 500, 5_000, 14_000, 29_999, 30_000, 44_000, 61_000)
SAID: tuple[type[commands.Command], ...] = (
    *(commands.RequestCall,) * 4,
    *(commands.ReportRinging,) * 3,
    *(commands.AcceptCall,) * 5,
    *(commands.JoinCall,) * 2,
    *(commands.HangUp,) * 2,
    *(commands.InviteToCall,) * 2,
    *(commands.RenewLease, commands.RenewLease, commands.ReportDelivered, commands.RejectCall, commands.ReportBusy, commands.LeaveCall),
    *(commands.KickParticipant, commands.MuteParticipant, commands.RaiseHand, commands.UpgradeCall, commands.HoldCall),
    *(commands.ResumeCall, commands.TransferCall, commands.ReportMedia),
)
RUNNING_SAID: tuple[type[commands.Command], ...] = (
    *(commands.InviteToCall, commands.InviteToCall, commands.TransferCall, commands.TransferCall, commands.HoldCall, commands.HoldCall),
    *(commands.ResumeCall, commands.ResumeCall, commands.UpgradeCall, commands.RaiseHand, commands.HangUp, commands.RenewLease),
    *(commands.KickParticipant, commands.MuteParticipant),
)
ENGINE_SAID: tuple[type[commands.Command], ...] = (
    *(commands.ReportEngineMedia,) * 6,
    *(commands.ReportVanished, commands.ReportQuality, commands.RenewLeases, commands.RenewLeases),
    *(commands.ReportEngineVanished, commands.SwitchEngine),
)
LOG = msgspec.msgpack.Decoder(list[events.Event])


class World:
    """One history. `patient`: the owner whose timers never fire before a command comes; its log has to be the same."""

    def __init__(self, history: bytes) -> None:
        self.clock_ms = START_MS
        self.line = self.patient = Line(tenant="t", conversation_id="d-1")
        self.log: list[events.Event] = []
        self.patient_log: list[events.Event] = []
        self.queues: dict[str, deque[commands.Command]] = {who: deque() for who in (*DEVICES, "engine")}
        self.said: list[commands.Command] = []
        self.observer = Observer(RULES)
        self.records: dict[str, CallRecord] = {}
        self.open_record: CallRecord | None = None  # of the live call, as the owner keeps it
        self.patient_record: CallRecord | None = None
        self.active = ActiveLegs(RULES.invites_window_ms)
        self.refusals: dict[str, int] = {}
        for at in range(0, len(history) - 2, 3):
            self.step(*history[at : at + 3])
        self.finish()

    # ---- a step

    def step(self, what: int, who: int, how: int) -> None:
        match what % 20:
            case 0 | 1 | 2 | 3 | 4 | 5:
                self.hear(self.sensible(who, how))
            case 6 | 7:
                command = self.device_command(DEVICES[who % len(DEVICES)], who // len(DEVICES), SAID[how % len(SAID)])
                self.hear(self.garbled(command, how) if who >= 240 else command)
            case 8:
                device = DEVICES[who % len(DEVICES)]
                self.queues[device].append(self.device_command(device, who // len(DEVICES), SAID[how % len(SAID)]))
            case 9 | 10:
                self.hear(self.engine_command(who, how))
            case 11:
                self.queues["engine"].append(self.engine_command(who, how))
            case 12:
                queue = list(self.queues.values())[who % len(self.queues)]
                if queue:
                    self.hear(queue[0] if how % 4 == 0 else queue.popleft())
            case 13:
                if self.said:  # an old one comes again
                    self.hear(self.said[-1 - how % len(self.said)])
            case 14 | 15 | 16:
                self.clock_ms += 1 + 16 * who
                if how % 2:
                    self.time()
            case 17:
                self.clock_ms += PAUSES_MS[who % len(PAUSES_MS)]
                if how % 2:
                    self.time()
            case 18:
                self.crash(how)
            case 19:
                self.hear(self.engine_command(0x40, ENGINE_SAID.index(commands.RenewLeases)))
        self.look()

    def base(self, how: int) -> dict[str, Any]:
        live = self.line.live
        known = [live.call_id] if live is not None else [f"c{len(self.said)}"]
        known += [*self.line.lost, *self.line.ended]
        call_id = known[0] if how % 8 else known[(how // 8) % len(known)]
        command_id = uuid7(self.clock_ms, len(self.said) + 1)
        return {"tenant": "t", "conversation_id": "d-1", "call_id": call_id, "command_id": command_id}

    def sensible(self, who: int, how: int) -> commands.Command:
        """What people and engines do most: the next thing on the way of a call. At random alone hardly any would be connected."""
        call = self.line.live
        if call is None:
            return self.device_command(DEVICES[who % 4], who // 4, commands.RequestCall)
        if call.before_answer and call.ringing and who % 8 == 7:  # who is rung calls back: a glare, where it is the two of them
            callee = call.ringing[0].user
            return self.device_command(f"{callee}/1", 0, commands.RequestCall)
        if call.ringing and (call.before_answer or how % 3 == 0):
            device = f"{call.ringing[who % len(call.ringing)].user}/{1 + who // 64 % 2}"
            kinds = (commands.AcceptCall, commands.AcceptCall, commands.ReportRinging, commands.ReportRinging, commands.ReportDelivered)
            return self.device_command(device, 1, kinds[who % len(kinds)])
        party = call.participants[who % len(call.participants)] if call.participants else None
        if party is None:
            return self.device_command(DEVICES[who % 4], 1, commands.JoinCall)
        device = f"{party.user}/{party.device}"
        if party.flow != "flowing" and call.engine == "p2p":
            return self.device_command(device, 1, commands.ReportMedia)
        if party.flow != "flowing":
            return self.engine_command(0x40 | who & 0x3F, 0)
        return self.device_command(device, who // 8, RUNNING_SAID[how % len(RUNNING_SAID)])

    def device_command(self, who: str, twist: int, kind: type[commands.Command]) -> commands.Command:
        user, device = who.split("/")
        target = USERS[twist % len(USERS)]
        fields: dict[str, Any] = {"user": user, "device": device}
        fields["standing"] = {"mod": "moderator", "xen": "outsider"}.get(user, "member")
        if kind is commands.RequestCall:
            fields |= {"media": "audio", "engine": ENGINES[twist // 3 % 3], "call_id": f"c{len(self.said)}"}
            group = twist % 3 == 1
            callees = tuple(name for name in (USERS[: 2 + twist % 3] if group else ("bob" if user != "bob" else "ana",)) if name != user)
            fields |= {
                "call_kind": "group" if group else "one_to_one",
                "callees": callees,
                "ring_ms": RINGS_MS[twist // 2 % 3],
            }
            fields["busy"] = ("bob",) if twist % 16 == 15 else ()
        elif kind is commands.InviteToCall:
            fields["callees"] = (target, "eve") if target != "eve" and user != "eve" else (target,)
        elif kind in (commands.TransferCall, commands.KickParticipant, commands.MuteParticipant):
            fields["target"] = target
        elif kind is commands.ReportMedia:
            fields["flow"] = "lost" if twist % 4 == 3 else "up"
        elif kind is commands.HangUp:
            fields["for_all"] = twist % 8 == 7
        return self.speak(kind(**(self.base(twist) | fields)))

    def garbled(self, command: commands.Command, how: int) -> commands.Command:
        """Of another tenant, with a clock that is ahead, or without a call."""
        later = uuid7(self.clock_ms + 120_000, len(self.said))
        changes: tuple[dict[str, str], ...] = ({"tenant": "u"}, {"command_id": later}, {"call_id": ""})
        return msgspec.structs.replace(command, **changes[how % (2 if isinstance(command, commands.RequestCall) else 3)])

    def engine_command(self, who: int, how: int) -> commands.Command:
        kind, call = ENGINE_SAID[how % len(ENGINE_SAID)], self.line.live
        user, device = DEVICES[who % len(DEVICES)].split("/")
        participants = call.participants if call is not None else []
        if participants and who & 0x40:  # the truth, more often than not
            user, device = participants[who % len(participants)].user, participants[who % len(participants)].device
        epoch = call.epoch if call is not None else 1
        fields: dict[str, Any] = {"engine": call.engine if call is not None else "embedded", "epoch": epoch - (who % 16 == 15)}
        if kind in (commands.ReportEngineMedia, commands.ReportVanished, commands.ReportQuality):
            fields |= {"user": user, "device": device}
        if kind is commands.ReportEngineMedia:
            fields["flow"] = "lost" if how >= 180 else "up"
        elif kind is commands.ReportQuality:
            fields["quality"] = Quality(0.01, how, 1, 500)
        elif kind is commands.RenewLeases:
            fields["holders"] = (Holder(user, "2"), *(Holder(party.user, party.device) for party in participants[who % 2 :]))
        elif kind is commands.SwitchEngine:
            fields |= {"engine": ENGINES[who % 2], "epoch": epoch + who % 3}
        return self.speak(kind(**(self.base(who) | fields)))

    def speak(self, command: commands.Command) -> commands.Command:
        self.said.append(command)
        return command

    # ---- the owner

    def hear(self, command: commands.Command) -> None:
        before = self.line
        outcome = decide(self.line, command, self.clock_ms, RULES)
        waited = decide(self.patient, command, self.clock_ms, RULES)
        due = next_due(before, RULES)
        if command.command_id not in before.commands and (due is None or due.at_ms > self.clock_ms):
            self.observer.owed(command, outcome, self.clock_ms)
        if isinstance(outcome, Refusal):
            self.refusals[outcome.code] = self.refusals.get(outcome.code, 0) + 1
            assert waited == outcome, "a late timer changes no answer"
            assert before is self.line
        else:
            self.take(outcome)
            assert not isinstance(waited, Refusal), "a late timer changes no answer"
            complete, self.patient_record = recorded(waited, self.patient_record)
            self.patient = fold(self.patient, complete)
            self.patient_log += complete
        again = decide(self.line, command, self.clock_ms, RULES)
        if not isinstance(outcome, Refusal):
            assert again == (), "a repeated command changes nothing"

    def time(self) -> None:
        self.take(passed(self.line, self.clock_ms, RULES))
        due = next_due(self.line, RULES)
        assert due is None or due.at_ms > self.clock_ms, "what is due has happened"

    def take(self, happened: tuple[events.Event, ...]) -> None:
        happened, self.open_record = recorded(happened, self.open_record)
        self.line = fold(self.line, happened)
        self.log += happened
        for event in happened:
            self.observer.take(event)
            self.active.take(event)
            if isinstance(event, events.CallRecorded):
                assert call_record(event) == self.records[event.call_id], "who has the log can check the record"
            else:
                self.records[event.call_id] = fold_record(self.records.get(event.call_id), event)

    def crash(self, how: int) -> None:
        """The successor has a snapshot of some moment and the log, both as bytes; what it makes of them is what was."""
        log = LOG.decode(msgspec.msgpack.encode(self.log))
        assert log == self.log
        cut = len(log) * how // 255
        saved = fold(Line(tenant="t", conversation_id="d-1"), log[:cut])
        restored = msgspec.msgpack.decode(msgspec.msgpack.encode(saved), type=Line)
        rebuilt = fold(restored, log[cut:])
        assert rebuilt == self.line, "replay is truth"
        assert next_due(rebuilt, RULES) == next_due(self.line, RULES)
        self.line = rebuilt

    # ---- the laws

    def look(self) -> None:
        self.observer.between_decisions()
        live, seen = self.line.live, self.observer.live
        assert (live is None) == (seen is None)
        if live is None or seen is None:
            assert len(self.active) == 0
            return
        assert live.state != "ended"
        assert {party.user: party.device for party in live.participants} == seen.inside
        assert {party.user for party in live.ringing} == seen.rung.keys()
        assert {user: party.state for user, party in self.records[live.call_id].parties.items()} == {
            user: party.state for user, party in live.parties.items()
        }
        assert all(self.active.busy(user, "elsewhere") == (user in seen.inside) for user in USERS)
        ever = live.state in ("connected", "reconnecting", "held")
        assert ever == bool(seen.connected_ms), "connected by the first media report, and never before"
        assert (live.state in ("requested", "ringing")) == (not seen.answered_ms)
        for party in live.parties.values():
            ringing = [state for state in party.legs.values() if state in ("delivered", "ringing")]
            inside = [state for state in party.legs.values() if state in ("accepted", "joined")]
            assert not ringing or party.open, "a device rings on"
            assert len(inside) == int(party.in_call), "one device takes part"

    def finish(self) -> None:
        """Nobody says anything any more: time alone ends every call, and the waiting owner comes to the same log."""
        for _ in range(200):
            due = next_due(self.line, RULES)
            if due is None:
                break
            assert due.at_ms <= self.clock_ms + RULES.call_ms_limit
            self.clock_ms = max(self.clock_ms, due.at_ms)
            self.time()
            self.look()
        assert self.line.live is None, "every call ends"
        rest, _ = recorded(passed(self.patient, self.clock_ms, RULES), self.patient_record)
        assert [*self.patient_log, *rest] == self.log, "when timers fire makes no difference"
        for seen in self.observer.calls.values():
            assert seen.recorded is not None, "every call has its record in the log"
            adds_up(call_record(seen.recorded), seen)
        self.replay()

    def replay(self) -> None:
        """At every cut: the fold so far, saved and restored, goes on to the same end."""
        line, states = Line(tenant="t", conversation_id="d-1"), []
        for event in self.log:
            line = fold(line, (event,))
            states.append(line)
        assert line == self.line
        for cut in range(0, len(states), max(1, len(states) // 4)):
            restored = msgspec.msgpack.decode(msgspec.msgpack.encode(states[cut]), type=Line)
            assert fold(restored, self.log[cut + 1 :]) == self.line
