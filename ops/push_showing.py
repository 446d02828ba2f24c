"""`warbler push stats`: what became of pushes, and what waits."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer
from aiokafka.errors import KafkaError
from rich.console import Console

from log.clients import admin_client
from log.errors import LogError
from log.kafka import KafkaLog
from ops import push_stats
from ops.administering import Data, Url, called, shown
from ops.errors import NotReady
from ops.reach import log_at
from ops.status import committed_offsets
from ops.topics import located

KAFKA_TIMEOUT_S = 60.0


def stats(
    minutes: Annotated[int, typer.Option(min=1, max=7 * 24 * 60, help="How far back, in the log")] = 15,
    hours: Annotated[int, typer.Option(min=0, help="Instead: the counts of so many hours, as an edge tells them")] = 0,
    url: Url = None,
    data: Data = None,
) -> None:
    """By push channel what was accepted, rejected, suppressed and why; how long vendors took; what waits. Example: warbler push stats"""
    console = Console(soft_wrap=True)
    if hours:
        show_hours(called(url, data, "GET", "/push/stats", hours=hours), console)
        return
    folder = (data or Path(os.environ.get("WARBLER_DATA") or ".warbler")).absolute()
    now_ms = time.time_ns() // 1_000_000
    found = asyncio.run(read(located(folder, os.environ).kafka, now_ms - minutes * 60_000))
    console.print(push_stats.channel_table(found, minutes))
    if found.cut:
        console.print(f"only the last {push_stats.RECORDS_LIMIT} results of each partition were looked through", style="yellow")
    console.print(push_stats.waiting_table(found, now_ms))


def show_hours(answer: Mapping[str, object], console: Console) -> None:
    """The counts as an edge tells them, from rows: exact, and as old as they are kept."""
    counts, latencies = answer["counts"], answer["latencies"]
    assert isinstance(counts, list)
    assert isinstance(latencies, list)
    shown([{**each, "channel": each["channel"] or push_stats.NO_CHANNEL} for each in counts], "channel", "state", "reason", "count")
    for each in latencies:
        within = [f"{name} {_within(each[f'{name}_ms'])}" for name in ("p50", "p99")]
        console.print(f"{each['channel']}: {each['answers']} answers, {', '.join(within)}", highlight=False)


def _within(bound_ms: int | None) -> str:
    return "later than 30 s" if bound_ms is None else f"within {bound_ms} ms"


async def read(kafka: str, since_ms: int) -> push_stats.Stats:
    """Raises: NotReady when Kafka does not answer in time."""
    settings = log_at(kafka)
    log, admin = KafkaLog(settings), admin_client(settings)
    try:
        async with asyncio.timeout(KAFKA_TIMEOUT_S):
            await admin.start()
            await log.start()
            return await push_stats.gathered(log, await committed_offsets(admin, push_stats.GROUP), since_ms)
    except (LogError, KafkaError, OSError, TimeoutError) as failed:
        raise NotReady(f"Kafka at {kafka} does not answer: {type(failed).__name__} {failed}") from failed
    finally:
        await log.close()
        await admin.close()
