"""What `warbler doctor` says of a Kafka and a Cassandra of somebody's own: whether they let us in, and which variable to look at if not."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from log.errors import BadKafkaSecurity, LogRefused
from log.refusals import refusal
from log.settings import KAFKA_VARIABLE, LogSettings
from ops.doctor import Check
from ops.probes import cql_refusal, cql_serves, kafka_serves
from store.settings import CASSANDRA_VARIABLE, StoreSettings


def cluster_checks(env: Mapping[str, str]) -> list[Check]:
    """A line for each that is named.

    Blocks: on both, for a few seconds where they do not answer.
    """
    done = []
    if env.get(KAFKA_VARIABLE):
        done.append(asyncio.run(_kafka(env)))
    if env.get(CASSANDRA_VARIABLE):
        done.append(asyncio.run(_cassandra(env)))
    return done


async def _kafka(env: Mapping[str, str]) -> Check:
    try:
        settings = LogSettings.from_env(env)
        if refused := await refusal(settings):
            return Check("Kafka", False, str(refused), mending(refused))
    except BadKafkaSecurity as bad:
        return Check("Kafka", False, str(bad), f"export {bad.setting}=…")
    except ValueError as bad:
        return Check("Kafka", False, str(bad), f"export {KAFKA_VARIABLE}=host:port")
    how = settings.security.security + (f" as {settings.security.user}" if settings.security.by_name else "")
    if await kafka_serves(settings, all_led=False):
        return Check("Kafka", True, f"{settings.kafka} lets us in ({how})")
    return Check("Kafka", False, f"{settings.kafka} does not answer ({how})", f"export {KAFKA_VARIABLE}=host:port")


def mending(refused: LogRefused) -> str:
    """The variable to look at first, as the command that sets it."""
    return f"export {refused.setting.split(', ')[0]}=…"


async def _cassandra(env: Mapping[str, str]) -> Check:
    try:
        settings = StoreSettings.from_env(env)
    except ValueError as bad:
        return Check("Cassandra", False, str(bad), f"export {str(bad).split()[0].partition('=')[0]}=…")
    if refused := await cql_refusal(settings):
        return Check("Cassandra", False, str(refused), "export WARBLER_CASSANDRA_USER=…")
    if await cql_serves(settings):
        return Check("Cassandra", True, f"{settings.cassandra} lets us in")
    return Check("Cassandra", False, f"{settings.cassandra} does not answer", f"export {CASSANDRA_VARIABLE}=host:port")
