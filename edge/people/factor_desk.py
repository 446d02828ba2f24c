"""Second factors of users: added, shown, used up, removed. Called by the routes; calls the rows, the slips and the log.

What a factor is checked with is sealed in its row; what of it is used up stands in a slip, so that of two who show one code one succeeds.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import msgspec
import pyotp

from edge.clocks import clock_ms
from edge.people.passkeys import (
    BadPasskey,
    Passkey,
    Site,
    creation_options,
    credential_of,
    registered,
    request_options,
    shown,
    user_of,
)
from edge.people.recording import head_of
from edge.people.swapping import AnySlips, changed, count
from edge.people.totp import (
    RECOVERY_ALPHABET,
    RECOVERY_CODES_COUNT,
    RECOVERY_GROUP_CHARS,
    RECOVERY_GROUPS,
    Spent,
    place_of,
    plain_recovery_code,
    recovery_code,
    step_of,
    uri_of,
)
from edge.people.ways_settings import WaysSettings
from edge.rest.errors import Problem
from edge.rest.qr import qr_svg
from schemas.accounts import FactorChanged, FactorKind
from store.factors import Factor, Factors
from store.sealing import NONCE_BYTES, Sealer, keyed_hash

if TYPE_CHECKING:
    from edge.node import Node

Purpose = Literal["sign_in", "add", "factor", "step_up"]
FOR_EVER, USED_KEEP_S = 0, 3_600


class Enrolling(msgspec.Struct, frozen=True, array_like=True):
    """A TOTP whose owner has not shown a code of it yet."""

    secret: str
    name: str


class Asked(msgspec.Struct, frozen=True, array_like=True):
    """What a browser was asked to sign. `user` empty: whoever has a passkey for the site."""

    purpose: Purpose
    user: str
    challenge: bytes


@dataclass(frozen=True, slots=True)
class NewTotp:
    factor: str
    secret: str
    uri: str
    qr_svg: str


@dataclass(frozen=True, slots=True)
class Shown:
    """What somebody shows: a code, or a browser's answer to the challenge of that id."""

    kind: FactorKind
    code: str = ""
    challenge: str = ""
    credential: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Listed:
    factor: Factor
    used_at_ms: int
    left: int  # of recovery codes


def bad_factor() -> Problem:
    return Problem(401, "bad_factor", "that is wrong, or was used before")


