"""Where the log is and how patient we are with it, from environment variables."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

from log.security import UNSECURED, KafkaSecuritySettings

KAFKA_VARIABLE = "WARBLER_KAFKA"


@dataclass(frozen=True, slots=True)
class LogSettings:
    """How to reach Kafka. `kafka`: host:port, several separated by commas."""

    kafka: str
    publish_timeout_ms: int = 15_000
    request_timeout_ms: int = 15_000
    open_timeout_ms: int = 30_000
    fetch_wait_ms: int = 500  # a tail's longest wait for fetch_bytes_min; an append wakes it at once when that is 1
    fetch_bytes_min: int = 1
    security: KafkaSecuritySettings = UNSECURED

    def __post_init__(self) -> None:
        for address in self.kafka.split(","):
            host, _, port = address.strip().rpartition(":")
            if not host or not port.isdigit():
                raise ValueError(f"{KAFKA_VARIABLE}={self.kafka!r}: host:port[,host:port...] is needed")
        for name in _numbers(self):
            if getattr(self, name) < 1:
                raise ValueError(f"LOG_{name.upper()}={getattr(self, name)}: at least 1")

    @property
    def bootstrap(self) -> list[str]:
        return [address.strip() for address in self.kafka.split(",")]

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> "LogSettings":
        """The settings of this environment. Raises: ValueError that names the variable."""
        if not env.get(KAFKA_VARIABLE):
            raise ValueError(f"{KAFKA_VARIABLE} is not set: host:port[,host:port...]")
        numbers = {}
        for name in _numbers(cls):
            variable = f"LOG_{name.upper()}"
            if variable in env:
                try:
                    numbers[name] = int(env[variable])
                except ValueError:
                    raise ValueError(f"{variable}={env[variable]!r}: a whole number is needed") from None
        return cls(kafka=env[KAFKA_VARIABLE], security=KafkaSecuritySettings.from_env(env), **numbers)

    @classmethod
    def at(cls, kafka: str, env: Mapping[str, str]) -> "LogSettings":
        """As `from_env`, at an address that was found otherwise: commands know that of a running Warbler."""
        return cls.from_env({**env, KAFKA_VARIABLE: kafka})


def _numbers(settings: LogSettings | type[LogSettings]) -> list[str]:
    return [field.name for field in dataclasses.fields(settings) if field.name not in ("kafka", "security")]
