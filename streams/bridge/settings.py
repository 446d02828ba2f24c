"""What is bridged and how, from STREAMS_BRIDGE_* variables. Read once by the worker."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from log.topics import SINGLE_PARTITION
from schemas.registry import STABLE, TOPICS
from schemas.variables import between, check_between, values_of

PREFIX = "STREAMS_BRIDGE_"
CLOUDEVENTS_TOPIC = "cloudevents"
NEVER = SINGLE_PARTITION | {CLOUDEVENTS_TOPIC}  # partition n of the bridge is written by who reads partition n of every origin
JSON, AVRO = "json", "avro"


@dataclass(frozen=True, slots=True)
class BridgeSettings:
    """`topics`: with commas between them; none: nothing is bridged. `type_prefix`: a reversed domain name of yours, with its dot."""

    topics: str = ""
    type_prefix: str = "warbler."
    data: str = JSON
    retry_ms: int = between(500, 1, 60_000)

    def __post_init__(self) -> None:
        check_between(self, PREFIX)
        if self.data not in (JSON, AVRO):
            raise ValueError(f"{PREFIX}DATA={self.data}: {JSON} or {AVRO}")
        if re.fullmatch(r"[A-Za-z0-9._-]{0,128}", self.type_prefix) is None:
            raise ValueError(f"{PREFIX}TYPE_PREFIX={self.type_prefix}: letters, digits, dots, dashes and underscores")
        for name in self.sources:
            if name in NEVER or name not in TOPICS or TOPICS[name].contract != STABLE:
                raise ValueError(f"{PREFIX}TOPICS={self.topics}: {name!r} is none that can be bridged (docs/consumers.md)")

    @property
    def sources(self) -> tuple[str, ...]:
        return tuple(sorted({name.strip() for name in self.topics.split(",") if name.strip()}))

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> "BridgeSettings":
        """The settings of this environment. Raises: ValueError that names the variable."""
        return cls(**values_of(cls, PREFIX, env))
