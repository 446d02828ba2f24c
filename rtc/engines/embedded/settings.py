"""Where the embedded engine listens and what it allows, from RTC_* variables. Read once by the engine's process."""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass

from schemas.variables import between, check_between, values_of

PREFIX = "RTC_"


@dataclass(frozen=True, slots=True)
class EmbeddedEngineSettings:
    """`host`: address to listen on. `public_address`: what devices are told instead, where a router passes the port on."""

    host: str = "127.0.0.1"
    port: int = between(0, 0, 65_535)  # 0: any free one
    public_address: str = ""
    recordings_dir: str = ""  # empty: nothing can be recorded
    participants_limit: int = between(100, 2, 500)
    tracks_per_leg_limit: int = between(8, 1, 32)
    video_kbps_limit: int = between(1_500, 100, 100_000)
    video_kbps_floor: int = between(150, 30, 10_000)
    keyframe_interval_ms: int = between(500, 100, 10_000)
    media_lost_ms: int = between(3_000, 500, 60_000)
    media_silent_ms: int = between(12_000, 1_000, 120_000)  # where no media came before either
    media_gone_ms: int = between(30_000, 1_000, 600_000)
    quality_interval_ms: int = between(10_000, 500, 600_000)
    audio_only_loss_percent: int = between(15, 1, 100)
    audio_only_after_ms: int = between(4_000, 500, 60_000)
    audio_only_retry_ms: int = between(10_000, 500, 600_000)  # doubled each time that it was too early

    def __post_init__(self) -> None:
        check_between(self, PREFIX)
        for name in ("host", "public_address"):
            if (value := getattr(self, name)) or name == "host":
                try:
                    ipaddress.ip_address(value)
                except ValueError:
                    raise ValueError(f"{PREFIX}{name.upper()}={value!r}: an IP address is needed") from None
        if ipaddress.ip_address(self.host).is_unspecified and not self.public_address:
            raise ValueError(f"{PREFIX}HOST={self.host!r} is all interfaces: {PREFIX}PUBLIC_ADDRESS has to say which one devices use")

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> "EmbeddedEngineSettings":
        """The settings of this environment. Raises: ValueError that names the variable."""
        return cls(**values_of(cls, PREFIX, env))
