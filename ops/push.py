"""`warbler push`: whether a push channel works, and what became of pushes."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from ops.push_check import EXIT_REFUSED, check_push, lines_of, push_env, read_token
from ops.push_showing import stats
from schemas.errors import WarblerError
from store.pushing import CHANNELS
from streams.push.config import config_file

EXIT_UNSURE = 2
CHANNEL_HELP = f"The push channel: one of {', '.join(CHANNELS)}."
TOKEN_HELP = "The device's token as the app registered it; @FILE reads it from a file, - from the standard input."
APP_HELP = "Which of the configured apps, where there are several."
CONFIG_HELP = "The file of push channels; default $STREAMS_PUSH_CONFIG, else push.yaml in the data folder."
DRY_HELP = "Send nothing: read the file, look at the token's form, and check the credentials."

app = typer.Typer(help="Push channels, and what became of pushes.", no_args_is_help=True)


@app.callback()
def push() -> None:
    """Push channels, and what became of pushes."""


app.command("stats")(stats)


@app.command()
def check(
    channel: Annotated[str, typer.Option(help=CHANNEL_HELP)],
    token: Annotated[str, typer.Option(help=TOKEN_HELP)],
    app: Annotated[str, typer.Option(help=APP_HELP)] = "",
    dry: Annotated[bool, typer.Option("--dry", help=DRY_HELP)] = False,
    config: Annotated[Path | None, typer.Option(help=CONFIG_HELP)] = None,
    data: Annotated[Path | None, typer.Option(help="Folder of all data; default $WARBLER_DATA, else .warbler")] = None,
) -> None:
    """Send one test push and print what the vendor said. Exit code 1: it was not accepted; 2: it could not be sent."""
    console = Console(soft_wrap=True)
    folder = (data or Path(os.environ.get("WARBLER_DATA") or ".warbler")).absolute()
    # A file that was named has to be there, by whomever it was named.
    env = {**os.environ, "STREAMS_PUSH_CONFIG": str(config)} if config is not None else os.environ
    file = config_file(env.get("STREAMS_PUSH_CONFIG", ""), folder)
    try:
        said = read_token(token, sys.stdin.buffer)
        checked = asyncio.run(check_push(file, push_env(folder, env), channel, app, said, dry))
    except WarblerError as failed:
        console.print(str(failed), style="red", markup=False, highlight=False)
        raise typer.Exit(EXIT_UNSURE) from failed
    for line in lines_of(checked, file):
        console.print(line, highlight=False, markup=False)
    if not checked.good:
        raise typer.Exit(EXIT_REFUSED)
