"""How LiveKit is reached, from RTC_LIVEKIT_* variables. Read once by the engine's process."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from schemas.variables import between, check_between, values_of

PREFIX = "RTC_LIVEKIT_"
SECRET_CHARS_LEAST = 32  # LiveKit itself refuses shorter ones


@dataclass(frozen=True, slots=True)
class LiveKitSettings:
    """`url`: where we ask; `device_url`: what devices are told, empty: the same as a WebSocket's."""

    url: str = "http://127.0.0.1:7880"
    device_url: str = ""
    key: str = ""
    secret_file: str = ""
    webhook_host: str = "127.0.0.1"
    webhook_port: int = between(0, 0, 65_535)  # 0: none; then only asking tells who is there
    webhook_bytes_limit: int = between(256 * 1024, 1_024, 16 << 20)
    timeout_ms: int = between(5_000, 100, 60_000)
    participants_limit: int = between(100, 2, 3_000)
    empty_ms: int = between(300_000, 10_000, 3_600_000)  # so long LiveKit keeps a room that nobody is in
    poll_ms: int = between(10_000, 100, 600_000)

    def __post_init__(self) -> None:
        check_between(self, PREFIX)
        if not self.url.startswith(("http://", "https://")):
            raise ValueError(f"{PREFIX}URL={self.url!r}: http://host:port or https://host:port")
        if self.device_url and not self.device_url.startswith(("ws://", "wss://")):
            raise ValueError(f"{PREFIX}DEVICE_URL={self.device_url!r}: ws://host:port or wss://host:port")

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> "LiveKitSettings":
        """The settings of this environment. Raises: ValueError that names the variable."""
        return cls(**values_of(cls, PREFIX, env))

    def secret(self) -> str:
        """Raises: ValueError if there is none, or one that LiveKit would not take."""
        if not self.key:
            raise ValueError(f"{PREFIX}KEY is not set: the API key that LiveKit knows")
        try:
            secret = Path(self.secret_file).read_text().strip()
        except OSError as error:
            raise ValueError(f"{PREFIX}SECRET_FILE={self.secret_file!r}: {error.strerror}") from None
        if len(secret) < SECRET_CHARS_LEAST:
            raise ValueError(f"{PREFIX}SECRET_FILE={self.secret_file!r}: at least {SECRET_CHARS_LEAST} characters")
        return secret

    def told_url(self) -> str:
        return self.device_url or "ws" + self.url.removeprefix("http")
