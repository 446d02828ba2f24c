"""What is decided about a request that changes the registry: the records to append, and the answer once they are there. Pure.

Each takes the book as all earlier records made it, because the keeper appends under a fence: nothing of another registry comes between.
A request that is sent again finds its own effect and appends nothing.
"""

from dataclasses import dataclass
from typing import Any

import msgspec

from registry import errors
from registry.avro import Schema
from registry.book import Book, Content
from registry.compatibility import LEVELS
from registry.settings import RegistrySettings
from schemas.subjects import SchemaReference, SubjectRecord, SubjectSettings, SubjectVersion

MODES = ("READWRITE", "READONLY", "IMPORT")
SUBJECT_CHARS_LIMIT = 249  # of a topic's name, of which most subjects are made
VERSION_LAST = (1 << 31) - 1


@dataclass(frozen=True, slots=True)
class Change:
    records: tuple[SubjectRecord, ...]
    answer: Any


@dataclass(frozen=True, slots=True)
class Asked:
    """A schema that a client wants registered, looked up or compared; `schema_id` and `version` are for the mode IMPORT."""

    text: str
    references: tuple[SchemaReference, ...] = ()
    schema_id: int | None = None
    version: int | None = None


def read(book: Book, asked: Asked) -> tuple[Schema, Content]:
    """Raises: Refusal 42201."""
    try:
        schema = book.read(asked.text, asked.references)
    except errors.BadSchema as bad:
        raise errors.invalid_schema(str(bad)) from None
    return schema, (schema.text, asked.references)


def lookup(book: Book, subject: str, content: Content, *, deleted: bool = False) -> SubjectVersion | None:
    """The newest version of the subject with this schema."""
    for number in reversed(book.numbers(subject, deleted=deleted)):
        found = book.subjects[subject][number]
        if (found.text, found.references) == content:
            return found
    return None


def register(book: Book, subject: str, asked: Asked, settings: RegistrySettings, now_ms: int) -> Change:
    """Raises: Refusal 409, 42201, 42205, 42207, 42208."""
    schema, content = read(book, asked)
    known = lookup(book, subject, content)
    if known is not None and asked.schema_id in (None, known.schema_id):
        return Change((), known)
    mode = mode_of(book, subject)
    if mode == "READONLY":
        raise errors.read_only(subject)
    if mode == "IMPORT":
        return Change((made := _imported(book, subject, content, asked, now_ms),), made)
    if asked.schema_id is not None:
        raise errors.not_permitted(f"Subject {subject} is not in import mode, so the registry chooses the id")
    check_room(book, subject, content, settings)
    if found := book.breaches(subject, schema, level_of(book, subject), book.numbers(subject)):
        raise errors.incompatible(subject, ", ".join(found))
    made = SubjectVersion(
        subject=subject,
        version=next_number(book, subject),
        schema_id=book.id_of(content) or book.next_id,
        text=content[0],
        references=content[1],
        at_ms=now_ms,
    )
    return Change((made,), made)


def _imported(book: Book, subject: str, content: Content, asked: Asked, now_ms: int) -> SubjectVersion:
    """As another registry had it: with its id and number, and without asking for compatibility."""
    if asked.schema_id is None:
        raise errors.id_mismatch(f"Subject {subject} is in import mode, so the schema must come with its id")
    if book.contents.get(asked.schema_id, content) != content:
        raise errors.id_mismatch(f"The id {asked.schema_id} stands for another schema here")
    number = asked.version or next_number(book, subject)
    if number in book.subjects.get(subject, {}):
        raise errors.id_mismatch(f"Subject {subject} has had a version {number}")
    return SubjectVersion(subject=subject, version=number, schema_id=asked.schema_id, text=content[0], references=content[1], at_ms=now_ms)


def check_room(book: Book, subject: str, content: Content, settings: RegistrySettings) -> None:
    """Raises: Refusal 42205, 42208 when a limit is reached."""
    if not subject or len(subject) > SUBJECT_CHARS_LIMIT or not subject.isprintable():
        raise errors.invalid_subject(subject[:SUBJECT_CHARS_LIMIT], f"1 to {SUBJECT_CHARS_LIMIT} printable characters")
    if len(content[0].encode()) > settings.schema_bytes_limit:
        raise errors.invalid_schema(f"longer than {settings.schema_bytes_limit} bytes")
    if subject not in book.subjects and len(book.subjects) - len(book.ours) >= settings.subjects_limit:
        raise errors.full("subjects", settings.subjects_limit)
    if len(book.subjects.get(subject, {})) >= settings.versions_limit:
        raise errors.full(f"versions of {subject}", settings.versions_limit)


