"""Writes src/frames.ts from edge/frames.py, edge/call_frames.py, schemas/events.py and edge/closing.py, so that the two sides cannot differ.

Run by hand after a change of the frames (`python sdk/js/generate.py`); tests/sdk/test_js_frames.py fails until that was done.
"""

import sys
import types
import typing
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec

ROOT = Path(__file__).resolve().parents[2]
TARGET = Path(__file__).resolve().parent / "src" / "frames.ts"
sys.path.insert(0, str(ROOT))

from edge import call_frames, closing, frames  # noqa: E402
from schemas import events, values  # noqa: E402

HEADER = """// Made by sdk/js/generate.py from edge/frames.py, edge/call_frames.py, schemas/events.py and edge/closing.py: change those, then run it again.
// The frames of `warbler.v1+json` as two closed unions; the field `type` names the frame.
"""
ALIASES: dict[str, Any] = {
    "ConversationKind": values.ConversationKind,
    "Permission": values.Permission,
    "Relation": values.Relation,
    "EventKind": frames.EventKind,
}
EVENT_COMMON = ("seq", "ordinal", "at_ms", "user", "device", "id")


def ts_type(hint: Any) -> str:
    """The TypeScript type of a Python one, as it stands in JSON."""
    if hint in PLAIN:
        return PLAIN[hint]
    origin, args = get_origin(hint), get_args(hint)
    if origin is Annotated:  # its limits are the edge's to check
        return ts_type(args[0])
    if origin is Literal:
        return " | ".join(f'"{value}"' for value in args)
    if origin is tuple:
        return f"readonly {ts_type(args[0])}[]"
    if origin is dict:
        return f"Readonly<Record<{ts_type(args[0])}, {ts_type(args[1])}>>"
    if origin in (Union, types.UnionType):
        return " | ".join(ts_type(arg) for arg in args)
    assert isinstance(hint, type) and issubclass(hint, msgspec.Struct), hint
    return "EventItem" if hint is frames.EventItem else hint.__name__


PLAIN: dict[Any, str] = {
    str: "string",
    int: "number",
    float: "number",
    bool: "boolean",
    bytes: "string",
    type(None): "null",
    values.ConversationKind: "ConversationKind",
    values.Permission: "Permission",
    values.Relation: "Relation",
    frames.EventKind: "EventKind",
}


def without_none(hint: Any) -> Any:
    """Of a field that is absent instead of null: its type when present."""
    rest = tuple(arg for arg in get_args(hint) if arg is not type(None))
    return Union[rest] if get_origin(hint) in (Union, types.UnionType) else hint  # noqa: UP007


def structs_of(root: Any, found: dict[str, type[Any]]) -> dict[str, type[Any]]:
    """Every struct that a type reaches, by name, in order of discovery."""
    if isinstance(root, type) and issubclass(root, msgspec.Struct):
        if root.__name__ not in found:
            found[root.__name__] = root
            for hint in get_type_hints(root).values():
                structs_of(hint, found)
    for arg in get_args(root):
        structs_of(arg, found)
    return found


def doc(text: str | None, own: bool = True) -> str:
    lines = [line.strip() for line in (text or "").strip().splitlines()] if own else []
    return "" if not lines or not lines[0] else "/** " + "\n * ".join(lines) + (" */\n" if len(lines) == 1 else "\n */\n")


def interface(struct: type[Any], from_edge: bool) -> str:
    """One struct; a field is optional when it may be absent on the wire in this direction."""
    config = struct.__struct_config__
    hints = get_type_hints(struct)
    lines = [f'  readonly type: "{config.tag}";'] if config.tag else []
    for field in msgspec.structs.fields(struct):
        optional = not field.required and (config.omit_defaults or not from_edge)
        hint = without_none(hints[field.name]) if optional and config.omit_defaults else hints[field.name]
        lines.append(f"  readonly {field.name}{'?' if optional else ''}: {ts_type(hint)};")
    own_doc = struct.__doc__ if "__doc__" in vars(struct) else None
    return doc(own_doc) + f"export interface {struct.__name__} {{\n" + "\n".join(lines) + "\n}\n"


