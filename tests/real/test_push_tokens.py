"""Push tokens over two real edges: who has one, when it goes, what of it is kept; settings, and devices' word that a push arrived."""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
import time
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from warbler.client import Client
from warbler.frames import PushOffer

from log.kafka import KafkaLog
from log.port import Entry
from log.settings import LogSettings
from ops.verify_accounts import AccountsReport, AccountsVerifier
from schemas.accounts import PushTokenChanged, SignInEnded
from schemas.codec import decode_account_event, encode
from schemas.partition import partition_of
from store.cassandra import Store
from store.push_claims import Change
from store.push_keys import push_sealer
from store.push_tables import PushTables
from store.push_tickets import Ticket, make_ticket
from store.pushing import PushToken
from store.sealing import Sealer
from store.settings import StoreSettings
from tests.real.running import Running
from tests.real.test_accounts import bearer, log_in, problem, sign_up

pytestmark = pytest.mark.real

T = TypeVar("T")
PATIENCE_S = 90.0


@pytest.fixture
def http(warbler: Running) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=warbler.page, timeout=60) as client:
        yield client


@pytest.fixture
def other(warbler: Running) -> Iterator[httpx.Client]:
    """The other edge."""
    with httpx.Client(base_url=warbler.addresses()[1], timeout=60) as client:
        yield client


def new_token() -> str:
    return "f" + secrets.token_hex(40)


def subscription(endpoint: str = "https://push.example.org/send/1") -> str:
    point = ec.generate_private_key(ec.SECP256R1()).public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    keys = {
        name: base64.urlsafe_b64encode(raw).rstrip(b"=").decode() for name, raw in (("p256dh", point), ("auth", secrets.token_bytes(16)))
    }
    return json.dumps({"endpoint": endpoint, "expirationTime": None, "keys": keys})


def put(http: httpx.Client, user: dict[str, Any], channel: str, token: str, **more: str) -> httpx.Response:
    return http.put(f"/v1/me/push/tokens/{channel}", json={"token": token, **more}, headers=bearer(user))


def devices(http: httpx.Client, user: dict[str, Any]) -> list[tuple[str, str]]:
    found = http.get("/v1/me/push", headers=bearer(user)).json()["devices"]
    return [(each["device"], each["channel"]) for each in found]


@dataclass
class Kept:
    """The tables and the log themselves, opened once, with the cluster's own key."""

    runner: asyncio.Runner
    store: Store
    tables: PushTables
    log: KafkaLog
    sealer: Sealer

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    def tokens(self, user: dict[str, Any]) -> list[PushToken]:
        return self.do(self.tables.tokens(user["user"]))

    async def place(self, user: dict[str, Any]) -> tuple[bytes, int]:
        key = str(user["user"]).encode()
        return key, partition_of(key, await self.log.partitions_count("account-events"))

    async def verify(self) -> AccountsReport:
        return await AccountsVerifier(self.log, self.store, 60.0, now_ms).run()


def now_ms() -> int:
    return time.time_ns() // 1_000_000


@pytest.fixture(scope="module")
def kept(warbler: Running) -> Iterator[Kept]:
    with asyncio.Runner() as runner:
        log = KafkaLog(LogSettings(warbler.kafka))
        runner.run(log.start())
        store = runner.run(Store.connect(StoreSettings(warbler.cassandra, warbler.keyspace)))
        sealer = push_sealer({"WARBLER_PUSH_KEY": str(warbler.data / "secrets" / "push-key")})
        assert sealer is not None
        yield Kept(runner, store, PushTables(store, sealer), log, sealer)
        runner.run(store.close())
        runner.run(log.close())


def until(look: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not look():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.1)


# ---- registered, replaced, moved, removed


