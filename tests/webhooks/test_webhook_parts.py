"""What a webhook hears of and how it is signed, the fold of the topic, addresses that are refused, settings."""

from __future__ import annotations

import base64
import json
import random
import time
from typing import Any

import msgspec
import pytest
from standardwebhooks.webhooks import Webhook as Checker
from standardwebhooks.webhooks import WebhookVerificationError

from log.port import Record
from log.web.addresses import allowed
from log.web.settings import BadAddress, OutboundSettings, check_url
from schemas.codec import encode
from schemas.registry import TOPICS
from schemas.webhooks import (
    WebhookDisabled,
    WebhookEvent,
    WebhookPlace,
    WebhookRedeliveryAsked,
    WebhookRemoved,
    WebhookRewound,
)
from store.sealing import NONCE_BYTES, NotSealedHere, Sealer
from store.webhooks import NEVER_TOLD, NoSecret, WebhookBook, event_types, key_of, sealed_secret, secrets_of, shown_secret
from streams.webhooks.message import Wanted, event_type, message_of, topics_of
from streams.webhooks.settings import WebhookSettings
from streams.webhooks.signing import delivery_id_of, headers_of
from tests.webhooks.builders import EVENTS, NOW_MS, record, webhook

SECRET = bytes(range(32))


# ---- what is sent


def test_the_body_is_the_event_in_the_form_of_standard_webhooks() -> None:
    message = message_of(webhook(), record("g-1", 4))
    assert message is not None
    body = json.loads(message.body)
    assert list(body) == ["type", "timestamp", "data"]
    assert (body["type"], body["timestamp"]) == ("message_sent", "2025-10-09T08:53:20.005Z")
    assert body["data"]["value"]["content"]["text"] == "hello"
    assert (body["data"]["topic"], body["data"]["offset"], message.conversation) == (EVENTS, 4, "g-1")


def test_what_is_not_the_tenants_or_not_to_be_read_is_not_sent() -> None:
    assert message_of(webhook(), record("g-1", 0, tenant="other")) is None
    assert message_of(webhook(), record("g-1", 0)._replace(value=(record("g-1", 0).value or b"")[:20])) is None


def test_an_event_has_the_same_id_wherever_it_stands_and_another_for_each_webhook() -> None:
    ids = {delivery_id_of("wh-1", EVENTS, "g-1:5", partition, offset) for partition, offset in ((0, 4), (3, 9))}
    assert len(ids) == 1
    assert ids != {delivery_id_of("wh-2", EVENTS, "g-1:5", 0, 4)}
    assert delivery_id_of("wh-1", EVENTS, "", 0, 4) != delivery_id_of("wh-1", EVENTS, "", 0, 5)


def headers(body: bytes, *secrets: bytes) -> dict[str, str]:
    return headers_of("wh-1", "msg_1", int(time.time()), body, secrets, 2, again=True)


def test_a_library_of_standard_webhooks_takes_the_signature_and_no_other() -> None:
    made = headers(b'{"a":1}', SECRET)
    assert Checker(shown_secret(SECRET)).verify(b'{"a":1}', made) == {"a": 1}
    assert (made["warbler-try"], made["warbler-replay"]) == ("3", "1")
    with pytest.raises(WebhookVerificationError):
        Checker(shown_secret(SECRET)).verify(b'{"a":2}', made)
    with pytest.raises(WebhookVerificationError):
        Checker(shown_secret(SECRET[::-1])).verify(b'{"a":1}', made)


def test_while_a_secret_changes_who_knows_either_can_check() -> None:
    made = headers(b"{}", SECRET[::-1], SECRET)
    for secret in (SECRET, SECRET[::-1]):
        assert Checker(shown_secret(secret)).verify(b"{}", made) == {}


# ---- what it hears of


def test_a_record_is_wanted_by_its_type_and_conversation() -> None:
    asked = Wanted.of(webhook(types=("message_sent",), conversations=("g-1",)))
    assert asked.takes(record("g-1", 0))
    assert not asked.takes(record("g-2", 0))
    assert not Wanted.of(webhook(types=("message_edited",))).takes(record("g-1", 0))
    assert Wanted.of(webhook()).takes(record("g-1", 0))


@pytest.mark.parametrize("value", [None, b"", b"\0\0\0", b"\0\xff\xff\xff\xffabc"], ids=["none", "empty", "short", "unknown"])
def test_what_is_no_event_of_ours_is_passed_over(value: bytes | None) -> None:
    assert event_type(Record(EVENTS, 0, 0, NOW_MS, b"g-1", value)) is None


def test_a_record_of_another_topic_is_none_here() -> None:
    assert event_type(record("g-1", 0)._replace(topic="call-events")) is None


def test_only_the_topics_that_can_have_what_is_asked_for_are_read() -> None:
    assert set(topics_of(webhook())) == {EVENTS, "call-events", "account-events", "admin-events"}
    assert topics_of(webhook(types=("message_sent",))) == [EVENTS]
    assert set(topics_of(webhook(conversations=("g-1",)))) == {EVENTS, "call-events"}
    assert topics_of(webhook(types=("user_registered",), conversations=("g-1",))) == []


def test_what_can_be_subscribed_to_are_records_of_those_topics_and_no_housekeeping() -> None:
    assert {"message_sent", "call_ended", "signed_in", "admin_acted"} <= set(event_types())
    assert not set(event_types()) & NEVER_TOLD
    assert set(event_types()) <= {name for topic in TOPICS.values() for name in topic.records}


# ---- the fold


