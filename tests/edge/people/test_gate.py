"""The gate between the first step and the tokens: what is asked for, the way on, and which devices are spared."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from types import SimpleNamespace
from typing import Any, cast

from edge.people.factor_desk import FactorDesk, Shown
from edge.people.gate import Gate
from edge.people.passkeys import Site
from edge.people.permits import NOBODY
from edge.people.policies import Policies, SecondFactor
from edge.people.signing import Proof, open_sign_in
from edge.people.ways_settings import WaysSettings
from edge.rest.models import DeviceInfo, FactorNeeded, SignedIn
from edge.settings import EdgeSettings
from schemas import accounts as facts
from store.accounts import Account
from store.factors import Factors
from store.sealing import Sealer
from tests.edge.nodes import KEY
from tests.edge.people.slips import MemoryFactors, MemorySlips
from tests.edge.people.test_factor_desk import Told, code_of, otp

ANA = "u-ana"
SITE = Site("localhost", "Warbler", ("http://localhost:8480",))
PHONE = DeviceInfo(id="phone", name="Phone", platform="ios")


class Rows:
    """Accounts and sign-ins as far as a sign-in needs them."""

    async def by_id(self, user: str) -> Account:
        return Account(user, "ana", None, 0)

    async def state_of(self, user: str) -> None:
        return None

    async def open_family(self, *given: Any) -> None:
        pass

    async def name_device(self, *given: Any) -> None:
        pass

    async def of_user(self, user: str) -> list[Any]:
        return []


class Stage:
    def __init__(self, **settings: Any) -> None:
        self.slips, self.factors, rows = MemorySlips(), MemoryFactors(), Rows()
        self.told = Told(self.factors)
        self.tenancy = SimpleNamespace(policies=Policies(), role_of_user=self._role)
        tables = SimpleNamespace(sign_ins=rows)
        node = SimpleNamespace(people=self.told, accounts=rows, tables=tables, tenancy=self.tenancy, key=KEY, settings=EdgeSettings())
        ways = WaysSettings(**settings)
        self.desk = FactorDesk(cast(Any, node), ways, self.slips, cast(Factors, self.factors), Sealer([b"s" * 32]))
        self.gate = Gate(cast(Any, node), ways, self.slips, self.desk)
        self.told.factor_gate = self.gate.asks  # type: ignore[attr-defined]
        self.node = cast(Any, node)

    async def _role(self, user: str) -> Any:
        return NOBODY

    def policy(self, **second_factor: Any) -> None:
        self.tenancy.policies = Policies(second_factor=SecondFactor(**second_factor))

    async def sign_in(self, device: DeviceInfo = PHONE, user: str = ANA) -> SignedIn | FactorNeeded:
        return await open_sign_in(self.node, user, Proof("password"), device)

    async def waiting(self, device: DeviceInfo = PHONE) -> str:
        found = await self.sign_in(device)
        assert isinstance(found, FactorNeeded)
        return found.challenge

    async def totp(self) -> tuple[str, list[str]]:
        new = await self.desk.begin_totp(ANA, "ana", "")
        return new.secret, await self.desk.confirm_totp(ANA, new.factor, otp(new.secret, -1), ANA) or []

    async def show(self, token: str, code: str, remember: bool = False) -> SignedIn | FactorNeeded:
        return await self.gate.show(token, Shown("recovery_codes", code), remember, SITE)


def on_stage(body: Callable[[Stage], Coroutine[Any, Any, None]], **settings: Any) -> None:
    async def whole() -> None:
        await body(Stage(**settings))

    asyncio.run(whole())


def signed_in(events: list[facts.AccountEvent]) -> facts.SignedIn:
    return [event for event in events if isinstance(event, facts.SignedIn)][-1]


def test_who_has_no_factor_is_in_at_once() -> None:
    async def body(stage: Stage) -> None:
        assert isinstance(await stage.sign_in(), SignedIn)

    on_stage(body)


def test_a_factor_is_asked_for_and_the_tokens_are_for_the_device_that_began() -> None:
    async def body(stage: Stage) -> None:
        _, codes = await stage.totp()
        token = await stage.waiting()
        assert await code_of(stage.show(token, "nothing")) == "bad_factor"
        assert isinstance(await stage.show(token, codes[0]), SignedIn)
        event = signed_in(stage.told.events)
        assert (event.device, event.method, event.factors, event.remembered) == ("phone", "password", ("recovery_codes",), False)
        assert await code_of(stage.show(token, codes[1])) == "bad_challenge"

    on_stage(body)


def test_one_challenge_is_one_sign_in_however_many_show_a_good_factor_at_once() -> None:
    async def body(stage: Stage) -> None:
        _, codes = await stage.totp()
        token = await stage.waiting()
        said = await asyncio.gather(*(code_of(stage.show(token, code)) for code in codes[:5]))
        assert said.count("") == 1
        assert set(said) <= {"", "bad_challenge", "too_many"}

    on_stage(body)


def test_a_challenge_ends() -> None:
    async def body(stage: Stage) -> None:
        _, codes = await stage.totp()
        token = await stage.waiting()
        await asyncio.sleep(0.005)
        assert await code_of(stage.show(token, codes[0])) == "bad_challenge"

    on_stage(body, challenge_ms=1)


def test_a_remembered_device_is_spared_for_its_user_and_its_token_alone() -> None:
    async def body(stage: Stage) -> None:
        _, codes = await stage.totp()
        done = await stage.show(await stage.waiting(), codes[0], remember=True)
        assert isinstance(done, SignedIn)
        assert done.remember_token is not None
        assert signed_in(stage.told.events).remembered
        known = PHONE.model_copy(update={"remember_token": done.remember_token})
        assert isinstance(await stage.sign_in(known), SignedIn)
        for update in ({"id": "laptop"}, {"remember_token": "guess"}, {"remember_token": None}, {"id": None}):
            assert isinstance(await stage.sign_in(known.model_copy(update=update)), FactorNeeded)
        stage.policy(remember_days=0)
        assert isinstance(await stage.sign_in(known), FactorNeeded)
        stage.policy()
        assert await stage.gate.forget(ANA, "phone", ANA) == 1
        assert await stage.gate.forget(ANA, "phone", ANA) == 0
        assert isinstance(await stage.sign_in(known), FactorNeeded)
        assert next(event for event in stage.told.events if isinstance(event, facts.DeviceForgotten)).device == "phone"

    on_stage(body)


def test_remembered_devices_are_bounded_and_the_newest_stay() -> None:
    async def body(stage: Stage) -> None:
        _, codes = await stage.totp()
        kept = []
        for number in range(4):
            device = DeviceInfo(id=f"d-{number}")
            done = await stage.show(await stage.waiting(device), codes[number], remember=True)
            assert isinstance(done, SignedIn)
            kept.append(device.model_copy(update={"remember_token": done.remember_token}))
            await asyncio.sleep(0.002)
        spared = [isinstance(await stage.sign_in(device), SignedIn) for device in kept]
        assert spared == [False, False, True, True]

    on_stage(body, remembered_devices_limit=2)


def test_a_device_without_an_id_is_not_remembered() -> None:
    async def body(stage: Stage) -> None:
        _, codes = await stage.totp()
        done = await stage.show(await stage.waiting(DeviceInfo()), codes[0], remember=True)
        assert isinstance(done, SignedIn)
        assert done.remember_token is None
        assert not signed_in(stage.told.events).remembered

    on_stage(body)


def test_who_must_have_a_factor_adds_one_before_it_is_in() -> None:
    async def body(stage: Stage) -> None:
        stage.policy(everyone=True)
        found = await stage.sign_in()
        assert isinstance(found, FactorNeeded)
        assert found.enrol
        assert found.factors == []
        enrolled = stage.gate.show(found.challenge, None, False, SITE)
        assert await code_of(enrolled) == "nothing_enrolled"
        assert await code_of(stage.show(found.challenge, "guess")) == "factor_not_asked"
        await stage.totp()
        await stage.gate.note_enrolled(found.challenge, "totp")
        assert isinstance(await stage.gate.show(found.challenge, None, False, SITE), SignedIn)
        assert signed_in(stage.told.events).factors == ("totp",)

    on_stage(body)
