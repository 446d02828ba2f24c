"""Our store on a Cassandra that wants TLS, a certificate of ours and a name; what is said when it refuses us; and a whole Warbler between
it and a Kafka that knows us by a certificate.

Nodes of their own, because the session's take everybody.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ops.embedded.stack import CASSANDRA_PORTS, KAFKA_PORTS
from ops.let_in import cluster_checks
from ops.probes import cql_refusal
from store.cassandra import Store
from store.errors import StoreRefused
from store.schema import TABLES, ensure_tables
from store.settings import StoreSettings
from tests.real import running
from tests.real.secured import OWN_NAME, MutualKafka, SecuredCassandra, made, permit
from tests.real.talking import minted, online

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def env(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    node = made(SecuredCassandra, tmp_path_factory.mktemp("secured-cassandra"), CASSANDRA_PORTS)
    asyncio.run(node.start())
    try:
        yield node.env()
    finally:
        asyncio.run(node.stop())


@pytest.fixture
def kafka(tmp_path: Path) -> Iterator[MutualKafka]:
    home = tmp_path / "mutual-kafka"
    home.mkdir()
    node = made(MutualKafka, home, KAFKA_PORTS)
    asyncio.run(node.start())
    try:
        yield node
    finally:
        asyncio.run(node.stop())


def test_tables_are_made_and_used_by_name_over_tls(env: dict[str, str]) -> None:
    async def work() -> None:
        settings = replace(StoreSettings.from_env(env), keyspace="secured")
        await ensure_tables(settings, 1, {"privacy": TABLES["privacy"]})
        store = await Store.connect(settings)
        try:
            assert await store.execute("SELECT * FROM privacy WHERE user = ?", ["nobody"]) == []
        finally:
            await store.close()

    asyncio.run(work())


def test_doctor_says_that_it_lets_us_in(env: dict[str, str]) -> None:
    assert [(check.item, check.ok) for check in cluster_checks(env)] == [("Cassandra", True)]


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"WARBLER_CASSANDRA_PASSWORD": "wrong"}, "WARBLER_CASSANDRA_USER, WARBLER_CASSANDRA_PASSWORD"),
        ({"WARBLER_CASSANDRA_CA_FILE": ""}, "WARBLER_CASSANDRA_CA_FILE"),
    ],
    ids=["password", "authority"],
)
def test_a_refusal_names_the_variable(env: dict[str, str], changed: dict[str, str], named: str) -> None:
    """By the command that looks, and by the store that connects; neither says the password."""
    settings = StoreSettings.from_env(env | changed)

    async def connected() -> None:
        await (await Store.connect(settings)).close()

    refused = asyncio.run(cql_refusal(settings))
    with pytest.raises(StoreRefused) as raised:
        asyncio.run(connected())
    for text in (str(refused), str(raised.value)):
        assert named in text
        assert "wrong'" not in text
    (check,) = cluster_checks(env | changed)
    assert (check.ok, check.found) == (False, str(refused))


def test_a_whole_warbler_runs_where_both_ask_for_its_certificate(env: dict[str, str], kafka: MutualKafka, tmp_path: Path) -> None:
    """With the rights of docs/secured.md, which are those of the certificate's name."""
    permit(kafka.address, f"User:CN={OWN_NAME}")
    given = {name: value for name, value in (env | kafka.env()).items() if name != "STORE_CONNECT_WAIT_MS"}
    data = tmp_path / "whole"
    data.mkdir()
    given["WARBLER_KEYSPACE"] = "whole"
    whole = running.start(data, given["WARBLER_KAFKA"], given["WARBLER_CASSANDRA"], env=given)
    try:
        ana, ben = minted(whole, 2)

        async def body() -> None:
            async with online(whole.page, ana) as sender, online(whole.page, ben) as other:
                group = await sender.new_group(ben)
                assert (await sender.send_text(group, "by certificate"))["type"] == "ack"
                await other.hear(lambda frame: frame["type"] == "events" and frame["events"][-1]["seq"] == 2)
            async with online(whole.page, ben, "tablet", positions={group: 1}) as later:
                page = await later.heard("page")  # of the timeline's table
                assert [event["seq"] for event in page["events"]] == [1, 2]

        asyncio.run(body())
    finally:
        running.stop(whole.process)
    said = (data / "up.log").read_text()
    assert "refused" not in said
