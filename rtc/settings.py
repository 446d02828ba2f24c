"""The settings of an engine's process, from RTC_* variables; read once, refused early. What an engine has of its own is read by it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from rtc import sdp
from rtc.choose import PEER_TO_PEER
from rtc.turn import Turn, urls_of
from schemas.call_signals import EngineKind
from schemas.variables import between, check_between, values_of

PREFIX = "RTC_"
NODE_VARIABLE = "WARBLER_NODE"


@dataclass(frozen=True, slots=True)
class DriverSettings:
    """One field is one variable: `ticket_ms` is RTC_TICKET_MS."""

    engine: str = "embedded"
    live_port: int = between(0, 0, 65_535)  # 0: no GET /live and /metrics
    announce_ms: int = between(2_000, 100, 60_000)
    announced_ms: int = between(6_000, 500, 600_000)  # how long an engine counts as alive after its last word
    ticket_ms: int = between(60_000, 1_000, 600_000)
    reconcile_ms: int = between(5_000, 100, 60_000)
    report_again_ms: int = between(10_000, 100, 600_000)
    quality_ms: int = between(60_000, 1_000, 3_600_000)  # these events are kept for ever, so seldom
    close_after_ms: int = between(10_000, 0, 120_000)  # a room whose call went on elsewhere
    hole_ms: int = between(5_000, 100, 60_000)  # how long later signals wait for an earlier one
    waiting_limit: int = between(64, 1, 10_000)  # signals of a leg that wait for an earlier one, or for their description
    work_limit: int = between(256, 1, 100_000)  # what a leg asked for and the engine has not done
    drain_ms: int = between(15_000, 0, 600_000)
    produce_interval_ms: int = between(2, 0, 1_000)
    publish_bytes_limit: int = between(16 << 20, 1 << 16, 1 << 30)
    sdp_bytes_limit: int = between(64 * 1024, 1_024, 1 << 20)
    publish_sections_limit: int = between(8, 1, 64)
    subscribe_sections_limit: int = between(512, 1, 4_096)
    turn_urls: str = ""
    turn_secret_file: str = ""
    turn_ttl_ms: int = between(600_000, 10_000, 86_400_000)
    turn_for_engine: int = between(0, 0, 1)  # whether the engine gathers through it too: where devices do not reach its own address

    def __post_init__(self) -> None:
        check_between(self, PREFIX)
        if self.engine not in get_args(EngineKind) or self.engine == PEER_TO_PEER:
            raise ValueError(f"{PREFIX}ENGINE={self.engine!r}: {', '.join(k for k in get_args(EngineKind) if k != PEER_TO_PEER)}")
        if self.announced_ms < 2 * self.announce_ms:
            raise ValueError(f"{PREFIX}ANNOUNCED_MS={self.announced_ms}: at least twice {PREFIX}ANNOUNCE_MS={self.announce_ms}")

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> "DriverSettings":
        """The settings of this environment. Raises: ValueError that names the variable."""
        return cls(**values_of(cls, PREFIX, env))

    def sdp_limits(self) -> sdp.Limits:
        return sdp.Limits(self.sdp_bytes_limit, self.publish_sections_limit, self.subscribe_sections_limit)


def engine_name(env: Mapping[str, str], settings: DriverSettings) -> str:
    """How other processes call this engine. Raises: ValueError."""
    name = env.get(NODE_VARIABLE) or f"{settings.engine}-1"
    if name == PEER_TO_PEER:
        raise ValueError(f"{NODE_VARIABLE}={name}: that means a call without an engine")
    return name


def read_turn(urls: str, secret_file: str, ttl_ms: int) -> Turn:
    """The TURN servers of RTC_TURN_URLS with the secret of RTC_TURN_SECRET_FILE. Raises: ValueError that names the variable."""
    try:
        secret = Path(secret_file).read_bytes().strip() if secret_file else b""
    except OSError as failed:
        raise ValueError(f"{PREFIX}TURN_SECRET_FILE={secret_file}: {failed.strerror}") from None
    return Turn(urls_of(urls), secret, ttl_ms)
