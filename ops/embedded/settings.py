"""Settings of the embedded Kafka and Cassandra, read once from the environment."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

from ops.errors import BadSetting


@dataclass(frozen=True, slots=True)
class EmbeddedSettings:
    kafka_heap_mb: int = 320
    cassandra_heap_mb: int = 512
    ready_timeout_s: int = 120
    kafka_advertised_port: int = 0  # what clients are told to connect to, where something stands between; 0: Kafka's own
    jvm_compile_level: int = 4  # of the JIT: 1 takes a third less CPU for a start and is slower ever after, which is right for tests
    background_niceness: int = 10  # of Cassandra and the projectors: nobody waits for them with a message under way

    def __post_init__(self) -> None:
        if not 0 <= self.background_niceness <= 19:
            raise BadSetting(f"WARBLER_BACKGROUND_NICENESS={self.background_niceness}: between 0 and 19")
        if not 0 <= self.kafka_advertised_port <= 65_535:
            raise BadSetting(f"WARBLER_KAFKA_ADVERTISED_PORT={self.kafka_advertised_port}: between 0 and 65535")
        if not 1 <= self.jvm_compile_level <= 4:
            raise BadSetting(f"WARBLER_JVM_COMPILE_LEVEL={self.jvm_compile_level}: between 1 and 4")
        for field, least in (("kafka_heap_mb", 128), ("cassandra_heap_mb", 256), ("ready_timeout_s", 5)):
            value = getattr(self, field)
            if value < least:
                raise BadSetting(f"WARBLER_{field.upper()}={value}: at least {least}")

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> EmbeddedSettings:
        """Settings from WARBLER_KAFKA_HEAP_MB and so on; BadSetting names the variable that is wrong."""
        chosen = {}
        for field in dataclasses.fields(cls):
            variable = f"WARBLER_{field.name.upper()}"
            if variable in env:
                try:
                    chosen[field.name] = int(env[variable])
                except ValueError:
                    raise BadSetting(f"{variable}={env[variable]}: not a number") from None
        return cls(**chosen)
