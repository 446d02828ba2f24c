"""The workloads by name, in the order in which they run. Those in DISTURBING end processes and run after all repeats of the others."""

import functools
from collections.abc import Awaitable, Callable

from bench.bench import Bench, Run
from bench.workloads import (
    closed,
    directory,
    edges,
    group,
    idle,
    kill,
    kill_path,
    ladder,
    lag,
    large_group,
    missed,
    presence,
    push,
    push_apns,
    receipts,
    rolling,
    roster,
)

WORKLOADS: dict[str, Callable[[Bench], Awaitable[Run]]] = {
    "ladder": ladder.run,
    "closed": closed.run,
    "lag": lag.run,
    "missed": missed.run,
    "directory": directory.run,
    "group": group.run,
    "idle": idle.run,
    "edges": edges.run,
    "presence": presence.run,
    "receipts": receipts.run,
    "roster": roster.run,
    "revoke": kill_path.run,
    "push": push.run,
    "push-apns": push_apns.run,
    **{f"kill-{part}": functools.partial(kill.run, part) for part in kill.PROCESSES},
    "large-group": large_group.run,
    "rolling": rolling.run,
}
DISTURBING = tuple(name for name in WORKLOADS if name.startswith(("kill-", "large-", "rolling")))
