"""Where Cassandra is and how it is used, from environment variables."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from store.security import UNSECURED, CassandraSecuritySettings

CASSANDRA_VARIABLE = "WARBLER_CASSANDRA"
CONSISTENCIES = ("LOCAL_ONE", "ONE", "LOCAL_QUORUM", "QUORUM", "ALL")
ON_NEW_LOG = ("refuse", "truncate")


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """How to reach Cassandra. `cassandra`: host:port, several separated by commas, all with the same port."""

    cassandra: str
    keyspace: str = "warbler"
    consistency: str = "LOCAL_QUORUM"  # on a single node the same as ONE
    datacenter: str = ""  # the local one; empty: that of the first node that answers
    request_timeout_ms: int = 10_000
    connect_wait_ms: int = 0  # how long to wait for a Cassandra that is not there yet; 0: for ever
    in_flight_limit: int = 256  # requests of one call at a time
    on_new_log: str = "refuse"
    security: CassandraSecuritySettings = UNSECURED

    def __post_init__(self) -> None:
        for address in self.cassandra.split(","):
            host, _, port = address.strip().rpartition(":")
            if not host or not port.isdigit():
                raise ValueError(f"{CASSANDRA_VARIABLE}={self.cassandra!r}: host:port[,host:port...] is needed")
        if not re.fullmatch(r"[a-z][a-z0-9_]{0,47}", self.keyspace):
            raise ValueError(f"WARBLER_KEYSPACE={self.keyspace!r}: a lower-case letter, then letters, digits or _, at most 48")
        if self.consistency not in CONSISTENCIES:
            raise ValueError(f"STORE_CONSISTENCY={self.consistency!r}: one of {', '.join(CONSISTENCIES)}")
        if self.on_new_log not in ON_NEW_LOG:
            raise ValueError(f"STORE_ON_NEW_LOG={self.on_new_log!r}: one of {', '.join(ON_NEW_LOG)}")
        for name, least in (("request_timeout_ms", 1), ("connect_wait_ms", 0), ("in_flight_limit", 1)):
            if getattr(self, name) < least:
                raise ValueError(f"STORE_{name.upper()}={getattr(self, name)}: at least {least}")

    @property
    def hosts(self) -> list[str]:
        return [address.strip().rpartition(":")[0] for address in self.cassandra.split(",")]

    @property
    def port(self) -> int:
        return int(self.cassandra.split(",")[0].strip().rpartition(":")[2])

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> "StoreSettings":
        """The settings of this environment. Raises: ValueError that names the variable."""
        if not env.get(CASSANDRA_VARIABLE):
            raise ValueError(f"{CASSANDRA_VARIABLE} is not set: host:port[,host:port...]")
        numbers = {}
        for name in ("request_timeout_ms", "connect_wait_ms", "in_flight_limit"):
            variable = f"STORE_{name.upper()}"
            if variable in env:
                try:
                    numbers[name] = int(env[variable])
                except ValueError:
                    raise ValueError(f"{variable}={env[variable]!r}: a whole number is needed") from None
        return cls(
            cassandra=env[CASSANDRA_VARIABLE],
            keyspace=env.get("WARBLER_KEYSPACE", "warbler"),
            consistency=env.get("STORE_CONSISTENCY", "LOCAL_QUORUM"),
            datacenter=env.get("STORE_DATACENTER", ""),
            on_new_log=env.get("STORE_ON_NEW_LOG", "refuse"),
            security=CassandraSecuritySettings.from_env(env),
            **numbers,
        )

    @classmethod
    def at(cls, cassandra: str, keyspace: str, env: Mapping[str, str]) -> "StoreSettings":
        """As `from_env`, at an address and in a keyspace that were found otherwise: commands know those of a running Warbler."""
        return cls.from_env({**env, CASSANDRA_VARIABLE: cassandra, "WARBLER_KEYSPACE": keyspace})
