"""Settings of sealers and witnesses, from AUDIT_* variables; the keys and the storage have variables of the whole system."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from audit.errors import Malformed
from audit.note import Verifier, read_verifiers
from schemas.registry import TOPICS
from schemas.variables import values_of

AUDIT_TOPIC = "audit-checkpoints"
SEALED_TOPICS = ("conversation-events", "call-events", "account-events", "admin-events", "retention-events")
KEY_VARIABLE, WITNESS_KEY_VARIABLE, SEALER_VARIABLE = "WARBLER_AUDIT_KEY", "WARBLER_WITNESS_KEY", "WARBLER_AUDIT_SEALER"


@dataclass(frozen=True, slots=True)
class AuditSettings:
    """`topics`: those that are sealed. A checkpoint is due after so many events or so long, what comes first."""

    topics: tuple[str, ...] = SEALED_TOPICS
    events: int = 10_000
    interval_ms: int = 10_000
    silence_ms: int = 300_000  # a witness's patience with a sealer that signs nothing though there are records
    name: str = "warbler-sealer"
    witness_name: str = "warbler-witness"

    def __post_init__(self) -> None:
        if unknown := [topic for topic in self.topics if topic not in TOPICS]:
            raise ValueError(f"AUDIT_TOPICS={','.join(self.topics)}: {unknown[0]!r} is no topic")
        for name in ("events", "interval_ms", "silence_ms"):
            if getattr(self, name) < 1:
                raise ValueError(f"AUDIT_{name.upper()}={getattr(self, name)}: at least 1")

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> "AuditSettings":
        """The settings of this environment. Raises: ValueError that names the variable."""
        chosen = values_of(cls, "AUDIT_", env, without=("topics",))
        if "AUDIT_TOPICS" in env:
            chosen["topics"] = tuple(topic.strip() for topic in env["AUDIT_TOPICS"].split(",") if topic.strip())
        return dataclasses.replace(cls(), **chosen)


def sealers_of(env: Mapping[str, str]) -> list[Verifier]:
    """The public keys that a witness believes: one a line, in the file of WARBLER_AUDIT_SEALER. Raises: ValueError."""
    if not env.get(SEALER_VARIABLE):
        raise ValueError(f"{SEALER_VARIABLE} is not set: a file with the sealer's public key, as `warbler audit keys` prints it")
    try:
        return read_verifiers(Path(env[SEALER_VARIABLE]).read_text().split("\n"))
    except (OSError, UnicodeDecodeError, Malformed) as exc:
        raise ValueError(f"{SEALER_VARIABLE}={env[SEALER_VARIABLE]!r}: {exc}") from exc
