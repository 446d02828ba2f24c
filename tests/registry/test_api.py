"""The Confluent API as clients know it: what is answered, and the code of what is refused."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from log.memory import MemoryLog
from registry.keeper import TOPIC
from registry.settings import RegistrySettings
from schemas.registry import SCHEMAS
from tests.registry.face import Client, record, registry, with_registry

ORDER = record("order", ("id", "string"), ("price", "long"))
ORDER_2 = record("order", ("id", "string"), ("price", "long"), ("note", "string", ""))
ORDER_BAD = record("order", ("id", "string"), ("price", "string"))
OURS = "conversation-events-warbler.message_sent"


def test_our_own_schemas_are_there_under_the_ids_on_the_wire() -> None:
    async def body(client: Client) -> None:
        for schema in SCHEMAS.values():
            status, found = await client.call("GET", f"/schemas/ids/{schema.id}")
            assert (status, json.loads(found["schema"])) == (200, schema.source)
            _, version = await client.call("GET", f"/subjects/{schema.subject}/versions/{schema.version}")
            assert (version["subject"], version["version"], version["id"]) == (schema.subject, schema.version, schema.id)
        _, names = await client.call("GET", "/subjects")
        assert names == sorted({schema.subject for schema in SCHEMAS.values()})

    with_registry(body)


def test_our_own_subjects_are_read_only_but_know_their_schemas() -> None:
    async def body(client: Client) -> None:
        own = next(schema for schema in SCHEMAS.values() if schema.subject == OURS and schema.version == 1)
        assert (await client.register(OURS, own.source))[1]["id"] == own.id, "a client that registers what is there gets its id"
        refusals = [
            await client.register(OURS, ORDER),
            await client.call("DELETE", f"/subjects/{OURS}"),
            await client.call("DELETE", f"/subjects/{OURS}/versions/1"),
            await client.call("PUT", f"/config/{OURS}", {"compatibility": "NONE"}),
            await client.call("DELETE", f"/config/{OURS}"),
            await client.call("PUT", f"/mode/{OURS}", {"mode": "READWRITE"}),
        ]
        assert [(status, said["error_code"]) for status, said in refusals] == [(422, 42205)] * len(refusals)
        assert (await client.call("GET", f"/config/{OURS}"))[1] == {"compatibilityLevel": "FULL_TRANSITIVE"}
        assert (await client.call("GET", f"/mode/{OURS}"))[1] == {"mode": "READONLY"}

    with_registry(body)


def test_a_subject_of_a_consumer_lives_and_goes() -> None:
    async def body(client: Client) -> None:
        assert (await client.register("orders-value", ORDER))[1]["id"] == 100_000
        assert (await client.register("orders-value", ORDER))[1] == (await client.register("orders-value", ORDER))[1]
        assert (await client.register("orders-value", ORDER_2))[1]["version"] == 2
        assert (await client.call("GET", "/subjects/orders-value/versions"))[1] == [1, 2]
        assert (await client.call("GET", "/subjects/orders-value/versions/latest"))[1]["id"] == 100_001
        assert (await client.call("POST", "/subjects/orders-value", {"schema": json.dumps(ORDER)}))[1]["version"] == 1
        assert (await client.call("GET", "/schemas/ids/100001/versions"))[1] == [{"subject": "orders-value", "version": 2}]
        assert await client.call("DELETE", "/subjects/orders-value/versions/latest") == (200, 2)
        assert (await client.call("GET", "/subjects/orders-value/versions"))[1] == [1]
        assert (await client.call("GET", "/subjects/orders-value/versions?deleted=true"))[1] == [1, 2]
        assert (await client.call("GET", "/schemas/ids/100001"))[0] == 200, "what was written with it can still be read"
        assert await client.call("DELETE", "/subjects/orders-value") == (200, [1])
        assert await client.call("DELETE", "/subjects/orders-value?permanent=true") == (200, [1, 2])
        assert (await client.call("GET", "/schemas/ids/100001"))[1]["error_code"] == 40403
        assert (await client.register("orders-value", ORDER_BAD))[1]["id"] == 100_002, "nothing is left to be compatible with"

    with_registry(body)


def test_numbers_and_ids_are_never_given_twice_also_after_a_restart() -> None:
    async def whole() -> None:
        log = MemoryLog()
        async with registry(log) as client:
            await client.register("a", ORDER)
            await client.register("a", ORDER_2)
            await client.call("DELETE", "/subjects/a")
            await client.call("DELETE", "/subjects/a?permanent=true")
        log.compact(TOPIC, 0)
        async with registry(log) as client:
            _, made = await client.register("a", record("other", ("x", "int")))
            assert (made["id"], made["version"]) == (100_002, 3)

    asyncio.run(whole())


def test_the_same_schema_has_the_same_id_in_every_subject_however_it_is_written() -> None:
    async def body(client: Client) -> None:
        _, one = await client.register("a", ORDER)
        spread = {
            "fields": [{"type": {"type": "string"}, "name": "id"}, {"type": "long", "name": "price"}],
            "name": "order",
            "type": "record",
        }
        _, other = await client.register("b", json.dumps(spread, indent=3))
        assert one["id"] == other["id"]
        assert (await client.call("GET", f"/schemas/ids/{one['id']}/subjects"))[1] == ["a", "b"]

    with_registry(body)


def test_an_incompatible_schema_is_refused_with_the_reason() -> None:
    async def body(client: Client) -> None:
        await client.register("orders-value", ORDER)
        status, said = await client.register("orders-value", ORDER_BAD)
        assert (status, said["error_code"]) == (409, 409)
        assert "TYPE_MISMATCH" in said["message"]
        assert "/fields/1/type" in said["message"]
        asked = {"schema": json.dumps(ORDER_BAD)}
        _, compared = await client.call("POST", "/compatibility/subjects/orders-value/versions/latest?verbose=true", asked)
        assert not compared["is_compatible"]
        assert "oldSchemaVersion: 1" in " ".join(compared["messages"])
        await client.call("PUT", "/config/orders-value", {"compatibility": "none"})
        assert (await client.register("orders-value", ORDER_BAD))[0] == 200

    with_registry(body)


LEVELS = {
    # level: (may a field without default come, may one without default go)
    "NONE": (True, True),
    "BACKWARD": (False, True),
    "FORWARD": (True, False),
    "FULL": (False, False),
}


@pytest.mark.parametrize("level", LEVELS)
def test_each_level_promises_what_it_says(level: str) -> None:
    base, more = record("r", ("a", "int")), record("r", ("a", "int"), ("b", "int"))

    async def body(client: Client) -> None:
        await client.call("PUT", "/config", {"compatibility": level})
        for number, (old, new) in enumerate([(base, more), (more, base)]):
            await client.register(f"s{number}", old)
            assert ((await client.register(f"s{number}", new))[0] == 200) == LEVELS[level][number]

    with_registry(body)


@pytest.mark.parametrize("transitive", [False, True])
def test_a_transitive_level_looks_further_back_than_the_last_version(transitive: bool) -> None:
    steps = [record("r", ("a", "int"), ("b", "int")), record("r", ("a", "int")), record("r", ("a", "int"), ("b", "string", ""))]

    async def body(client: Client) -> None:
        await client.call("PUT", "/config", {"compatibility": "BACKWARD_TRANSITIVE" if transitive else "BACKWARD"})
        assert [(await client.register("s", step))[0] for step in steps] == [200, 200, 409 if transitive else 200]

    with_registry(body)


REFUSED: list[tuple[str, str, Any, int, int]] = [
    ("GET", "/subjects/none/versions", None, 404, 40401),
    ("GET", "/subjects/none/versions/1", None, 404, 40401),
    ("GET", f"/subjects/{OURS}/versions/99", None, 404, 40402),
    ("GET", "/schemas/ids/99999", None, 404, 40403),
    ("POST", f"/subjects/{OURS}", {"schema": '"int"'}, 404, 40403),
    ("POST", "/subjects/none", {"schema": '"int"'}, 404, 40401),
    ("DELETE", "/subjects/none", None, 404, 40401),
    ("DELETE", "/subjects/there?permanent=true", None, 404, 40405),
    ("DELETE", "/subjects/there/versions/1?permanent=true", None, 404, 40407),
    ("GET", "/config/there", None, 404, 40408),
    ("GET", "/mode/there", None, 404, 40409),
    ("DELETE", "/mode/there", None, 404, 40409),
    ("POST", "/subjects/s/versions", {"schema": "{"}, 422, 42201),
    ("POST", "/subjects/s/versions", {"schema": '{"type": "record"}'}, 422, 42201),
    ("POST", "/subjects/s/versions", {"schema": "{}", "schemaType": "PROTOBUF"}, 422, 42201),
    ("POST", "/subjects/s/versions", {"schema": '"int"', "ruleSet": {"domainRules": []}}, 422, 42201),
    ("POST", "/subjects/s/versions", {"schema": '"a.b"', "references": [{"name": "a.b", "subject": "no", "version": 1}]}, 422, 42201),
    ("GET", f"/subjects/{OURS}/versions/0", None, 422, 42202),
    ("GET", f"/subjects/{OURS}/versions/newest", None, 422, 42202),
    ("PUT", "/config", {"compatibility": "SOMETIMES"}, 422, 42203),
    ("PUT", "/mode", {"mode": "WRITEONLY"}, 422, 42204),
    ("PUT", "/mode/there", {"mode": "IMPORT"}, 422, 42205),
    ("POST", "/subjects/s/versions", {"schema": '"int"', "id": 7}, 422, 42205),
    ("POST", "/subjects/:other:s/versions", {"schema": '"int"'}, 422, 42208),
    ("POST", f"/subjects/{'x' * 300}/versions", {"schema": '"int"'}, 422, 42208),
    ("POST", "/subjects/s/versions", {"scheme": '"int"'}, 422, 422),
    ("POST", "/subjects/s/versions", ["int"], 422, 422),
    ("GET", "/schemas/ids/one", None, 404, 404),
    ("GET", "/nowhere", None, 404, 404),
    ("PATCH", "/config", None, 405, 405),
]


@pytest.mark.parametrize(
    ("method", "path", "asked", "status", "code"), REFUSED, ids=[f"{i}-{m}-{c}" for i, (m, *_, c) in enumerate(REFUSED)]
)
def test_what_is_refused_has_the_code_that_clients_know(method: str, path: str, asked: Any, status: int, code: int) -> None:
    async def body(client: Client) -> None:
        await client.register("there", ORDER)
        answered, said = await client.call(method, path, asked)
        assert (answered, said["error_code"]) == (status, code)
        assert said["message"]

    with_registry(body)


def test_a_body_that_is_no_json_or_too_long_is_refused() -> None:
    async def body(client: Client) -> None:
        for content, status in ((b"{", 400), (b"\xff", 400), (b'{"x":' + b"[" * 4_000, 400), (b" " * 5_000, 413)):
            answer = await client.http.post("/subjects/s/versions", content=content)
            assert (answer.status_code, answer.json()["error_code"]) == (status, status)
            assert answer.headers["content-type"] == "application/vnd.schemaregistry.v1+json"

    with_registry(body, settings=RegistrySettings(request_bytes_limit=4_096))


def test_a_deleted_subject_must_be_deleted_again_to_go_for_good() -> None:
    async def body(client: Client) -> None:
        await client.register("s", ORDER)
        assert await client.call("DELETE", "/subjects/s") == (200, [1])
        assert (await client.call("DELETE", "/subjects/s"))[1]["error_code"] == 40404
        assert (await client.call("DELETE", "/subjects/s/versions/1"))[1]["error_code"] == 40406
        assert (await client.call("GET", "/subjects"))[1].count("s") == 0
        assert (await client.call("GET", "/subjects?deletedOnly=true"))[1] == ["s"]
        assert (await client.register("s", ORDER))[1]["version"] == 2, "registered again it lives again, as a new version"

    with_registry(body)


def test_a_referenced_type_is_resolved_and_cannot_be_deleted() -> None:
    async def body(client: Client) -> None:
        money = record("money", ("cents", "long")) | {"namespace": "shop"}
        await client.register("money", money)
        reference = [{"name": "shop.money", "subject": "money", "version": 1}]
        _, made = await client.register("order", record("order", ("price", "shop.money")), references=reference)
        assert (await client.call("GET", f"/schemas/ids/{made['id']}"))[1]["references"] == reference
        assert (await client.call("GET", "/subjects/money/versions/1/referencedby"))[1] == [made["id"]]
        assert (await client.call("DELETE", "/subjects/money"))[1]["error_code"] == 42206
        await client.register("money", money | {"fields": [{"name": "cents", "type": "string"}]})
        second = record("order", ("price", "shop.money"), ("n", "int", 0))
        assert (await client.register("order", second, references=reference))[1]["version"] == 2

    with_registry(body)


def test_a_registry_in_import_mode_takes_over_the_ids_of_another() -> None:
    async def body(client: Client) -> None:
        assert (await client.call("PUT", "/mode/moved", {"mode": "IMPORT"}))[0] == 200
        assert (await client.register("moved", ORDER, id=777_777, version=5))[1]["id"] == 777_777
        assert (await client.register("moved", ORDER_BAD))[1]["error_code"] == 42207, "without an id"
        assert (await client.register("moved", ORDER_BAD, id=777_777))[1]["error_code"] == 42207, "which stands for another schema"
        assert (await client.call("DELETE", "/mode/moved"))[1] == {"mode": "IMPORT"}
        assert (await client.register("new", ORDER_BAD))[1]["id"] == 777_778
        ours = next(iter(SCHEMAS))
        await client.call("PUT", "/mode/thief", {"mode": "IMPORT"})
        assert (await client.register("thief", ORDER_BAD, id=ours))[1]["error_code"] == 42207

    with_registry(body)


def test_a_subject_may_hold_any_printable_character() -> None:
    async def body(client: Client) -> None:
        assert (await client.register("a%2Fb%20%C3%A4", ORDER))[0] == 200
        assert "a/b ä" in (await client.call("GET", "/subjects"))[1]
        assert (await client.call("GET", "/subjects/a%2Fb%20%C3%A4/versions/"))[1] == [1]
        assert (await client.call("GET", "/subjects/:.:a%2Fb%20%C3%A4/versions"))[1] == [1]

    with_registry(body)


def test_lists_come_in_pages() -> None:
    async def body(client: Client) -> None:
        for name in "abc":
            await client.register(f"page-{name}", ORDER)
        assert (await client.call("GET", "/subjects?subjectPrefix=page-&offset=1&limit=1"))[1] == ["page-b"]
        _, found = await client.call("GET", "/schemas?subjectPrefix=page-&latestOnly=true")
        assert [each["subject"] for each in found] == ["page-a", "page-b", "page-c"]

    with_registry(body)


def test_with_a_key_all_may_read_and_who_knows_it_may_write() -> None:
    async def body(client: Client) -> None:
        status, said = await client.register("s", ORDER)
        assert (status, said["error_code"]) == (401, 40101)
        asked = {"schema": json.dumps(ORDER)}
        assert (await client.call("POST", "/subjects/s/versions", asked, auth=("anyone", "wrong")))[0] == 401
        assert (await client.call("POST", "/subjects/s/versions", asked, auth=("anyone", "secret")))[0] == 200
        assert (await client.call("GET", "/subjects/s/versions"))[0] == 200

    with_registry(body, key="secret")


def test_the_limits_are_told() -> None:
    async def body(client: Client) -> None:
        await client.register("one", ORDER)
        assert (await client.register("two", ORDER))[1]["error_code"] == 42205
        await client.register("one", ORDER_2)
        third = ORDER_2 | {"doc": "another"}
        assert (await client.register("one", third))[1]["error_code"] == 42205
        long = ORDER | {"doc": "x" * 2_000}
        assert (await client.register("one", long))[1]["error_code"] in (42201, 42205)

    with_registry(body, settings=RegistrySettings(subjects_limit=1, versions_limit=2, schema_bytes_limit=1_024))


def test_who_can_be_reached_by_others_wants_a_key() -> None:
    with pytest.raises(ValueError, match="REGISTRY_HOST"):
        RegistrySettings.from_env({"REGISTRY_HOST": "0.0.0.0"})
    RegistrySettings.from_env({"REGISTRY_HOST": "0.0.0.0", "REGISTRY_OPEN": "1"})
    RegistrySettings.from_env({"REGISTRY_HOST": "0.0.0.0", "REGISTRY_KEY_FILE": "/key"})
