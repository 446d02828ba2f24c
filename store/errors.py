"""What can go wrong between us and Cassandra: whose fault, and whether the same call may succeed later."""

from schemas.errors import WarblerError


class StoreError(WarblerError):
    """Root of the store's errors."""


class StoreUnavailable(StoreError):
    """Cassandra did not answer in time, refused for load, or is not reachable. The outcome of a write is unknown: it may be there."""

    retryable = True


class TimelinesOfAnotherLog(StoreError):
    """The log is new, but the tables hold timelines of another one. Nothing was changed."""

    def __init__(self, epoch: str) -> None:
        super().__init__(
            f"the log was created just now, but the tables hold timelines of the log of epoch {epoch}; bring that log back, use another"
            " keyspace (WARBLER_KEYSPACE), or start once with STORE_ON_NEW_LOG=truncate to throw those timelines away"
        )
        self.epoch = epoch