def test_a_token_is_registered_replaced_and_removed(kept: Kept, http: httpx.Client, other: httpx.Client) -> None:
    ana, first, second = sign_up(http, "phone"), new_token(), new_token()
    taken = put(http, ana, "fcm", first, locale="de", app="chat").json()
    assert put(other, ana, "fcm", first, locale="de", app="chat").json() == taken
    assert [(each.device, each.token, each.locale, each.app) for each in kept.tokens(ana)] == [("phone", first, "de", "chat")]
    assert put(other, ana, "fcm", second).json()["token_id"] != taken["token_id"]
    assert [each.token for each in kept.tokens(ana)] == [second]
    for _ in range(2):  # the second time there is nothing to remove
        assert http.delete("/v1/me/push/tokens/fcm", headers=bearer(ana)).status_code == 204
    assert kept.tokens(ana) == []


def test_an_alert_token_and_a_voip_token_of_one_device_are_two(http: httpx.Client) -> None:
    ana, token = sign_up(http, "phone"), secrets.token_hex(32)
    ids = {put(http, ana, channel, token).json()["token_id"] for channel in ("apns", "apns_voip")}
    assert len(ids) == 2
    assert devices(http, ana) == [("phone", "apns"), ("phone", "apns_voip")]


def test_a_new_login_on_the_device_takes_the_token_with_it(kept: Kept, http: httpx.Client, other: httpx.Client) -> None:
    ana, ben, token = sign_up(http, "tablet"), sign_up(http, "tablet"), new_token()
    assert put(http, ana, "fcm", token).json()["token_id"] == put(other, ben, "fcm", token).json()["token_id"]
    assert (devices(http, ana), devices(http, ben)) == ([], [("tablet", "fcm")])
    assert [each.token for each in kept.tokens(ben)] == [token]


def test_of_many_who_register_one_token_at_once_one_has_it(warbler: Running, kept: Kept, http: httpx.Client) -> None:
    people, token = [sign_up(http, "tablet") for _ in range(3)], new_token()

    async def all_at_once() -> list[int]:
        async with httpx.AsyncClient(timeout=60) as client:
            asked = [
                client.put(
                    warbler.addresses()[number % 2] + "/v1/me/push/tokens/fcm",
                    json={"token": token},
                    headers=bearer(people[number % len(people)]),
                )
                for number in range(4)
            ]
            return [answer.status_code for answer in await asyncio.gather(*asked)]

    assert set(asyncio.run(all_at_once())) <= {200, 503}  # contended beyond its tries: told so, and to try again

    async def rows() -> int:
        return sum([len(await kept.tables.rows.of_user(person["user"])) for person in people])

    until(lambda: kept.do(rows()) == 1)
    assert sum(len(kept.tokens(person)) for person in people) == 1


def test_signing_out_takes_the_tokens_of_that_sign_in_alone(kept: Kept, http: httpx.Client, other: httpx.Client) -> None:
    phone = sign_up(http, "phone")
    desk = dict(log_in(other, phone, device="desk").json())
    put(http, phone, "fcm", new_token())
    put(other, desk, "webpush", subscription())
    assert devices(http, phone) == [("desk", "webpush"), ("phone", "fcm")]
    assert http.post("/v1/logout", json={"refresh_token": phone["refresh_token"]}).status_code == 204
    assert devices(http, desk) == [("desk", "webpush")]
    assert put(other, phone, "fcm", new_token()).status_code == 401
    assert [each.channel for each in kept.tokens(desk)] == ["webpush"]


def test_what_an_edge_left_undone_the_projector_does(kept: Kept, http: httpx.Client) -> None:
    """The event of a sign-out without its rows: as an edge leaves it that dies between the two."""
    ana = sign_up(http, "phone")
    put(http, ana, "fcm", new_token())
    [token] = kept.tokens(ana)
    ended = SignInEnded(
        **{"event_id": "e-1", "tenant": "default", "user": ana["user"], "at_ms": now_ms()},
        sign_in=token.sign_in,
        device="phone",
        reason="revoked",
        by="root",
    )

    async def publish() -> None:
        key, partition = await kept.place(ana)
        await kept.log.publish("account-events", partition, [Entry(key, encode("account-events", ended))])

    kept.do(publish())
    until(lambda: kept.tokens(ana) == [])


