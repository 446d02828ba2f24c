"""`warbler consumers`: make, list and remove accounts with which other systems read our topics."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from log.kafka import KafkaLog
from ops import statefile
from ops.acts import acting
from ops.consumers.access import BadConsumer, Consumer, wanted
from ops.consumers.accounts import Accounts, accounts
from ops.consumers.client_files import Access, java, librdkafka
from ops.errors import OpsError
from ops.keys import replace_secret
from ops.reach import log_at
from ops.tables import put_table
from ops.topics import located_kafka
from schemas.registry import TOPICS

DataOption = Annotated[
    Path, typer.Option("--data", help="Data folder of the `warbler up` whose Kafka is meant; not needed with WARBLER_KAFKA.")
]
OutOption = Annotated[
    Path | None, typer.Option(help="Folder for the client's two files, readable by you alone; without it they are printed.")
]
BootstrapOption = Annotated[
    str, typer.Option(envvar="WARBLER_CONSUMERS_KAFKA", help="Where consumers reach your own Kafka with SASL and TLS.")
]
CaOption = Annotated[str, typer.Option(envvar="WARBLER_CONSUMERS_CA", help="PEM file of the authority of your own Kafka's certificates.")]
NameArgument = Annotated[str, typer.Argument(help="The account's name.")]

app = typer.Typer(help="Accounts with which other systems read our topics, and nothing else.", no_args_is_help=True)


@app.command("add")
def add(
    name: NameArgument,
    topics: Annotated[str, typer.Option(help="Topics that it may read, with commas between them.")],
    group: Annotated[
        list[str] | None, typer.Option(help="Group that it may join; a * at the end for all that begin so. May be given again.")
    ] = None,
    internal: Annotated[bool, typer.Option("--internal", help="Also topics whose meaning may change with any release.")] = False,
    out: OutOption = None,
    bootstrap: BootstrapOption = "",
    ca: CaOption = "",
    data: DataOption = Path(".warbler"),
) -> None:
    """Make an account; its password is shown once and kept nowhere."""
    grants = wanted(name, [topic.strip() for topic in topics.split(",") if topic.strip()], group or [], TOPICS, internal=internal)
    where = reached_at(data, bootstrap, ca)
    password = secrets.token_urlsafe(32)

    async def body(there: Accounts) -> None:
        if any(consumer.name == name for consumer in await there.all()):
            raise BadConsumer(f"{name} exists; `warbler consumers rotate` gives it a new password, `remove` takes it away")
        await there.permit(name, grants)
        await there.put(name, password, secrets.token_bytes(32))

    _run(data, body, "consumer_made", name, topics)
    hand_over(Access(where.bootstrap, name, password, where.ca), out)


@app.command("rotate")
def rotate(
    name: NameArgument, out: OutOption = None, bootstrap: BootstrapOption = "", ca: CaOption = "", data: DataOption = Path(".warbler")
) -> None:
    """Give an account a new password. Who is connected with the old one stays so until it connects again."""
    where = reached_at(data, bootstrap, ca)
    password = secrets.token_urlsafe(32)

    async def body(there: Accounts) -> None:
        _known(name, await there.all())
        await there.put(name, password, secrets.token_bytes(32))

    _run(data, body, "consumer_rotated", name)
    hand_over(Access(where.bootstrap, name, password, where.ca), out)


@app.command("list")
def list_consumers(data: DataOption = Path(".warbler")) -> None:
    """Every account, and what it may read."""

    async def body(there: Accounts) -> None:
        table = Table("name", "topics", "groups", "password")
        for consumer in await there.all():
            table.add_row(consumer.name, ", ".join(consumer.topics), ", ".join(consumer.groups), "yes" if consumer.has_password else "none")
        put_table(Console(soft_wrap=True), table)

    _run(data, body)


@app.command("remove")
def remove(name: NameArgument, data: DataOption = Path(".warbler")) -> None:
    """Take an account away; what it has open reads nothing any more, at once."""

    async def body(there: Accounts) -> None:
        _known(name, await there.all())
        await there.drop(name)

    _run(data, body, "consumer_removed", name)
    typer.echo(f"{name} is gone")


def _known(name: str, existing: list[Consumer]) -> None:
    if all(consumer.name != name for consumer in existing):
        raise BadConsumer(f"there is no account {name}; `warbler consumers list` shows all")


def _run(data: Path, body: Callable[[Accounts], Awaitable[None]], action: str = "", name: str = "", topics: str = "") -> None:
    """`action`: what is told to the operators' log; looking is not."""

    async def whole() -> None:
        kafka = log_at(located_kafka(data))
        async with accounts(kafka) as there:
            if not action:
                return await body(there)
            log = KafkaLog(kafka)
            try:
                async with acting(log, action, "consumer", name, {"topics": topics} if topics else None):
                    await body(there)
            finally:
                await log.close()

    asyncio.run(whole())


def reached_at(data: Path, bootstrap: str, ca: str) -> Access:
    """Where consumers come in, without name and password. Raises: OpsError where nobody said so for a Kafka of your own."""
    if bootstrap:
        return Access(bootstrap, "", "", ca)
    state = statefile.read(data)
    if not state.consumers:
        raise OpsError("where do consumers reach your Kafka? Say its listener with SASL and TLS in --bootstrap or WARBLER_CONSUMERS_KAFKA")
    return Access(state.consumers, "", "", state.consumers_ca)


def hand_over(access: Access, out: Path | None) -> None:
    """Print both files, or write them."""
    files = {f"{access.name}.librdkafka.conf": librdkafka(access), f"{access.name}.java.properties": java(access)}
    for file, text in files.items():
        if out is None:
            typer.echo(f"# {file}\n{text}")
        else:
            replace_secret(out / file, text.encode())
            typer.echo(str(out / file))
    if out is None:
        typer.echo("# This password is not kept anywhere else.")