def event_interface(event: type[Any]) -> str:
    """One kind of event as devices see it: what edge.translate lays into EventItem, with what is always there required."""
    item = {field.name: field for field in msgspec.structs.fields(frames.EventItem)}
    item_hints = get_type_hints(frames.EventItem)
    lines = [f'  readonly kind: "{event.__struct_config__.tag}";']
    for field in msgspec.structs.fields(event):
        if field.name in EVENT_COMMON or field.name not in item:
            continue
        optional = not field.required or item[field.name].default is not None
        lines.append(f"  readonly {field.name}{'?' if optional else ''}: {ts_type(without_none(item_hints[field.name]))};")
    own_doc = event.__doc__ if "__doc__" in vars(event) else None
    return doc(own_doc) + f"export interface {event.__name__} extends EventBase {{\n" + "\n".join(lines) + "\n}\n"


def event_base() -> str:
    hints = get_type_hints(frames.EventItem)
    lines = [f"  readonly {name}: {ts_type(hints[name])};" for name in EVENT_COMMON]
    text = "What every event carries. `id` is the id of the command that caused it."
    return doc(text) + "export interface EventBase {\n" + "\n".join(lines) + "\n}\n"


HIDDEN = (
    doc("Another member's own matter: it only takes its seq.")
    + 'export interface HiddenEvent extends EventBase {\n  readonly kind: "hidden";\n}\n'
)


def union(name: str, members: tuple[Any, ...], *more: str) -> str:
    return f"export type {name} =\n" + "\n".join(f"  | {each}" for each in (*(member.__name__ for member in members), *more)) + ";\n"


def close_codes() -> str:
    rows = "\n".join(f'  {{ code: {c.code}, reason: "{c.reason}", reconnect: "{c.reconnect}" }},' for c in closing.CLOSE_CODES)
    return (
        doc("Why the edge closes a WebSocket, and what the device does next.")
        + "export interface CloseCode {\n  readonly code: number;\n  readonly reason: string;\n"
        + '  readonly reconnect: "backoff" | "new_token" | "never";\n}\n\n'
        + f"export const CLOSE_CODES: readonly CloseCode[] = [\n{rows}\n];\n"
    )


def source() -> str:
    """The whole of frames.ts."""
    from_edge = structs_of(frames.FromEdge, {})
    from_device = structs_of(frames.FromDevice, {})
    from_edge.pop("EventItem")
    only_device = {name: struct for name, struct in from_device.items() if name not in from_edge}
    aliases = [f"export type {name} = {ts_alias(hint)};" for name, hint in ALIASES.items()]
    parts = [
        HEADER,
        f'export const SUBPROTOCOL_JSON = "{frames.SUBPROTOCOL_JSON}";\n',
        "export type Role = string;\n" + "\n".join(aliases) + "\n",
        "// ---- events\n",
        event_base(),
        *(event_interface(event) for event in get_args(events.Event)),
        HIDDEN,
        union("EventItem", get_args(events.Event), "HiddenEvent"),
        "// ---- from the device\n",
        *(interface(struct, False) for struct in only_device.values()),
        union("CommandFrame", get_args(frames.CommandFrames)),
        union("CallCommandFrame", get_args(call_frames.CallCommandFrames)),
        union("CallSignalFrame", get_args(call_frames.CallSignalFrames)),
        union("FromDevice", get_args(frames.FromDevice)),
        "// ---- from the edge\n",
        *(interface(struct, True) for struct in from_edge.values()),
        union("CallFromEdge", get_args(call_frames.CallFromEdge)),
        union("FromEdge", get_args(frames.FromEdge)),
        close_codes(),
    ]
    return "\n".join(parts)


def ts_alias(hint: Any) -> str:
    return " | ".join(f'"{value}"' for value in typing.get_args(hint))


if __name__ == "__main__":
    if sys.argv[1:] == ["--print"]:
        sys.stdout.write(source())
    else:
        TARGET.write_text(source())