def test_a_deleted_user_leaves_nothing(kept: Kept, http: httpx.Client) -> None:
    ana = sign_up(http, "phone")
    put(http, ana, "fcm", new_token())
    http.put("/v1/me/push/labels", json={"tags": ["vip"], "alias": "a1"}, headers=bearer(ana))
    http.put("/v1/me/push/settings", json={"badge": False}, headers=bearer(ana))
    assert http.delete("/v1/me", headers=bearer(ana)).status_code == 204

    async def left() -> list[Any]:
        user, found = ana["user"], list[Any]()
        for table in ("push_settings", "push_labels"):
            found += await kept.store.execute(f"SELECT user FROM {table} WHERE user = ?", (user,))
        return [*found, *await kept.tables.rows.of_user(user), *await kept.tables.aliased("default", "a1", "", 10)]

    assert kept.do(left()) == []


def test_a_token_is_sealed_where_it_is_kept(kept: Kept, http: httpx.Client) -> None:
    ana, token = sign_up(http, "phone"), new_token()
    put(http, ana, "fcm", token)

    async def row() -> tuple[str, list[bytes]]:
        rows = await kept.store.execute("SELECT * FROM push_tokens WHERE user = ?", (ana["user"],))
        key, partition = await kept.place(ana)
        records = await kept.log.read("account-events", partition, await kept.log.start_offset("account-events", partition), 10_000)
        return repr(rows), [record.value or b"" for record in records if record.key == key]

    stands, told = kept.do(row())
    assert token not in stands
    assert not [value for value in told if token.encode() in value]
    events = [decode_account_event(value) for value in told]
    assert [event.state for event in events if isinstance(event, PushTokenChanged)] == ["added"]


# ---- what is refused


def test_what_cannot_be_a_token_is_refused(http: httpx.Client) -> None:
    ana = sign_up(http, "phone")
    assert problem(put(http, ana, "smoke", "x" * 40)) == (404, "unknown_channel")
    foreign = subscription("http://127.0.0.1:1/x"), subscription("https://user@push.example.org/")
    for channel, token in (("fcm", "a b"), ("apns", "zz" * 32), ("webpush", "{}"), *(("webpush", each) for each in foreign)):
        assert problem(put(http, ana, channel, token)) == (422, "bad_push_token")
    assert problem(put(http, ana, "fcm", "")) == (422, "invalid")


def test_a_sign_in_without_a_device_has_to_name_one(http: httpx.Client) -> None:
    ana = sign_up(http)
    assert problem(put(http, ana, "fcm", new_token())) == (422, "no_device")
    assert put(http, ana, "fcm", new_token(), device="d-1").status_code == 200
    assert devices(http, ana) == [("d-1", "fcm")]


# ---- in the hello


def test_a_hello_registers_its_token_and_is_welcome_without(warbler: Running, kept: Kept, http: httpx.Client) -> None:
    ana, token = sign_up(http, "phone"), new_token()

    async def told(offer: PushOffer | None) -> str:
        async with Client(warbler.addresses()[1], token=ana["access_token"], device="phone", push=offer) as client:
            welcome = client._core.welcome
            assert welcome is not None
            return welcome.push

    said = [
        asyncio.run(told(offer)) for offer in (PushOffer("fcm", token, locale="fr"), PushOffer("fcm", "no"), PushOffer("smoke", "x"), None)
    ]
    assert said == ["taken", "bad_push_token", "unknown_channel", ""]
    assert [(each.device, each.token, each.locale) for each in kept.tokens(ana)] == [("phone", token, "fr")]


# ---- what users want


