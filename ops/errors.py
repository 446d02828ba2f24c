"""Errors of the `warbler` command: each message says what is wrong and, where known, what mends it."""

from __future__ import annotations

from schemas.errors import WarblerError


class OpsError(WarblerError):
    """Root of the command's own errors; the command line prints the message without a traceback."""


class DataDirInUse(OpsError):
    """Another live `warbler up` holds this data directory."""


class JarsUnavailable(OpsError):
    """Maven is missing or could not resolve the pinned jars."""


class JavaMissing(OpsError):
    """No usable Java was found."""


class NotReady(OpsError):
    """A process we started ended, or did not answer in time."""


class BadSetting(OpsError):
    """An environment variable or an option has a value we cannot work with; the message names it."""


class StillConsuming(OpsError):
    """A projector is at work on the log that is to be read from its beginning."""
