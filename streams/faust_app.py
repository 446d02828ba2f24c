"""A Faust application as our workers use it: chunks in, acks out, on the caller's event loop.

Called by `streams.worker` for each agent. Source: recipe `faust`; docs/decisions/0005-faust-without-its-thread.md.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import faust

from log.clients import client_options
from log.settings import LogSettings
from streams.faust_consumer import Chunk, FetchSettings, transport_for

HEARTBEATS_PER_SESSION = 4
BUFFERED_CHUNKS_MAX = 64


class Delivery(NamedTuple):
    """A chunk and how to say that its effect is done."""

    partition: int
    topic: str
    chunk: Chunk
    ack: Callable[[], Awaitable[Any]]


Agent = Callable[[AsyncIterator[list[Delivery]]], Awaitable[None]]


def make_app(
    group: str,
    kafka: LogSettings,
    data_dir: Path,
    fetch: FetchSettings,
    *,
    instance: str = "",
    client: str = "",
    session_timeout_s: float,
    commit_interval_s: float = 0.5,
    wait_empty: bool = True,
) -> Any:
    """An application that consumes as `group`. Its loop is the running one. `client`: the process, as `warbler status` shows it.

    `wait_empty`: before partitions go away, and before it stops, everything that was handed over is waited for.
    """
    folder = data_dir / "faust" / group
    folder.mkdir(parents=True, exist_ok=True)
    logging.getLogger("faust").setLevel(logging.WARNING)
    logging.getLogger("mode").setLevel(logging.WARNING)
    app = faust.App(
        group,
        broker=[f"kafka://{address}" for address in kafka.bootstrap],
        broker_credentials=credentials_of(client_options(kafka)),
        topic_allow_declare=False,
        topic_disable_leader=True,
        web_enabled=False,
        store="memory://",
        datadir=str(folder),
        consumer_group_instance_id=instance or None,
        broker_client_id=client or group,
        broker_commit_interval=commit_interval_s,
        broker_session_timeout=session_timeout_s,
        broker_heartbeat_interval=session_timeout_s / HEARTBEATS_PER_SESSION,
        broker_request_timeout=max(30.0, session_timeout_s * 2),
        consumer_auto_offset_reset="earliest",
        stream_buffer_maxsize=BUFFERED_CHUNKS_MAX,
        stream_wait_empty=wait_empty,
    )
    app.loop = asyncio.get_running_loop()
    app.transport = transport_for(fetch)(app.conf.broker_consumer, app)
    return app


def credentials_of(options: Mapping[str, Any]) -> faust.types.auth.CredentialsT | None:
    """The options of `log.clients` as Faust wants them; None for a Kafka that asks for nothing."""
    tls = options.get("ssl_context")
    if "sasl_mechanism" in options:
        user, password = options["sasl_plain_username"], options["sasl_plain_password"]
        return faust.SASLCredentials(username=user, password=password, mechanism=options["sasl_mechanism"], ssl_context=tls)
    return faust.SSLCredentials(tls) if tls is not None else None


def add_agent(app: Any, topics: Sequence[str], agent: Agent, *, take: int = 0, within_s: float = 0.0, name: str = "agent") -> None:
    """Let the agent consume the topics. Nothing is acked for it. `name`: of several of one app.

    Shape: deliveries of one partition come in order. With `take`, they come in bursts of up to that many, gathered for up to `within_s`.
    """
    topic = app.topic(*topics, value_type=None, value_serializer="raw", key_serializer="raw")

    async def consume(stream: Any) -> None:
        await agent(_deliveries(stream, take, within_s))

    app.agent(topic, name=f"{app.conf.id}-{name}")(consume)


async def _deliveries(stream: Any, take: int, within_s: float) -> AsyncIterator[list[Delivery]]:
    if take:
        async for events in stream.noack_take(take, within=within_s):
            yield [_delivery(stream, event) for event in events]
    else:  # not noack_take(1): it adds its `within` to the latency now and then
        async for event in stream.noack().events():
            yield [_delivery(stream, event)]


def _delivery(stream: Any, event: Any) -> Delivery:
    message = event.message
    return Delivery(message.partition, message.topic, message.value, lambda: stream.ack(event))


async def start_app(app: Any) -> None:
    app.finalize()
    await app.start()
