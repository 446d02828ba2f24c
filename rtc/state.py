"""What is known of one conversation's calls: the live one, and enough of the past to answer who comes late. Pure.

Made by `evolve` from events alone, read by `decide` and `timers`. All values are frozen; their dicts are replaced, never changed.
Rule 1: a conversation has one live call at most.
Rule 2: nothing here grows with the conversation's age.
"""

from collections.abc import Mapping

from msgspec import Struct

from rtc.tables import IN_CALL, OPEN
from rtc.values import CallState, Flow
from schemas.call_values import CallKind, CallMedia, EndReason, LegState

COMMANDS_REMEMBERED = 256
MEMORY_MS = 600_000  # how long an ended call is remembered; above every request horizon, or an old request could ring again


class Party(Struct, frozen=True, kw_only=True):
    """A user's part of a call: the caller, who was invited, or who came by itself.

    `device`: by which it takes part. `legs`: what each of its devices said or was told. `flow_since_ms`: since when `flow` stands,
    counted anew where the wait for media begins anew.
    """

    user: str
    state: LegState
    legs: Mapping[str, LegState] = {}
    ring_deadline_ms: int = 0
    replaces: str = ""
    device: str = ""
    lease_until_ms: int = 0
    flow: Flow = "waiting"
    flow_since_ms: int = 0
    held: bool = False
    muted: bool = False
    hand_raised: bool = False
    kicked: bool = False

    @property
    def open(self) -> bool:
        return self.state in OPEN

    @property
    def in_call(self) -> bool:
        return self.state in IN_CALL


class Call(Struct, frozen=True, kw_only=True):
    """`answered`: somebody besides the caller has been in it. `empty_since_ms` 0: somebody is."""

    call_id: str
    kind: CallKind
    media: CallMedia
    state: CallState
    caller: str
    requested_at_ms: int
    parties: Mapping[str, Party]
    engine: str
    epoch: int = 1
    engine_until_ms: int = 0  # 0: it has not said anything yet
    engine_lost: bool = False
    answered: bool = False
    empty_since_ms: int = 0

    @property
    def participants(self) -> list[Party]:
        return [party for party in self.parties.values() if party.in_call]

    @property
    def ringing(self) -> list[Party]:
        return [party for party in self.parties.values() if party.open]

    @property
    def before_answer(self) -> bool:
        return self.state in ("requested", "ringing")

    @property
    def held(self) -> bool:
        """Whether the call as a whole rests: between two, one who holds is enough; in a group it is that participant's own affair."""
        return self.kind == "one_to_one" and any(party.held for party in self.participants)

    @property
    def flowing(self) -> bool:
        """Whether it is a call to those in it: between two nobody's media may be lost, in a group somebody's has to flow."""
        flows = [party.flow for party in self.participants]
        if self.kind == "one_to_one":
            return "lost" not in flows
        return "flowing" in flows or "moving" in flows


class Ended(Struct, frozen=True):
    reason: EndReason
    at_ms: int


class Invites(Struct, frozen=True):
    """How many users somebody rang at one moment."""

    user: str
    at_ms: int
    count: int


class Line(Struct, frozen=True, kw_only=True):
    """A conversation's calls. `lost`: call ids that lost a glare, and the call that won."""

    tenant: str
    conversation_id: str
    head_seq: int = 0
    head_at_ms: int = 0
    live: Call | None = None
    ended: Mapping[str, Ended] = {}
    lost: Mapping[str, str] = {}
    invites: tuple[Invites, ...] = ()
    commands: tuple[str, ...] = ()  # the last accepted ones, oldest first
