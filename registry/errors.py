"""What the registry refuses, with the status, the code and the words that clients of the Confluent API know. Pure."""

from schemas.errors import WarblerError

VERSION_RULE = 'Allowed values are between [1, 2^31-1] and the string "latest"'
LEVELS_RULE = "Valid values are none, backward, forward, full, backward_transitive, forward_transitive, and full_transitive"


class Refusal(WarblerError):
    """Answered as {"error_code", "message"} with this status."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message
        self.retryable = status >= 500


class BadSchema(WarblerError):
    """A text that is no Avro schema; its reason is for the person who wrote it."""


def subject_not_found(subject: str) -> Refusal:
    return Refusal(404, 40401, f"Subject '{subject}' not found.")


def version_not_found(version: int | str) -> Refusal:
    return Refusal(404, 40402, f"Version {version} not found.")


def schema_not_found(schema_id: int | None = None) -> Refusal:
    return Refusal(404, 40403, "Schema not found" if schema_id is None else f"Schema {schema_id} not found")


def already_deleted(subject: str) -> Refusal:
    return Refusal(404, 40404, f"Subject '{subject}' was soft deleted. Set permanent=true to delete permanently")


def not_deleted(subject: str) -> Refusal:
    return Refusal(404, 40405, f"Subject '{subject}' was not deleted first before being permanently deleted")


def version_already_deleted(subject: str, version: int) -> Refusal:
    return Refusal(404, 40406, f"Subject '{subject}' Version {version} was soft deleted. Set permanent=true to delete permanently")


def version_not_deleted(subject: str, version: int) -> Refusal:
    return Refusal(404, 40407, f"Subject '{subject}' Version {version} was not deleted first before being permanently deleted")


def no_compatibility(subject: str) -> Refusal:
    return Refusal(404, 40408, f"Subject '{subject}' does not have subject-level compatibility configured")


def no_mode(subject: str) -> Refusal:
    return Refusal(404, 40409, f"Subject '{subject}' does not have subject-level mode configured")


def incompatible(subject: str, details: str) -> Refusal:
    return Refusal(
        409, 409, f'Schema being registered is incompatible with an earlier schema for subject "{subject}", details: [{details}]'
    )


def invalid_schema(reason: str) -> Refusal:
    return Refusal(422, 42201, f"Invalid schema: {reason}")


def invalid_version(version: str) -> Refusal:
    return Refusal(422, 42202, f"The specified version '{version}' is not a valid version id. {VERSION_RULE}")


def invalid_compatibility() -> Refusal:
    return Refusal(422, 42203, f"Invalid compatibility level. {LEVELS_RULE}")


def invalid_mode() -> Refusal:
    return Refusal(422, 42204, "Invalid mode. Valid values are READWRITE, READONLY and IMPORT")


def read_only(subject: str) -> Refusal:
    return Refusal(422, 42205, f"Subject {subject or 'of all'} is in read-only mode")


def not_permitted(why: str) -> Refusal:
    return Refusal(422, 42205, why)


def still_referenced(subject: str, version: int, by: list[int]) -> Refusal:
    return Refusal(422, 42206, f"One or more references exist to the schema {subject} version {version}, from the ids {by}")


def id_mismatch(why: str) -> Refusal:
    return Refusal(422, 42207, why)


def invalid_subject(subject: str, why: str) -> Refusal:
    return Refusal(422, 42208, f"The specified subject '{subject}' is not valid: {why}")


def full(what: str, limit: int) -> Refusal:
    return Refusal(422, 42205, f"There are {limit} {what} already, which is the limit of this registry")


def unavailable(why: str) -> Refusal:
    return Refusal(500, 50001, f"Error in the backend data store - {why}; the same request may be sent again")


def too_slow() -> Refusal:
    return Refusal(500, 50002, "Operation timed out; the same request may be sent again")
