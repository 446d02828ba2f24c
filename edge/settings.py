"""The edge's settings: read once from EDGE_* and WARBLER_*, refused early with the variable's name."""

import dataclasses
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args

from schemas import variables
from schemas.call_signals import EngineKind
from schemas.errors import WarblerError
from schemas.values import Visibility
from store.pushing import CHANNELS

VISIBILITIES = get_args(Visibility)
ENGINE_KINDS: tuple[EngineKind, ...] = get_args(EngineKind)
SIGN_IN_MS_LIMIT = 400 * 86_400_000  # a sign-in's row is kept for so long (store.sign_ins.KEEP_S)


class BadSetting(WarblerError):
    """A setting is not in its range; the message names the variable."""


def values_of(settings: type[Any], env: Mapping[str, str]) -> dict[str, Any]:
    """The fields of a settings class that the environment names: `port` is EDGE_PORT. Raises: BadSetting for what is no whole number."""
    try:
        return variables.values_of(settings, "EDGE_", env)
    except ValueError as bad:
        raise BadSetting(str(bad)) from None


@dataclass(frozen=True, slots=True)
class EdgeSettings:
    """One field is one variable: `frame_bytes_limit` is EDGE_FRAME_BYTES_LIMIT."""

    host: str = "127.0.0.1"
    port: int = 8480
    frame_bytes_limit: int = 128 * 1024  # an SDP of the longest kind, escaped
    auth_timeout_ms: int = 10_000
    heartbeat_ms: int = 25_000
    commands_per_s: int = 50
    commands_burst: int = 200
    user_commands_per_s: int = 100
    user_commands_burst: int = 400
    address_opens_per_s: int = 2_000
    address_opens_burst: int = 4_000
    outstanding_commands_limit: int = 500
    sessions_per_user_limit: int = 32
    admissions_at_once: int = 16
    admissions_waiting_limit: int = 1_000
    requests_per_session_limit: int = 8  # sync, history and directory reads under way at once
    ack_timeout_ms: int = 15_000
    ack_attempts: int = 3
    outbox_bytes_limit: int = 1 << 20
    room_timeout_ms: int = 30_000  # a device that reads nothing for so long while pages wait is cut off
    webhooks_limit: int = 100
    positions_limit: int = 1_000  # in a hello; about as many as a frame of 64 KiB holds
    outbox_age_limit_ms: int = 30_000
    sync_events_limit: int = 500
    history_messages_limit: int = 100
    directory_entries_limit: int = 100
    directory_bytes_limit: int = 128 * 1024  # of a directory page, and so of the welcome but for its few hundred other bytes
    text_bytes_limit: int = 16_384
    produce_interval_ms: int = 5  # at most one produce request per partition in this time
    publish_bytes_limit: int = 16 << 20  # commands accepted and not yet in the log
    publish_age_limit_ms: int = 5_000
    session_publishing_limit: int = 256
    recent_bytes_limit: int = 64 << 20  # events seen and not yet projected
    progress_interval_ms: int = 500
    session_lease_ms: int = 90_000
    drain_ms: int = 30_000
    drain_per_s: int = 25
    receipts_interval_ms: int = 200
    receipts_large_interval_ms: int = 5_000  # where single receipts are told to nobody
    receipts_members_limit: int = 50  # members of a conversation in which all hear of each one's receipts
    receipts_page_limit: int = 500
    receipts_scan_limit: int = 2_000  # members looked at for one page; with a device each this fits into one answer of Cassandra
    receipts_watched_limit: int = 100  # conversations whose receipts are counted here
    receipts_watched_members_limit: int = 200_000  # members of all of these, some 300 bytes each
    receipts_counts_interval_ms: int = 1_000
    presence_watched_limit: int = 500
    presence_interval_ms: int = 250
    presence_visibility: Visibility = "everyone"
    roster_page_limit: int = 1_000
    rosters_recent_bytes_limit: int = 8 << 20  # roster records seen and not yet projected
    passages_interval_ms: int = 1_000
    journey_records_limit: int = 20_000  # of each topic
    journey_members_limit: int = 100
    journey_timeout_ms: int = 10_000
    access_token_ms: int = 15 * 60_000
    admin_token_ms: int = 24 * 3_600_000
    refresh_token_ms: int = 30 * 86_400_000  # without being used
    sign_in_ms: int = 365 * 86_400_000  # however often it is refreshed
    refresh_grace_ms: int = 30_000
    ticket_ms: int = 30_000
    token_issuer: str = "warbler"
    token_audience: str = "warbler"
    revocation_blind_ms: int = 15_000
    revocation_back_ms: int = 600_000  # how far back account-events are read at the start
    name_kept_back_s: int = 30 * 86_400  # of a deleted user: nobody can take it so soon
    rest_timeout_ms: int = 10_000
    http_idle_s: int = 75  # longer than a client or load balancer keeps one, or a request of theirs meets the close
    nickname_pending_s: int = 86_400  # how long a nickname waits for its event, which a retry may bring about much later
    passwords_at_once: int = 2  # argon2 takes 64 MiB and a core each
    passwords_waiting_limit: int = 500
    argon2_time_cost: int = 3
    argon2_memory_kib: int = 65_536
    argon2_parallelism: int = 4
    guesses_free: int = 5  # wrong passwords for an account before its waits begin
    guess_wait_ms: int = 1_000
    guess_wait_ms_limit: int = 900_000
    guesses_forget_ms: int = 3_600_000
    address_guesses_per_min: int = 30
    address_guesses_burst: int = 100
    push_channels: str = ""  # empty: all that there are
    push_tokens_limit: int = 50  # of one user
    push_insecure_endpoints: int = 0  # 1: subscriptions on loopback may be http
    address_tickets_per_s: int = 50  # behind one address there may be an office
    address_tickets_burst: int = 500
    admin_calls_per_s: int = 50  # of one administrator or API key
    admin_calls_burst: int = 200
    searches_per_s: int = 5  # of one user
    searches_burst: int = 30
    call_engines: str = "embedded,janus,livekit"  # kinds, the preferred one first
    call_callees_limit: int = 50  # of one request or invitation
    call_sdp_bytes_limit: int = 64 * 1024
    call_tracks_limit: int = 16  # named in one description
    call_signals_per_s: int = 50  # of one session
    call_signals_burst: int = 300  # two connections and their candidates at once, of several calls

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            low = 0 if field.name in ("port", "produce_interval_ms", "push_insecure_endpoints") else 1
            if isinstance(value, int) and value < low:
                raise BadSetting(f"EDGE_{field.name.upper()}={value}: at least {low}")
        if self.presence_visibility not in VISIBILITIES:
            raise BadSetting(f"EDGE_PRESENCE_VISIBILITY={self.presence_visibility!r}: one of {', '.join(VISIBILITIES)}")
        named = [name.strip() for name in self.push_channels.split(",") if name.strip()]
        if unknown := [name for name in named if name not in CHANNELS]:
            raise BadSetting(f"EDGE_PUSH_CHANNELS={self.push_channels}: {unknown[0]!r} is not one of {', '.join(CHANNELS)}")
        if unknown := [name for name in self.call_engines.split(",") if name.strip() not in ENGINE_KINDS]:
            raise BadSetting(f"EDGE_CALL_ENGINES={self.call_engines}: {unknown[0].strip()!r} is not one of {', '.join(ENGINE_KINDS)}")
        if self.port > 65_535:
            raise BadSetting(f"EDGE_PORT={self.port}: at most 65535")
        if self.heartbeat_ms < 1_000:
            raise BadSetting(f"EDGE_HEARTBEAT_MS={self.heartbeat_ms}: at least 1000")
        if self.sign_in_ms > SIGN_IN_MS_LIMIT:
            raise BadSetting(f"EDGE_SIGN_IN_MS={self.sign_in_ms}: at most {SIGN_IN_MS_LIMIT}")
        if self.session_lease_ms < 3 * 1_000:
            raise BadSetting(f"EDGE_SESSION_LEASE_MS={self.session_lease_ms}: at least 3000")

    @property
    def call_engines_order(self) -> tuple[EngineKind, ...]:
        names = [name.strip() for name in self.call_engines.split(",")]
        return tuple(kind for name in names for kind in ENGINE_KINDS if kind == name)

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> "EdgeSettings":
        """Raises: BadSetting for a value that is not a number or not in range."""
        return cls(**values_of(cls, os.environ if env is None else env))
