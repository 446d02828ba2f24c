"""`warbler bot`: a user that plays a file into calls and records what it gets. A shell around `warbler.media`."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, cast, get_args

import typer
from rich.console import Console
from warbler import Client, ClientError, Login, Rejected, Rest
from warbler.calls import AskedEngine
from warbler.media import Bot, Talked

from ops import statefile
from ops.errors import BadSetting, OpsError

app = typer.Typer(help="A user that plays a file into calls and records what it gets.", no_args_is_help=True)

Name = Annotated[str, typer.Option(help="Who the bot is")]
Password = Annotated[str, typer.Option(envvar="WARBLER_PASSWORD", help="Its password")]
Url = Annotated[str | None, typer.Option(help="Server; default: the one that `warbler up` runs here")]
Register = Annotated[bool, typer.Option("--register", help="Sign up with this name and password")]
Play = Annotated[Path | None, typer.Option(help="Audio or video file that it plays over and over; default: silence")]
Record = Annotated[Path | None, typer.Option(help="Folder for what it gets, a file for each stream; default: frames are counted only")]
Seconds = Annotated[float | None, typer.Option(help="How long it talks, from the first frame on; default: until somebody hangs up")]
AsItIs = Annotated[bool, typer.Option("--as-it-is", help="Send the file's VP8, H.264 or Opus without encoding it anew")]
Data = Annotated[Path | None, typer.Option(help="Folder of all data; default $WARBLER_DATA, else .warbler")]


@app.command()
def call(
    to: Annotated[str, typer.Option(help="The user to call, or with --conversation nobody")] = "",
    conversation: Annotated[str, typer.Option(help="The conversation to call in; default: the direct one with --to")] = "",
    engine: Annotated[str, typer.Option(help=f"One of {', '.join(get_args(AskedEngine)[1:])}; default: the server's choice")] = "",
    audio: Annotated[bool, typer.Option("--audio", help="Without video")] = False,
    name: Name = "bot",
    password: Password = "",
    url: Url = None,
    register: Register = False,
    play: Play = None,
    record: Record = None,
    seconds: Seconds = None,
    as_it_is: AsItIs = False,
    data: Data = None,
) -> None:
    """Call somebody, or everybody in a conversation, and hang up after --seconds."""
    if not (to or conversation) or engine not in get_args(AskedEngine):
        raise BadSetting(f"name whom to call with --to or --conversation; an engine is one of {', '.join(get_args(AskedEngine)[1:])}")

    async def work(client: Client) -> None:
        place = conversation or await _direct(client, to)
        talked = await _bot(client, play, record, as_it_is).call(
            place,
            [to] if to else [],
            call_kind="one_to_one" if to else "group",
            media="audio" if audio else "video",
            engine=cast(AskedEngine, engine),
            seconds=seconds,
        )
        _say(talked)

    _run(work, name, password, url, register, data)


@app.command()
def answer(
    name: Name = "bot",
    password: Password = "",
    url: Url = None,
    register: Register = False,
    play: Play = None,
    record: Record = None,
    seconds: Seconds = None,
    as_it_is: AsItIs = False,
    data: Data = None,
) -> None:
    """Wait for a call, answer it, and hang up after --seconds."""

    async def work(client: Client) -> None:
        Console().print(f"waiting to be called as {client.user}")
        _say(await _bot(client, play, record, as_it_is).answer(seconds=seconds))

    _run(work, name, password, url, register, data)


def _run(work: Callable[[Client], Awaitable[None]], name: str, password: str, url: str | None, register: bool, data: Path | None) -> None:
    home = (data or Path(os.environ.get("WARBLER_DATA") or ".warbler")).absolute()
    try:
        asyncio.run(_with_client(work, url or statefile.read(home).page, name, password, register))
    except (ClientError, ValueError, OSError) as failed:
        raise OpsError(str(failed)) from None
    except KeyboardInterrupt:
        pass


async def _with_client(work: Callable[[Client], Awaitable[None]], url: str, name: str, password: str, register: bool) -> None:
    async with Rest(url) as rest:
        login = await (rest.register(name, password) if register else rest.login(name, password))
        if not isinstance(login, Login):
            raise BadSetting("this account needs a second factor, which a bot cannot show")
        async with Client(url, token=login.token, device=f"bot-{secrets.token_hex(4)}", agent="warbler-bot") as client:
            await work(client)


async def _direct(client: Client, to: str) -> str:
    try:
        return await client.create_direct(to)
    except Rejected as refused:
        if refused.code != "conversation_exists":
            raise
        return refused.conversation


def _bot(client: Client, play: Path | None, record: Path | None, as_it_is: bool) -> Bot:
    return Bot(client, play=play, record=record, encoded=as_it_is)


def _say(talked: Talked) -> None:
    console = Console()
    console.print(f"the call is over: {talked.over.reason or talked.over.left}")
    for each in talked.recordings:
        where = f", {each.packets} packets in {each.path}" if each.path is not None else ""
        console.print(f"{each.of.user} {each.of.source}: {each.frames} frames{where}")
