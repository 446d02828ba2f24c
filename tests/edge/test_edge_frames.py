"""The frames themselves: both codecs carry every one of them, and hostile bytes raise only what the connection expects."""

import json
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge import call_frames, frames
from edge.frame_base import CommandFrame
from tests.edge.builders import structs

FROM_DEVICE: tuple[type[Any], ...] = get_args(frames.FromDevice)
FROM_EDGE: tuple[type[Any], ...] = get_args(frames.FromEdge)
REFUSED = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


@given(st.one_of([structs(frame) for frame in FROM_DEVICE]))
def test_every_frame_of_a_device_survives_both_codecs(frame: Any) -> None:
    assert frames.decode_json(frames.encode_json(frame)) == frame
    assert frames.decode_msgpack(frames.encode_msgpack(frame)) == frame


@given(st.one_of([structs(frame) for frame in FROM_EDGE]))
def test_every_frame_of_the_edge_survives_both_codecs(frame: Any) -> None:
    assert msgspec.json.decode(frames.encode_json(frame), type=type(frame)) == frame
    assert msgspec.msgpack.decode(frames.encode_msgpack(frame), type=type(frame)) == frame


def test_the_unions_are_complete_and_every_type_has_a_name_of_its_own() -> None:
    both = (*vars(frames).values(), *vars(call_frames).values())
    structs_here = {s for s in both if isinstance(s, type) and issubclass(s, msgspec.Struct)}
    bases = {CommandFrame, call_frames.CallCommandFrame, call_frames.CallSignalFrame}
    tagged = {s for s in structs_here if s.__struct_config__.tag is not None} - bases
    assert tagged == {*FROM_DEVICE, *FROM_EDGE}
    assert len({s.__struct_config__.tag for s in tagged}) == len(tagged)
    of_calls = get_args(call_frames.CallCommandFrames)
    assert {s for s in tagged if issubclass(s, CommandFrame)} == {*frames.COMMAND_TYPES, *of_calls} <= set(FROM_DEVICE)
    assert {s for s in tagged if issubclass(s, call_frames.CallCommandFrame)} == {*of_calls}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not json",
        b"[]",
        b"{}",
        b'{"type":5}',
        b'{"type":"nope"}',
        b'{"type":"welcome"}',
        b'{"type":"mark_read"}',
        b'{"type":"ping","nonce":1}',
        b'{"type":"ping","nonce":"\xff"}',
        b'{"type":"ping","nonce":"\\ud800"}',
        b'{"type":"ping","nonce":"\\ud800x"}',
        b'{"type":"ping","nonce":"\\udc00x"}',
        b'{"type":"ping","x":' + b"[" * 30_000 + b"]" * 30_000 + b"}",
        b'{"type":"sync","request":"r","conversation":"c","from_seq":9007199254740992}',
        b'{"type":"sync","request":"r","conversation":"c","from_seq":-1}',
        b'{"type":"sync","request":"r","conversation":"c","from_seq":1e400}',
        b'{"type":"history","request":"r","conversation":"c","before_seq":1180591620717411303424}',
        b'{"type":"mark_delivered","conversation":"c","up_to_seq":1180591620717411303424}',
        b'{"type":"hello","token":"t","device":"d","positions":{"c":18446744073709551616}}',
        json.dumps({"type": "hello", "token": "t", "device": "d" * 129}).encode(),
        b'{"type":"add_member","id":"i","conversation":"c","member":"m","role":1}',
        b'{"type":"send_message","id":"i","conversation":"c","content":{"body":"%%%"}}',
        b'{"type":"define_role","id":"i","conversation":"c","role":"r","level":1,"permissions":["fly"]}',
        b'{"type":"create_link","id":"i","conversation":"c","secret":"short"}',
        b'{"type":"change_settings","id":"i","conversation":"c","settings":{"joining":"sometimes"}}',
        b'{"type":"mute_member","id":"i","conversation":"c","member":"m","until_ms":-1}',
    ],
)
def test_what_is_no_frame_of_ours_is_refused(data: bytes) -> None:
    with pytest.raises(REFUSED):
        frames.decode_json(data)


@given(st.binary(max_size=200))
def test_arbitrary_bytes_never_raise_anything_else(data: bytes) -> None:
    for decode in (frames.decode_json, frames.decode_msgpack):
        try:
            decode(data)
        except REFUSED:
            pass


@given(st.one_of([structs(frame) for frame in FROM_DEVICE]), st.data())
def test_a_damaged_frame_never_raises_anything_else(frame: Any, data: st.DataObject) -> None:
    for encode, decode in ((frames.encode_json, frames.decode_json), (frames.encode_msgpack, frames.decode_msgpack)):
        raw = bytearray(encode(frame))
        at = data.draw(st.integers(0, len(raw) - 1))
        raw[at] = data.draw(st.integers(0, 255))
        try:
            decode(bytes(raw[: data.draw(st.integers(0, len(raw)))]))
        except REFUSED:
            pass


def test_unknown_fields_are_ignored_so_that_newer_devices_can_talk_to_older_edges() -> None:
    assert frames.decode_json(b'{"type":"ping","nonce":"n","later":[1]}') == frames.Ping("n")
