"""The `warbler` command. Each command imports what it needs when it is called, so that `warbler doctor` works with little installed."""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import os
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from typer.core import TyperGroup
from typer.main import get_command

# name of the command: (module, attribute, one line of help). An attribute that is a plain function becomes a single command.
LAZY = {
    "audit": ("ops.audit", "app", "How far the log is sealed, and whether a copy of it is what was sealed."),
    "bot": ("ops.bot", "app", "A user that plays a file into calls and records what it gets."),
    "chat": ("ops.chat", "chat", "Chat in the terminal."),
    "could": ("ops.could", "could", "Tell whether a user could do something in a conversation at a time, and by which event."),
    "export": ("ops.export.cli", "export", "Write conversations, a user's, a matter's or all into a folder that proves itself."),
    "import": ("ops.irc", "", "Import recorded conversations."),
    "journey": ("ops.journey", "journey", "Tell what became of a message, and when."),
    "replay": ("ops.replay.command", "replay", "Read a range of the log once more, into lines, a file, a topic or a webhook."),
    "show": ("ops.show.command", "app", "Show a conversation as it was at any time."),
    "rebuild": ("ops.rebuild.command", "rebuild", "Build a projection again from the log, compare, switch, roll back."),
    "verify": ("ops.verify", "app", "Compare what is stored with the log."),
    "keys": ("ops.keys", "app", "Rotate the keys that sign access tokens."),
    "users": ("ops.administering", "users", "List, make, freeze and delete users."),
    "roles": ("ops.administering", "roles", "Define tenant roles and give them."),
    "api-keys": ("ops.administering", "keys", "Make and revoke API keys."),
    "policies": ("ops.administering", "policies", "Show and change the tenant's policies."),
    "retention": ("ops.retention", "app", "How long content is kept."),
    "hold": ("ops.retention", "holds", "Matters and legal holds."),
    "push": ("ops.push", "app", "Push channels, and what became of pushes."),
    "calls": ("ops.calls", "app", "Live calls and media engines."),
    "consumers": ("ops.consumers.cli", "app", "Accounts with which other systems read our topics, and nothing else."),
    "webhooks": ("ops.webhooks", "app", "Addresses that hear of events, and what became of deliveries."),
    "dead-letters": ("ops.deadletters", "app", "List, show and replay records that could not be understood."),
}
IMPORTERS = {"irc": ("ops.irc.cli", "app", "Import IRC logs.")}


def load(module: str, attribute: str, name: str) -> Any:
    """The command object behind a lazily registered name, whatever it was written as."""
    found = getattr(importlib.import_module(module), attribute)
    if not isinstance(found, typer.Typer):
        single = typer.Typer(add_completion=False)
        single.command(name)(found)
        found = single
    return get_command(found)


class LazyGroup(TyperGroup):
    """A group that also knows commands it has not imported yet."""

    lazy: dict[str, tuple[str, str, str]] = {}  # noqa: RUF012  # replaced by subclasses, never changed

    def list_commands(self, ctx: Any) -> list[str]:
        present = [name for name, (module, _, _) in self.lazy.items() if has(module)]
        return [*super().list_commands(ctx), *present]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        entry = self.lazy.get(cmd_name)
        if entry is None or not has(entry[0]):
            return super().get_command(ctx, cmd_name)
        module, attribute, help_line = entry
        command = load(module, attribute, cmd_name) if attribute else get_command(importers)
        command.name = cmd_name
        command.help = command.help or help_line
        return command


def has(module: str) -> bool:
    """Whether the module is there, without importing it."""
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


class Commands(LazyGroup):
    lazy = LAZY


class Importers(LazyGroup):
    lazy = IMPORTERS


app = typer.Typer(cls=Commands, no_args_is_help=True, add_completion=False, help="Warbler: an event-sourced messaging backbone.")
importers = typer.Typer(cls=Importers, no_args_is_help=True, add_completion=False, help="Import recorded conversations.")


@importers.callback()
def importers_callback() -> None:
    """Import recorded conversations."""


Data = Annotated[Path | None, typer.Option(help="Folder of all data; default $WARBLER_DATA, else .warbler")]


@app.command()
def up(
    data: Data = None,
    edges: Annotated[int, typer.Option(help="How many edge nodes")] = 1,
    workers: Annotated[int, typer.Option(help="How many stream workers")] = 1,
    port: Annotated[int | None, typer.Option(help="Port of the page; default 8480 or the next free one")] = None,
    host: Annotated[str, typer.Option(help="Address the edges and the media engines listen on")] = "127.0.0.1",
    engines: Annotated[int, typer.Option(help="How many embedded media engines; one per core that calls may use")] = 1,
    janus: Annotated[list[str] | None, typer.Option(help="WebSocket address of a Janus to use as well; may be given again")] = None,
    turn: Annotated[bool, typer.Option("--turn", help="Start coturn, for devices that reach no engine directly")] = False,
    witness: Annotated[bool, typer.Option("--witness", help="Start a second sealer, which must agree with the first")] = False,
) -> None:
    """Start Kafka, Cassandra, workers, media engines and edges; Ctrl-C stops them all."""
    from ops.settings import ClusterSettings, UpSettings
    from ops.up import run_up

    asked = UpSettings(data_dir(data), edges, workers, host, port, engines, tuple(janus or ()), turn, witness)
    run(run_up(asked, ClusterSettings.from_env(os.environ), Console()))


@app.command()
def doctor(data: Data = None) -> None:
    """Say what is missing on this machine, and the command that mends it."""
    from ops.doctor import run_doctor

    raise typer.Exit(run_doctor(data_dir(data), Console()))


@app.command()
def status(data: Data = None, seconds: Annotated[float, typer.Option(help="How long rates are measured")] = 2.0) -> None:
    """Show each process, the partitions with their lag, and rates."""
    from ops.status import run_status

    run(run_status(data_dir(data), seconds, Console()))


@app.command()
def topics(data: Data = None) -> None:
    """Create the topics and tables that are missing, and print them all."""
    from ops.topics import run_topics

    run(run_topics(data_dir(data), os.environ, Console()))


@app.command()
def init(data: Data = None) -> None:
    """Prepare existing clusters (WARBLER_KAFKA, WARBLER_CASSANDRA): topics, tables, and the keys in the data folder."""
    from ops.topics import run_init

    run(run_init(data_dir(data), os.environ, Console()))


def run(work: Coroutine[Any, Any, None]) -> None:
    """Run a command's coroutine."""
    asyncio.run(work)


def data_dir(chosen: Path | None) -> Path:
    """--data, else WARBLER_DATA, else .warbler in the working directory."""
    return (chosen or Path(os.environ.get("WARBLER_DATA") or ".warbler")).absolute()


def main() -> None:
    """Entry point of the console script: an error of ours ends it with its message and exit code 1, without a traceback."""
    from schemas.errors import WarblerError

    try:
        app()
    except WarblerError as failed:
        Console(stderr=True).print(f"[bold red]warbler:[/bold red] {escape(str(failed))}", highlight=False, soft_wrap=True)
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
