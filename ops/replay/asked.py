"""What a replay is asked for, read from the command line's words. Pure.

Rule: a replay never writes to a topic of ours: what reads that would take it for new (promise 7, side effects once).
"""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from schemas.errors import WarblerError
from schemas.registry import TOPICS

REPLAY_HEADER = "warbler-replay"
OWN_PREFIX = "replay-"
TOPIC_CHARS_LIMIT = 249  # Kafka's own
_TOPIC = re.compile(r"[A-Za-z0-9._-]+")


class BadTarget(WarblerError):
    """Nothing can be replayed into this."""


class BadSpeed(WarblerError):
    """No speed: `max`, a factor, or records a second."""


class UnknownRecord(WarblerError):
    """No topic that is read carries a record of this name."""


@dataclass(frozen=True, slots=True)
class IntoLines:
    """Standard output, as NDJSON."""


@dataclass(frozen=True, slots=True)
class IntoFile:
    path: str


@dataclass(frozen=True, slots=True)
class IntoTopic:
    name: str


@dataclass(frozen=True, slots=True)
class IntoWebhook:
    url: str


Target = IntoLines | IntoFile | IntoTopic | IntoWebhook


def target_of(text: str) -> Target:
    """Raises: BadTarget."""
    kind, _, rest = text.partition(":")
    if text == "-":
        return IntoLines()
    if kind == "file" and rest:
        return IntoFile(rest)
    if kind == "topic":
        return IntoTopic(_foreign_topic(rest))
    if kind == "webhook":
        return IntoWebhook(_url(rest))
    raise BadTarget(f"{text!r}: -, file:PATH, topic:NAME or webhook:URL is needed")


def _foreign_topic(name: str) -> str:
    if not _TOPIC.fullmatch(name) or len(name) > TOPIC_CHARS_LIMIT or name in (".", ".."):
        raise BadTarget(f"{name!r} is no name of a topic")
    if name in TOPICS or name.startswith("_"):
        raise BadTarget(f"{name} is a topic of ours or of Kafka: what reads it would take a replay for new. {OWN_PREFIX}{name} would do")
    return name


def _url(url: str) -> str:
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good or not url.isprintable() or " " in url:
        raise BadTarget(f"{url[:200]!r} is no http or https address")
    return url


# ---- speed


@dataclass(frozen=True, slots=True)
class AtOnce:
    """As fast as the target takes them."""


@dataclass(frozen=True, slots=True)
class AsItWas:
    """The pauses between the records' times, divided by the factor."""

    factor: float


@dataclass(frozen=True, slots=True)
class PerSecond:
    records: float


Speed = AtOnce | AsItWas | PerSecond


def speed_of(text: str) -> Speed:
    """`max`; `1x`, `60x` (as it happened, or so many times faster); `500/s`. Raises: BadSpeed."""
    if text == "max":
        return AtOnce()
    for suffix, make in (("x", AsItWas), ("/s", PerSecond)):
        if text.endswith(suffix):
            number = _positive(text.removesuffix(suffix))
            if number is not None:
                return make(number)
    raise BadSpeed(f"{text!r}: max, a factor like 1x or 60x, or records a second like 500/s are speeds")


def _positive(text: str) -> float | None:
    if not re.fullmatch(r"\d{1,9}(\.\d{1,6})?", text, re.ASCII):
        return None
    return float(text) or None


def due_s(speed: Speed, number: int, first_ms: int, at_ms: int) -> float:
    """When a record may go out, in seconds after the first one; `number`: of records before it, `at_ms`: its time."""
    match speed:
        case AtOnce():
            return 0.0
        case AsItWas(factor):
            return max(0, at_ms - first_ms) / 1000 / factor
        case PerSecond(records):
            return number / records
