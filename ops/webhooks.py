"""`warbler webhooks`: addresses that hear of events, and what became of deliveries. An edge decides, and the log hears of it."""

from __future__ import annotations

import time
from typing import Annotated, Any
from urllib.parse import quote

import typer
from rich.console import Console

from ops.administering import Data, Url, called, group, printed, shown

app = group("Tell addresses of events. Example: warbler webhooks add https://archive.example/hook --type message_sent")

Types = Annotated[list[str] | None, typer.Option("--type", help="An event type; may be given again; without it all")]
Conversations = Annotated[list[str] | None, typer.Option("--conversation", help="May be given again; without it all")]
About = Annotated[str, typer.Option(help="What it is, for people")]


def _lines(found: list[dict[str, Any]], *columns: str) -> None:
    """One line each where it fits or nobody looks, else a few: ids and places are there to be copied."""
    console = Console()
    texts = [[", ".join(value) if isinstance(value := each[name], list) else str(value) for name in columns] for each in found]
    widths = [max((len(text[at]) for text in texts), default=0) for at in range(len(columns))]
    if console.is_terminal and sum(widths) + 2 * len(widths) > console.width:
        shown(found, *columns)
        return
    for text in texts:
        typer.echo("  ".join(part.ljust(width) for part, width in zip(text, widths, strict=True)).rstrip())


def _path(webhook: str, *parts: str) -> str:
    return "/".join(["/webhooks", quote(webhook, safe=""), *parts])


@app.command("list")
def list_webhooks(url: Url = None, data: Data = None) -> None:
    """All webhooks. Example: warbler webhooks list"""
    _lines(called(url, data, "GET", "/webhooks")["webhooks"], "webhook", "state", "url", "types", "conversations", "about")


@app.command()
def types(url: Url = None, data: Data = None) -> None:
    """What can be subscribed to. Example: warbler webhooks types"""
    for name in called(url, data, "GET", "/webhooks")["event_types"]:
        typer.echo(name)


@app.command()
def show(webhook: str, url: Url = None, data: Data = None) -> None:
    """One webhook, and where it stands. Example: warbler webhooks show wh-0199…"""
    printed(called(url, data, "GET", _path(webhook)))


@app.command()
def add(
    address: str, type_: Types = None, conversation: Conversations = None, about: About = "", url: Url = None, data: Data = None
) -> None:
    """Make a webhook, and print its secret, once. Example: warbler webhooks add https://archive.example/hook --type message_sent"""
    printed(called(url, data, "POST", "/webhooks", _wishes(address, type_, conversation, about, enabled=True)))


@app.command("set")
def set_webhook(
    webhook: str,
    address: Annotated[str | None, typer.Option(help="Another address")] = None,
    type_: Types = None,
    conversation: Conversations = None,
    about: Annotated[str | None, typer.Option(help="What it is, for people")] = None,
    every: Annotated[bool, typer.Option("--all", help="All event types of all conversations")] = False,
    paused: Annotated[bool, typer.Option("--paused", help="Deliver nothing until it is set without this")] = False,
    url: Url = None,
    data: Data = None,
) -> None:
    """Change a webhook, or enable it again; what is not given stays. Example: warbler webhooks set wh-0199…"""
    known = called(url, data, "GET", _path(webhook))
    types, conversations = ([], []) if every else (type_ or known["types"], conversation or known["conversations"])
    wishes = _wishes(address or known["url"], types, conversations, known["about"] if about is None else about, enabled=not paused)
    printed(called(url, data, "PUT", _path(webhook), wishes))


def _wishes(address: str, types: list[str] | None, conversations: list[str] | None, about: str, *, enabled: bool) -> dict[str, Any]:
    return {"url": address, "types": types or [], "conversations": conversations or [], "about": about, "enabled": enabled}


@app.command()
def remove(webhook: str, url: Url = None, data: Data = None) -> None:
    """Deliver nothing more. Example: warbler webhooks remove wh-0199…"""
    called(url, data, "DELETE", _path(webhook))


@app.command()
def rotate(
    webhook: str,
    keep_hours: Annotated[float, typer.Option(help="How long it is signed with the older secret as well")] = 24.0,
    url: Url = None,
    data: Data = None,
) -> None:
    """A new secret, printed once. Example: warbler webhooks rotate wh-0199… --keep-hours 48"""
    typer.echo(called(url, data, "POST", _path(webhook, "secret"), {"keep_ms": round(keep_hours * 3_600_000)})["secret"])


@app.command()
def replay(
    webhook: str,
    begin: Annotated[str, typer.Option("--from", help="start, end, a time, offset:<topic>:<partition>:<n>, seq:<conversation>:<n>")],
    url: Url = None,
    data: Data = None,
) -> None:
    """Deliver again from a place on, in order. Example: warbler webhooks replay wh-0199… --from 2026-11-26T09:00:00Z"""
    places = called(url, data, "POST", _path(webhook, "replay"), {"begin": begin})["places"]
    _lines(places, "topic", "partition", "offset")


@app.command()
def deliveries(
    webhook: str,
    state: Annotated[str | None, typer.Option(help="delivered, retrying, given_up")] = None,
    limit: Annotated[int, typer.Option(help="At most")] = 50,
    url: Url = None,
    data: Data = None,
) -> None:
    """The last tries, the newest first. Example: warbler webhooks deliveries wh-0199… --state retrying"""
    found = called(url, data, "GET", _path(webhook, "deliveries"), state=state, limit=limit)["deliveries"]
    _lines([_dated(each) for each in found], "at", "state", "type", "conversation", "place", "tries", "status", "reason")


@app.command("dead-letters")
def dead_letters(webhook: str, limit: Annotated[int, typer.Option(help="At most")] = 50, url: Url = None, data: Data = None) -> None:
    """Events that were given up, the newest first. Example: warbler webhooks dead-letters wh-0199…"""
    found = called(url, data, "GET", _path(webhook, "dead-letters"), limit=limit)["dead_letters"]
    _lines([_dated(each) for each in found], "at", "type", "conversation", "place", "tries", "status", "reason")


def _dated(each: dict[str, Any]) -> dict[str, Any]:
    moment = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(each["at_ms"] / 1_000))
    return each | {"at": moment, "place": f"{each['topic']}:{each['partition']}:{each['offset']}"}


@app.command()
def redeliver(
    webhook: str,
    place: Annotated[str, typer.Argument(help="<topic>:<partition>:<offset>, as the lists show it")],
    url: Url = None,
    data: Data = None,
) -> None:
    """One event once more. Example: warbler webhooks redeliver wh-0199… conversation-events:0:4711"""
    topic, _, rest = place.partition(":")
    partition, _, offset = rest.partition(":")
    if not (partition.isdecimal() and offset.isdecimal()):
        raise typer.BadParameter("<topic>:<partition>:<offset> is needed")
    called(url, data, "POST", _path(webhook, "redeliver"), {"topic": topic, "partition": int(partition), "offset": int(offset)})
