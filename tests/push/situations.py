"""Situations for the tests of deciding: Ana's phone is to be told of what Ben wrote."""

from typing import Any

from schemas.notices import PushRequested
from schemas.values import TEXT, Content
from store.pushing import PushToken
from store.views import MessageView
from streams.push.channels.port import Traits
from streams.push.situation import ChannelNow, Situation

NOON_MS = 1_750_000_000_000 // 86_400_000 * 86_400_000 + 12 * 3_600_000
TTL_MS = 24 * 3_600_000

CHANNELS = {
    ("apns", ""): ChannelNow(Traits(4096, withdraws=True, badges=True)),
    ("apns_voip", ""): ChannelNow(Traits(5120, rings=True)),
    ("fcm", ""): ChannelNow(Traits(4096, withdraws=True)),
    ("webpush", ""): ChannelNow(Traits(3993, withdraws=True)),
    ("oppo", ""): ChannelNow(Traits(2048)),
}


def token(device: str = "phone", channel: str = "apns", **fields: Any) -> PushToken:
    made: dict[str, Any] = {
        "user": "ana",
        "device": device,
        "channel": channel,
        "token_id": f"id-{device}-{channel}",
        "token": f"token-{device}-{channel}",
        "app": "",
        "locale": "en",
        "sign_in": "s1",
        "registered_at_ms": 1_000,
    }
    return PushToken(**(made | fields))


def message(seq: int = 10, text: str = "hello", user: str = "ben", **fields: Any) -> MessageView:
    made: dict[str, Any] = {
        "seq": seq,
        "ordinal": seq,
        "at_ms": NOON_MS,
        "user": user,
        "device": "d",
        "command_id": f"c{seq}",
        "content": Content(TEXT, text.encode()),
    }
    return MessageView(**(made | fields))


def request(**fields: Any) -> PushRequested:
    made: dict[str, Any] = {
        "tenant": "default",
        "user": "ana",
        "conversation_id": "c1",
        "conversation_kind": "group",
        "from_seq": 10,
        "to_seq": 10,
        "attempt": 1,
        "reason": "absent",
        "at_ms": NOON_MS,
    }
    made |= fields
    made.setdefault("push_id", f"{made['user']}:{made['conversation_id']}:{made['to_seq']}:{made['attempt']}")
    return PushRequested(**made)


def situation(**fields: Any) -> Situation:
    made: dict[str, Any] = {
        "request": request(),
        "tokens": (token(),),
        "channels": CHANNELS,
        "messages": (message(),),
        "names": {"ben": "Ben", "cem": "Cem"},
        "title": "Climbers",
    }
    return Situation(**(made | fields))
