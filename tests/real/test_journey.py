"""A message's journey through a real Warbler: two edges, a worker, Kafka, Cassandra."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from typing import Any

import httpx
import pytest

from tests.real.running import Running
from tests.real.talking import User, online, registered

pytestmark = pytest.mark.real
SETTLED_S = 90.0


async def journey(address: str, token: str, conversation: str, seq: int, status: int = 200) -> dict[str, Any]:
    async with httpx.AsyncClient(base_url=address, timeout=90) as http:
        answer = await http.get(f"/v1/messages/{conversation}/{seq}/journey", headers={"Authorization": "Bearer " + token})
    assert answer.status_code == status, answer.text
    body: dict[str, Any] = answer.json()
    return body


def known(found: dict[str, Any], name: str) -> list[dict[str, Any]]:
    return [step for step in found["steps"] if step["step"] == name and step["at_ms"] is not None]


async def complete(address: str, token: str, conversation: str, seq: int) -> dict[str, Any]:
    """The journey once both edges and the projector have said that they are past it, and everything that was marked is there."""
    async with asyncio.timeout(SETTLED_S):
        while True:
            found = await journey(address, token, conversation, seq)
            if len(known(found, "fanned_out")) == 2 and known(found, "projected") and known(found, "delivered") and known(found, "read"):
                return found
            await asyncio.sleep(0.2)


def test_every_step_is_told_in_order_by_any_edge(warbler: Running) -> None:
    async def body() -> None:
        one, two = warbler.addresses()
        ana, ben = registered(warbler), registered(warbler)
        async with online(one, ana) as phone, online(two, ben, "tablet") as bens:
            group = await phone.new_group(ben)
            ack = await phone.send_text(group, "where are you going?")
            seq = ack["seq"]
            await bens.hear(lambda f: f["type"] == "events" and f["events"][-1]["seq"] == seq)
            bens.say(type="mark", conversation=group, state="delivered", up_to_seq=seq)
            await phone.heard("receipt")
            await bens.command("mark_read", group, up_to_seq=seq, up_to_ordinal=ack["ordinal"])
            bens.say(type="mark", conversation=group, state="played", up_to_seq=seq)
            await phone.hear(lambda f: f["type"] == "receipt" and f["state"] == "played")
            for address in (one, two):
                found = await complete(address, ben.token, group, seq)
                assert (found["user"], found["device"], found["members"], found["notes"]) == (ana.user, "phone", 2, [])
                [received], [accepted], [committed] = (known(found, name) for name in ("received", "accepted", "committed"))
                assert received["at_ms"] <= accepted["at_ms"] + 1 <= committed["at_ms"] + 2  # one machine, clocks cut to milliseconds
                assert accepted["at_ms"] == ack["at_ms"]
                assert {step["node"] for step in known(found, "fanned_out")} == {"edge-1", "edge-2"}
                for name in ("delivered", "read", "played"):
                    [step] = known(found, name)
                    assert (step["user"], step["device"], step["by_then"]) == (ben.user, "tablet", False)
                    assert step["at_ms"] >= committed["at_ms"]
        told(warbler, group, seq, ben)

    asyncio.run(body())


def told(warbler: Running, conversation: str, seq: int, reader: User) -> None:
    """The command tells the same."""
    command = [sys.executable, "-m", "ops.cli", "journey", conversation, str(seq), "--data", str(warbler.data)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True, env={**os.environ, "COLUMNS": "200"})
    for word in ("received", "accepted", "committed", "projected", "fanned_out", "edge-2", "delivered", "read", "played", reader.user):
        assert word in done.stdout, done.stdout
    failed = subprocess.run([*command[:5], "9999", *command[6:]], capture_output=True, text=True, timeout=60, check=False)
    assert failed.returncode == 1
    assert "unknown_message" in failed.stderr


def test_only_members_and_the_administrator_may_ask_and_only_for_messages(warbler: Running) -> None:
    async def body() -> None:
        ana, stranger = registered(warbler), registered(warbler)
        async with online(warbler.page, ana) as phone:
            group = await phone.new_group()
            seq = (await phone.send_text(group, "alone"))["seq"]
            assert (await journey(warbler.page, stranger.token, group, seq, 403))["code"] == "not_member"
            assert (await journey(warbler.page, "junk", group, seq, 401))["code"] == "bad_token"
            assert (await journey(warbler.page, ana.token, group, 1, 404))["code"] == "unknown_message"  # the creation
            assert (await journey(warbler.page, ana.token, group, seq + 1, 404))["code"] == "unknown_message"
            assert (await journey(warbler.page, warbler.admin_key, group, 999, 404))["code"] == "unknown_message"
            assert (await journey(warbler.page, ana.token, group, 0, 422))["code"] == "invalid"
            assert (await journey(warbler.page, warbler.admin_key, group, seq))["user"] == ana.user

    asyncio.run(body())


def test_hidden_receipts_are_in_the_administrators_journey_only(warbler: Running) -> None:
    async def body() -> None:
        ana, ben = registered(warbler), registered(warbler)
        async with httpx.AsyncClient(base_url=warbler.page, timeout=90) as http:
            quiet = {"receipts": False, "presence": "everyone"}
            (await http.put("/v1/me/privacy", json=quiet, headers={"Authorization": "Bearer " + ben.token})).raise_for_status()
        async with online(warbler.page, ana) as phone, online(warbler.page, ben, "tablet") as bens, online(warbler.page, ben, "tv") as tv:
            group = await phone.new_group(ben)
            seq = (await phone.send_text(group, "seen?"))["seq"]
            await bens.hear(lambda f: f["type"] == "events" and f["events"][-1]["seq"] == seq)
            bens.say(type="mark", conversation=group, state="delivered", up_to_seq=seq)
            await tv.heard("receipt")
            assert known(await journey(warbler.page, ana.token, group, seq), "delivered") == []
            [step] = known(await journey(warbler.page, warbler.admin_key, group, seq), "delivered")
            assert (step["user"], step["device"]) == (ben.user, "tablet")

    asyncio.run(body())
