"""Our own clients on a listener with TLS and names, with the rights of docs/secured.md and no more; and what is said when Kafka refuses us.

The Kafka is the session's: its other listeners are beside, so each protocol can be tried on each.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from log.cluster import cluster_id
from log.errors import CredentialsRefused, LogRefused, MechanismRefused, ServerNotTrusted, WrongProtocol
from log.kafka import KafkaLog
from log.port import Entry
from log.refusals import refusal
from log.settings import LogSettings
from log.topics import ensure_topics
from ops.consumers.accounts import accounts
from ops.consumers.lag import group_lines
from ops.embedded import tls
from ops.embedded.stack import Stack
from ops.let_in import cluster_checks
from ops.probes import kafka_serves
from ops.status import sample
from schemas.registry import TOPICS
from tests.real import secured
from tests.real.workers import PARTITIONS, Talk, Worker, workers

pytestmark = pytest.mark.real

USER, PASSWORD = "our-own", "a password that no text may hold"
PATIENCE_S = 120.0


@pytest.fixture(scope="module")
def env(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What a process of ours is given to come in."""

    async def account() -> None:
        await ensure_topics(LogSettings(stack.kafka), PARTITIONS)
        async with accounts(LogSettings(stack.kafka)) as there:
            await there.put(USER, PASSWORD, b"salt")

    asyncio.run(account())
    secured.permit(stack.kafka, f"User:{USER}")
    secret = tmp_path_factory.mktemp("secured") / "password"
    secret.write_text(f"{PASSWORD}\n")
    given = {
        "WARBLER_KAFKA": stack.kafka_tls,
        "WARBLER_KAFKA_SECURITY": "SASL_SSL",
        "WARBLER_KAFKA_USER": USER,
        "WARBLER_KAFKA_PASSWORD_FILE": str(secret),
        "WARBLER_KAFKA_CA_FILE": str(stack.kafka_ca),
    }
    asyncio.run(known_to_the_broker(LogSettings.from_env(given)))
    return given


