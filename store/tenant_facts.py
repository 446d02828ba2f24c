"""What a tenant's administrators decided, folded from events: as every node remembers it, and as the rows must be. Pure.

Called by the edge (what holds now), by the projector's comparison, and by `warbler verify accounts`. Nothing here depends on the order in
which events come, because those of two administrators lie in two partitions: the later one wins, and of two at once the larger text.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from schemas.accounts import (
    AccountEvent,
    AdminActed,
    AdminEvent,
    ApiKeyMade,
    ApiKeyRevoked,
    PolicyChanged,
    TenantRoleDefined,
    TenantRoleDropped,
    TenantRoleGiven,
)


class RoleDefinition(msgspec.Struct, frozen=True):
    """What a role is, as one value of one cell: two changes at once never mix."""

    level: int
    permissions: tuple[str, ...]


class Cell(NamedTuple):
    """Of two, the larger stays: so does Cassandra's, which compares time, then bytes."""

    at_ms: int
    text: str


NEVER = Cell(0, "")


class KeyFact(NamedTuple):
    made_at_ms: int
    scopes: str  # JSON, sorted
    maker: str
    maker_kind: str
    expires_at_ms: int


@dataclass(slots=True)
class TenantFacts:
    """`definitions`: empty text for a role that was dropped. `holders`: who was given which role, and when."""

    definitions: dict[str, Cell] = field(default_factory=dict)
    dropped: dict[str, int] = field(default_factory=dict)
    holders: dict[str, Cell] = field(default_factory=dict)
    keys: dict[str, KeyFact] = field(default_factory=dict)
    revoked: dict[str, int] = field(default_factory=dict)
    policies: dict[str, Cell] = field(default_factory=dict)

    def apply(self, event: AdminEvent | AccountEvent) -> None:
        """Safe to repeat; account events but those of roles are of no account here."""
        match event:
            case TenantRoleDefined():
                _raise(self.definitions, event.role, Cell(event.at_ms, definition_text(event.level, event.permissions)))
            case TenantRoleDropped():
                _raise(self.definitions, event.role, Cell(event.at_ms, ""))
                self.dropped[event.role] = max(self.dropped.get(event.role, 0), event.at_ms)
            case TenantRoleGiven():
                _raise(self.holders, event.user, Cell(event.at_ms, event.role))
            case ApiKeyMade():
                self.keys[event.key_id] = key_fact(event)
            case ApiKeyRevoked():
                self.revoked[event.key_id] = max(self.revoked.get(event.key_id, 0), event.at_ms)
            case PolicyChanged():
                _raise(self.policies, event.policy, Cell(event.at_ms, event.value))
            case AdminActed():
                pass
            case _:
                pass

    def merge(self, other: "TenantFacts") -> None:
        """What either knows."""
        for mine, theirs in ((self.definitions, other.definitions), (self.holders, other.holders), (self.policies, other.policies)):
            for name, cell in theirs.items():
                _raise(mine, name, cell)
        for known, told in ((self.dropped, other.dropped), (self.revoked, other.revoked)):
            for name, at_ms in told.items():
                known[name] = max(known.get(name, 0), at_ms)
        self.keys.update(other.keys)


def definition_text(level: int, permissions: Iterable[str]) -> str:
    """The same text for the same role."""
    return msgspec.json.encode(RoleDefinition(level, tuple(sorted(permissions)))).decode()


def definition_of(text: str) -> RoleDefinition | None:
    """None: the role was dropped."""
    return msgspec.json.decode(text, type=RoleDefinition) if text else None


def scopes_text(scopes: Iterable[str]) -> str:
    return msgspec.json.encode(sorted(scopes)).decode()


def key_fact(event: ApiKeyMade) -> KeyFact:
    return KeyFact(event.at_ms, scopes_text(event.scopes), event.actor, event.actor_kind, event.expires_at_ms)


def _raise(cells: dict[str, Cell], name: str, cell: Cell) -> None:
    cells[name] = max(cells.get(name, NEVER), cell)
