"""The golden examples of every event of a conversation, in their current version, as our classes."""

from __future__ import annotations

import json

from schemas.codec import decode_event
from schemas.events import Event
from schemas.registry import HERE, TOPICS

TOPIC = TOPICS["conversation-events"]
EXAMPLES: dict[str, Event] = {
    name: decode_event(bytes.fromhex(json.loads((HERE / "examples" / TOPIC.name / name / f"{version}.json").read_text())["wire"]))
    for name, version in TOPIC.records.items()
    if name != "writer_changed"
}
