"""Users at this node: what is recorded of them, what was revoked, how they change. `node.people`.

Called by the routes of `edge.rest` and by `edge.sessions`; calls the log, the rows and the desk. Every change of a user's state, sign-in
or factor goes through `record`: event first, then rows, then this node's own sessions.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Literal

import structlog

from edge.clocks import clock_ms, mono_ms
from edge.people.contact import Contact
from edge.people.guesses import Guesses, GuessRules
from edge.people.passwords import Passwords
from edge.people.recording import ACCOUNT_EVENTS, head_of, publish_account_event
from edge.people.revocations import Revocations, Why
from edge.people.signing import FactorGate, no_factor
from edge.rate import Buckets
from edge.tokens import Grant
from schemas.accounts import AccountEvent, EndReason, SignInEnded, SignInRefused, TokenRevoked, UserState, UserStateChanged
from schemas.errors import WarblerError
from store.sign_ins import NO_SIGN_IN, SignIn

if TYPE_CHECKING:
    from edge.node import Node

LOGGER = structlog.get_logger()
RefusedReason = Literal["wrong_secret", "wrong_factor", "too_many", "frozen", "policy"]
Which = Callable[[SignIn], bool]


def every_sign_in(sign_in: SignIn) -> bool:
    return True


class People:
    """`factor_gate`: what is asked whether a second factor is needed. `erasers`: what deletes a deleted user's personal rows, each."""

    def __init__(self, node: "Node") -> None:
        self.node = node
        settings = node.settings
        self.revocations = Revocations(max(settings.access_token_ms, settings.admin_token_ms))
        self.passwords = Passwords(settings)
        rules = GuessRules(settings.guesses_free, settings.guess_wait_ms, settings.guess_wait_ms_limit, settings.guesses_forget_ms)
        self.guesses = Guesses(rules)
        self.address_guesses = Buckets(settings.address_guesses_per_min / 60, settings.address_guesses_burst)
        self.contact = Contact(settings.revocation_blind_ms)
        self.factor_gate: FactorGate = no_factor
        self.erasers: list[Callable[[str], Awaitable[None]]] = []

    async def record(self, event: AccountEvent) -> None:
        """In the log, in the rows and heeded by this node's sessions when it returns; the other nodes hear of it from the log.

        Raises: LogError, StoreUnavailable (the projector will write the row).
        """
        await publish_account_event(self.node.log, self.node.publisher, event)
        self.node.desk.heed(event)
        await self.node.tables.account_rows.apply(event, clock_ms())

    # ---- what changes a user

    async def change_state(self, user: str, state: UserState, reason: str, by: str) -> None:
        """Durable, and every session of a user that is not active any more is being closed, when it returns.

        Raises: LogError, StoreUnavailable. Its sign-ins end too where the state is one from which there is no silent way back.
        """
        known = await self.node.accounts.state_of(user)
        at_ms = max(clock_ms(), known.at_ms + 1 if known is not None else 0)  # states are ordered by their time
        base = head_of(user, at_ms)
        await self.record(UserStateChanged(**base, state=state, reason=reason, by=by))
        if state in ("frozen", "deactivated", "deleted"):
            await self.end_sign_ins(user, every_sign_in, state, by)
        if state == "deleted":
            await self._erase(user)

    async def end_sign_ins(self, user: str, which: Which, reason: EndReason, by: str) -> int:
        """Ends the open ones that `which` chooses, and how many; all of them: also tokens that were minted without a sign-in.

        Raises: LogError, StoreUnavailable.
        """
        now_ms = clock_ms()
        chosen = [each for each in await self.node.tables.sign_ins.of_user(user) if each.is_open(now_ms) and which(each)]
        for each in chosen:
            await self.end_sign_in(user, each.sign_in, each.device, reason, by)
        if which is every_sign_in:
            await self.end_sign_in(user, NO_SIGN_IN, "", reason, by)
        return len(chosen)

    async def end_sign_in(self, user: str, sign_in: str, device: str, reason: EndReason, by: str) -> None:
        """Raises: LogError, StoreUnavailable. Delivery: safe to repeat."""
        base = head_of(user, clock_ms())
        await self.record(SignInEnded(**base, sign_in=sign_in, device=device, reason=reason, by=by))

    async def revoke_token(self, grant: Grant, by: str) -> None:
        """One access token. Raises: LogError, StoreUnavailable."""
        base = head_of(grant.user, clock_ms())
        await self.record(TokenRevoked(**base, token_id=grant.token_id, expires_at_ms=grant.expires_at_ms, by=by))

    def note_refused(self, user: str, method: str, reason: RefusedReason) -> None:
        """Told in the log by and by: the answer must not take longer for users that exist."""
        base = head_of(user, clock_ms())
        self.node.spawn(self._told(SignInRefused(**base, method=method, reason=reason)))

    async def _told(self, event: AccountEvent) -> None:
        try:
            await publish_account_event(self.node.log, self.node.publisher, event)
        except WarblerError as exc:
            LOGGER.warning("a refused sign-in could not be recorded", user=event.user, error=str(exc))

    async def _erase(self, user: str) -> None:
        for identifier in await self.node.accounts.identifiers_of(user):
            kept_back_s = self.node.settings.name_kept_back_s if identifier.kind == "name" else 0
            await self.node.accounts.release(identifier, user, kept_back_s)
        for erase in self.erasers:
            await erase(user)
        for each in await self.node.tables.sign_ins.of_user(user):
            await self.node.tables.sign_ins.name_device(user, each.sign_in, "")
        await self.node.accounts.erase(user)

    async def watch(self) -> None:
        """Looks again and again whether this node has heard everything that was revoked, and forgets what is over."""
        limit_s = self.node.settings.revocation_blind_ms / 1000
        while True:
            asked_mono_ms = mono_ms()
            try:
                async with asyncio.timeout(limit_s):
                    await self.node.feed.reach_ends(ACCOUNT_EVENTS)
                self.contact.heard(asked_mono_ms)
            except (WarblerError, TimeoutError) as exc:
                LOGGER.warning("what was revoked is not heard", error=repr(exc), blind=self.is_blind)
            self.revocations.sweep(clock_ms())
            await asyncio.sleep(limit_s / 5)

    # ---- who may come in

    @property
    def is_blind(self) -> bool:
        """Whether this node has not heard from the topic of revocations for too long to let somebody in."""
        return self.contact.is_lost(mono_ms())

    async def refusal(self, grant: Grant) -> Why | None:
        """Why a token that is good in itself is refused; None: it is not. Raises: StoreUnavailable."""
        if (why := self.revocations.why(grant)) is not None:
            return why
        rows = await self.node.tables.sign_ins.standing(grant.user, grant.sign_in, grant.token_id)
        if rows.state != "active":
            return rows.state
        if rows.family_over or rows.token_revoked or (rows.void_before_ms and grant.issued_at_ms <= rows.void_before_ms):
            return "revoked"
        return self.revocations.why(grant)  # what was revoked while the rows were read
