"""Exports of a log in every format: MB/s and events/s of each, and of the check of what was written.

The events are written straight into conversation-events, as their conversations' owners would have done; the site's own role `seal` seals
them. Text is made of words, so that it shrinks like text does.
"""

import asyncio
import random
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from audit.manifest import Manifest
from bench.bench import Bench, Run
from bench.device import clock_s
from bench.fleet import now_ms
from bench.report import Figure
from log.cluster import cluster_id
from log.port import Entry
from log.settings import LogSettings
from ops.export.entries import NO_DOMAIN
from ops.export.forms import FORMATS
from ops.export.run import Asked, Exporter
from ops.keys import ensure_keys
from ops.sealed import SealedTrees
from schemas import events
from schemas.codec import encode
from schemas.partition import partition_of
from schemas.values import Content, Member
from store.objects import address_of, open_objects
from streams.audit.keys import ring_of
from streams.audit.settings import KEY_VARIABLE, AuditSettings

EVENTS = "conversation-events"
WORDS = (
    "gull",
    "harbour",
    "the",
    "of",
    "rope",
    "wind",
    "Möwe",
    "and",
    "keel",
    "is",
    "a",
    "north",
    "salt",
    "tide",
    "to",
    "lamp",
    "quay",
    "net",
)
PEOPLE = 40
EDIT_EVERY, REACT_EVERY = 50, 25
APPEND_AT_ONCE = 500
SEAL_WAIT_S = 600.0


async def run(bench: Bench) -> Run:
    conversations = await _fill(bench)
    folder = Path(tempfile.mkdtemp(prefix="warbler-export-", dir=bench.site.data))
    figures, details = [], dict[str, Any]()
    try:
        exporter = await _exporter(bench)
        for name, formats in [*((name, (name,)) for name in FORMATS), ("all formats", FORMATS)]:
            seconds, manifest = await _export(exporter, conversations, formats, folder / name.replace(" ", "-"))
            size_mb = sum(file.bytes for file in manifest.files) / 1e6
            details[name] = {"seconds": seconds, "mb": size_mb, "files": len(manifest.files), **manifest.counts}
            figures += [
                Figure(f"export {name}: rate", "MB/s", size_mb / seconds),
                Figure(f"export {name}: events", "/s", manifest.counts["events"] / seconds),
            ]
    finally:
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
    return Run(figures, details)


async def _export(exporter: Exporter, conversations: Sequence[str], formats: tuple[str, ...], folder: Path) -> tuple[float, Manifest]:
    begun_s = clock_s()
    manifest = await exporter.run(Asked(conversations=tuple(conversations), formats=formats, domain=NO_DOMAIN), folder)
    return clock_s() - begun_s, manifest


async def _exporter(bench: Bench) -> Exporter:
    site = bench.site
    env = {KEY_VARIABLE: str(ensure_keys(site.data).audit_key)}
    cluster = await cluster_id(LogSettings(site.clusters.kafka))
    return Exporter(
        log=site.log,
        seals=SealedTrees(open_objects(address_of(env, site.data)), cluster, SEAL_WAIT_S),
        ring=ring_of(env, KEY_VARIABLE, AuditSettings().name),
        cluster=cluster,
        maker="bench",
        clock_ms=now_ms,
        names=None,
        boot="bench",
    )


async def _fill(bench: Bench) -> list[str]:
    """The conversations, each in its own order; several side by side, as they would be written."""
    options, chance = bench.options, random.Random(1)
    conversations = [f"g-{bench.prefix}{bench.ids.next_number:06x}{number:022x}" for number in range(options.export_conversations)]
    count = await bench.site.log.partitions_count(EVENTS)
    each = max(1, options.export_messages // len(conversations))
    for conversation in conversations:
        entries = [_entry(event) for event in _history(conversation, each, chance)]
        partition = partition_of(conversation.encode(), count)
        for low in range(0, len(entries), APPEND_AT_ONCE):
            await bench.site.log.publish(EVENTS, partition, entries[low : low + APPEND_AT_ONCE])
    return conversations


def _entry(event: events.Event) -> Entry:
    return Entry(event.conversation_id.encode(), encode(EVENTS, event), event.at_ms)


def _history(conversation: str, messages: int, chance: random.Random) -> list[events.Event]:
    """A group and its messages, some of them edited or reacted to."""
    people, begun_ms = [f"u-{conversation[-6:]}-{number}" for number in range(PEOPLE)], now_ms()
    made: list[events.Event] = []
    ordinal = 0

    def add(kind: type[Any], user: str, **fields: Any) -> None:
        nonlocal ordinal
        seq = len(made) + 1
        ordinal += kind is events.MessageSent
        base = {"event_id": f"{conversation}:{seq}", "tenant": "default", "conversation_id": conversation, "seq": seq, "ordinal": ordinal}
        base |= {
            "at_ms": begun_ms + seq,
            "user": user,
            "device": "d-1",
            "command_id": f"0199c82c-c000-7123-8123-{seq:012x}",
            "trace_id": "",
        }
        made.append(kind(**base, **fields))

    add(events.ConversationCreated, people[0], conversation_kind="group", title="Harbour", members=tuple(Member(user) for user in people))
    for number in range(messages):
        user = chance.choice(people)
        add(events.MessageSent, user, content=_said(chance))
        if number % EDIT_EVERY == 0:
            add(events.MessageEdited, user, target_seq=len(made), content=_said(chance))
        elif number % REACT_EVERY == 0:
            add(events.ReactionAdded, people[0], target_seq=len(made), reaction="👍")
    return made


def _said(chance: random.Random) -> Content:
    return Content("text/plain", " ".join(chance.choices(WORDS, k=chance.randint(1, 24))).encode())