def part(kind: Any, **fields: Any) -> Any:
    return kind(event_id="e-9", webhook_id="wh-1", tenant="default", at_ms=NOW_MS, by="root", **fields)


REWOUND = part(WebhookRewound, places=(WebhookPlace(topic=EVENTS, partition=0, offset=3),), asked="start")
ASKED = part(WebhookRedeliveryAsked, place=WebhookPlace(topic=EVENTS, partition=0, offset=3))
DISABLED = part(WebhookDisabled, version=2, reason="failing", since_ms=1)


def book_of(*events: WebhookEvent | bytes) -> WebhookBook:
    """`bytes`: the key of a tombstone."""
    book = WebhookBook()
    for each in events:
        if isinstance(each, bytes):
            book.apply(each, None)
        else:
            book.apply(key_of(each), each)
    return book


def test_the_last_word_of_each_part_holds_in_whatever_order_compaction_left_them() -> None:
    parts = [webhook(version=2), DISABLED, REWOUND, ASKED]
    for seed in range(10):
        random.Random(seed).shuffle(parts)
        found = book_of(*parts).webhooks["wh-1"]
        assert (found.disabled, found.rewound, list(found.redeliveries.values())) == (DISABLED, REWOUND, [ASKED])
        assert not found.live


def test_setting_it_anew_enables_it_and_an_older_disabling_is_no_longer_meant() -> None:
    assert book_of(webhook(version=2), DISABLED, webhook(version=3)).webhooks["wh-1"].live
    assert book_of(webhook(version=3), DISABLED).webhooks["wh-1"].live
    assert not book_of(webhook(enabled=False)).webhooks["wh-1"].live


def test_a_redelivery_that_was_tried_is_over_and_a_webhook_that_was_removed_is_none() -> None:
    assert not book_of(webhook(), ASKED, key_of(ASKED)).webhooks["wh-1"].redeliveries
    assert book_of(webhook(), part(WebhookRemoved)).webhooks == {}


def test_every_event_of_a_webhook_can_be_written() -> None:
    for each in (webhook(), DISABLED, REWOUND, ASKED, part(WebhookRemoved)):
        assert encode("webhooks", each)


# ---- secrets


def test_a_secret_is_opened_only_for_its_own_webhook_and_only_while_it_is_meant() -> None:
    sealer = Sealer([b"k" * 32])
    nonce = b"n" * NONCE_BYTES
    older = sealed_secret(sealer, "wh-1", SECRET[::-1], nonce, until_ms=NOW_MS + 5)
    both = webhook(secrets=(sealed_secret(sealer, "wh-1", SECRET, nonce), older))
    assert secrets_of(sealer, both, NOW_MS) == [SECRET, SECRET[::-1]]
    assert secrets_of(sealer, both, NOW_MS + 5) == [SECRET]
    with pytest.raises(NotSealedHere):
        secrets_of(sealer, msgspec.structs.replace(both, webhook_id="wh-2"), NOW_MS)
    with pytest.raises(NoSecret):
        secrets_of(None, both, NOW_MS)
    assert base64.b64decode(shown_secret(SECRET).removeprefix("whsec_")) == SECRET


# ---- addresses


@pytest.mark.parametrize(
    "url",
    [
        "http://archive.example/hook",
        "ftp://archive.example/hook",
        "https://",
        "https:///hook",
        "archive.example/hook",
        "https://ana:secret@archive.example/",
        "https://archive.example/#part",
        "https://archive.example/a b",
        "https://archive.example/\n",
        "https://archive.example:99999/",
        "https://[::1]/",
        "https://127.0.0.1/",
        "https://10.1.2.3/",
        "https://169.254.169.254/latest/meta-data",
        "https://[::ffff:127.0.0.1]/",
        "https://localhost/",
        "https://[fe80::1]/",
        "https://0.0.0.0/",
        "https://archive.example/" + "a" * 2_000,
        "https://b\u00fccher.example/",
    ],
)
def test_an_address_that_is_none_or_leads_inside_is_refused(url: str) -> None:
    with pytest.raises(BadAddress):
        check_url(url, ())


def test_the_operators_networks_are_exceptions_and_only_they_are_posted_to_in_clear() -> None:
    networks = OutboundSettings("10.0.0.0/8, 127.0.0.0/8").networks
    for url in ("http://10.1.2.3/hook", "https://127.0.0.1:8443/", "http://localhost:1/", "http://inside.example/"):
        assert check_url(url, networks) == url
    with pytest.raises(BadAddress):
        check_url("http://8.8.8.8/", networks)
    with pytest.raises(BadAddress):
        check_url("https://192.168.0.1/", networks)
    assert allowed("8.8.8.8", networks)
    assert not allowed("8.8.8.8", networks, public=False)
    assert allowed("10.9.9.9", networks, public=False)


# ---- settings


def test_a_bad_setting_is_refused_with_its_name() -> None:
    for wrong in ("", "5,x", "0", "-1,5", "nan", "99999999999"):
        with pytest.raises(ValueError, match="STREAMS_WEBHOOKS_SCHEDULE_S"):
            WebhookSettings.from_env({"STREAMS_WEBHOOKS_SCHEDULE_S": wrong})
    with pytest.raises(ValueError, match="WARBLER_OUTBOUND_NETWORKS"):
        OutboundSettings.from_env({"WARBLER_OUTBOUND_NETWORKS": "10.0.0.1/8"})
    assert sum(WebhookSettings().schedule_ms) > 2 * 86_400_000, "for days"
