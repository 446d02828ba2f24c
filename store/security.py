"""What a secured Cassandra asks of its clients. Read from WARBLER_CASSANDRA_* at the start.

Called by `store.settings`; `store.cassandra` makes the driver's options of it. A node's certificate must name the address under which it is
reached, as the driver learns the addresses of the other nodes from the first one.
"""

from dataclasses import dataclass
from typing import ClassVar

from schemas.security import PLAINTEXT, SSL, BadSecurity, ServerSecurity
from store.errors import BadCassandraSecurity


@dataclass(frozen=True, slots=True)
class CassandraSecuritySettings(ServerSecurity):
    """How we come in. Raises: BadCassandraSecurity."""

    bad: ClassVar[type[BadSecurity]] = BadCassandraSecurity
    with_tls: ClassVar[str] = "SSL has it"

    def __post_init__(self) -> None:
        if self.security not in (PLAINTEXT, SSL):
            raise BadCassandraSecurity("security", f"{self.security!r} is none of {PLAINTEXT}, {SSL}")
        if self.user and not (self.password or self.password_file):
            raise BadCassandraSecurity("password", "is needed with WARBLER_CASSANDRA_USER")
        if not self.user and (self.password or self.password_file):
            raise BadCassandraSecurity("user", "is needed with a password")
        self.check_files()


UNSECURED = CassandraSecuritySettings()
