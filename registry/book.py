"""All subjects, versions, ids and settings as values: the fold of `registry-subjects` over our own schemas. Pure.

Rule 1. An id names one text with its references for ever; a version of a subject keeps its number for ever. Neither is given twice, also
        after it was removed.
Rule 2. Our own subjects come from the checked-in files alone: what a record of the topic says of them is ignored.
Rule 3. Only `apply` changes the book. What is asked of it is decided in `registry.changes`, and its records come back through the log.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import assert_never

from registry import errors
from registry.avro import Named, Schema, canonical, parse
from registry.compatibility import against
from schemas.records import WriterChanged
from schemas.registry import Schema as OurSchema
from schemas.subjects import RegistryRecord, SchemaReference, SubjectSettings, SubjectVersion

IDS_FIRST = 100_000  # of consumers' schemas; ours are below
COMPATIBILITY = "BACKWARD"
MODE = "READWRITE"
OURS_COMPATIBILITY = "FULL_TRANSITIVE"
OURS_MODE = "READONLY"
REFERENCES_DEPTH_LIMIT = 16

Content = tuple[str, tuple[SchemaReference, ...]]  # what an id stands for


@dataclass(slots=True)
class Book:
    """`subjects`: subject -> number -> version, also the removed ones. `settings`: those that were set, "" for all subjects."""

    subjects: dict[str, dict[int, SubjectVersion]] = field(default_factory=dict)
    ours: frozenset[str] = frozenset()
    contents: dict[int, Content] = field(default_factory=dict)
    settings: dict[str, SubjectSettings] = field(default_factory=dict)
    next_id: int = IDS_FIRST
    _ids: dict[Content, int] = field(default_factory=dict)
    _parsed: dict[int, Schema] = field(default_factory=dict)

    # What comes from the log

    def apply(self, record: RegistryRecord) -> None:
        match record:
            case SubjectVersion():
                if record.subject not in self.ours:
                    self._put(record)
            case SubjectSettings():
                if record.subject not in self.ours:
                    self.settings[record.subject] = record
            case WriterChanged():
                pass
            case _:
                assert_never(record)

    def _put(self, version: SubjectVersion) -> None:
        self.subjects.setdefault(version.subject, {})[version.version] = version
        if version.schema_id >= IDS_FIRST:
            self.next_id = max(self.next_id, version.schema_id + 1)
        if version.state == "removed":
            self._forget(version.schema_id)
            return
        content = (version.text, version.references)
        self.contents[version.schema_id] = content
        self._ids.setdefault(content, version.schema_id)

    def _forget(self, schema_id: int) -> None:
        """Of a removed version, unless another one has the same id."""
        if next(self.versions_of_id(schema_id, deleted=True), None) is None and schema_id in self.contents:
            content = self.contents.pop(schema_id)
            self._parsed.pop(schema_id, None)
            if self._ids.get(content) == schema_id:
                del self._ids[content]

    # What is asked

    def numbers(self, subject: str, *, deleted: bool = False) -> list[int]:
        """The subject's versions that live, or with `deleted` those that can still be read; ascending."""
        wanted = ("live", "deleted") if deleted else ("live",)
        return sorted(number for number, each in self.subjects.get(subject, {}).items() if each.state in wanted)

    def names(self, prefix: str = "", *, deleted: bool = False) -> list[str]:
        """Subjects with at least one such version, sorted."""
        return sorted(name for name in self.subjects if name.startswith(prefix) and self.numbers(name, deleted=deleted))

    def version(self, subject: str, number: int | None, *, deleted: bool = False) -> SubjectVersion:
        """That version, or the latest for None. Raises: Refusal 40401, 40402."""
        numbers = self.numbers(subject, deleted=deleted)
        if not numbers:
            raise errors.subject_not_found(subject)
        if number is None:
            return self.subjects[subject][numbers[-1]]
        if number not in numbers:
            raise errors.version_not_found(number)
        return self.subjects[subject][number]

    def content(self, schema_id: int) -> Content:
        """Raises: Refusal 40403."""
        if schema_id not in self.contents:
            raise errors.schema_not_found(schema_id)
        return self.contents[schema_id]

    def versions_of_id(self, schema_id: int, *, deleted: bool = False) -> Iterator[SubjectVersion]:
        """Where this schema is registered, by subject and number."""
        for subject in sorted(self.subjects):
            for number in self.numbers(subject, deleted=deleted):
                if self.subjects[subject][number].schema_id == schema_id:
                    yield self.subjects[subject][number]

    def id_of(self, content: Content) -> int | None:
        return self._ids.get(content)

    def referring(self, subject: str, number: int) -> list[int]:
        """Ids of the schemas that take a type from that version, ascending."""
        return sorted(
            schema_id
            for schema_id, (_, references) in self.contents.items()
            if any((each.subject, each.version) == (subject, number) for each in references)
        )

    def compatibility(self, subject: str) -> str | None:
        """The level that was set for this subject, or "" for all; None if none was."""
        if subject in self.ours:
            return OURS_COMPATIBILITY
        found = self.settings.get(subject)
        return (found.compatibility if found else "") or (None if subject else COMPATIBILITY)

    def mode(self, subject: str) -> str | None:
        """As `compatibility`."""
        if subject in self.ours:
            return OURS_MODE
        found = self.settings.get(subject)
        return (found.mode if found else "") or (None if subject else MODE)

    # Schemas as types

    def read(self, text: str, references: tuple[SchemaReference, ...]) -> Schema:
        """The text as a schema. Raises: BadSchema, also where a reference leads nowhere."""
        return parse(text, self._names(references, 0))

    def schema(self, version: SubjectVersion) -> Schema:
        """What was registered, parsed once. Raises: BadSchema if a reference of it is gone."""
        found = self._parsed.get(version.schema_id)
        if found is None:
            found = self._parsed[version.schema_id] = self.read(version.text, version.references)
        return found

    def _names(self, references: tuple[SchemaReference, ...], depth: int) -> Mapping[str, Named]:
        """The named types that these references bring, and those that they in turn refer to."""
        if depth > REFERENCES_DEPTH_LIMIT:
            raise errors.BadSchema(f"references deeper than {REFERENCES_DEPTH_LIMIT}")
        names: dict[str, Named] = {}
        for each in references:
            version = self.subjects.get(each.subject, {}).get(each.version)
            if version is None or version.state == "removed":
                raise errors.BadSchema(f"the reference {each.name} names {each.subject} version {each.version}, which is not here")
            behind = self._names(version.references, depth + 1)
            names |= behind
            names |= parse(version.text, behind).names
        return names

    def breaches(self, subject: str, new: Schema, level: str, numbers: list[int]) -> list[str]:
        """Why the new schema breaks the level towards these versions of the subject, in words."""
        return against(level, new, [(number, self.schema(self.subjects[subject][number])) for number in numbers])


def fresh_book(schemas: Mapping[int, OurSchema]) -> Book:
    """A book with our own subjects alone."""
    book = Book(ours=frozenset(each.subject for each in schemas.values()))
    for each in sorted(schemas.values(), key=lambda each: each.id):
        book._put(SubjectVersion(subject=each.subject, version=each.version, schema_id=each.id, text=canonical(each.source)))
    return book
