"""The workloads by name, in the order in which they run. Those in DISTURBING end processes and run after all repeats of the others."""

import functools
from collections.abc import Awaitable, Callable

from bench.bench import Bench, Run
from bench.workloads import (
    call_setup,
    call_signalling,
    closed,
    directory,
    edges,
    export,
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
    rebuild,
    receipts,
    replay,
    rolling,
    roster,
    seal,
    sfu,
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
    "call-setup": call_setup.run,
    "call-signalling": call_signalling.run,
    "push": push.run,
    "push-apns": push_apns.run,
    "sfu": sfu.run,
    "replay": replay.run,
    "rebuild": rebuild.run,
    "seal": seal.run,
    "export": export.run,
    **{f"kill-{part}": functools.partial(kill.run, part) for part in kill.PROCESSES},
    "large-group": large_group.run,
    "rolling": rolling.run,
}
DISTURBING = tuple(name for name in WORKLOADS if name.startswith(("kill-", "large-", "rolling")))
