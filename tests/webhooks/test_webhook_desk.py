"""How administrators set webhooks: events in the topic, read back from it; places, secrets, limits, and what is refused."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, cast

import pytest
from typer.testing import CliRunner

from edge.people.webhooks import TooManyWebhooks, UnknownWebhook, WebhookDesk, Wishes
from edge.rest.admin.webhook_models import WebhookWishes, delivery_item, item_of, standing_of, standing_row
from log.errors import UnknownTopic
from log.memory import MemoryLog
from log.places import BadPlace, BadRange
from log.port import Entry
from log.spans import UnknownPosition
from log.web.settings import BadAddress
from ops import webhooks as commands
from schemas.codec import encode
from schemas.partition import partition_of
from schemas.webhooks import WebhookDelivery, WebhookPlace
from store.sealing import Sealer
from store.webhook_standings import Kept, WebhookStandings
from store.webhooks import NoSecret, secrets_of, shown_secret
from streams.webhooks.plan import Answer, Plan
from streams.webhooks.standing import Standing, packed
from tests.webhooks.builders import EVENTS, LIMITS, NOW_MS, event, record

SEALER = Sealer([b"k" * 32])
WISHES = Wishes("https://archive.example/hook", "The archive", ("message_sent",), (), True)
Body = Callable[[WebhookDesk, MemoryLog], Coroutine[Any, Any, None]]


def desk_of(log: MemoryLog, sealer: Sealer | None = SEALER, limit: int = 3) -> WebhookDesk:
    def place(topic: str, key: bytes) -> int:
        return partition_of(key, 4)

    return WebhookDesk(log, place, cast(WebhookStandings, None), sealer, (), limit)


def run(body: Body) -> None:
    log = MemoryLog(4)
    asyncio.run(body(desk_of(log), log))


def test_what_was_made_changed_and_removed_is_read_back_from_the_log() -> None:
    async def body(desk: WebhookDesk, log: MemoryLog) -> None:
        made, secret = await desk.make(WISHES, "root")
        assert await desk.all() == [made]
        assert [shown_secret(each) for each in secrets_of(SEALER, made.definition, NOW_MS)] == [secret]
        changed = await desk.change(made, Wishes("https://other.example/", "", (), ("g-1",), False), "wk-1")
        assert await desk.get(made.webhook_id) == changed
        assert (changed.definition.version, changed.definition.begin_ms) == (2, made.definition.begin_ms)
        assert item_of(changed)["state"] == "paused"
        await desk.remove(changed, "root")
        with pytest.raises(UnknownWebhook):
            await desk.get(made.webhook_id)
        assert await desk.all() == []

    run(body)


def test_a_new_secret_signs_beside_the_older_one_for_a_while() -> None:
    async def body(desk: WebhookDesk, log: MemoryLog) -> None:
        made, first = await desk.make(WISHES, "root")
        second = await desk.rotate(made, 60_000, "root")
        now_ms = (rotated := (await desk.get(made.webhook_id)).definition).at_ms
        assert [shown_secret(each) for each in secrets_of(SEALER, rotated, now_ms)] == [second, first]
        assert [shown_secret(each) for each in secrets_of(SEALER, rotated, now_ms + 70_000)] == [second]
        third = await desk.rotate(await desk.get(made.webhook_id), 0, "root")
        assert [shown_secret(each) for each in secrets_of(SEALER, (await desk.get(made.webhook_id)).definition, now_ms)] == [third]

    run(body)


def test_there_are_no_more_than_the_limit_and_none_without_a_key() -> None:
    async def body(desk: WebhookDesk, log: MemoryLog) -> None:
        for _ in range(3):
            await desk.make(WISHES, "root")
        with pytest.raises(TooManyWebhooks):
            await desk.make(WISHES, "root")
        with pytest.raises(NoSecret):
            await desk_of(MemoryLog(4), None).make(WISHES, "root")

    run(body)


def test_a_replay_begins_at_any_place_and_places_that_are_none_are_refused() -> None:
    async def body(desk: WebhookDesk, log: MemoryLog) -> None:
        made, _ = await desk.make(WISHES, "root")
        number = partition_of(b"g-1", 4)
        await log.publish(EVENTS, number, [Entry(b"g-1", encode(EVENTS, event("g-1", seq))) for seq in range(1, 6)])
        [place] = await desk.rewind(made, "seq:g-1:3", "root")
        assert place == WebhookPlace(topic=EVENTS, partition=number, offset=2)
        assert [each.offset for each in await desk.rewind(made, "start", "root")] == [0, 0, 0, 0]
        assert sorted(each.offset for each in await desk.rewind(made, "end", "root")) == [0, 0, 0, 5]
        rewound = (await desk.get(made.webhook_id)).rewound
        assert rewound is not None
        assert rewound.asked == "end"
        for asked, refused in {
            "yesterday": BadPlace,
            "offset:call-events:0:1": BadRange,
            f"offset:{EVENTS}:9:1": UnknownTopic,
            f"offset:{EVENTS}:{number}:99": UnknownPosition,
            "seq:g-1:99": UnknownPosition,
            "seq:g-none:1": UnknownPosition,
        }.items():
            with pytest.raises(refused):
                await desk.rewind(made, asked, "root")

    run(body)


def test_the_last_deliveries_are_those_of_the_webhook_the_newest_first() -> None:
    async def body(desk: WebhookDesk, log: MemoryLog) -> None:
        for name, at_ms, state in (("wh-1", 1, "delivered"), ("wh-1", 2, "retrying"), ("wh-1", 3, "delivered")):
            told = delivery(name, at_ms, state)
            await log.publish("webhook-deliveries", partition_of(b"wh-1", 4), [Entry(name.encode(), encode("webhook-deliveries", told))])
        log.put_bytes("webhook-deliveries", partition_of(b"wh-1", 4), b"wh-1", b"poison")
        await log.publish(
            "webhook-deliveries", partition_of(b"wh-1", 4), [Entry(b"wh-2", encode("webhook-deliveries", delivery("wh-2", 4, "delivered")))]
        )
        assert [each.at_ms for each in await desk.deliveries("wh-1", None, 10)] == [3, 2, 1]
        assert [each.at_ms for each in await desk.deliveries("wh-1", "delivered", 1)] == [3]
        assert delivery_item((await desk.deliveries("wh-1", "retrying", 5))[0]).type == "message_sent"

    run(body)


def delivery(name: str, at_ms: int, state: Any) -> WebhookDelivery:
    return WebhookDelivery(
        webhook_id=name,
        tenant="default",
        delivery_id="msg_1",
        topic=EVENTS,
        partition=0,
        offset=1,
        event_type="message_sent",
        conversation_id="g-1",
        state=state,
        tries=1,
        status=200,
        reason="",
        latency_ms=1,
        next_ms=0,
        at_ms=at_ms,
        again=False,
    )


def test_what_the_worker_packed_the_edge_shows() -> None:
    plan = Plan(LIMITS, Standing({(EVENTS, 0): 0}))
    for offset, name in enumerate("abc"):
        plan.heard(record(name, offset))
        plan.passed(EVENTS, 0, offset + 1)
    for due in plan.due(NOW_MS):
        plan.answered(due.lane, Answer(500, "http_500"), NOW_MS, 0.0)
    shown = standing_of(standing_row(Kept("e-1", 1, "", packed(plan.standing()), NOW_MS)), 7)
    assert (shown.lag, shown.behind, shown.failures_row, shown.failing_since_ms) == (7, 3, 3, NOW_MS)
    assert shown.next_try_ms == NOW_MS + 1_000


def test_wishes_that_cannot_be_are_refused() -> None:
    with pytest.raises(BadAddress):
        WebhookWishes(url="http://archive.example/").read(())
    with pytest.raises(ValueError, match="no such event type: nothing"):
        WebhookWishes(url=WISHES.url, types=["message_sent", "nothing"]).read(())
    assert WebhookWishes(url=WISHES.url, about="The archive", types=["message_sent", "message_sent"]).read(()) == WISHES


CALLS = [
    (["add", "https://a.example", "--type", "message_sent"], ("POST", "/webhooks")),
    (["remove", "wh-1"], ("DELETE", "/webhooks/wh-1")),
    (["rotate", "wh-1", "--keep-hours", "1"], ("POST", "/webhooks/wh-1/secret")),
    (["replay", "wh-1", "--from", "start"], ("POST", "/webhooks/wh-1/replay")),
    (["deliveries", "a/b", "--state", "retrying"], ("GET", "/webhooks/a%2Fb/deliveries")),
    (["dead-letters", "wh-1"], ("GET", "/webhooks/wh-1/dead-letters")),
    (["redeliver", "wh-1", "conversation-events:0:47"], ("POST", "/webhooks/wh-1/redeliver")),
    (["set", "wh-1", "--paused"], ("PUT", "/webhooks/wh-1")),
    (["types"], ("GET", "/webhooks")),
]
ANSWER = {"webhooks": [], "event_types": ["message_sent"], "secret": "whsec_x", "places": [], "deliveries": [], "dead_letters": []}
KNOWN = {"url": "https://a.example", "types": ["message_sent"], "conversations": [], "about": ""}


@pytest.mark.parametrize(("typed", "call"), CALLS, ids=[typed[0] for typed, _ in CALLS])
def test_a_command_is_one_call(typed: list[str], call: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, str, Any]] = []

    def called(url: Any, data: Any, method: str, path: str, body: Any = None, **query: Any) -> Any:
        asked.append((method, path, body))
        return ANSWER | KNOWN

    monkeypatch.setattr(commands, "called", called)
    done = CliRunner().invoke(commands.app, typed)
    assert done.exit_code == 0, done.output
    assert asked[-1][:2] == call
    if typed[0] == "set":
        assert asked[-1][2] == KNOWN | {"enabled": False}


def test_a_list_shows_whole_ids_and_places_however_narrow_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    told = delivery_item(delivery("wh-1", 1_760_000_005_004, "retrying")).model_dump() | {"conversation": "g-" + "x" * 100}
    monkeypatch.setattr(commands, "called", lambda *given, **query: {"deliveries": [told]})
    done = CliRunner().invoke(commands.app, ["deliveries", "wh-1"])
    assert done.exit_code == 0, done.output
    shown = f"2025-10-09 08:53:25  retrying  message_sent  {told['conversation']}  conversation-events:0:1  1  200"
    assert done.output == shown + "\n"


def test_a_place_that_is_none_is_refused_before_anything_is_asked() -> None:
    assert CliRunner().invoke(commands.app, ["redeliver", "wh-1", "conversation-events"]).exit_code == 2
