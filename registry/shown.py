"""What the registry answers, as JSON values with the names of the Confluent API. Pure."""

from typing import Any

from registry.book import Book
from schemas.subjects import SchemaReference, SubjectVersion


def references_part(references: tuple[SchemaReference, ...]) -> dict[str, Any]:
    """Left out where there are none, as clients expect; so is the type, which is always AVRO."""
    named = [{"name": each.name, "subject": each.subject, "version": each.version} for each in references]
    return {"references": named} if named else {}


def version_shown(version: SubjectVersion) -> dict[str, Any]:
    named = {"subject": version.subject, "version": version.version, "id": version.schema_id}
    return named | references_part(version.references) | {"schema": version.text}


def registered_shown(version: SubjectVersion) -> dict[str, Any]:
    """Older clients read the id alone, newer ones the rest as well."""
    return {"id": version.schema_id} | {name: value for name, value in version_shown(version).items() if name != "subject"}


def schema_shown(book: Book, schema_id: int, *, with_last_id: bool) -> dict[str, Any]:
    """Raises: Refusal 40403."""
    text, references = book.content(schema_id)
    last = {"maxId": max(book.contents)} if with_last_id else {}
    return {"schema": text} | references_part(references) | last


def places_shown(book: Book, schema_id: int, *, deleted: bool) -> list[dict[str, Any]]:
    """Raises: Refusal 40403."""
    book.content(schema_id)
    return [{"subject": each.subject, "version": each.version} for each in book.versions_of_id(schema_id, deleted=deleted)]


def schemas_shown(book: Book, prefix: str, *, deleted: bool, latest_only: bool) -> list[dict[str, Any]]:
    return [
        version_shown(book.subjects[subject][number])
        for subject in book.names(prefix, deleted=deleted)
        for number in book.numbers(subject, deleted=deleted)[-1 if latest_only else 0 :]
    ]