def next_number(book: Book, subject: str) -> int:
    return max(book.subjects.get(subject, {}), default=0) + 1


def level_of(book: Book, subject: str) -> str:
    """What holds for the subject: its own, else that of all."""
    return book.compatibility(subject) or book.compatibility("") or ""


def mode_of(book: Book, subject: str) -> str:
    return book.mode(subject) or book.mode("") or ""


def check_writable(book: Book, subject: str) -> None:
    """Raises: Refusal 42205."""
    if mode_of(book, subject) == "READONLY":
        raise errors.read_only(subject)


def delete_subject(book: Book, subject: str, *, permanent: bool, now_ms: int) -> Change:
    """The numbers that went. Raises: Refusal 40401, 40404, 40405, 42205, 42206."""
    readable = book.numbers(subject, deleted=True)
    if not readable:
        raise errors.subject_not_found(subject)
    check_writable(book, subject)
    live = book.numbers(subject)
    if permanent and live:
        raise errors.not_deleted(subject)
    if not permanent and not live:
        raise errors.already_deleted(subject)
    going = readable if permanent else live
    for number in going:
        check_unreferenced(book, subject, number)
    records: list[SubjectRecord] = [_gone(book.subjects[subject][number], permanent, now_ms) for number in going]
    if permanent and subject in book.settings:
        records.append(SubjectSettings(subject=subject, at_ms=now_ms))
    return Change(tuple(records), going)


def delete_version(book: Book, subject: str, number: int | None, *, permanent: bool, now_ms: int) -> Change:
    """The number that went. Raises: Refusal 40401, 40402, 40406, 40407, 42205, 42206."""
    found = book.version(subject, number, deleted=True) if permanent or number is not None else book.version(subject, None)
    check_writable(book, subject)
    if permanent and found.state == "live":
        raise errors.version_not_deleted(subject, found.version)
    if not permanent and found.state == "deleted":
        raise errors.version_already_deleted(subject, found.version)
    check_unreferenced(book, subject, found.version)
    return Change((_gone(found, permanent, now_ms),), found.version)


def _gone(version: SubjectVersion, permanent: bool, now_ms: int) -> SubjectVersion:
    if not permanent:
        return msgspec.structs.replace(version, state="deleted", at_ms=now_ms)
    return msgspec.structs.replace(version, state="removed", text="", references=(), at_ms=now_ms)


def check_unreferenced(book: Book, subject: str, number: int) -> None:
    """Raises: Refusal 42206."""
    if by := book.referring(subject, number):
        raise errors.still_referenced(subject, number, by)


def set_compatibility(book: Book, subject: str, level: str, now_ms: int) -> Change:
    """Raises: Refusal 42203, 42205."""
    if level.upper() not in LEVELS:
        raise errors.invalid_compatibility()
    _check_settable(book, subject)
    return Change((_settings(book, subject, now_ms, compatibility=level.upper()),), {"compatibility": level.upper()})


def drop_compatibility(book: Book, subject: str, now_ms: int) -> Change:
    """What held until now. Raises: Refusal 40408, 42205."""
    _check_settable(book, subject)
    level = book.compatibility(subject)
    if level is None:
        raise errors.no_compatibility(subject)
    return Change((_settings(book, subject, now_ms, compatibility=""),), {"compatibility": level})


def set_mode(book: Book, subject: str, mode: str, *, force: bool, now_ms: int) -> Change:
    """Raises: Refusal 42204, 42205."""
    if mode.upper() not in MODES:
        raise errors.invalid_mode()
    _check_settable(book, subject)
    holds = bool(book.numbers(subject) if subject else set(book.names()) - book.ours)
    if mode.upper() == "IMPORT" and holds and not force:
        raise errors.not_permitted("Cannot import since found existing subjects; say force=true to do so all the same")
    return Change((_settings(book, subject, now_ms, mode=mode.upper()),), {"mode": mode.upper()})


def drop_mode(book: Book, subject: str, now_ms: int) -> Change:
    """What held until now. Raises: Refusal 40409, 42205."""
    _check_settable(book, subject)
    mode = book.mode(subject)
    if mode is None:
        raise errors.no_mode(subject)
    return Change((_settings(book, subject, now_ms, mode=""),), {"mode": mode})


def _check_settable(book: Book, subject: str) -> None:
    """A subject that is read-only may be made writable again, but never one of ours."""
    if subject in book.ours:
        raise errors.read_only(subject)


def _settings(book: Book, subject: str, now_ms: int, **changed: str) -> SubjectSettings:
    before = book.settings.get(subject, SubjectSettings(subject=subject))
    return msgspec.structs.replace(before, at_ms=now_ms, **changed)
