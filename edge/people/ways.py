"""The ways in of this node, put together: codes, providers, passkeys, second factors. `node.ways`.

Made with the node; called by the routes of `edge.rest`. Whoever comes in by a code or a provider ends in `enter`.
"""

import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import structlog

from edge.clocks import clock_ms, mono_ms
from edge.people.code_desk import CodeDesk
from edge.people.codes import CodeKind, Subject
from edge.people.factor_desk import FactorDesk
from edge.people.gate import Gate
from edge.people.passkeys import Site, site_of
from edge.people.policies import Method
from edge.people.provider_desk import ProviderDesk
from edge.people.providers import load
from edge.people.registering import NewAccount, Taken, new_identifier, register
from edge.people.senders import ConsoleSender, HttpSmsSender, Sender, SmtpSender
from edge.people.signing import Proof, open_sign_in
from edge.people.swapping import too_many
from edge.people.ways_settings import HOUR_MS, WaysSettings
from edge.rate import Buckets
from edge.rest import models
from edge.rest.errors import Problem
from schemas.accounts import IdentifierKind
from schemas.errors import WarblerError
from store.sealing import Sealer

if TYPE_CHECKING:
    from edge.node import Node

LOGGER = structlog.get_logger()
METHOD_OF: Mapping[IdentifierKind, Method] = {"email": "email", "phone": "phone", "external": "provider", "name": "password"}


def senders_of(settings: WaysSettings) -> dict[CodeKind, Sender]:
    """Those that are configured. Raises: OSError."""
    found: dict[CodeKind, Sender] = {}
    if settings.codes_to_console:
        found |= {"email": ConsoleSender(), "phone": ConsoleSender()}
    if settings.smtp_host:
        found["email"] = SmtpSender(settings)
    if settings.sms_url:
        found["phone"] = HttpSmsSender(settings, httpx.AsyncClient())
    return found


def sealer_of(settings: WaysSettings, secret: bytes) -> Sealer:
    """With the secrets of the file EDGE_SEAL_KEY, else with one derived from the file of the token keys. Raises: OSError, ValueError."""
    return Sealer.of_file(Path(settings.seal_key).read_bytes()) if settings.seal_key else Sealer([secret])


class Ways:
    def __init__(self, node: "Node", settings: WaysSettings, env: Mapping[str, str]) -> None:
        self._node, self.settings = node, settings
        slips, sealer = node.tables.slips, sealer_of(settings, node.key.secret_for("seal"))
        self.codes = CodeDesk(settings, slips, sealer, senders_of(settings), node.spawn)
        self.providers = ProviderDesk(settings, slips, load(settings.providers, env) if settings.providers else {}, env)
        self.factors = FactorDesk(node, settings, slips, node.tables.factors, sealer)
        self.gate = Gate(node, settings, slips, self.factors)
        node.people.factor_gate = self.gate.asks
        node.people.erasers.append(self._erase)
        self._codes_asked = Buckets(settings.address_codes_per_hour * 1000 / HOUR_MS, settings.address_codes_per_hour)
        self._guesses = Buckets(settings.address_guesses_per_hour * 1000 / HOUR_MS, settings.address_guesses_per_hour)

    def site(self, base_url: str) -> Site:
        return site_of(base_url, self.settings.rp_id, self.settings.rp_name, self.settings.origins)

    def take_code(self, address: str) -> None:
        """One more code for who comes from the address. Raises: Problem too_many."""
        if wait_ms := self._codes_asked.of(address, mono_ms()).take(mono_ms()):
            raise too_many(wait_ms)

    def take_guess(self, address: str) -> None:
        """One more try, right or wrong, of who comes from the address. Raises: Problem too_many."""
        if wait_ms := self._guesses.of(address, mono_ms()).take(mono_ms()):
            raise too_many(wait_ms)

    def open_methods(self) -> frozenset[str]:
        """The ways in that are configured here and that the tenant has not closed."""
        here: set[str] = {"password", "passkey", *self.codes.senders}
        if self.providers.providers:
            here.add("provider")
        return frozenset(here & set(self._node.tenancy.policies.sign_in.methods))

    def need(self, method: str) -> None:
        """Raises: Problem method_off."""
        if method not in self.open_methods():
            raise Problem(403, "method_off", "this way to sign in is not open here")

    async def may_send(self, kind: CodeKind, to: str) -> bool:
        """Whether a code could lead anywhere: to an account, or to a new one. Raises: StoreUnavailable."""
        if await self._node.accounts.user_of(kind, to) is not None:
            return True
        return self._node.tenancy.policies.sign_up.allows(kind)

    async def confirm(self, subject: Subject, code: str) -> None:
        """As `codes.confirm`; a wrong code for an account that exists is told in the log, by and by.

        What is not looked at any more (too_many) is not told: who guesses for days would fill a log that is kept for ever.
        """
        try:
            await self.codes.confirm(subject, code)
        except Problem as refused:
            if refused.code == "bad_code":
                self._node.spawn(self._note_wrong(subject))
            raise

    async def _note_wrong(self, subject: Subject) -> None:
        try:
            user = await self._node.accounts.user_of(subject.kind, subject.to)
        except WarblerError as failed:
            LOGGER.warning("a wrong code could not be recorded", reason=str(failed))
            return
        if user is not None:
            self._node.people.note_refused(user, subject.kind, "wrong_secret")

    async def enter(
        self, kind: IdentifierKind, key: tuple[str, str], proof: Proof, device: models.DeviceInfo, name: str = ""
    ) -> models.SignedIn | models.FactorNeeded:
        """Signs in who was shown to be the owner of an identifier (key, shown); a new one makes an account, if the tenant lets it.

        Raises: Problem sign_up_closed, and what `open_sign_in` raises.
        """
        user = await self._node.accounts.user_of(kind, key[0])
        if user is None:
            user = await self._made(kind, key, name)
        return await open_sign_in(self._node, user, proof, device)

    async def _made(self, kind: IdentifierKind, key: tuple[str, str], name: str) -> str:
        if not self._node.tenancy.policies.sign_up.allows(METHOD_OF[kind]):
            raise Problem(403, "sign_up_closed", "no account belongs to this, and accounts are made by administrators only")
        shown_as = name or f"user-{secrets.token_hex(3)}"
        try:
            return (await register(self._node, NewAccount(new_identifier(kind, key, clock_ms()), shown_as))).user
        except Taken as taken:  # by another device of the same person, at this moment
            if not taken.holder:
                raise
            return taken.holder

    async def _erase(self, user: str) -> None:
        await self.gate.forget(user, None, user)
        await self.factors.remove_all(user, user)
