"""`warbler retention` and `warbler hold`: how long content is kept, and what is held whatever that says.

Rules, matters and holds go through an edge, which decides who may; only a sweep by hand reads log and tables itself.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer

from log.places import ms_of
from ops.acts import acting
from ops.administering import Data, Url, called, group, printed, shown
from ops.errors import OpsError
from ops.reach import log_at, store_at
from ops.topics import located

DAY_MS = 86_400_000
PAGE_EVENTS = 1_000
CONNECT_WAIT_MS = 30_000

app = group("How long content is kept. Example: warbler retention set --days 90 --kind group")
holds = group('Matters and legal holds. Example: warbler hold open "Smith v. Jones" --user u-4f7… --from 2026-01-01')

Kind = Annotated[str | None, typer.Option(help="direct, group or channel; without it and --conversation: the whole tenant")]
Conversation = Annotated[str | None, typer.Option(help="One conversation")]
Conversations = Annotated[list[str] | None, typer.Option("--conversation", help="May be given again")]
Users = Annotated[list[str] | None, typer.Option("--user", help="Everything where this user is or was a member; may be given again")]
Begin = Annotated[str, typer.Option("--from", help="ISO 8601, or milliseconds since 1970")]
End = Annotated[str, typer.Option("--to", help="As --from; the first moment that is not about it any more")]
Reason = Annotated[str, typer.Option(help="Stands in the log for ever")]


def place_of(kind: str | None, conversation: str | None) -> dict[str, str]:
    """Which rule is meant. Raises: OpsError."""
    if kind is not None and conversation is not None:
        raise OpsError("a rule is for a kind or for a conversation, not both")
    if conversation is not None:
        return {"scope": "conversation", "target": conversation}
    return {"scope": "tenant", "target": ""} if kind is None else {"scope": "kind", "target": kind}


# ---- rules


@app.command("list")
def list_rules(url: Url = None, data: Data = None) -> None:
    """All rules; the narrowest one of a conversation holds. Example: warbler retention list"""
    rules = called(url, data, "GET", "/retention")["rules"]
    kept = [{**rule, "kept": "for ever" if rule["keep_ms"] == 0 else f"{rule['keep_ms'] / DAY_MS:g} days"} for rule in rules]
    shown(kept, "scope", "target", "kept")


@app.command("set")
def set_rule(
    days: Annotated[float | None, typer.Option(help="How long content is kept; without it: for ever")] = None,
    kind: Kind = None,
    conversation: Conversation = None,
    url: Url = None,
    data: Data = None,
) -> None:
    """Keep content for so long. What is older goes from what devices read. Example: warbler retention set --days 365"""
    if days is not None and days <= 0:
        raise OpsError("--days is more than 0; without it content is kept for ever")
    keep_ms = 0 if days is None else max(1, round(days * DAY_MS))
    called(url, data, "PUT", "/retention", place_of(kind, conversation) | {"keep_ms": keep_ms})


@app.command("drop")
def drop_rule(kind: Kind = None, conversation: Conversation = None, url: Url = None, data: Data = None) -> None:
    """Take a rule away: the wider one holds again. Example: warbler retention drop --kind group"""
    called(url, data, "DELETE", "/retention", **place_of(kind, conversation))


@app.command("run")
def run_sweep(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count what would expire now")] = False, data: Data = None
) -> None:
    """Look through all conversations now, as the role retention does by itself. Example: warbler retention run --dry-run"""
    folder = (data or Path(os.environ.get("WARBLER_DATA") or ".warbler")).absolute()
    printed(asyncio.run(_sweep(folder, dry_run)))


async def _sweep(data: Path, dry_run: bool) -> dict[str, int]:
    """Raises: LogError, StoreUnavailable, NotRunning."""
    from log.kafka import KafkaLog
    from store.cassandra import Store

    clusters = located(data, os.environ)
    log = KafkaLog(log_at(clusters.kafka))
    store = await Store.connect(store_at(clusters, CONNECT_WAIT_MS))
    try:
        await log.start()
        async with acting(log, "retention.run", detail={"dry_run": dry_run}) as found:
            found |= await swept(log, store, dry_run)
        return found
    finally:
        await log.close()
        await store.close()


async def swept(log: Any, store: Any, dry_run: bool) -> dict[str, int]:
    """What one sweep found; unless `dry_run` the log is told, and the role `retention` performs it. Raises: LogError, StoreUnavailable."""
    from log.port import Entry
    from schemas.codec import encode
    from schemas.retention import ContentExpired
    from streams.retention.deciding import RETENTION_EVENTS
    from streams.retention.keeper import TENANT, Keeper
    from streams.retention.sweep import Sweep

    async def no_letters(_: Sequence[Entry]) -> None:
        """They are the role's."""

    async def tell(told: Sequence[ContentExpired]) -> None:
        if not dry_run:
            entries = [Entry(TENANT.encode(), encode(RETENTION_EVENTS, event)) for event in told]
            await log.publish(RETENTION_EVENTS, await keeper.place(), entries)

    keeper = Keeper(log, store, no_letters)
    await keeper.follow(apply=False)
    found = await Sweep(store, TENANT, PAGE_EVENTS, lambda: time.time_ns() // 1_000_000).run(keeper.state, tell)
    counts = {"conversations": found.conversations_count, "messages": found.messages_count, "edits": found.edits_count}
    return counts | {"held_conversations": found.held_count}


# ---- matters and holds


@holds.command("list")
def list_matters(url: Url = None, data: Data = None) -> None:
    """All matters, the newest first. Example: warbler hold list"""
    shown(called(url, data, "GET", "/matters")["matters"], "matter", "name", "held", "conversations", "users", "closed_at_ms")


@holds.command("open")
def open_matter(
    name: str,
    conversations: Conversations = None,
    users: Users = None,
    begin: Begin = "",
    end: End = "",
    url: Url = None,
    data: Data = None,
) -> None:
    """Open a matter; it holds nothing before `place`. Example: warbler hold open "Smith v. Jones" --user u-4f7…"""
    printed(called(url, data, "POST", "/matters", {"name": name} | about(conversations, users, begin, end)))


@holds.command("scope")
def scope_matter(
    matter: str,
    conversations: Conversations = None,
    users: Users = None,
    begin: Begin = "",
    end: End = "",
    url: Url = None,
    data: Data = None,
) -> None:
    """Say anew what a matter is about. Example: warbler hold scope m-0199… --conversation g-7"""
    printed(called(url, data, "PUT", f"/matters/{quote(matter, safe='')}/scope", about(conversations, users, begin, end)))


@holds.command("place")
def place_hold(matter: str, reason: Reason = "", url: Url = None, data: Data = None) -> None:
    """Nothing that the matter is about expires from now on. Example: warbler hold place m-0199… --reason "letter of 9 October\""""
    printed(called(url, data, "PUT", f"/matters/{quote(matter, safe='')}/hold", {"held": True, "reason": reason}))


@holds.command("lift")
def lift_hold(matter: str, reason: Reason = "", url: Url = None, data: Data = None) -> None:
    """What only this matter held may expire again. Example: warbler hold lift m-0199… --reason settled"""
    printed(called(url, data, "PUT", f"/matters/{quote(matter, safe='')}/hold", {"held": False, "reason": reason}))


@holds.command("close")
def close_matter(matter: str, url: Url = None, data: Data = None) -> None:
    """Close a matter for good; its hold ends. Example: warbler hold close m-0199…"""
    printed(called(url, data, "POST", f"/matters/{quote(matter, safe='')}/close"))


def about(conversations: list[str] | None, users: list[str] | None, begin: str, end: str) -> dict[str, Any]:
    """Raises: BadPlace."""
    times = {"from_ms": ms_of(begin) if begin else 0, "until_ms": ms_of(end) if end else 0}
    return {"conversations": conversations or [], "users": users or [], **times}
