"""The SDK imports nothing of the server, so its frames are written twice: here both are held equal, and so are the close codes."""

import ast
from pathlib import Path
from typing import Any

import msgspec
import warbler
from warbler import frames as mine
from warbler.backoff import reconnect_of
from warbler.codec import JSON, MSGPACK

from edge import closing
from edge import frames as theirs

SERVER = {"schemas", "log", "store", "streams", "edge", "rtc", "ops"}


def shape(union: Any) -> Any:
    """The union as a JSON schema, without the words that describe it and without limits, which only the edge checks."""
    return without(msgspec.json.schema(union), {"description", "title", "maxLength", "minLength", "minimum", "maximum", "maxItems"})


def without(value: Any, keys: set[str]) -> Any:
    if isinstance(value, dict):
        return {key: without(item, keys) for key, item in value.items() if key not in keys}
    return [without(item, keys) for item in value] if isinstance(value, list) else value


def test_frames_from_the_device_are_those_of_the_edge() -> None:
    assert shape(mine.FromDevice) == shape(theirs.FromDevice)


def test_frames_from_the_edge_are_those_of_the_edge() -> None:
    assert shape(mine.FromEdge) == shape(theirs.FromEdge)


def test_subprotocols_are_those_of_the_edge() -> None:
    assert (JSON.subprotocol, MSGPACK.subprotocol) == (theirs.SUBPROTOCOL_JSON, theirs.SUBPROTOCOL_MSGPACK)


def test_close_codes_mean_what_the_edge_says() -> None:
    said = {close.code: close.reconnect for close in closing.CLOSE_CODES if close is not closing.NORMAL}
    assert {code: reconnect_of(code) for code in said} == said


def test_a_frame_of_one_side_is_read_by_the_other() -> None:
    event = theirs.EventItem(
        kind="message_sent", seq=3, ordinal=2, at_ms=9, user="u", device="d", id="i", content=theirs.DeviceContent(body=b"\0\xff")
    )
    frame = theirs.Events("g-1", (event,))
    for codec, encode in ((JSON, theirs.encode_json), (MSGPACK, theirs.encode_msgpack)):
        data = encode(frame)
        assert codec.is_events(data)
        assert encode(codec.decode(data)) == data
        assert not codec.is_events(encode(theirs.Ack("i", "g-1", 3, 2, 9)))


def test_the_sdk_imports_nothing_of_the_server() -> None:
    package = Path(warbler.__file__).parent
    for path in package.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not {name.split(".")[0] for name in names} & SERVER, path


def test_pure_modules_know_no_clock_no_chance_and_no_loop() -> None:
    package = Path(warbler.__file__).parent
    for name in (
        "core",
        "phases",
        "reads",
        "outbox",
        "timelines",
        "link",
        "marks",
        "watches",
        "own",
        "backoff",
        "ids",
        "frames",
        "effects",
        "happenings",
        "directory",
        "codec",
        "errors",
        "roster",
        "frame_base",
        "call_frames",
        "call_lane",
        "call_exchange",
        "call_book",
    ):
        tree = ast.parse((package / f"{name}.py").read_text())
        imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
        imported |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        assert not imported & {"asyncio", "time", "random", "os", "httpx"}, name
