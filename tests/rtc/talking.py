"""A conversation whose calls are played by hand: what users, devices and engines say, and time."""

from typing import Any

from rtc.call import Outcome, decide, fold
from rtc.record import CallRecord, fold_record
from rtc.rules import Rules
from rtc.state import Call, Line, Party
from rtc.timers import passed
from rtc.values import Refusal
from schemas import call_commands as commands
from schemas import call_events as events
from schemas.call_values import LegState
from schemas.ids import uuid7

START_MS = 1_700_000_000_000
TENANT, CONVERSATION = "t", "d-1"
ENGINE = "embedded"
HASH = "ab" * 32
RULES = Rules(participants_limit=5, invites_per_command_limit=8, invites_per_user_limit=12, call_ms_limit=3_600_000)

ANA, ANA2, BOB, BOB2, EVE, MOD, STRANGER = "ana/1", "ana/2", "bob/1", "bob/2", "eve/1", "mod/1", "xen/1"


class Talk:
    """`line` is folded as it goes; `log` holds every event; `clock_ms` goes on by `wait` only."""

    def __init__(self, rules: Rules = RULES) -> None:
        self.rules = rules
        self.line = Line(tenant=TENANT, conversation_id=CONVERSATION)
        self.log: list[events.Event] = []
        self.clock_ms = START_MS
        self.said: list[commands.Command] = []

    def command(self, kind: type[commands.Command], who: str = "", **fields: Any) -> commands.Command:
        """Shape: `who` is "user/device"; empty for an engine's command."""
        base: dict[str, Any] = {"tenant": TENANT, "conversation_id": CONVERSATION, "call_id": "c1"}
        base["command_id"] = uuid7(self.clock_ms, len(self.said) + 1)
        if who:
            base["user"], base["device"] = who.split("/")
            base["standing"] = {"mod": "moderator", "xen": "outsider"}.get(base["user"], "member")
        if issubclass(kind, commands.EngineCommand):
            base |= {"engine": ENGINE, "epoch": 1}
        return kind(**(base | fields))

    def say(self, kind: type[commands.Command], who: str = "", **fields: Any) -> Outcome:
        return self.hear(self.command(kind, who, **fields))

    def hear(self, command: commands.Command) -> Outcome:
        self.said.append(command)
        outcome = decide(self.line, command, self.clock_ms, self.rules)
        if not isinstance(outcome, Refusal):
            self._take(outcome)
        return outcome

    def wait(self, ms: int) -> tuple[events.Event, ...]:
        """Time goes on and the timer fires at its end."""
        self.clock_ms += ms
        brought = passed(self.line, self.clock_ms, self.rules)
        self._take(brought)
        return brought

    def _take(self, happened: tuple[events.Event, ...]) -> None:
        self.line = fold(self.line, happened)
        self.log.extend(happened)

    # ---- shorthands

    def request(self, who: str = ANA, *callees: str, call: str = "c1", kind: str = "one_to_one", **fields: Any) -> Outcome:
        fields = {"media": "audio", "engine": ENGINE} | fields
        return self.say(commands.RequestCall, who, call_id=call, call_kind=kind, callees=callees or ("bob",), **fields)

    def up(self, who: str, **fields: Any) -> Outcome:
        user, device = who.split("/")
        return self.say(commands.ReportEngineMedia, user=user, device=device, flow="up", **fields)

    def lost(self, who: str, **fields: Any) -> Outcome:
        user, device = who.split("/")
        return self.say(commands.ReportEngineMedia, user=user, device=device, flow="lost", **fields)

    def renew(self, *who: str) -> None:
        for name in who:
            self.say(commands.RenewLease, name)

    # ---- looks

    @property
    def call(self) -> Call:
        assert self.line.live is not None
        return self.line.live

    @property
    def state(self) -> str:
        return "ended" if self.line.live is None else self.line.live.state

    def party(self, who: str) -> Party:
        return self.call.parties[who.split("/")[0]]

    def leg(self, who: str) -> LegState:
        user, device = who.split("/")
        return self.call.parties[user].legs[device]

    @property
    def reason(self) -> str:
        """Why the last call ended."""
        return next(event.reason for event in reversed(self.log) if isinstance(event, events.CallEnded))

    def record(self, call: str = "c1") -> CallRecord:
        record = None
        for event in self.log:
            if event.call_id == call:
                record = fold_record(record, event)
        assert record is not None
        return record


def tags(outcome: Outcome) -> list[str]:
    """The events by their names, or the refusal's code and fault."""
    if isinstance(outcome, Refusal):
        return [f"refused {outcome.code} {outcome.fault}"]
    return [str(event.__struct_config__.tag) for event in outcome]


def only(outcome: Outcome) -> Any:
    """The one event of an accepted command."""
    assert not isinstance(outcome, Refusal)
    (event,) = outcome
    return event


def in_state(state: str, kind: str = "one_to_one", rules: Rules = RULES) -> Talk:
    """A call from Ana to Bob that stands there; a group's call has rung Eve too, who has not said anything."""
    talk = Talk(rules)
    talk.request(ANA, *(("bob", "eve") if kind == "group" else ("bob",)), kind=kind)
    if state == "requested":
        return talk
    talk.say(commands.ReportRinging, BOB)
    talk.say(commands.ReportRinging, BOB2)
    if state == "ringing":
        return talk
    talk.say(commands.AcceptCall, BOB)
    if state == "accepted":
        return talk
    talk.up(ANA)
    talk.up(BOB)
    if state == "reconnecting":
        talk.lost(BOB)
        if kind == "group":
            talk.lost(ANA)
    elif state == "held":
        talk.say(commands.HoldCall, ANA)
    elif state == "ended":
        talk.say(commands.HangUp, ANA, for_all=kind == "group")
    return talk
