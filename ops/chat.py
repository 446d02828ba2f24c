"""`warbler chat`: conversations in the terminal, or fed by a pipe. A shell around the SDK, as any customer could write it.

Lines that begin with `/` are commands (`/help`), others are sent to the open conversation. Incoming messages are printed above the
line that is being typed.
"""

from __future__ import annotations

import asyncio
import getpass
import os
import secrets
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from warbler import Client, ClientError, FactorNeeded, Login, RequestFailed, Rest

from ops import statefile
from ops.chat_screen import Screen
from ops.chat_talk import Talk
from ops.errors import BadSetting, OpsError


def chat(
    name: Annotated[str | None, typer.Option(help="Your name; asked for where it is missing")] = None,
    password: Annotated[str | None, typer.Option(envvar="WARBLER_PASSWORD", help="Asked for where it is missing")] = None,
    url: Annotated[str | None, typer.Option(help="Server; default: the one that `warbler up` runs here")] = None,
    register: Annotated[bool, typer.Option("--register", help="Sign up with this name and password")] = False,
    stay: Annotated[float, typer.Option(help="Seconds to go on listening after the end of piped input")] = 0.0,
    data: Annotated[Path | None, typer.Option(help="Folder of all data; default $WARBLER_DATA, else .warbler")] = None,
) -> None:
    """Chat in the terminal; works with piped input too."""
    home = (data or Path(os.environ.get("WARBLER_DATA") or ".warbler")).absolute()
    address = url or statefile.read(home).page
    try:
        asyncio.run(run_chat(address, name, password, register, stay))
    except ClientError as failed:
        raise OpsError(str(failed)) from None
    except KeyboardInterrupt:
        pass


async def run_chat(url: str, name: str | None, password: str | None, register: bool, stay_s: float) -> None:
    """Raises: ClientError, BadSetting."""
    screen = Screen(Console(), sys.stdin.isatty())
    async with Rest(url) as rest:
        login = await sign_in(rest, screen, name, password, register)
        device = f"terminal-{secrets.token_hex(4)}"
        async with Client(url, token=login.token, device=device, agent="warbler-chat") as client:
            talk = Talk(client, rest, screen, login)
            await talk.show_list()
            watching = asyncio.create_task(talk.watch())
            try:
                async for line in screen.lines():
                    if not await talk.take(line):
                        break
                else:
                    await asyncio.sleep(stay_s)
                await talk.settle()
            finally:
                watching.cancel()
                await asyncio.gather(watching, return_exceptions=True)


async def sign_in(rest: Rest, screen: Screen, name: str | None, password: str | None, register: bool) -> Login:
    if not screen.interactive and (name is None or password is None):
        raise BadSetting("with piped input, name the user with --name and the password with WARBLER_PASSWORD")
    name = name if name is not None else await asyncio.to_thread(input, "name: ")
    password = password if password is not None else await asyncio.to_thread(getpass.getpass, "password: ")
    try:
        entry = await (rest.register(name, password) if register else rest.login(name, password))
    except RequestFailed as failed:
        if register or failed.code != "bad_credentials" or not screen.interactive:
            raise
        answer = await asyncio.to_thread(input, f"no such user, or a wrong password; sign up as {name}? [y/N] ")
        if answer.strip().lower() not in ("y", "yes"):
            raise
        entry = await rest.register(name, password)
    return entry if isinstance(entry, Login) else await show_factor(rest, screen, entry)


async def show_factor(rest: Rest, screen: Screen, needed: FactorNeeded) -> Login:
    """The second factor, typed. Raises: BadSetting where nobody can be asked, or a terminal cannot show what is needed."""
    kind = next((each for each in needed.factors if each != "passkey"), None)
    if needed.enrol or kind is None or not screen.interactive:
        raise BadSetting("this account needs a second factor that cannot be shown here; sign in on the page")
    code = await asyncio.to_thread(input, "code of the authenticator: " if kind == "totp" else "recovery code: ")
    entry = await rest.ways.factor(needed, kind, code.strip())
    return entry if isinstance(entry, Login) else await show_factor(rest, screen, entry)