class FactorDesk:
    def __init__(self, node: "Node", settings: WaysSettings, slips: AnySlips, factors: Factors, sealer: Sealer) -> None:
        self._node, self._settings, self._slips, self._factors, self._sealer = node, settings, slips, factors, sealer

    # ---- what there is

    async def kinds(self, user: str) -> frozenset[FactorKind]:
        """Raises: StoreUnavailable."""
        return frozenset(each.kind for each in await self._factors.of_user(user))

    async def of_user(self, user: str) -> list[Listed]:
        """Oldest first. Raises: StoreUnavailable."""
        found = []
        for factor in await self._factors.of_user(user):
            spent = _spent((await self._slips.get(_spent_key(factor))).value)
            left = RECOVERY_CODES_COUNT - len(spent.places) if factor.kind == "recovery_codes" else 0
            found.append(Listed(factor, spent.used_at_ms, left))
        return found

    # ---- TOTP

    async def begin_totp(self, user: str, account_name: str, name: str) -> NewTotp:
        """Raises: Problem too_many_factors, StoreUnavailable. It counts once a code of it was shown."""
        await self._room(user)
        factor, secret = "f-" + secrets.token_hex(8), pyotp.random_base32()
        kept = self._seal(msgspec.json.encode(Enrolling(secret, name)), user, factor)
        await self._put(f"enrol:{user}:{factor}", kept, self._settings.factor_enrol_ms // 1000 + 1)
        uri = uri_of(secret, self._settings.rp_name, account_name or user)
        return NewTotp(factor, secret, uri, qr_svg(uri))

    async def confirm_totp(self, user: str, factor: str, code: str, by: str) -> list[str] | None:
        """The recovery codes if there were none yet. Raises: Problem unknown_factor, bad_factor, too_many; StoreUnavailable, LogError."""
        key = f"enrol:{user}:{factor}"
        sealed = (await self._slips.get(key)).value
        if not sealed:
            raise Problem(404, "unknown_factor", "there is no such factor to confirm: begin again")
        await self.count(user)
        enrolling = msgspec.json.decode(self._sealer.open(sealed, _place(user, factor)), type=Enrolling)
        step = step_of(enrolling.secret, code, 0, clock_ms())
        if isinstance(step, str):
            raise bad_factor()
        if await self._slips.take(key, USED_KEEP_S) is None:
            raise bad_factor()
        await self.right(user)
        await self._put(_spent_key_of(factor), msgspec.json.encode(Spent(last_step=step, used_at_ms=clock_ms())), FOR_EVER)
        await self._add(user, factor, "totp", enrolling.name, enrolling.secret.encode(), by)
        return await self._first_recovery_codes(user, by)

    # ---- passkeys

    async def passkey_options(self, purpose: Purpose, site: Site, user: str, name: str = "") -> tuple[str, dict[str, Any]]:
        """(id of the challenge, options for the browser). Raises: Problem too_many_factors, StoreUnavailable."""
        challenge_id, challenge = "p-" + secrets.token_urlsafe(16), secrets.token_bytes(32)
        timeout_ms = self._settings.passkey_timeout_ms
        known = [passkey for _, passkey in await self._passkeys(user)] if user else []
        if purpose == "add":
            await self._room(user)
            options = creation_options(site, user, name, challenge, known, timeout_ms)
        else:
            options = request_options(site, challenge, known, purpose == "sign_in", timeout_ms)
        await self._put(f"passkey:{challenge_id}", msgspec.json.encode(Asked(purpose, user, challenge)), timeout_ms // 1000 + 1)
        return challenge_id, options

    async def add_passkey(
        self, user: str, challenge_id: str, credential: dict[str, Any], name: str, site: Site, by: str
    ) -> tuple[str, list[str] | None]:
        """The factor, and the recovery codes if there were none yet.

        Raises: Problem bad_passkey, bad_challenge; StoreUnavailable, LogError.
        """
        asked = await self._asked("add", user, challenge_id)
        try:
            passkey = registered(site, asked.challenge, credential)
        except BadPasskey:
            raise Problem(422, "bad_passkey", "the passkey's answer is not for this site and this challenge") from None
        factor = "f-" + secrets.token_hex(8)
        await self._add(user, factor, "passkey", name, msgspec.json.encode(passkey), by)
        return factor, await self._first_recovery_codes(user, by)

    async def passkey_user(self, challenge_id: str, credential: dict[str, Any], site: Site) -> str:
        """Who signs in by a passkey. Raises: Problem bad_challenge, bad_passkey; StoreUnavailable, LogError."""
        asked = await self._asked("sign_in", "", challenge_id)
        try:
            user = user_of(credential)
            await self._use_passkey(user, asked.challenge, credential, site, verify_user=True)
        except BadPasskey:
            raise Problem(401, "bad_passkey", "no account here is opened by this passkey") from None
        return user

    async def _use_passkey(self, user: str, challenge: bytes, credential: dict[str, Any], site: Site, verify_user: bool) -> None:
        wanted = credential_of(credential)
        factor, passkey = next(
            ((factor, passkey) for factor, passkey in await self._passkeys(user) if passkey.credential == wanted), (None, None)
        )
        if factor is None or passkey is None:
            raise BadPasskey("not a passkey of the user")
        keep = factor

        def decide(kept: bytes) -> tuple[bytes, BadPasskey | None]:
            spent = _spent(kept)
            before = max(spent.sign_count, passkey.sign_count)
            try:
                now_at = shown(site, challenge, credential, msgspec.structs.replace(passkey, sign_count=before), verify_user)
            except BadPasskey as bad:
                return kept, bad
            return msgspec.json.encode(Spent(sign_count=now_at, used_at_ms=clock_ms())), None

        if (bad := await changed(self._slips, _spent_key(keep), decide, FOR_EVER)) is not None:
            raise bad

    async def _passkeys(self, user: str) -> list[tuple[Factor, Passkey]]:
        found = [each for each in await self._factors.of_user(user) if each.kind == "passkey"]
        return [(each, msgspec.json.decode(self._open(user, each), type=Passkey)) for each in found]

    async def _asked(self, purpose: Purpose, user: str, challenge_id: str) -> Asked:
        kept = await self._slips.take(f"passkey:{challenge_id}", USED_KEEP_S)
        asked = msgspec.json.decode(kept, type=Asked) if kept else None
        if asked is None or (asked.purpose, asked.user) != (purpose, user):
            raise Problem(401, "bad_challenge", "the challenge was used, is over, or was for something else: begin again")
        return asked

    # ---- showing one

    async def show(self, user: str, what: Shown, purpose: Purpose, site: Site) -> None:
        """Returns if it is good; it is used up then. Raises: Problem bad_factor, bad_challenge, too_many; StoreUnavailable, LogError."""
        if what.kind == "passkey":
            await self._show_passkey(user, what, purpose, site)
            return
        await self.count(user)
        found = [each for each in await self._factors.of_user(user) if each.kind == what.kind]
        for factor in found:
            if await self._use(user, factor, what.code):
                await self.right(user)
                return
        self._node.people.note_refused(user, what.kind, "wrong_factor")
        raise bad_factor()

    async def _show_passkey(self, user: str, what: Shown, purpose: Purpose, site: Site) -> None:
        asked = await self._asked(purpose, user, what.challenge)
        try:
            await self._use_passkey(user, asked.challenge, what.credential or {}, site, verify_user=False)
        except BadPasskey:
            self._node.people.note_refused(user, "passkey", "wrong_factor")
            raise bad_factor() from None

    async def _use(self, user: str, factor: Factor, code: str) -> bool:
        check = self._totp_check(user, factor, code) if factor.kind == "totp" else self._recovery_check(user, factor, code)

        def decide(kept: bytes) -> tuple[bytes | None, Spent | None]:
            after = check(_spent(kept))
            return (None if after is None else msgspec.json.encode(after)), after

        after = await changed(self._slips, _spent_key(factor), decide, FOR_EVER)
        if after is not None and factor.kind == "recovery_codes" and len(after.places) >= RECOVERY_CODES_COUNT:
            await self._tell(user, factor.factor, factor.kind, "used_up", user)
        return after is not None

    def _totp_check(self, user: str, factor: Factor, code: str) -> Callable[[Spent], Spent | None]:
        secret, now_ms = self._open(user, factor).decode(), clock_ms()

        def check(spent: Spent) -> Spent | None:
            step = step_of(secret, code, spent.last_step, now_ms)
            return None if isinstance(step, str) else Spent(last_step=step, used_at_ms=now_ms)

        return check

    def _recovery_check(self, user: str, factor: Factor, code: str) -> Callable[[Spent], Spent | None]:
        hashes, now_ms = msgspec.json.decode(self._open(user, factor), type=list[str]), clock_ms()
        given = [keyed_hash(key, f"{user} {plain_recovery_code(code)}") for key in self._sealer.hash_keys("recovery")]

        def check(spent: Spent) -> Spent | None:
            place = place_of(hashes, given, spent)
            return None if isinstance(place, str) else Spent(places=(*spent.places, place), used_at_ms=now_ms)

        return check

    # ---- recovery codes, removing

    async def new_recovery_codes(self, user: str, by: str) -> list[str]:
        """Ten new ones; those before are void. Raises: Problem no_factor, StoreUnavailable, LogError."""
        present = await self._factors.of_user(user)
        if not any(each.kind != "recovery_codes" for each in present):
            raise Problem(409, "no_factor", "recovery codes stand in for another factor, and there is none")
        for old in present:
            if old.kind == "recovery_codes":
                await self._tell(user, old.factor, old.kind, "removed", by)
        length = RECOVERY_GROUPS * RECOVERY_GROUP_CHARS
        codes = [recovery_code([secrets.randbelow(len(RECOVERY_ALPHABET)) for _ in range(length)]) for _ in range(RECOVERY_CODES_COUNT)]
        key = self._sealer.hash_key("recovery")
        hashes = [keyed_hash(key, f"{user} {plain_recovery_code(code)}") for code in codes]
        await self._add(user, "f-" + secrets.token_hex(8), "recovery_codes", "", msgspec.json.encode(hashes), by)
        return codes

    async def _first_recovery_codes(self, user: str, by: str) -> list[str] | None:
        return None if "recovery_codes" in await self.kinds(user) else await self.new_recovery_codes(user, by)

    async def remove(self, user: str, factor_id: str, by: str) -> None:
        """Raises: Problem unknown_factor, StoreUnavailable, LogError. With the last one the recovery codes go too."""
        present = await self._factors.of_user(user)
        factor = next((each for each in present if each.factor == factor_id), None)
        if factor is None:
            raise Problem(404, "unknown_factor", "there is no such factor")
        await self._tell(user, factor.factor, factor.kind, "removed", by)
        left = [each for each in present if each.factor != factor_id]
        if all(each.kind == "recovery_codes" for each in left):
            for each in left:
                await self._tell(user, each.factor, each.kind, "removed", by)

    async def remove_all(self, user: str, by: str) -> None:
        """Raises: StoreUnavailable, LogError."""
        for each in await self._factors.of_user(user):
            await self._tell(user, each.factor, each.kind, "removed", by)

    # ---- within

    async def _add(self, user: str, factor: str, kind: FactorKind, name: str, secret: bytes, by: str) -> None:
        """The row is there, pending, before the event says that it counts; whoever applies the event first makes it count."""
        await self._factors.put_pending(user, Factor(factor, kind, name, self._seal(secret, user, factor), "pending", clock_ms()))
        await self._tell(user, factor, kind, "added", by)

    async def _tell(self, user: str, factor: str, kind: FactorKind, state: Literal["added", "removed", "used_up"], by: str) -> None:
        # one ms later than the row that it changes, or the two writes would be of the same time
        await self._node.people.record(
            FactorChanged(**head_of(user, clock_ms() + 1), factor_id=factor, factor_kind=kind, state=state, by=by)
        )

    async def _room(self, user: str) -> None:
        if len(await self._factors.of_user(user)) >= self._settings.factors_limit:
            raise Problem(409, "too_many_factors", f"at most {self._settings.factors_limit} factors: remove one first")

    async def count(self, user: str) -> None:
        """A try begins; it is wrong until `right` is said. Raises: Problem too_many, StoreUnavailable."""
        await count(self._slips, f"factors:{user}", self._settings.factor_limit, clock_ms())

    async def right(self, user: str) -> None:
        """Raises: StoreUnavailable."""
        await changed(self._slips, f"factors:{user}", lambda _: (b"", None), self._settings.factor_failures_window_ms // 1000 + 1)

    async def _put(self, key: str, value: bytes, keep_s: int) -> None:
        await changed(self._slips, key, lambda _: (value, None), keep_s)

    def _seal(self, value: bytes, user: str, factor: str) -> bytes:
        return self._sealer.seal(value, _place(user, factor), secrets.token_bytes(NONCE_BYTES))

    def _open(self, user: str, factor: Factor) -> bytes:
        return self._sealer.open(factor.sealed, _place(user, factor.factor))


def _place(user: str, factor: str) -> str:
    return f"{user}|{factor}"


def _spent_key(factor: Factor) -> str:
    return _spent_key_of(factor.factor)


def _spent_key_of(factor: str) -> str:
    return f"spent:{factor}"


def _spent(kept: bytes) -> Spent:
    return msgspec.json.decode(kept, type=Spent) if kept else Spent()
