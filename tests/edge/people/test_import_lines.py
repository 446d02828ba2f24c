"""Lines of a bulk import: every field at its limits, and hashes that cost too much."""

from __future__ import annotations

import json

import pytest

from edge.people.import_lines import LINE_BYTES_LIMIT, BadLine, read_line, runs

HASH = "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHRzb21l$YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXo0MTIzNDU"
GOOD = [
    {"name": "ana"},
    {"name": "ana", "email": "ana@example.com", "phone": "+491701234567", "password_hash": HASH, "kind": "bot"},
    {"name": "a" * 64, "profile": {"display_name": "Ana", "about": "hi", "fields": {"team": "x"}}},
]
BAD: list[tuple[object, str]] = [
    ({}, "invalid"),
    ([], "invalid"),
    ("ana", "invalid"),
    ({"name": ""}, "invalid"),
    ({"name": 7}, "invalid"),
    ({"name": None}, "invalid"),
    ({"name": "ana", "role": "admin"}, "invalid"),
    ({"name": "ana", "kind": "god"}, "invalid"),
    ({"name": "a" * 65}, "bad_name"),
    ({"name": "аna"}, "bad_name"),  # the first letter is Cyrillic
    ({"name": "a na"}, "bad_name"),
    ({"name": "an\u202ea"}, "bad_name"),
    ({"name": "ana", "email": "not one"}, "bad_email"),
    ({"name": "ana", "phone": "12345"}, "bad_phone"),
    ({"name": "ana", "password_hash": "secret"}, "bad_password_hash"),
    ({"name": "ana", "password_hash": HASH.replace("argon2id", "argon2i")}, "bad_password_hash"),
    ({"name": "ana", "password_hash": HASH.replace("m=65536", "m=9999999")}, "bad_password_hash"),
    ({"name": "ana", "password_hash": HASH.replace("t=3", "t=17")}, "bad_password_hash"),
    ({"name": "ana", "password_hash": HASH.replace("p=4", "p=0")}, "bad_password_hash"),
    ({"name": "ana", "password_hash": HASH.replace("v=19", "v=16")}, "bad_password_hash"),
    ({"name": "ana", "profile": {"display_name": "\u202e"}}, "bad_display_name"),
    ({"name": "ana", "profile": {"about": "x" * 1_025}}, "bad_about"),
    ({"name": "ana", "profile": {"fields": {"A": ""}}}, "bad_fields"),
    ({"name": "ana", "profile": {"level": 100}}, "invalid"),
]


@pytest.mark.parametrize("line", GOOD)
def test_a_good_line_is_read(line: dict[str, object]) -> None:
    assert read_line(json.dumps(line).encode()).name == line["name"]


@pytest.mark.parametrize(("line", "code"), BAD)
def test_a_bad_line_says_why(line: object, code: str) -> None:
    with pytest.raises(BadLine) as refused:
        read_line(json.dumps(line).encode())
    assert refused.value.code == code


@pytest.mark.parametrize("raw", [b"", b"{", b"\xff\xfe", b'{"name": "ana"} {}', b"[" * 5_000, b'{"name": "\\ud800"}'])
def test_bytes_that_are_no_json_are_refused(raw: bytes) -> None:
    with pytest.raises(BadLine):
        read_line(raw)


def test_a_line_has_a_limit() -> None:
    with pytest.raises(BadLine) as refused:
        read_line(b'{"name": "ana"' + b" " * LINE_BYTES_LIMIT + b"}")
    assert refused.value.code == "too_long"


def test_lines_that_want_the_same_are_not_worked_at_together() -> None:
    lines = [
        b'{"name": "ana", "email": "a@example.com"}',
        b'{"name": "ben"}',
        b"?",
        b'{"name": "eve", "email": "A@example.com"}',
        b'{"name": "ANA"}',
    ]
    cut = [[number for number, _ in run] for run in runs(lines, 16)]
    assert cut == [[1, 2, 3], [4, 5]]
    assert [[number for number, _ in run] for run in runs([b'{"name": "a%d"}' % at for at in range(5)], 2)] == [[1, 2], [3, 4], [5]]
    assert list(runs([], 2)) == []
