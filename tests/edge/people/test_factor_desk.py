"""Second factors over rows and slips in memory: added, shown once, guessed at, removed; and a passkey that is not what it says."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Callable, Coroutine
from hashlib import sha256
from typing import Any, cast

import pyotp
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from webauthn.helpers import bytes_to_base64url, encode_cbor

from edge.clocks import clock_ms
from edge.people.factor_desk import FactorDesk, Purpose, Shown
from edge.people.passkeys import Site, site_of
from edge.people.totp import STEP_MS
from edge.people.ways_settings import WaysSettings
from edge.rest.errors import Problem
from schemas.accounts import AccountEvent, FactorChanged, FactorKind
from store.factors import Factors
from store.sealing import Sealer
from tests.edge.people.slips import MemoryFactors, MemorySlips

ANA, EVE = "u-ana", "u-eve"
SITE = Site("localhost", "Warbler", ("http://localhost:8480",))


class Told:
    """What of a node the desk uses: the events, which come into the rows at once."""

    def __init__(self, factors: MemoryFactors) -> None:
        self.people, self.factors = self, factors
        self.events: list[AccountEvent] = []
        self.refused: list[tuple[str, str, str]] = []

    async def record(self, event: AccountEvent) -> None:
        self.events.append(event)
        if isinstance(event, FactorChanged):
            self.factors.apply(event)

    def note_refused(self, user: str, method: str, reason: str) -> None:
        self.refused.append((user, method, reason))


class Stage:
    def __init__(self, **settings: Any) -> None:
        self.slips, self.factors = MemorySlips(), MemoryFactors()
        self.told = Told(self.factors)
        self.desk = FactorDesk(cast(Any, self.told), WaysSettings(**settings), self.slips, cast(Factors, self.factors), Sealer([b"s" * 32]))

    async def totp(self, user: str = ANA) -> tuple[str, list[str]]:
        """A confirmed TOTP: its secret, and the recovery codes."""
        new = await self.desk.begin_totp(user, "ana", "Phone")
        codes = await self.desk.confirm_totp(user, new.factor, otp(new.secret, -1), user)
        assert codes is not None
        return new.secret, codes

    async def said(self, kind: FactorKind, code: str, user: str = ANA) -> str:
        return await code_of(self.desk.show(user, Shown(kind, code), "factor", SITE))


def otp(secret: str, steps: int = 0) -> str:
    return pyotp.TOTP(secret).generate_otp(clock_ms() // STEP_MS + steps)


async def code_of(doing: Coroutine[Any, Any, Any]) -> str:
    """The problem's code; empty: it was good."""
    try:
        await doing
    except Problem as problem:
        return problem.code
    return ""


def on_stage(body: Callable[[Stage], Coroutine[Any, Any, None]], **settings: Any) -> None:
    async def whole() -> None:
        await body(Stage(**settings))

    asyncio.run(whole())


def test_a_totp_counts_once_it_was_confirmed_and_each_code_once() -> None:
    async def body(stage: Stage) -> None:
        new = await stage.desk.begin_totp(ANA, "ana", "Phone")
        assert await stage.desk.kinds(ANA) == frozenset()
        assert await code_of(stage.desk.confirm_totp(ANA, new.factor, "000000", ANA)) == "bad_factor"
        assert await code_of(stage.desk.confirm_totp(EVE, new.factor, otp(new.secret), EVE)) == "unknown_factor"
        shown = otp(new.secret)
        assert len(await stage.desk.confirm_totp(ANA, new.factor, shown, ANA) or []) == 10
        assert await stage.desk.kinds(ANA) == {"totp", "recovery_codes"}
        assert await code_of(stage.desk.confirm_totp(ANA, new.factor, otp(new.secret, 1), ANA)) == "unknown_factor"
        assert await stage.said("totp", shown) == "bad_factor"  # it was used for confirming
        assert await stage.said("totp", otp(new.secret, 1)) == ""
        assert await stage.said("totp", otp(new.secret, 1)) == "bad_factor"
        assert new.qr_svg.startswith("<svg")
        assert "xmlns" in new.qr_svg  # a picture of its own

    on_stage(body)