def test_settings_labels_and_modes_are_kept_as_they_were_said(http: httpx.Client, other: httpx.Client) -> None:
    ana, ben = sign_up(http, "phone"), sign_up(http)
    said = {"time_zone": "Europe/Berlin", "quiet_from": "22:00", "quiet_until": "07:30", "quiet_lets": [], "content_shown": False}
    whole = http.put("/v1/me/push/settings", json=said, headers=bearer(ana)).json()
    assert whole == {**said, "badge": True, "alert_on": "all", "locale": ""}
    assert other.put("/v1/me/push/settings", json={"badge": False}, headers=bearer(ana)).json() == {**whole, "badge": False}
    labels = http.put("/v1/me/push/labels", json={"tags": ["vip", "vip", "beta"], "alias": "crm-7"}, headers=bearer(ana)).json()
    assert labels == {"tags": ["vip", "beta"], "alias": "crm-7"}
    mine = other.get("/v1/me/push", headers=bearer(ana)).json()
    assert (mine["settings"], mine["labels"]) == ({**whole, "badge": False}, labels)
    bad = http.put("/v1/me/push/settings", json={"time_zone": "Mars/Base"}, headers=bearer(ana))
    assert problem(bad) == (422, "invalid")
    direct = http.post(
        "/v1/conversations", json={"conversation_kind": "direct", "members": [{"user": ben["user"]}]}, headers=bearer(ana)
    ).json()["conversation"]
    for path in ("/v1/me/push/mode", f"/v1/conversations/{direct}/push-mode"):
        mode = {"mode": "mentions", "until_ms": 2**52}
        assert http.put(path, json=mode, headers=bearer(ana)).json() == mode
        assert other.get(path, headers=bearer(ana)).json() == mode
    assert other.get(f"/v1/conversations/{direct}/push-mode", headers=bearer(ben)).json()["mode"] == "all"


# ---- a device's word


def ticket(user: dict[str, Any], until_ms: int) -> Ticket:
    conversation = "d-" + secrets.token_hex(8)
    push_id = f"{user['user']}:{conversation}:3:1"
    return Ticket(secrets.token_hex(16), user["user"], "phone", "fcm", push_id, "message", "", conversation, 3, until_ms)


def test_a_device_says_that_a_push_arrived_once(kept: Kept, http: httpx.Client, other: httpx.Client) -> None:
    ana = sign_up(http, "phone")
    good = ticket(ana, now_ms() + 60_000)
    text = make_ticket(good, kept.sealer)
    for client in (http, other, http):  # a replay changes nothing
        assert client.post("/v1/push/received", json={"ticket": text}).status_code == 204
    late = make_ticket(ticket(ana, now_ms() - 1_000), kept.sealer)
    assert problem(http.post("/v1/push/received", json={"ticket": late})) == (400, "ticket_expired")
    assert problem(http.post("/v1/push/received", json={"ticket": text[:-4] + "AAAA"})) == (400, "bad_ticket")
    results = http.get("/v1/me/push/results", headers=bearer(ana)).json()["results"]
    assert [(each["state"], each["device"], each["to_seq"], each["push_id"]) for each in results] == [
        ("received", "phone", 3, good.push_id)
    ]

    wanted = "SELECT state, user, up_to_seq FROM receipts WHERE conversation = ?"
    until(lambda: kept.do(kept.store.execute(wanted, (good.conversation,))) == [("previewed", ana["user"], 3)])


def test_open_channels_and_the_key_that_browsers_subscribe_with(http: httpx.Client) -> None:
    found = {each["channel"]: each["application_server_key"] for each in http.get("/v1/push/channels").json()["channels"]}
    assert len(found["webpush"]) == 87
    assert {"apns", "apns_voip", "fcm", "unifiedpush"} <= found.keys()


# ---- at the end


def test_the_rows_are_what_the_log_says(kept: Kept) -> None:
    """And a row that nobody told the log of is found."""

    report = kept.do(kept.verify())
    assert (report.differences, report.unsure) == ([], [])
    assert report.counts["push_settings"][0] == report.counts["push_settings"][1] >= 1
    assert report.counts["push_tokens"][1] >= 1

    async def untold(change: Change) -> None:
        return None

    ana = "u-" + secrets.token_hex(8)
    row = kept.do(kept.tables.register(PushToken(ana, "d-1", "fcm", "", new_token(), "", "en", "l-1", 1), untold))
    [difference] = kept.do(kept.verify()).differences
    kept.do(kept.tables.remove(ana, "d-1", "fcm", row.token_id, 2**50))
    assert ana in difference
