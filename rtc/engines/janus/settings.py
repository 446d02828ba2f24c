"""How Janus is reached and what its rooms are like, from RTC_JANUS_* variables. Read once by the engine's process."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from schemas.variables import between, check_between, values_of

PREFIX = "RTC_JANUS_"


@dataclass(frozen=True, slots=True)
class JanusSettings:
    url: str = "ws://127.0.0.1:8188"
    admin_url: str = ""  # of the admin API's WebSocket; empty: no figures of quality
    admin_secret_file: str = ""
    key_file: str = ""  # the VideoRoom's admin_key, from which the rooms' secrets are made too; empty: a new one each start, none at Janus
    record_dir: str = ""  # at Janus; empty: nothing can be recorded
    timeout_ms: int = between(5_000, 100, 60_000)
    connect_timeout_ms: int = between(10_000, 100, 120_000)
    reconnect_ms: int = between(500, 10, 60_000)
    participants_limit: int = between(50, 2, 500)
    bitrate_kbps: int = between(2_000, 0, 100_000)  # of one publisher's video; 0: whatever it sends
    lost_ms: int = between(2_000, 100, 60_000)  # after Janus' own second
    quality_ms: int = between(10_000, 500, 600_000)
    talking_packets: int = between(15, 5, 500)  # of 20 ms, over which Janus takes the average
    talking_dbov: int = between(50, 1, 126)  # louder (less) than this is talking

    def __post_init__(self) -> None:
        check_between(self, PREFIX)
        for name in ("url", "admin_url"):
            if (url := getattr(self, name)) and not url.startswith(("ws://", "wss://")):
                raise ValueError(f"{PREFIX}{name.upper()}={url!r}: ws://host:port or wss://host:port")

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> "JanusSettings":
        """The settings of this environment. Raises: ValueError that names the variable."""
        return cls(**values_of(cls, PREFIX, env))

    def key(self) -> str:
        """Raises: ValueError if the file cannot be read, or holds nothing."""
        return _secret("KEY_FILE", self.key_file) if self.key_file else secrets.token_hex(16)

    def admin_secret(self) -> str:
        return _secret("ADMIN_SECRET_FILE", self.admin_secret_file) if self.admin_secret_file else ""


def _secret(name: str, path: str) -> str:
    try:
        secret = Path(path).read_text().strip()
    except OSError as error:
        raise ValueError(f"{PREFIX}{name}={path!r}: {error.strerror}") from None
    if not secret:
        raise ValueError(f"{PREFIX}{name}={path!r}: the file is empty")
    return secret
