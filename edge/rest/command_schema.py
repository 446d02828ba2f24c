"""What a command over HTTP may be, for the OpenAPI document: the schemas of the frames, without what the path says.

The frames' own names would clash with the bodies' of other routes, so each schema is written out where it is used.
"""

from typing import Any, get_args

import msgspec

from edge import frames
from edge.translate import FRIEND_FRAMES

REF = "#/$defs/"


def written_out(schema: Any, named: dict[str, Any]) -> Any:
    """Shape: no reference is left; frames do not contain themselves."""
    if isinstance(schema, list):
        return [written_out(each, named) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return written_out(named[schema["$ref"].removeprefix(REF)], named)
    return {key: written_out(value, named) for key, value in schema.items()}


def schema_of(types: tuple[type[Any], ...], given: tuple[str, ...]) -> dict[str, Any]:
    """One of these commands. `given`: the fields that the path says."""
    _, named = msgspec.json.schema_components(types, ref_template=REF + "{name}")
    choices = []
    for each in types:
        schema = written_out(named[each.__name__], named)
        properties = {name: value for name, value in schema["properties"].items() if name not in given}
        required = [name for name in schema["required"] if name not in ("id", *given)]
        choices.append({**schema, "properties": properties, "required": required})
    return {"oneOf": choices, "title": "Command"}


COMMAND_SCHEMA = schema_of(get_args(frames.CommandFrames), ("conversation",))
FRIEND_SCHEMA = schema_of(FRIEND_FRAMES, ("conversation", "member"))
