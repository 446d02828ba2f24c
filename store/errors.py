"""What can go wrong between us and Cassandra: whose fault, and whether the same call may succeed later."""

from schemas.errors import WarblerError
from schemas.security import BadSecurity


class StoreError(WarblerError):
    """Root of the store's errors."""


class StoreUnavailable(StoreError):
    """Cassandra did not answer in time, refused for load, or is not reachable. The outcome of a write is unknown: it may be there."""

    retryable = True


class AnotherLog(StoreError):
    """The log was replaced while this process ran: what it remembers is of the old one, so it ends."""


class PointerMoved(StoreError):
    """Somebody else moved a projection's pointer, or began a generation of it, at the same moment. Nothing was changed."""


class TimelinesOfAnotherLog(StoreError):
    """The log is new, or restored, and the tables hold timelines of another one. Nothing was changed."""

    def __init__(self, epoch: str, reason: str) -> None:
        super().__init__(
            f"the tables hold timelines of another log, that of epoch {epoch}: {reason}. Bring that log back, use another keyspace"
            " (WARBLER_KEYSPACE), or stop all edges and workers and start once with STORE_ON_NEW_LOG=truncate: that throws those timelines"
            " away, makes them anew from the log as it is, and tells every device to read again"
        )
        self.epoch = epoch


class TimelineGap(StoreError):
    """An event that should be there is damaged or missing: what follows from all of them cannot be told."""

    def __init__(self, conversation: str, seq: int) -> None:
        super().__init__(f"{conversation}: event {seq} is damaged or missing, so what follows from it cannot be told")
        self.seq = seq


class BadCassandraSecurity(StoreError, BadSecurity):
    """WARBLER_CASSANDRA_SECURITY and its companions do not fit together, or name a file that does not do."""

    prefix = "WARBLER_CASSANDRA_"


class StoreRefused(StoreUnavailable):
    """Cassandra answers, but not to us as we are set up. It counts as unavailable, but no repeat of ours mends it."""

    retryable = False