async def known_to_the_broker(settings: LogSettings) -> None:
    """A broker hears of an account and of grants a moment after they were answered."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            if not await refusal(settings) and await kafka_serves(settings, all_led=False):
                return
            await asyncio.sleep(0.1)


def test_log_writer_and_administrator_come_in_by_tls_and_name(env: dict[str, str], stack: Stack) -> None:
    async def body() -> None:
        settings = LogSettings.from_env(env)
        assert await kafka_serves(settings, all_led=False)
        assert await ensure_topics(settings, PARTITIONS) == set()
        log = KafkaLog(settings)
        await log.start()
        try:
            plain = await log.publish("signals", 0, [Entry(b"key", b"plain")])
            writer = await log.open_writer("warbler-secured-0")
            fenced = await writer.append("signals", 0, [Entry(b"key", b"fenced")])
            read = [record.value for record in await log.read("signals", 0, plain, 10) if record.offset in (plain, fenced)]
            await writer.close()
        finally:
            await log.close()
        assert read == [b"plain", b"fenced"]
        assert await cluster_id(settings) == await cluster_id(LogSettings(stack.kafka))
        assert (await sample(settings, set(TOPICS))).ends.keys() >= {("signals", 0)}
        await group_lines(settings, ())

    asyncio.run(body())


def test_groups_of_others_in_the_same_kafka_are_hidden_and_stop_nothing(env: dict[str, str], stack: Stack) -> None:
    async def body() -> set[str]:
        everybody = LogSettings(stack.kafka)
        for group in ("warbler-of-ours", "somebody-elses"):
            consumer = AIOKafkaConsumer(bootstrap_servers=stack.kafka, group_id=group, enable_auto_commit=False)
            await consumer.start()
            try:
                place = TopicPartition("signals", 0)
                consumer.assign([place])
                await consumer.commit({place: 0})
            finally:
                await consumer.stop()
        assert {"warbler-of-ours", "somebody-elses"} <= {line.group for line in await group_lines(everybody, ())}
        return {line.group for line in await group_lines(LogSettings.from_env(env), ())}

    shown = asyncio.run(body())
    assert "warbler-of-ours" in shown
    assert "somebody-elses" not in shown


def test_a_worker_comes_in_by_tls_and_name(env: dict[str, str], tmp_path: Path) -> None:
    async def body() -> None:
        given = {name: value for name, value in env.items() if name != "WARBLER_KAFKA"}
        worker = Worker(env["WARBLER_KAFKA"], tmp_path, "secured", **given)
        with workers(worker):
            worker.start()
            await worker.until_ready()
            log = KafkaLog(LogSettings.from_env(env))
            await log.start()
            try:
                talk = Talk(log, 2)
                await talk.create()
                await talk.say(20)
                events = await talk.check()
            finally:
                await log.close()
            assert sum(map(len, events.values())) == 2 + 20
            assert worker.stop() == 0
        assert PASSWORD not in worker.output

    asyncio.run(body())


def refused(env: dict[str, str]) -> LogRefused:
    async def body() -> None:
        log = KafkaLog(LogSettings.from_env(env))
        try:
            await log.start()
        finally:
            await log.close()

    with pytest.raises(LogRefused) as found:
        asyncio.run(body())
    assert PASSWORD not in str(found.value)
    return found.value


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"USER": "nobody"}, CredentialsRefused),
        ({"MECHANISM": "SCRAM-SHA-256"}, MechanismRefused),
        ({"SECURITY": "SSL"}, WrongProtocol),
        ({"SECURITY": "SASL_PLAINTEXT"}, WrongProtocol),
        ({"SECURITY": "PLAINTEXT"}, WrongProtocol),
    ],
    ids=["another name", "another mechanism", "no name", "no TLS", "neither"],
)
def test_a_refusal_is_typed(env: dict[str, str], changed: dict[str, str], error: type[LogRefused]) -> None:
    given = env | {f"WARBLER_KAFKA_{name}": value for name, value in changed.items()}
    named = given["WARBLER_KAFKA_SECURITY"].startswith("SASL")
    over_tls = given["WARBLER_KAFKA_SECURITY"].endswith("SSL")
    unused = [*(() if named else ("WARBLER_KAFKA_USER", "WARBLER_KAFKA_PASSWORD_FILE")), *(() if over_tls else ("WARBLER_KAFKA_CA_FILE",))]
    assert type(refused({name: value for name, value in given.items() if name not in unused})) is error


def test_listeners_without_tls_or_names_are_told_apart(env: dict[str, str], stack: Stack) -> None:
    assert type(refused(env | {"WARBLER_KAFKA": stack.kafka_sasl})) is WrongProtocol
    assert type(refused({"WARBLER_KAFKA": stack.kafka_sasl})) is WrongProtocol
    without_tls = {name: value for name, value in env.items() if name != "WARBLER_KAFKA_CA_FILE"}
    on_plain = without_tls | {"WARBLER_KAFKA": stack.kafka, "WARBLER_KAFKA_SECURITY": "SASL_PLAINTEXT"}
    assert type(refused(on_plain)) is WrongProtocol


def test_a_wrong_password_and_an_unknown_authority_are_typed_and_the_doctor_says_them(env: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "wrong").write_text("wrong")
    tls.ensure(tmp_path, datetime.now(UTC))
    wrong = env | {"WARBLER_KAFKA_PASSWORD_FILE": str(tmp_path / "wrong")}
    untrusted = env | {"WARBLER_KAFKA_CA_FILE": str(tls.ca_path(tmp_path))}
    for given, error, remedy in (
        (wrong, CredentialsRefused, "export WARBLER_KAFKA_USER=…"),
        (untrusted, ServerNotTrusted, "export WARBLER_KAFKA_CA_FILE=…"),
    ):
        failure = refused(given)
        assert type(failure) is error
        (check,) = cluster_checks(given)
        assert (check.ok, check.found, check.remedy) == (False, str(failure), remedy)
    (check,) = cluster_checks(env)
    assert check.ok, check.found
