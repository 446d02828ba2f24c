"""What is encoded is what another's decoder reads, and the peer's table stays as the vendor wants it."""

import hpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.push.http2.fields import ENTRY_BYTES, Field, FieldEncoder

NAMES = st.sampled_from([b":path", b":authority", b"authorization", b"apns-id", b"apns-topic", b"content-type", b"x"])
FIELDS = st.lists(st.builds(Field, NAMES, st.binary(max_size=300), st.booleans()), max_size=8)


def request(number: int) -> list[Field]:
    return [
        Field(b":method", b"POST", True),
        Field(b":scheme", b"https", True),
        Field(b":authority", b"api.push.apple.com", True),
        Field(b":path", b"/3/device/%064x" % number),
        Field(b"authorization", b"bearer " + b"t" * 200),
        Field(b"apns-topic", b"org.example.app", True),
        Field(b"apns-priority", b"10" if number % 2 else b"5", True),
        Field(b"apns-id", b"%036d" % number),
        Field(b"apns-expiration", b"%d" % (1_700_000_000 + number)),
    ]


def pairs(fields: list[Field]) -> list[tuple[bytes, bytes]]:
    return [(field.name, field.value) for field in fields]


@settings(max_examples=200, deadline=None)
@given(st.lists(FIELDS, max_size=6), st.sampled_from([0, 64, 200, 4_096, 65_536]))
def test_another_decoder_reads_what_was_written(blocks: list[list[Field]], table_bytes: int) -> None:
    encoder, decoder = FieldEncoder(), hpack.Decoder()
    decoder.max_allowed_table_size = table_bytes
    if table_bytes != 4_096:
        encoder.resize(table_bytes)
    for fields in blocks:
        assert [(bytes(name), bytes(value)) for name, value in decoder.decode(encoder.encode(fields), raw=True)] == pairs(fields)


def test_a_request_is_short_once_the_first_was_sent() -> None:
    encoder = FieldEncoder()
    sizes = [len(encoder.encode(request(number))) for number in range(1, 5)]
    own = sum(len(field.value) for field in request(1) if not field.kept)
    assert sizes[0] > own + 100
    assert sizes[2] == sizes[3] == own + 5 + 7 + 5  # a byte for each kept pair, one or two for each name, one or two for each length


def test_the_peers_table_holds_what_repeats_and_evicts_nothing() -> None:
    encoder, decoder = FieldEncoder(), hpack.Decoder()
    for number in range(1, 200):
        decoder.decode(encoder.encode(request(number)), raw=True)
    kept = {bytes(name) for name, _ in decoder.header_table.dynamic_entries}
    assert kept == {b":authority", b"apns-topic", b"apns-priority", b"apns-id", b"apns-expiration"}
    assert decoder.header_table._current_size == sum(
        len(name) + len(value) + ENTRY_BYTES for name, value in decoder.header_table.dynamic_entries
    )
    assert (b"apns-id", b"%036d" % 1) in decoder.header_table.dynamic_entries  # the first one is still there


@pytest.mark.parametrize("table_bytes", [0, 100, 4_096])
def test_a_table_that_changes_its_size_begins_anew(table_bytes: int) -> None:
    encoder, decoder = FieldEncoder(), hpack.Decoder()
    for number in (1, 2):
        decoder.decode(encoder.encode(request(number)), raw=True)
    encoder.resize(table_bytes)
    for number in (3, 4):
        found = decoder.decode(encoder.encode(request(number)), raw=True)
        assert [(bytes(name), bytes(value)) for name, value in found] == pairs(request(number))
    assert decoder.header_table._current_size <= table_bytes
