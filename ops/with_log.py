"""A command that reads or writes the log of a running Warbler, or of the one that WARBLER_KAFKA names."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import typer

from log.kafka import KafkaLog
from log.port import Log
from ops.reach import log_at
from ops.topics import located_kafka
from schemas.errors import WarblerError


def run_with_log(data: Path, body: Callable[[Log], Awaitable[None]]) -> None:
    """Runs `body` with the log. Raises: typer.Exit, after saying why, where it fails."""

    async def whole() -> None:
        log = KafkaLog(log_at(located_kafka(data, os.environ)))
        await log.start()
        try:
            await body(log)
        finally:
            await log.close()

    try:
        asyncio.run(whole())
    except WarblerError as exc:
        typer.echo(str(exc), err=True)
        raise typer.Exit(1) from exc
