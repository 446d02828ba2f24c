"""What the schema registry keeps in the topic `registry-subjects`: versions of subjects that are not ours, and their settings. Pure."""

from typing import Literal

from msgspec import Struct

from schemas.records import WriterChanged

# live; deleted: hidden, and readable for who asks; removed: only its numbers are left, which are never given again
VersionState = Literal["live", "deleted", "removed"]


class SchemaReference(Struct, frozen=True, kw_only=True):
    """A named type that a schema takes from a version of another subject."""

    name: str
    subject: str
    version: int


class SubjectVersion(Struct, frozen=True, kw_only=True, tag_field="kind", tag="subject_version"):
    """One version of a subject as it stands now; the newest record of its key holds."""

    subject: str
    version: int
    schema_id: int
    text: str  # of the schema; empty once it is removed
    references: tuple[SchemaReference, ...] = ()
    state: VersionState = "live"
    at_ms: int = 0


class SubjectSettings(Struct, frozen=True, kw_only=True, tag_field="kind", tag="subject_settings"):
    """Compatibility and mode of a subject, or of all that have none of their own where `subject` is empty. Empty: not set."""

    subject: str
    compatibility: str = ""
    mode: str = ""
    at_ms: int = 0


SubjectRecord = SubjectVersion | SubjectSettings
RegistryRecord = SubjectRecord | WriterChanged
