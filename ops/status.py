"""`warbler status`: each process, each topic's partitions with the lag of the groups that read them, and rates."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupCoordinatorNotAvailableError, KafkaError
from rich import box
from rich.console import Console
from rich.table import Table

from log.clients import admin_client, plain_consumer
from log.errors import LogError
from log.kafka import KafkaLog
from log.settings import LogSettings
from ops import audit, pushes, statefile
from ops.charges import read_live
from ops.consumers import lag
from ops.errors import NotReady
from ops.owners import NOBODY, Group, groups_of
from ops.reach import log_at
from ops.statefile import ProcessState
from ops.summary import for_browsers
from ops.tables import put_table

GROUPS = (
    "warbler-conversations",
    "warbler-calls",
    "warbler-timelines",
    "warbler-notifier",
    "warbler-inbox",
    "warbler-push",
    "warbler-seal",
)
KAFKA_TIMEOUT_S = 15.0
LIVE_TIMEOUT_S = 2.0
MIB = 1 << 20

Offsets = Mapping[tuple[str, int], int]


@dataclass(frozen=True, slots=True)
class Sample:
    """One moment: where each partition ends, what each group has committed (the next to read), and who reads what for it."""

    at_s: float
    ends: Offsets
    committed: Mapping[str, Offsets]
    groups: Mapping[str, Group] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PartitionLine:
    topic: str
    partition: int
    end: int
    records_per_s: float
    lag: Mapping[str, int]  # by group; only the groups that read this partition
    owner: Mapping[str, str]  # by group, the process that reads it now; none while the group is without one


def partition_lines(first: Sample, second: Sample) -> list[PartitionLine]:
    """One line a partition, by topic and number, from two samples of the same cluster.

    Shape: lag and rate are never negative (a group may commit between the two reads of a sample).
    """
    passed_s = max(second.at_s - first.at_s, 1e-3)
    lines = []
    for (topic, partition), end in sorted(second.ends.items()):
        before = first.ends.get((topic, partition), end)
        lag = {
            group: max(0, end - offsets[topic, partition]) for group, offsets in second.committed.items() if (topic, partition) in offsets
        }
        owner = {name: group.owners[topic, partition] for name, group in second.groups.items() if (topic, partition) in group.owners}
        lines.append(PartitionLine(topic, partition, end, max(0, end - before) / passed_s, lag, owner))
    return lines


async def sample(kafka: LogSettings, topics: set[str]) -> Sample:
    """Read all offsets once. Raises: KafkaError, TimeoutError."""
    admin = admin_client(kafka)
    consumer = plain_consumer(kafka)
    async with asyncio.timeout(KAFKA_TIMEOUT_S):
        try:
            await admin.start()
            await consumer.start()
            described = await admin.describe_topics(sorted(topics & set(await admin.list_topics())))
            partitions = [TopicPartition(topic["topic"], part["partition"]) for topic in described for part in topic["partitions"]]
            committed = {group: await committed_offsets(admin, group) for group in GROUPS}
            groups = await groups_of(admin, GROUPS)
            ends = {(p.topic, p.partition): end for p, end in (await consumer.end_offsets(partitions)).items()}
        finally:
            await consumer.stop()
            await admin.close()
    return Sample(time.monotonic(), ends, committed, groups)


async def committed_offsets(admin: AIOKafkaAdminClient, group: str) -> Offsets:
    """What the group has committed, by topic and partition; empty for a group nobody has joined yet."""
    try:
        offsets = await admin.list_consumer_group_offsets(group)
    except GroupCoordinatorNotAvailableError:
        return {}  # a new cluster makes the topic of the groups' offsets when it is first asked for
    return {(p.topic, p.partition): meta.offset for p, meta in offsets.items() if meta.offset >= 0}


async def live(process: ProcessState, http: httpx.AsyncClient) -> str:
    """What the process says of itself, in a few words."""
    if not process.live_url:
        return "-"
    try:
        answer = read_live((await http.get(process.live_url)).content)
    except httpx.HTTPError:
        return "[red]no answer[/red]"
    if answer is None:
        return "[red]no liveness answer[/red]"
    doing = "idle" if answer.idle else f"progress {answer.progress}"
    return doing if answer.ok else f"[red]not well[/red], {doing}"


async def process_table(processes: tuple[ProcessState, ...]) -> Table:
    table = Table("process", "address", "pid", "up for", "MiB", "cpu %", "says", box=box.SIMPLE)
    table.title, table.title_justify = "Processes", "left"
    running = {process.name: running_process(process.pid) for process in processes}
    for process_now in filter(None, running.values()):
        process_now.cpu_percent()  # the first call only sets the start of the measurement
    async with httpx.AsyncClient(timeout=LIVE_TIMEOUT_S, trust_env=False) as http:
        said = await asyncio.gather(*(live(process, http) for process in processes))
    await asyncio.sleep(0.5)
    for process, words in zip(processes, said, strict=True):
        known = running[process.name]
        if known is None:
            words = "[red]not running[/red]" if process.pid or process.live_url else "existing cluster"
            table.add_row(process.name, shown(process.address), "", "", "", "", words)
            continue
        up_for = duration(time.time() - known.create_time())
        memory, cpu = f"{known.memory_info().rss / MIB:.0f}", f"{known.cpu_percent():.0f}"
        table.add_row(process.name, shown(process.address), str(known.pid), up_for, memory, cpu, words)
    return table


def shown(address: str) -> str:
    """The address without what is the same for all."""
    return address.removeprefix("http://").removesuffix("/")


def running_process(pid: int) -> psutil.Process | None:
    try:
        return psutil.Process(pid) if pid else None
    except psutil.NoSuchProcess:
        return None


def duration(seconds: float) -> str:
    """Seconds as 12 s, 3 min, 5 h 2 min or 3 d 4 h."""
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3_600:
        return f"{whole // 60} min"
    if whole < 86_400:
        return f"{whole // 3_600} h {whole % 3_600 // 60} min"
    return f"{whole // 86_400} d {whole % 86_400 // 3_600} h"


def topic_table(lines: list[PartitionLine], seconds: float) -> Table:
    """Shape: under each group the lag and the process that has the partition; `-` where the group reads it and nobody has it."""
    table = Table(box=box.SIMPLE, title=f"Partitions (rates over {seconds:.0f} s)", title_justify="left")
    table.add_column("topic", no_wrap=True)
    for heading in ("no.", "records", "per s", *(f"lag of {group.removeprefix('warbler-')}, read by" for group in GROUPS)):
        table.add_column(heading, justify="right")
    for index, line in enumerate(lines):
        last = index + 1 == len(lines) or lines[index + 1].topic != line.topic
        lag = [f"{line.lag.get(group, '')} {line.owner.get(group, '-')}" if group in {*line.lag, *line.owner} else "" for group in GROUPS]
        table.add_row(line.topic, str(line.partition), str(line.end), f"{line.records_per_s:.0f}", *lag, end_section=last)
    return table


async def run_status(data: Path, seconds: float, console: Console) -> None:
    """Print both tables. Raises: NotRunning; NotReady when Kafka does not answer."""
    from schemas.registry import TOPICS

    state = statefile.read(data)
    console.print(f"Page: {for_browsers(state.page)}")
    if state.consumers:
        console.print(f"Consumers with an account: {state.consumers} (SASL and TLS)")
    kafka = log_at(state.kafka)
    try:
        first = await sample(kafka, set(TOPICS))
        begun_s = time.monotonic()
        put_table(console, await process_table(state.processes))
        await asyncio.sleep(max(0.0, seconds - (time.monotonic() - begun_s)))
        second = await sample(kafka, set(TOPICS))
        others = await lag.group_lines(kafka, GROUPS)
    except (KafkaError, OSError, TimeoutError) as failed:
        put_table(console, await process_table(state.processes))
        raise NotReady(f"Kafka at {state.kafka} does not answer: {type(failed).__name__} {failed}") from failed
    put_table(console, topic_table(partition_lines(first, second), second.at_s - first.at_s))
    if others:
        put_table(console, lag.table_of(others))
    for name in GROUPS:
        if (group := second.groups.get(name, NOBODY)).state != "Stable":
            console.print(f"[yellow]{name}: {group.state}[/yellow]; its partitions are with nobody until that is over")
    for line in await recently(state.kafka):
        console.print(line)


async def recently(kafka: str) -> list[str]:
    """A line on pushes and one on what is sealed. Raises: NotReady."""
    log = KafkaLog(log_at(kafka))
    try:
        await log.start()
        return [pushes.line(await pushes.recent(log)), audit.line_of(await audit.standing(log, os.environ))]
    except LogError as failed:
        raise NotReady(f"Kafka at {kafka} does not answer: {failed}") from failed
    finally:
        await log.close()
