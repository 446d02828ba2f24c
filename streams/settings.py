"""Settings of the stream worker, from STREAMS_* variables; WARBLER_DATA and WARBLER_NODE are taken where those are not set."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from schemas.variables import values_of

ROLES = ("conversations", "calls", "timelines", "notifier", "inbox", "push", "webhooks", "retention", "bridge", "seal")
BY_REQUEST = ("witness",)  # a role that is of use only apart from all others


@dataclass(frozen=True, slots=True)
class StreamsSettings:
    """How the worker consumes, snapshots and gives up. `live_port` 0: no HTTP."""

    roles: tuple[str, ...] = ROLES
    data: Path = Path(".warbler")
    node: str = ""  # names this worker for ever: after a restart it has its partitions back at once; empty: a stranger each time
    live_port: int = 0
    session_timeout_ms: int = 10_000
    commit_interval_ms: int = 500
    owner_fetch_bytes_min: int = 1
    owner_fetch_wait_ms: int = 500
    projector_fetch_bytes_min: int = 256 * 1024
    projector_fetch_wait_ms: int = 350
    snapshot_interval_ms: int = 30_000
    checkpoint_interval_ms: int = 5_000
    writer_renew_ms: int = 12 * 3_600_000  # well below the broker's producer.id.expiration.ms of a day
    unpacked_conversations_limit: int = 10_000
    dead_letters_row_limit: int = 1_000  # so many in a row end the process: then it is our decoder that is wrong
    drain_timeout_ms: int = 10_000
    notifier_fetch_bytes_min: int = 64 * 1024
    notifier_fetch_wait_ms: int = 500
    notifier_members_limit: int = 500_000  # in all conversations that are remembered
    notifier_settled_limit: int = 100_000
    notified_members_limit: int = 5_000  # of a conversation whose members hear of every message also while they are away
    inbox_save_ms: int = 2_000
    inbox_watermarks_limit: int = 100_000
    presence_settle_ms: int = 2_000
    delivery_timeout_ms: int = 15_000
    push_repeat_ms: int = 3_600_000
    pending_keep_ms: int = 7 * 86_400_000  # as long as push-requests are kept
    pending_conversations_limit: int = 1_000
    ring_push_after_ms: int = 2_000
    ring_keep_ms: int = 600_000  # what an owner that was away for minutes says late must find it still known
    rings_limit: int = 100
    passages_interval_ms: int = 1_000
    push_campaign_per_s: int = 500  # requests of campaigns that one worker writes, so that messages' pushes are not kept waiting
    push_campaign_page_users: int = 500
    push_count_window: int = 20_000  # results of a partition among which one that is repeated is counted once
    retention_sweep_ms: int = 600_000
    retention_page_events: int = 1_000  # read of a conversation at a time; so many at most one event says to have expired
    push_count_keep_ms: int = 90 * 86_400_000  # how long counts by the hour are kept

    def __post_init__(self) -> None:
        if unknown := [role for role in self.roles if role not in ROLES + BY_REQUEST]:
            raise ValueError(f"STREAMS_ROLES={','.join(self.roles)}: {unknown[0]!r} is not one of {', '.join(ROLES + BY_REQUEST)}")
        if not self.roles:
            raise ValueError(f"STREAMS_ROLES is empty: at least one of {', '.join(ROLES)}")
        if not 6_000 <= self.session_timeout_ms <= 15_000:
            raise ValueError(f"STREAMS_SESSION_TIMEOUT_MS={self.session_timeout_ms}: 6000 to 15000")
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if isinstance(value, int) and value < (0 if field.name == "live_port" else 1):
                raise ValueError(f"STREAMS_{field.name.upper()}={value}: at least 1")

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> "StreamsSettings":
        """The settings of this environment. Raises: ValueError that names the variable."""
        chosen = values_of(cls, "STREAMS_", env, without=("roles", "data"))
        if "STREAMS_ROLES" in env:
            chosen["roles"] = tuple(role.strip() for role in env["STREAMS_ROLES"].split(",") if role.strip())
        if "node" not in chosen and "WARBLER_NODE" in env:
            chosen["node"] = env["WARBLER_NODE"]
        if (data := env.get("STREAMS_DATA", env.get("WARBLER_DATA"))) is not None:
            chosen["data"] = Path(data)
        return cls(**chosen)
