"""How an account comes to be: its identifier is held, its event is written, its rows are, and then the identifier is kept.

A process that dies on the way leaves at most a user without rows and an identifier that is free again after store.accounts.HOLD_S.
"""

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge.clocks import clock_ms
from edge.people.identifiers import BadIdentifier, name_key
from edge.people.recording import head_of
from edge.rest.errors import Problem
from schemas.accounts import IdentifierChanged, IdentifierKind, UserKind, UserRegistered
from store.accounts import HOLD_S, Account, Identifier

if TYPE_CHECKING:
    from edge.node import Node

BRIEF_HOLD_S = 20  # without a password to hash: one publish, which has LOG_PUBLISH_TIMEOUT_MS
USER_ID_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
TAKEN = {
    "name": ("name_taken", "the name is taken"),
    "email": ("identifier_taken", "the address belongs to another user"),
    "phone": ("identifier_taken", "the number belongs to another user"),
    "external": ("identifier_taken", "this account of the provider belongs to another user"),
}


class Taken(Problem):
    """409. `holder`: whose it is; empty: it is kept back for a while."""

    def __init__(self, kind: IdentifierKind, holder: str) -> None:
        super().__init__(409, *TAKEN[kind])
        self.kind, self.holder = kind, holder


@dataclass(frozen=True, slots=True)
class NewAccount:
    """`name`: how others see it, where the identifier is none to be shown. `by`: the user itself when empty."""

    identifier: Identifier
    name: str
    user_kind: UserKind = "person"
    password: str | None = None
    by: str = ""


def new_user_id() -> str:
    return "u-" + "".join(secrets.choice(USER_ID_ALPHABET) for _ in range(20))


def new_identifier(kind: IdentifierKind, key_and_shown: tuple[str, str], verified_at_ms: int = 0) -> Identifier:
    return Identifier(kind, *key_and_shown, "i-" + secrets.token_hex(10), verified_at_ms)


def name_identifier(name: str) -> Identifier:
    """Raises: Problem 422 bad_name."""
    try:
        return new_identifier("name", name_key(name))
    except BadIdentifier as bad:
        raise Problem(422, bad.code, bad.detail) from None


async def register(node: "Node", new: NewAccount) -> Account:
    """Raises: Taken, TooBusy, StoreUnavailable, LogError; Problem 503 when it took longer than the identifier was held."""
    user, now_ms = new_user_id(), clock_ms()
    # held before the password is hashed: of a thousand who want one name, one costs a hash
    hold_s = HOLD_S if new.password is not None else BRIEF_HOLD_S
    if (holder := await node.accounts.hold(new.identifier, user, hold_s)) is not None:
        raise Taken(new.identifier.kind, holder)
    password_hash = None if new.password is None else await node.people.passwords.hash(new.password)
    account = Account(user, new.name, password_hash, now_ms)
    base = head_of(user, now_ms)
    await node.people.record(UserRegistered(**base, user_kind=new.user_kind, by=new.by or user))
    await node.accounts.put_user(account)
    await node.profiles.note_name(user, new.name)
    await _kept(node, user, new.identifier)
    return account


async def add_identifier(node: "Node", user: str, identifier: Identifier) -> None:
    """One more for a user that is there. Raises: Taken, Problem 503, StoreUnavailable, LogError. Delivery: safe to repeat."""
    if (holder := await node.accounts.hold(identifier, user)) is not None:
        raise Taken(identifier.kind, holder)
    await _kept(node, user, identifier)


async def remove_identifier(node: "Node", user: str, identifier: Identifier) -> None:
    """Raises: StoreUnavailable, LogError. Delivery: safe to repeat."""
    await _told(node, user, identifier, "removed")
    kept_back_s = node.settings.name_kept_back_s if identifier.kind == "name" else 0
    await node.accounts.release(identifier, user, kept_back_s)


async def _kept(node: "Node", user: str, identifier: Identifier) -> None:
    await _told(node, user, identifier, "added")
    if not await node.accounts.keep(identifier, user):
        raise Problem(503, "unavailable", "it took too long: try again", True, 1000)


async def _told(node: "Node", user: str, identifier: Identifier, state: str) -> None:
    base = head_of(user, clock_ms())
    await node.people.record(
        IdentifierChanged(**base, identifier_kind=identifier.kind, identifier_id=identifier.identifier_id, state=state)  # type: ignore[arg-type]
    )
