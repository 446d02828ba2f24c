"""A record of the feed that may be nobody's: understood, or counted as poison and said. Called by the desks that only follow a topic.

Its dead letter is written by the process that the topic is for.
"""

from typing import Any

import structlog

from edge.metrics import POISON
from log.port import Record
from schemas.codec import decode
from schemas.errors import Undecodable

LOG = structlog.get_logger()


def understood(record: Record, kind: Any) -> Any:
    """The record, of this class or union; None: it is not understood."""
    try:
        return decode(record.value, kind)
    except Undecodable as exc:
        POISON.labels(record.topic).inc()
        LOG.warning("undecodable record", topic=record.topic, partition=record.partition, offset=record.offset, reason=exc.reason)
        return None
