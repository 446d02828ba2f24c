"""The root of every error of ours, and those of the wire format."""


class WarblerError(Exception):
    """Root of our errors. `retryable`: the same call may succeed later."""

    retryable = False


class Undecodable(WarblerError):
    """Bytes of a record that cannot be understood; they go to the dead letters."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class UnknownSubject(WarblerError):
    """A record type was encoded for a topic that does not list it: a bug of ours."""