def test_of_fifty_who_show_one_code_at_once_one_comes_in() -> None:
    async def body(stage: Stage) -> None:
        secret, codes = await stage.totp()
        for kind, code in (("totp", otp(secret)), ("recovery_codes", codes[3])):
            said = await asyncio.gather(*(stage.said(cast(FactorKind, kind), code) for _ in range(50)))
            assert said.count("") == 1

    on_stage(body, factor_failures=1_000)


def test_ten_recovery_codes_are_ten_sign_ins_and_no_more() -> None:
    async def body(stage: Stage) -> None:
        _, codes = await stage.totp()
        for code in codes:
            assert await stage.said("recovery_codes", f" {code.upper()} ") == ""
            assert await stage.said("recovery_codes", code) == "bad_factor"
        assert await stage.desk.kinds(ANA) == {"totp"}
        assert [event.state for event in stage.told.events if isinstance(event, FactorChanged)][-1] == "used_up"

    on_stage(body)


def test_new_recovery_codes_make_the_old_ones_void_and_need_another_factor() -> None:
    async def body(stage: Stage) -> None:
        assert await code_of(stage.desk.new_recovery_codes(ANA, ANA)) == "no_factor"
        _, old = await stage.totp()
        new = await stage.desk.new_recovery_codes(ANA, ANA)
        assert await stage.said("recovery_codes", old[0]) == "bad_factor"
        assert await stage.said("recovery_codes", new[0]) == ""
        assert sum(each.left for each in await stage.desk.of_user(ANA)) == 9

    on_stage(body)


def test_ten_thousand_guesses_on_one_account_are_ten() -> None:
    async def body(stage: Stage) -> None:
        secret, _ = await stage.totp()
        good = {otp(secret, step) for step in (-1, 0, 1, 2)}
        wrong = next(code for code in ("000000", "111111", "222222", "333333", "444444") if code not in good)
        said = [await stage.said("totp", wrong) for _ in range(500)]
        for _ in range(19):
            said += await asyncio.gather(*(stage.said("totp", wrong) for _ in range(500)))
        assert len(said) == 10_000
        assert said.count("bad_factor") == 10
        assert set(said) == {"bad_factor", "too_many"}
        assert await stage.said("totp", otp(secret, 1)) == "too_many"  # also the right one, for now
        assert stage.told.refused == [(ANA, "totp", "wrong_factor")] * 10

    on_stage(body)


def test_one_guess_on_each_of_ten_thousand_accounts_is_wrong_on_each() -> None:
    async def body(stage: Stage) -> None:
        said = [await stage.said("totp", "123456", f"u-{number}") for number in range(10_000)]
        assert set(said) == {"bad_factor"}

    on_stage(body)


def test_nothing_kept_or_told_shows_a_secret() -> None:
    async def body(stage: Stage) -> None:
        secret, codes = await stage.totp()
        kept = b"".join([*stage.slips.wrote, *(row.sealed for row in stage.factors.rows.values())])
        told = str(stage.told.events)
        for hidden in (secret, *codes, *(code.replace("-", "") for code in codes)):
            assert hidden.encode() not in kept
            assert hidden not in told

    on_stage(body)


def test_a_sealed_factor_moved_to_another_user_opens_nothing() -> None:
    async def body(stage: Stage) -> None:
        secret, _ = await stage.totp()
        for (_, factor), row in list(stage.factors.rows.items()):
            stage.factors.rows[EVE, factor] = row
        with pytest.raises(Exception, match="not sealed here"):
            await stage.desk.show(EVE, Shown("totp", otp(secret)), "factor", SITE)

    on_stage(body)


def test_with_the_last_factor_the_recovery_codes_go() -> None:
    async def body(stage: Stage) -> None:
        secret, codes = await stage.totp()
        own = next(each.factor for each in await stage.desk.of_user(ANA) if each.factor.kind == "totp")
        assert await code_of(stage.desk.remove(EVE, own.factor, EVE)) == "unknown_factor"
        await stage.desk.remove(ANA, own.factor, ANA)
        assert await stage.desk.kinds(ANA) == frozenset()
        assert await stage.said("totp", otp(secret, 1)) == await stage.said("recovery_codes", codes[0]) == "bad_factor"
        assert all(not row.sealed for row in stage.factors.rows.values())

    on_stage(body)


