"""The owner's limits and windows, from STREAMS_* variables. Pure; read once by the worker.

Rule 1: the same events under other limits give another memory (not other facts), so change them only with all workers stopped.
Rule 2: after the horizon was raised, a command that was forgotten under the old one would be taken again: only devices that retry after
more than the old horizon can notice.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from schemas.values import ConversationKind, Qos
from schemas.variables import between, check_between, values_of

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


@dataclass(frozen=True, slots=True)
class Rules:
    """What a command may ask for, until when, and how long it is remembered."""

    members_limit: int = between(100_000, 2, 1_000_000)
    members_whole_limit: int = between(1_000, 1, 10_000)  # of a conversation that is saved as one record; above it in parts
    text_bytes_limit: int = between(16_384, 1, 900_000)  # a record of a megabyte is the broker's limit
    content_bytes_limit: int = between(49_152, 1, 900_000)
    title_bytes_limit: int = between(256, 1, 10_000)
    reaction_bytes_limit: int = between(64, 1, 1_000)
    mentions_limit: int = between(100, 0, 10_000)
    edit_window_ms: int = between(DAY_MS, 0, 3650 * DAY_MS)
    recall_window_ms: int = between(DAY_MS, 0, 3650 * DAY_MS)
    remembered_commands: int = between(1_000, 1, 100_000)
    command_horizon_ms: int = between(DAY_MS, 60_000, 365 * DAY_MS)
    clock_ahead_ms: int = between(60_000, 0, HOUR_MS)
    read_events_members_limit: int = between(100, 0, 100_000)  # of a conversation whose read marks are events; above it they are receipts
    description_bytes_limit: int = between(4_096, 0, 100_000)
    question_bytes_limit: int = between(512, 0, 10_000)
    avatar_bytes_limit: int = between(512, 0, 10_000)  # of the reference
    slow_mode_limit_ms: int = between(6 * HOUR_MS, 0, 30 * DAY_MS)
    application_bytes_limit: int = between(1_000, 0, 100_000)
    reason_bytes_limit: int = between(500, 0, 10_000)
    role_bytes_limit: int = between(64, 1, 1_000)
    roles_limit: int = between(50, 0, 1_000)
    role_members_limit: int = between(100, 0, 1_000)  # each of them is an event when the role is dropped
    links_limit: int = between(100, 0, 10_000)
    invitations_limit: int = between(1_000, 0, 100_000)
    applications_limit: int = between(1_000, 0, 100_000)
    bans_limit: int = between(10_000, 0, 100_000)
    mutes_limit: int = between(10_000, 0, 100_000)
    term_limit_ms: int = between(3650 * DAY_MS, 60_000, 36_500 * DAY_MS)  # of mutes, bans and links
    friend_text_bytes_limit: int = between(512, 0, 10_000)
    friend_request_cooldown_ms: int = between(DAY_MS, 0, 365 * DAY_MS)  # after a request was declined
    at_least_once_direct: int = between(0, 0, 1)
    at_least_once_group: int = between(0, 0, 1)
    at_least_once_channel: int = between(0, 0, 1)

    def __post_init__(self) -> None:
        check_between(self, "STREAMS_")

    def qos(self, kind: ConversationKind) -> Qos:
        """What a message gets that does not ask for anything."""
        chosen = {"direct": self.at_least_once_direct, "group": self.at_least_once_group, "channel": self.at_least_once_channel}
        return "at_least_once" if chosen[kind] else "effectively_once"

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> "Rules":
        """The rules of this environment. Raises: ValueError that names the variable."""
        return cls(**values_of(cls, "STREAMS_", env))
