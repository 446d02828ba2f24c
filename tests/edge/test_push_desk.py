"""Push tokens and tickets at a node whose rows are in memory: in the hello, over REST, and where a sign-in ends at the same moment."""

from __future__ import annotations

import dataclasses
import secrets
from typing import Any, cast

import httpx
import pytest

from edge.clocks import clock_ms
from edge.errors import PushRefused
from edge.frames import PushOffer
from edge.rest.app import make_app
from edge.tokens import Grant
from schemas.codec import decode, decode_account_event
from schemas.pushes import PushResult
from store.cassandra import Store
from store.errors import StoreUnavailable
from store.push_tables import PushTables
from store.push_tickets import Ticket, make_ticket
from store.sealing import Sealer
from store.sign_ins import TokenRows
from tests.edge.builders import ANA, ListSink
from tests.edge.nodes import KEY, Stage, on_a_node
from tests.store.test_push_claims import Rows, at_once

SEALER = Sealer([b"k" * 32])
GRANT = Grant(ANA, "l", 2**52)


def with_rows(stage: Stage, sealer: Sealer | None = SEALER) -> Rows:
    """The node's push tables, their rows in memory."""
    tables, rows = PushTables(cast(Store, None), sealer), Rows(at_once)
    tables.rows = cast(Any, rows)
    stage.node.tables = dataclasses.replace(stage.node.tables, push=tables)
    return rows


def new_token() -> str:
    return "f" + secrets.token_hex(40)


async def said(stage: Stage, offer: PushOffer | None) -> str:
    _, welcome = await stage.node.sessions.welcome(stage.hello(push=offer), ListSink())
    return welcome.push


def test_a_hello_says_what_became_of_its_token() -> None:
    async def body(stage: Stage) -> None:
        rows = with_rows(stage)
        assert await said(stage, None) == ""
        assert await said(stage, PushOffer("fcm", new_token(), "chat", "fr")) == "taken"
        assert [(row.user, row.device, row.app, row.locale, row.sign_in) for row in rows.tokens.values()] == [
            (ANA, "phone", "chat", "fr", "l")
        ]
        assert await said(stage, PushOffer("fcm", "no")) == "bad_push_token"
        assert await said(stage, PushOffer("smoke", new_token())) == "unknown_channel"
        assert await said(stage, PushOffer("apns", "ab" * 32)) == "too_many"

    on_a_node(body, push_tokens_limit=1)


def test_a_hello_is_welcome_where_push_is_off_or_the_rows_are_away() -> None:
    async def body(stage: Stage) -> None:
        with_rows(stage, sealer=None)
        assert await said(stage, PushOffer("fcm", new_token())) == "push_off"
        rows = with_rows(stage)

        async def away() -> None:
            raise StoreUnavailable("away")

        rows.step = away
        assert await said(stage, PushOffer("fcm", new_token())) == "unavailable"

    on_a_node(body)


def test_a_token_that_was_registered_while_its_sign_in_ended_is_taken_back() -> None:
    async def body(stage: Stage) -> None:
        rows = with_rows(stage)
        cast(Any, stage.node.tables.sign_ins).standings[ANA] = TokenRows("active", True, False)
        with pytest.raises(PushRefused) as refused:
            await stage.node.push.register(GRANT, "phone", "fcm", new_token(), "", "en")
        assert refused.value.code == "signed_out"
        assert rows.tokens == {}
        [event] = [decode_account_event(value) for value in await stage.published("account-events")]
        assert (event.user, event.state) == (ANA, "added")  # type: ignore[union-attr]

    on_a_node(body)


def test_only_push_channels_that_are_open_here_are_taken_and_web_push_needs_its_key() -> None:
    async def body(stage: Stage) -> None:
        with_rows(stage)
        assert stage.node.push.channels == ("fcm",)
        with pytest.raises(PushRefused, match="push channels here are fcm"):
            stage.node.push.check_channel("webpush")

    on_a_node(body, push_channels="webpush, fcm")


def test_the_routes_over_rows_in_memory() -> None:
    async def body(stage: Stage) -> None:
        rows = with_rows(stage)
        transport = httpx.ASGITransport(make_app(stage.node, None))
        bearer = {"Authorization": "Bearer " + KEY.mint(GRANT, 0)}
        async with httpx.AsyncClient(base_url="http://edge", transport=transport, headers=bearer) as client:
            put = await client.put("/v1/me/push/tokens/fcm", json={"token": new_token(), "device": "phone"})
            assert (put.status_code, put.json()["channel"]) == (200, "fcm")
            assert len(rows.tokens) == 1
            open_here = (await client.get("/v1/push/channels")).json()["channels"]
            assert open_here[0] == {"channel": "apns", "application_server_key": None}
            for _ in range(2):
                assert (await client.delete("/v1/me/push/tokens/fcm", params={"device": "phone"})).status_code == 204
            assert rows.tokens == {}
            states = [cast(Any, decode_account_event(value)).state for value in await stage.published("account-events")]
            assert states == ["added", "removed"]
            refused = await client.put("/v1/me/push/tokens/fcm", json={"token": "no", "device": "phone"})
            assert (refused.status_code, refused.json()["code"]) == (422, "bad_push_token")

    on_a_node(body)


def test_a_ticket_is_told_once_and_becomes_a_watermark() -> None:
    async def body(stage: Stage) -> None:
        with_rows(stage)
        ticket = Ticket("ab" * 16, ANA, "phone", "fcm", f"{ANA}:g-1:3:1", "message", "", "g-1", 3, clock_ms() + 60_000)
        for _ in range(3):
            await stage.node.push.received(make_ticket(ticket, SEALER))
        [result] = [decode(value, PushResult) for value in await stage.published("push-results")]
        assert (result.state, result.send_key, result.device, result.to_seq) == ("received", "ab" * 16, "phone", 3)
        [mark] = stage.node.watermarks.take()
        assert (mark.state, mark.user, mark.device, mark.conversation_id, mark.up_to_seq) == ("previewed", ANA, "phone", "g-1", 3)
        for text, code in ((make_ticket(ticket, Sealer([b"x" * 32])), "bad_ticket"), ("x" * 300, "bad_ticket")):
            with pytest.raises(PushRefused) as refused:
                await stage.node.push.received(text)
            assert refused.value.code == code

    on_a_node(body, receipts_interval_ms=60_000)
