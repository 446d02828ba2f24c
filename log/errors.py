"""What can go wrong between us and the log: whose fault, and whether the same call may succeed later."""

from schemas.errors import WarblerError
from schemas.security import BadSecurity


class LogError(WarblerError):
    """Root of the log's errors."""


class LogUnavailable(LogError):
    """The log did not answer in time or lost its connection. The outcome is unknown: an entry may or may not be there."""

    retryable = True


class Fenced(LogError):
    """A newer writer took over under the same id: nothing of this one reaches the log any more."""

    def __init__(self, writer_id: str) -> None:
        super().__init__(f"writer {writer_id} was fenced by its successor")
        self.writer_id = writer_id


class EntryTooLong(LogError):
    """The entries do not fit in one record batch of the topic. Nothing was appended."""

    def __init__(self, topic: str, size_bytes: int, limit_bytes: int) -> None:
        super().__init__(f"{size_bytes} bytes for {topic}, which takes {limit_bytes} in one batch")
        self.size_bytes = size_bytes
        self.limit_bytes = limit_bytes


class PositionGone(LogError):
    """The asked offset is before the partition's start or after its end: the log was truncated, expired or replaced."""

    def __init__(self, topic: str, partition: int, offset: int) -> None:
        super().__init__(f"{topic}-{partition} does not hold offset {offset}")
        self.topic = topic
        self.partition = partition
        self.offset = offset


class UnknownTopic(LogError):
    """The topic or the partition does not exist."""

    def __init__(self, topic: str, partition: int | None = None) -> None:
        super().__init__(f"unknown topic {topic}" if partition is None else f"unknown partition {topic}-{partition}")


class TopicMismatch(LogError):
    """A topic exists with another partition count: order and ownership depend on it, so it is never changed silently."""

    def __init__(self, topic: str, found: int, wanted: int) -> None:
        super().__init__(f"topic {topic} has {found} partitions, not {wanted}; the count is chosen once (see docs/glossary.md)")
        self.topic = topic
        self.found = found
        self.wanted = wanted


class TopicRefused(LogError):
    """The cluster refused to create a topic (replication factor, rights, a setting it does not know)."""


class BadKafkaSecurity(LogError, BadSecurity):
    """WARBLER_KAFKA_SECURITY and its companions do not fit together, or name a file that does not do."""

    prefix = "WARBLER_KAFKA_"


class LogRefused(LogUnavailable):
    """Kafka answers, but not to us as we are set up. `setting`: the variable to look at first.

    It counts as unavailable, because passwords and certificates are changed while processes run; but no repeat of ours mends it.
    """

    retryable = False
    setting = ""

    def __init__(self, address: str, reason: str) -> None:
        super().__init__(f"Kafka at {address} refuses us: {reason} ({self.setting})")
        self.address = address


class CredentialsRefused(LogRefused):
    """The name or the password is wrong there."""

    setting = "WARBLER_KAFKA_USER, WARBLER_KAFKA_PASSWORD"


class MechanismRefused(LogRefused):
    """The listener does not know our way of showing a password."""

    setting = "WARBLER_KAFKA_MECHANISM"


class ServerNotTrusted(LogRefused):
    """Its certificate is of no authority that we know, is over, or is of another name."""

    setting = "WARBLER_KAFKA_CA_FILE"


class CertificateRefused(LogRefused):
    """It wants a certificate of ours, or another one."""

    setting = "WARBLER_KAFKA_CERTIFICATE_FILE, WARBLER_KAFKA_KEY_FILE"


class WrongProtocol(LogRefused):
    """The listener speaks another protocol than we do."""

    setting = "WARBLER_KAFKA_SECURITY"
