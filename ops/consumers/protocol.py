"""Kafka's requests about SCRAM credentials, which aiokafka does not have: KIP-554, version 0 of both.

Touches aiokafka below its public surface (its protocol classes); held by tests/real/test_consumers.py.
"""

from __future__ import annotations

from typing import Any

from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import CompactArray, CompactBytes, CompactString, Int8, Int16, Int32, Schema, TaggedFields

SCRAM_SHA_512 = 2


class DescribeScramResponse(Response):  # type: ignore[misc]  # aiokafka has no types
    API_KEY = 50
    API_VERSION = 0
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        ("error_code", Int16),
        ("error_message", CompactString("utf-8")),
        (
            "results",
            CompactArray(
                ("user", CompactString("utf-8")),
                ("error_code", Int16),
                ("error_message", CompactString("utf-8")),
                ("infos", CompactArray(("mechanism", Int8), ("iterations", Int32), ("tags", TaggedFields))),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class DescribeScramRequestStruct(RequestStruct):  # type: ignore[misc]  # aiokafka has no types
    FLEXIBLE_VERSION = True
    API_KEY = 50
    API_VERSION = 0
    RESPONSE_TYPE = DescribeScramResponse
    SCHEMA = Schema(("users", CompactArray(("name", CompactString("utf-8")), ("tags", TaggedFields))), ("tags", TaggedFields))


class DescribeScramRequest(Request[DescribeScramRequestStruct]):  # type: ignore[misc]  # aiokafka has no types
    """Everybody who has a credential."""

    API_KEY = 50

    def build(self, request_struct_class: Any) -> Any:
        return request_struct_class(None, {})


class AlterScramResponse(Response):  # type: ignore[misc]  # aiokafka has no types
    API_KEY = 51
    API_VERSION = 0
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "results",
            CompactArray(
                ("user", CompactString("utf-8")),
                ("error_code", Int16),
                ("error_message", CompactString("utf-8")),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class AlterScramRequestStruct(RequestStruct):  # type: ignore[misc]  # aiokafka has no types
    FLEXIBLE_VERSION = True
    API_KEY = 51
    API_VERSION = 0
    RESPONSE_TYPE = AlterScramResponse
    SCHEMA = Schema(
        ("deletions", CompactArray(("name", CompactString("utf-8")), ("mechanism", Int8), ("tags", TaggedFields))),
        (
            "upsertions",
            CompactArray(
                ("name", CompactString("utf-8")),
                ("mechanism", Int8),
                ("iterations", Int32),
                ("salt", CompactBytes),
                ("salted_password", CompactBytes),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class AlterScramRequest(Request[AlterScramRequestStruct]):  # type: ignore[misc]  # aiokafka has no types
    """One credential, put in place of what was there, or taken away where there is no password."""

    API_KEY = 51

    def __init__(self, name: str, iterations: int = 0, salt: bytes = b"", salted_password: bytes = b"") -> None:
        self._deletions: list[Any] = [] if salted_password else [(name, SCRAM_SHA_512, {})]
        self._upsertions: list[Any] = [(name, SCRAM_SHA_512, iterations, salt, salted_password, {})] if salted_password else []

    def build(self, request_struct_class: Any) -> Any:
        return request_struct_class(self._deletions, self._upsertions, {})
