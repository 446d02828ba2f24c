"""What is wrong with bytes that should prove something. Pure.

A `Malformed` names what could not be read; what a check finds in bytes that can be read is a `Finding` (audit.findings), no error.
"""

from schemas.errors import WarblerError


class AuditError(WarblerError):
    """Root of this package's errors."""


class Malformed(AuditError):
    """Bytes that are no leaf, note, checkpoint, key, proof or manifest."""


class BadSignature(AuditError):
    """A note that no trusted key has signed, or that such a key signed otherwise."""
