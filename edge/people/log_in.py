"""A password against an account: throttled, and alike for accounts that exist and those that do not. Called by `edge.rest.accounts`."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge.clocks import mono_ms
from edge.people.identifiers import BadIdentifier, login_key
from edge.people.signing import Proof, open_sign_in
from edge.rate import Bucket
from edge.rest import models
from edge.rest.errors import Problem
from schemas.errors import WarblerError
from store.accounts import Account

if TYPE_CHECKING:
    from edge.node import Node

NOBODYS = "?"  # no name has this character
WRONG = "the name or the password is wrong"


def too_many_guesses(wait_ms: int) -> Problem:
    return Problem(429, "too_many_tries", "too many wrong tries: wait, then try again", True, wait_ms)


async def log_in(node: "Node", body: models.Credentials, address: str) -> models.SignedIn | models.FactorNeeded:
    """Raises: Problem 401 bad_credentials, 429 too_many_tries, and what `open_sign_in` raises; TooBusy, StoreUnavailable, LogError."""
    device = body.device or models.DeviceInfo()
    try:
        kind, key = login_key(body.name)
    except BadIdentifier:
        kind, key = "name", NOBODYS  # it costs as much
    account = await node.accounts.by_identifier(kind, key)
    guess = await _admitted(node, f"{kind}:{key}", account, device, address)
    if not await node.people.passwords.verify(account.password_hash if account is not None else None, body.password):
        if account is not None:
            node.people.note_refused(account.user, "password", "wrong_secret")
        raise Problem(401, "bad_credentials", WRONG)
    assert account is not None
    guess.was_right(node)
    await _upgraded(node, account, body.password)
    return await open_sign_in(node, account.user, Proof("password"), device)


@dataclass(frozen=True, slots=True)
class _Guess:
    """`key`: what it was counted for. `paid`: by the address, which gets it back for a right one."""

    key: str
    paid: Bucket | None

    def was_right(self, node: "Node") -> None:
        node.people.guesses.right(self.key)
        if self.paid is not None:
            self.paid.give_back()


async def _admitted(node: "Node", name: str, account: Account | None, device: models.DeviceInfo, address: str) -> _Guess:
    """A guess that may be made. Raises: Problem 429.

    A device that the account was signed in on has a count of its own, so that strangers who guess do not keep the owner out.
    """
    paid = node.people.address_guesses.of(address, mono_ms())
    wait_ms = paid.take(mono_ms())
    if not wait_ms:
        wait_ms = node.people.guesses.wait_ms(name, mono_ms())
        if not wait_ms:
            return _Guess(name, paid)
        paid.give_back()
    # asked for accounts that do not exist too: the answer must not take longer for those that do
    if device.id and await _is_known(node, account.user if account is not None else "u-nobody", device.id):
        own = f"{name} {device.id}"
        if not (wait_ms := node.people.guesses.wait_ms(own, mono_ms())):
            return _Guess(own, None)
    raise too_many_guesses(wait_ms)


async def _is_known(node: "Node", user: str, device: str) -> bool:
    return any(each.device == device for each in await node.tables.sign_ins.of_user(user))


async def _upgraded(node: "Node", account: Account, password: str) -> None:
    """A hash that was made with older parameters is made anew, while the password is at hand."""
    if account.password_hash is None or not node.people.passwords.is_old(account.password_hash):
        return
    try:
        await node.accounts.put_password(account.user, await node.people.passwords.hash(password))
    except WarblerError:
        return  # the old one is still good; the next log-in tries again