def test_a_deleted_user_leaves_no_secret() -> None:
    async def body(stage: Stage) -> None:
        await stage.totp()
        await stage.desk.remove_all(ANA, ANA)
        assert await stage.desk.kinds(ANA) == frozenset()
        assert all(not row.sealed for row in stage.factors.rows.values())

    on_stage(body)


def test_factors_of_one_user_are_bounded() -> None:
    async def body(stage: Stage) -> None:
        await stage.totp()
        assert await code_of(stage.desk.begin_totp(ANA, "ana", "")) == "too_many_factors"

    on_stage(body, factors_limit=2)


# ---- passkeys, by an authenticator in a few lines


class Authenticator:
    """One credential for `rp_id`; what it signs is what a test says."""

    def __init__(self, user: str, rp_id: str = "localhost") -> None:
        self.key, self.id, self.user, self.rp_id, self.count = (
            ec.generate_private_key(ec.SECP256R1()),
            secrets.token_bytes(16),
            user,
            rp_id,
            0,
        )
        self.flags = 0x05  # present, verified

    def _client_data(self, kind: str, challenge: str, origin: str) -> bytes:
        return json.dumps({"type": kind, "challenge": challenge, "origin": origin, "crossOrigin": False}).encode()

    def _auth_data(self, flags: int) -> bytes:
        return sha256(self.rp_id.encode()).digest() + bytes([flags]) + self.count.to_bytes(4, "big")

    def make(self, options: dict[str, Any], origin: str = "http://localhost:8480") -> dict[str, Any]:
        numbers = self.key.public_key().public_numbers()
        cose = {1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")}
        auth_data = self._auth_data(self.flags | 0x40) + bytes(16) + len(self.id).to_bytes(2, "big") + self.id + encode_cbor(cose)
        response = {
            "clientDataJSON": bytes_to_base64url(self._client_data("webauthn.create", options["challenge"], origin)),
            "attestationObject": bytes_to_base64url(encode_cbor({"fmt": "none", "attStmt": {}, "authData": auth_data})),
        }
        return {"id": bytes_to_base64url(self.id), "rawId": bytes_to_base64url(self.id), "type": "public-key", "response": response}

    def get(self, options: dict[str, Any], origin: str = "http://localhost:8480", **changed: Any) -> dict[str, Any]:
        self.count += 1
        client_data = self._client_data("webauthn.get", options["challenge"], origin)
        auth_data = self._auth_data(self.flags)
        response = {
            "clientDataJSON": bytes_to_base64url(client_data),
            "authenticatorData": bytes_to_base64url(auth_data),
            "signature": bytes_to_base64url(self.key.sign(auth_data + sha256(client_data).digest(), ec.ECDSA(SHA256()))),
            "userHandle": bytes_to_base64url(self.user.encode()),
            **changed,
        }
        return {"id": bytes_to_base64url(self.id), "rawId": bytes_to_base64url(self.id), "type": "public-key", "response": response}


async def enrolled(stage: Stage, user: str = ANA) -> Authenticator:
    authenticator = Authenticator(user)
    challenge, options = await stage.desk.passkey_options("add", SITE, user, "ana")
    await stage.desk.add_passkey(user, challenge, authenticator.make(options), "Key", SITE, user)
    return authenticator


def test_a_passkey_signs_in_and_its_challenge_is_good_once() -> None:
    async def body(stage: Stage) -> None:
        authenticator = await enrolled(stage)
        assert await stage.desk.kinds(ANA) == {"passkey", "recovery_codes"}
        challenge, options = await stage.desk.passkey_options("sign_in", SITE, "")
        answer = authenticator.get(options)
        assert await stage.desk.passkey_user(challenge, answer, SITE) == ANA
        assert await code_of(stage.desk.passkey_user(challenge, answer, SITE)) == "bad_challenge"

    on_stage(body)


HOSTILE: list[Callable[[Authenticator, dict[str, Any]], dict[str, Any]]] = [
    lambda key, options: key.get(options, origin="http://evil.example"),
    lambda key, options: key.get(options, origin="http://localhost:8481"),
    lambda key, options: key.get({"challenge": bytes_to_base64url(b"of another time")}),
    lambda key, options: key.get(options, signature=bytes_to_base64url(b"none")),
    lambda key, options: key.get(options, userHandle=bytes_to_base64url(EVE.encode())),
    lambda key, options: key.get(options, userHandle=None),
    lambda key, options: key.get(options, userHandle=7),
    lambda key, options: key.get(options, authenticatorData=""),
    lambda key, options: {**key.get(options), "id": "another"},
    lambda key, options: {**key.get(options), "response": None},
    lambda key, options: {**key.get(options), "type": "password"},
    lambda key, options: {},
    lambda key, options: {"id": ["x"] * 100},
]


@pytest.mark.parametrize("hostile", HOSTILE)
def test_a_passkey_that_is_not_what_it_says_lets_nobody_in(hostile: Callable[[Authenticator, dict[str, Any]], dict[str, Any]]) -> None:
    async def body(stage: Stage) -> None:
        authenticator = await enrolled(stage)
        challenge, options = await stage.desk.passkey_options("sign_in", SITE, "")
        assert await code_of(stage.desk.passkey_user(challenge, hostile(authenticator, options), SITE)) == "bad_passkey"

    on_stage(body)


def test_an_authenticator_that_did_not_verify_its_user_is_no_sign_in_but_a_second_factor() -> None:
    async def body(stage: Stage) -> None:
        authenticator = await enrolled(stage)
        authenticator.flags = 0x01
        challenge, options = await stage.desk.passkey_options("sign_in", SITE, "")
        assert await code_of(stage.desk.passkey_user(challenge, authenticator.get(options), SITE)) == "bad_passkey"
        challenge, options = await stage.desk.passkey_options("factor", SITE, ANA)
        shown = Shown("passkey", challenge=challenge, credential=authenticator.get(options))
        assert await code_of(stage.desk.show(ANA, shown, "factor", SITE)) == ""

    on_stage(body)


def test_a_copied_authenticator_is_found_by_its_counter() -> None:
    async def body(stage: Stage) -> None:
        authenticator = await enrolled(stage)
        for count, good in ((5, True), (6, True), (3, False), (6, False), (7, True)):
            challenge, options = await stage.desk.passkey_options("sign_in", SITE, "")
            authenticator.count = count - 1
            assert await code_of(stage.desk.passkey_user(challenge, authenticator.get(options), SITE)) == ("" if good else "bad_passkey")

    on_stage(body)


@pytest.mark.parametrize(("made_for", "used_for"), [("sign_in", "factor"), ("step_up", "factor"), ("factor", "step_up"), ("add", "factor")])
def test_a_challenge_is_for_what_it_was_made_for(made_for: Purpose, used_for: Purpose) -> None:
    async def body(stage: Stage) -> None:
        authenticator = await enrolled(stage)
        challenge, options = await stage.desk.passkey_options(made_for, SITE, ANA)
        shown = Shown("passkey", challenge=challenge, credential=authenticator.get(options))
        assert await code_of(stage.desk.show(ANA, shown, used_for, SITE)) == "bad_challenge"

    on_stage(body)


def test_a_page_of_another_host_cannot_use_a_passkey_even_if_it_is_asked_for_by_that_host() -> None:
    """A phishing site that hands every request on, with its own name as the host."""

    async def body(stage: Stage) -> None:
        authenticator = await enrolled(stage)
        evil = site_of("http://evil.example", "", "Warbler", "")
        challenge, options = await stage.desk.passkey_options("sign_in", evil, "")
        authenticator.rp_id = "evil.example"
        answer = authenticator.get(options, origin="http://evil.example")
        assert await code_of(stage.desk.passkey_user(challenge, answer, evil)) == "bad_passkey"

    on_stage(body)


def test_a_passkey_made_for_another_site_is_not_taken() -> None:
    async def body(stage: Stage) -> None:
        authenticator = Authenticator(ANA)
        for origin, rp_id in (("http://evil.example", "localhost"), ("http://localhost:8480", "evil.example")):
            authenticator.rp_id = rp_id
            challenge, options = await stage.desk.passkey_options("add", SITE, ANA, "ana")
            answer = authenticator.make(options, origin)
            assert await code_of(stage.desk.add_passkey(ANA, challenge, answer, "", SITE, ANA)) == "bad_passkey"
        assert await stage.desk.kinds(ANA) == frozenset()

    on_stage(body)
