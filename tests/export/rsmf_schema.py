"""What a manifest of RSMF 2.0.0 has to be like, said anew after Relativity's published schema of that version (draft 7)."""

TEXT = {"type": "string"}
NAME = {"type": "string", "minLength": 1}
MOMENT = {"type": "string", "format": "date-time"}


def objects(required: tuple[str, ...], **properties: object) -> dict[str, object]:
    return {
        "type": "array",
        "items": {"type": "object", "required": list(required), "properties": properties, "additionalProperties": False},
    }


CUSTOM = objects(("name", "value"), name=NAME, value=NAME)
PARTICIPANTS = objects(
    ("id",), id=NAME, display=TEXT, email={"type": "string", "format": "idn-email"}, avatar=TEXT, account_id=TEXT, custom=CUSTOM
)
CONVERSATIONS = objects(
    ("id", "platform", "participants"),
    id=NAME,
    display=TEXT,
    platform=NAME,
    type={"enum": ["direct", "channel"]},
    participants={"type": "array", "items": NAME},
    custodian=TEXT,
    custom=CUSTOM,
    icon=TEXT,
)
EVENTS = objects(
    ("type",),
    id=TEXT,
    type={"enum": ["message", "disclaimer", "join", "leave", "history", "unknown"]},
    parent=TEXT,
    body=TEXT,
    participant=TEXT,
    conversation=TEXT,
    timestamp=MOMENT,
    deleted={"type": "boolean"},
    importance={"enum": ["normal", "high"]},
    reactions=objects(("value",), value=NAME, count={"type": "integer"}, participants={"type": "array", "items": NAME}),
    attachments=objects(("id",), id=NAME, display=TEXT, size={"type": "integer"}),
    edits=objects(("participant",), participant=NAME, timestamp=MOMENT, previous=TEXT, new=TEXT),
    custom=CUSTOM,
    direction={"enum": ["incoming", "outgoing"]},
    read_receipts=objects(("participant",), participant=NAME, timestamp=MOMENT, action={"enum": ["read", "delivered"]}),
)
SCHEMA: dict[str, object] = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "type": "object",
    "required": ["version", "participants", "conversations", "events"],
    "properties": {
        "version": {"type": "string", "minLength": 5},
        "participants": PARTICIPANTS,
        "conversations": CONVERSATIONS,
        "events": EVENTS,
        "eventcollectionid": TEXT,
    },
    "additionalProperties": False,
}
