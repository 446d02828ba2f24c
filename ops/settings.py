"""Settings of `warbler up` and its children, read once from the environment and the command line."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ops.errors import BadSetting

PAGE_PORT = 8480
TURN_PORT = 3478
NODES_LIMIT = 32  # edges or workers on one machine


@dataclass(frozen=True, slots=True)
class ClusterSettings:
    """Where Kafka and Cassandra are and how topics and tables are laid out there. Empty address: embedded."""

    kafka: str = ""
    cassandra: str = ""
    keyspace: str = "warbler"
    partitions: int = 0  # 0: as the topics have; for new ones as many as there are workers
    replication: int = 1
    min_insync: int = 1

    def __post_init__(self) -> None:
        for name in ("kafka", "cassandra"):
            for address in filter(None, getattr(self, name).split(",")):
                host, colon, port = address.strip().rpartition(":")
                if not (host and colon and port.isdigit() and 0 < int(port) < 65_536):
                    raise BadSetting(f"WARBLER_{name.upper()}={getattr(self, name)}: expected host:port[,host:port]")
        for name in ("partitions", "replication", "min_insync"):
            least = 0 if name == "partitions" else 1
            if getattr(self, name) < least:
                raise BadSetting(f"WARBLER_{name.upper()}={getattr(self, name)}: at least {least}")
        if self.min_insync > self.replication:
            raise BadSetting(f"WARBLER_MIN_INSYNC={self.min_insync}: more than WARBLER_REPLICATION={self.replication}")
        if not self.keyspace.isidentifier() or not self.keyspace.isascii() or len(self.keyspace) > 48:
            raise BadSetting(f"WARBLER_KEYSPACE={self.keyspace}: letters, digits and _ only, at most 48")

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> ClusterSettings:
        """Settings from WARBLER_KAFKA and so on; BadSetting names the variable that is wrong."""
        chosen: dict[str, str | int] = {}
        for known in dataclasses.fields(cls):
            variable = f"WARBLER_{known.name.upper()}"
            if variable not in env:
                continue
            try:
                chosen[known.name] = int(env[variable]) if isinstance(known.default, int) else env[variable]
            except ValueError:
                raise BadSetting(f"{variable}={env[variable]}: not a number") from None
        return cls(**chosen)  # type: ignore[arg-type]  # each value was converted to its field's type above

    @property
    def partitions_replication(self) -> tuple[int, int, int]:
        """(partitions, replication, min_insync), as topics are created."""
        return self.partitions, self.replication, self.min_insync


@dataclass(frozen=True, slots=True)
class UpSettings:
    """What `warbler up` was asked for."""

    data: Path = field(default_factory=lambda: Path(".warbler"))
    edges: int = 1
    workers: int = 1
    host: str = "127.0.0.1"
    port: int | None = None  # None: the first free one from PAGE_PORT on
    engines: int = 1  # embedded ones; each uses one core
    janus: tuple[str, ...] = ()  # WebSocket addresses of Janus servers that are there
    turn: bool = False  # whether coturn is started
    witness: bool = False  # whether a second sealer is started

    def __post_init__(self) -> None:
        if not 0 <= self.engines <= NODES_LIMIT or len(self.janus) > NODES_LIMIT:
            raise BadSetting(f"--engines {self.engines}, --janus {len(self.janus)} times: at most {NODES_LIMIT}")
        for url in self.janus:
            if not url.startswith(("ws://", "wss://")):
                raise BadSetting(f"--janus {url}: ws://host:port or wss://host:port")
        for name in ("edges", "workers"):
            if not 1 <= getattr(self, name) <= NODES_LIMIT:
                raise BadSetting(f"--{name} {getattr(self, name)}: between 1 and {NODES_LIMIT}")
