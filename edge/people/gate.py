"""What stands between the first step of a sign-in and its tokens: the second factor, or a device that is remembered.

`Gate.asks` is what `edge.people.signing` asks for every way in; `Gate.show` is the way on. Calls `factor_desk` and the slips.
"""

import hmac
import secrets
from hashlib import sha256
from typing import TYPE_CHECKING

import msgspec

from edge.clocks import clock_ms
from edge.people.factor_desk import FactorDesk, Shown
from edge.people.passkeys import Site
from edge.people.recording import head_of
from edge.people.second_factors import Holder, needed
from edge.people.signing import Proof, open_sign_in
from edge.people.swapping import AnySlips, changed
from edge.people.ways_settings import DAY_MS, WaysSettings
from edge.rest import models
from edge.rest.errors import Problem
from schemas.accounts import DeviceForgotten
from store.accounts import Account

if TYPE_CHECKING:
    from edge.node import Node

USED_KEEP_S = 600
ENROLLED = "enrolled"


class Challenge(msgspec.Struct, frozen=True):
    """A sign-in that waits. `device`: as the client named it at the first step. `enrolled`: what was added on the way."""

    user: str
    method: str
    device: dict[str, str | None]
    factors: tuple[str, ...]
    enrol: bool
    expires_at_ms: int
    enrolled: tuple[str, ...] = ()


class Remembered(msgspec.Struct, frozen=True, array_like=True):
    """A device that need not show a factor. `token_hash`: of what it keeps."""

    token_hash: str
    until_ms: int


def bad_challenge() -> Problem:
    return Problem(401, "bad_challenge", "the challenge was used, is over, or was for something else: sign in again")


class Gate:
    def __init__(self, node: "Node", settings: WaysSettings, slips: AnySlips, desk: FactorDesk) -> None:
        self._node, self._settings, self._slips, self._desk = node, settings, slips, desk

    async def asks(self, account: Account, device: models.DeviceInfo, proof: Proof) -> models.FactorNeeded | None:
        """None: the sign-in may be opened. Raises: StoreUnavailable."""
        policy = self._node.tenancy.policies.second_factor
        holder = await self._holder(account.user)
        more = needed(policy, holder, proof.factors, bool(holder.enrolled) and await self._is_remembered(account.user, device))
        if more is None:
            return None
        token, expires_at_ms = secrets.token_urlsafe(32), clock_ms() + self._settings.challenge_ms
        known = device.model_dump(exclude={"remember_token"})
        challenge = Challenge(account.user, proof.method, known, more.factors, more.enrol, expires_at_ms)
        await self._keep(token, challenge)
        return models.FactorNeeded(challenge=token, factors=list(more.factors), enrol=more.enrol, expires_at_ms=expires_at_ms)

    async def _holder(self, user: str) -> Holder:
        role = await self._node.tenancy.role_of_user(user)
        return Holder(role.role, role.level, await self._desk.kinds(user))

    # ---- the challenge

    async def challenge(self, token: str) -> Challenge:
        """As long as it waits. Raises: Problem bad_challenge, StoreUnavailable."""
        kept = (await self._slips.get(_key(token))).value
        found = msgspec.json.decode(kept, type=Challenge) if kept else None
        if found is None or found.expires_at_ms <= clock_ms():
            raise bad_challenge()
        return found

    async def note_enrolled(self, token: str, kind: str) -> None:
        """A factor was added on the way: it was shown. Raises: Problem bad_challenge, StoreUnavailable."""
        challenge = await self.challenge(token)
        await self._keep(token, msgspec.structs.replace(challenge, enrolled=(*challenge.enrolled, kind)))

    async def show(self, token: str, what: Shown | None, remember: bool, site: Site) -> models.SignedIn | models.FactorNeeded:
        """Tokens for the device that began. `what` None: what was enrolled on the way.

        Raises: Problem bad_challenge, bad_factor, factor_not_asked, too_many, and what `open_sign_in` raises.
        """
        challenge = await self.challenge(token)
        if what is None:
            if not challenge.enrolled:
                raise Problem(409, "nothing_enrolled", "add a factor first")
            factors = challenge.enrolled
        else:
            if what.kind not in challenge.factors:
                raise Problem(422, "factor_not_asked", f"one of these is asked for: {', '.join(challenge.factors)}")
            await self._desk.show(challenge.user, what, "factor", site)
            factors = (what.kind,)
        if await self._slips.take(_key(token), USED_KEEP_S) is None:
            raise bad_challenge()
        device = models.DeviceInfo.model_validate(challenge.device)
        days = self._node.tenancy.policies.second_factor.remember_days
        remembered = remember and days > 0 and bool(device.id)
        outcome = await open_sign_in(self._node, challenge.user, Proof(challenge.method, factors, remembered), device)
        if remembered and isinstance(outcome, models.SignedIn):
            outcome.remember_token = await self._remember(challenge.user, device.id or "", days)
        return outcome

    async def _keep(self, token: str, challenge: Challenge) -> None:
        keep_s = self._settings.challenge_ms // 1000 + 1
        await changed(self._slips, _key(token), lambda _: (msgspec.json.encode(challenge), None), keep_s)

    # ---- remembered devices

    async def _is_remembered(self, user: str, device: models.DeviceInfo) -> bool:
        found = _devices((await self._slips.get(f"remembered:{user}")).value).get(device.id or "")
        given = _hash(device.remember_token or "")
        return found is not None and hmac.compare_digest(found.token_hash, given) and clock_ms() < found.until_ms

    async def _remember(self, user: str, device: str, days: int) -> str:
        token, now_ms = secrets.token_urlsafe(32), clock_ms()
        fresh = Remembered(_hash(token), now_ms + days * DAY_MS)

        def decide(kept: bytes) -> tuple[bytes, None]:
            live = {each: value for each, value in _devices(kept).items() if value.until_ms > now_ms and each != device}
            newest = sorted(live.items(), key=lambda each: each[1].until_ms)[-(self._settings.remembered_devices_limit - 1) :]
            return msgspec.json.encode({**dict(newest), device: fresh}), None

        await changed(self._slips, f"remembered:{user}", decide, days * DAY_MS // 1000)
        return token

    async def forget(self, user: str, device: str | None, by: str) -> int:
        """The device, or all of them, must show a factor again; how many. Raises: StoreUnavailable, LogError."""

        def decide(kept: bytes) -> tuple[bytes | None, list[str]]:
            present = _devices(kept)
            gone = [each for each in present if device in (None, each)]
            left = {each: value for each, value in present.items() if each not in gone}
            return (msgspec.json.encode(left) if gone else None), gone

        gone = await changed(self._slips, f"remembered:{user}", decide, 366 * DAY_MS // 1000)
        for each in gone:
            await self._node.people.record(DeviceForgotten(**head_of(user, clock_ms()), device=each, by=by))
        return len(gone)


def _devices(kept: bytes) -> dict[str, Remembered]:
    return msgspec.json.decode(kept, type=dict[str, Remembered]) if kept else {}


def _key(token: str) -> str:
    return f"challenge:{_hash(token)}"


def _hash(secret: str) -> str:
    """Of a secret with 256 random bits: a plain hash cannot be searched."""
    return sha256(secret.encode()).hexdigest()
