"""The settings of the registry's process, from REGISTRY_* variables; read once, refused early."""

from collections.abc import Mapping
from dataclasses import dataclass

from schemas.variables import between, check_between, values_of

PREFIX = "REGISTRY_"
LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, slots=True)
class RegistrySettings:
    """One field is one variable: `schema_bytes_limit` is REGISTRY_SCHEMA_BYTES_LIMIT."""

    host: str = "127.0.0.1"
    port: int = between(8081, 1, 65_535)
    key_file: str = ""  # its content is the password of who may write; empty: who reaches us may
    open: int = between(0, 0, 1)  # whether who reaches us from elsewhere may write without a key
    schema_bytes_limit: int = between(512 * 1024, 1_024, 900 * 1024)  # Kafka's record must hold it
    request_bytes_limit: int = between(2 << 20, 4_096, 16 << 20)
    subjects_limit: int = between(10_000, 1, 1_000_000)
    versions_limit: int = between(1_000, 1, 100_000)  # of one subject
    change_timeout_ms: int = between(20_000, 100, 600_000)

    def __post_init__(self) -> None:
        check_between(self, PREFIX)
        if self.host not in LOOPBACK and not self.key_file and not self.open:
            raise ValueError(f"{PREFIX}HOST={self.host}: others can reach it, so name {PREFIX}KEY_FILE, or set {PREFIX}OPEN=1")

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> "RegistrySettings":
        """The settings of this environment. Raises: ValueError that names the variable."""
        return cls(**values_of(cls, PREFIX, env))
