"""What a Kafka that is secured asks of its clients. Read from WARBLER_KAFKA_* at the start.

Called by `log.settings`; `log.clients` makes the options of every client of it. Source: docs/decisions/0043-a-secured-kafka.md
"""

from dataclasses import dataclass
from typing import ClassVar

from log.errors import BadKafkaSecurity
from schemas.security import PLAINTEXT, SSL, BadSecurity, ServerSecurity

SASL_PLAINTEXT, SASL_SSL = "SASL_PLAINTEXT", "SASL_SSL"
PROTOCOLS = (PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL)
MECHANISMS = ("SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN")


@dataclass(frozen=True, slots=True)
class KafkaSecuritySettings(ServerSecurity):
    """How we come in. Raises: BadKafkaSecurity."""

    bad: ClassVar[type[BadSecurity]] = BadKafkaSecurity
    with_tls: ClassVar[str] = "SSL and SASL_SSL have it"

    mechanism: str = "SCRAM-SHA-512"

    def __post_init__(self) -> None:
        for name, known in (("security", PROTOCOLS), ("mechanism", MECHANISMS)):
            if getattr(self, name) not in known:
                raise BadKafkaSecurity(name, f"{getattr(self, name)!r} is none of {', '.join(known)}")
        self._check_name()
        self.check_files()

    def _check_name(self) -> None:
        """A name that would not be sent is refused: who set it believes that it protects something."""
        for name, value in (("user", self.user), ("password", self.password or self.password_file)):
            if self.by_name and not value:
                raise BadKafkaSecurity(name, f"is needed with WARBLER_KAFKA_SECURITY={self.security}")
            if value and not self.by_name:
                raise BadKafkaSecurity(name, f"is set, but WARBLER_KAFKA_SECURITY={self.security} sends none; SASL_SSL does")

    @property
    def by_name(self) -> bool:
        """Whether a name and a password are sent."""
        return self.security in (SASL_PLAINTEXT, SASL_SSL)


UNSECURED = KafkaSecuritySettings()
