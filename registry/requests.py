"""What a request of the Confluent API says: path, query and body as values. Pure. Anything else is a Refusal."""

import base64
import binascii
import hmac
from collections.abc import Mapping
from typing import Any, TypeVar
from urllib.parse import unquote

import msgspec

from registry import errors
from registry.changes import VERSION_LAST, Asked
from registry.errors import Refusal
from schemas.subjects import SchemaReference

T = TypeVar("T")
DEFAULT_CONTEXT = ":.:"
KINDS = ("AVRO",)
PAGE_LIMIT = 10_000  # entries of a list, whatever was asked for


class SchemaBody(msgspec.Struct, frozen=True):
    """`metadata` and `ruleSet` are features of the Confluent platform that are not here; null, as clients send it, is fine."""

    schema: str
    schemaType: str | None = None
    references: tuple[SchemaReference, ...] | None = None
    id: int | None = None
    version: int | None = None
    metadata: Any = None
    ruleSet: Any = None


class LevelBody(msgspec.Struct, frozen=True):
    compatibility: str


class ModeBody(msgspec.Struct, frozen=True):
    mode: str


def asked_schema(body: bytes) -> Asked:
    """Raises: Refusal 400, 422, 42201."""
    found = decoded(body, SchemaBody)
    if (found.schemaType or "AVRO").upper() not in KINDS:
        raise errors.invalid_schema(f"type {found.schemaType} is not served; {', '.join(KINDS)} is")
    if found.metadata is not None or found.ruleSet is not None:
        raise errors.invalid_schema("metadata and ruleSet are not served")
    imported = found.id if found.id is None or found.id > 0 else None  # clients say -1 or 0 for none
    numbered = found.version if found.version is None or found.version > 0 else None
    for number in (imported, numbered):
        if number is not None and number > VERSION_LAST:
            raise errors.id_mismatch(f"{number} is more than {VERSION_LAST}")
    return Asked(found.schema, found.references or (), imported, numbered)


def asked_level(body: bytes) -> str:
    return decoded(body, LevelBody).compatibility


def asked_mode(body: bytes) -> str:
    return decoded(body, ModeBody).mode


def decoded(body: bytes, kind: type[T]) -> T:
    """Raises: Refusal 400 for what is no JSON, 422 for JSON of another shape."""
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as bad:
        raise Refusal(422, 422, str(bad)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as bad:
        raise Refusal(400, 400, f"the body is no JSON: {bad}") from None


def subject_of(segment: str) -> str:
    """The subject of a path's segment, in the one context there is. Raises: Refusal 42208."""
    subject = unquote(segment).removeprefix(DEFAULT_CONTEXT)
    if subject.startswith(":"):
        raise errors.invalid_subject(subject, "only the default context is served")
    return subject


def version_of(segment: str) -> int | None:
    """The number, or None for the latest. Raises: Refusal 42202."""
    text = unquote(segment)
    if text in ("latest", "-1"):
        return None
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= VERSION_LAST):
        raise errors.invalid_version(text)
    return int(text)


def id_of(segment: str) -> int:
    """Raises: Refusal 404."""
    text = unquote(segment)
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(VERSION_LAST))):
        raise Refusal(404, 404, "HTTP 404 Not Found")
    return int(text)


def says(query: Mapping[str, str], name: str) -> bool:
    return query.get(name, "").lower() == "true"


def page(entries: list[T], query: Mapping[str, str]) -> list[T]:
    """The part of a list that `offset` and `limit` name. Raises: Refusal 422."""
    try:
        offset, limit = int(query.get("offset", "0")), int(query.get("limit", "-1"))
    except ValueError:
        raise Refusal(422, 422, "offset and limit are whole numbers") from None
    first = max(offset, 0)
    return entries[first : first + (min(limit, PAGE_LIMIT) if limit >= 0 else PAGE_LIMIT)]


def check_key(header: str, key: str) -> None:
    """That Basic credentials hold this password, of whatever user. Raises: Refusal 40101."""
    kind, _, said = header.partition(" ")
    try:
        password = base64.b64decode(said, validate=True).partition(b":")[2] if kind.lower() == "basic" else b""
    except binascii.Error:
        password = b""
    if not hmac.compare_digest(password, key.encode()):
        raise Refusal(401, 40101, "Whoever writes here needs the registry's key as the password of Basic credentials")
