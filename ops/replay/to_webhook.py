"""Each record as one POST to somebody's server, in the body that webhooks have; in the order of the log for each key.

A record that is not taken is tried again for a while, and then the replay stops; it can go on from there. Its id is the same in every try.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec

from log.places import moment_of
from log.web.guarded import GuardedBackend
from log.web.posting import NoReply, Poster, Reply
from ops.replay.asked import REPLAY_HEADER
from ops.replay.targets import Found, TargetGone

KEYS_AT_ONCE = 8
TRIES_LIMIT = 8
WAIT_S_FIRST, WAIT_S_LIMIT = 0.5, 30.0
AGAIN = frozenset({408, 425, 429})  # and every 5xx


class Webhook:
    def __init__(
        self, poster: Poster, url: str, run: str, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep, tries_limit: int = TRIES_LIMIT
    ) -> None:
        self._poster, self._url, self._run = poster, url, run
        self._sleep, self._tries_limit = sleep, tries_limit

    @classmethod
    def to(cls, url: str, run: str, *, private: bool) -> Webhook:
        """`private`: whether the address may be of this machine or its own network."""
        return cls(Poster(in_flight_limit=KEYS_AT_ONCE, backend=None if private else GuardedBackend(())), url, run)

    async def write(self, found: Sequence[Found]) -> int:
        lanes: dict[bytes | None, list[Found]] = defaultdict(list)
        for each in found:
            lanes[each.record.key].append(each)
        places = asyncio.Semaphore(KEYS_AT_ONCE)

        async def lane(part: list[Found]) -> None:
            async with places:
                for each in part:
                    await self._post(each)

        try:
            async with asyncio.TaskGroup() as group:
                for part in lanes.values():
                    group.create_task(lane(part))
        except* TargetGone as gone:
            raise TargetGone(str(gone.exceptions[0])) from None
        return len(found)

    async def _post(self, each: Found) -> None:
        body, headers = message_of(each, self._run)
        for tries in range(self._tries_limit):
            answer = await self._poster.send(self._url, body, headers)
            if isinstance(answer, Reply) and 200 <= answer.status < 300:
                return
            if not worth_another(answer):
                break
            if tries + 1 < self._tries_limit:
                await self._sleep(wait_s(answer, tries))
        record = each.record
        raise TargetGone(f"{record.topic}-{record.partition} offset {record.offset} was not taken: {_said(answer)}")

    async def flush(self) -> dict[str, Any]:
        return {}

    async def close(self) -> None:
        await self._poster.close()


def message_of(each: Found, run: str) -> tuple[bytes, dict[str, str]]:
    """Body and headers of one record."""
    record, row = each
    at_ms = (row.get("value") or {}).get("at_ms", record.timestamp_ms)
    body = msgspec.json.encode({"type": row["type"], "timestamp": moment_of(at_ms), "data": row})
    origin = f"{record.topic}\n{record.partition}\n{record.offset}"
    told = "replay_" + hashlib.sha256(origin.encode()).hexdigest()[:32]
    return body, {"content-type": "application/json", "webhook-id": told, REPLAY_HEADER: run}


def worth_another(answer: Reply | NoReply) -> bool:
    """Whether the same post may be taken later."""
    if isinstance(answer, NoReply):
        return answer.reason in ("timeout", "connection")
    return answer.status in AGAIN or answer.status >= 500


def wait_s(answer: Reply | NoReply, tries: int) -> float:
    """How long to wait: what the server asked for in whole seconds, else twice as long each time."""
    asked = answer.headers.get("retry-after", "") if isinstance(answer, Reply) else ""
    wanted = float(asked) if asked.isascii() and asked.isdecimal() and len(asked) < 6 else WAIT_S_FIRST * 2**tries
    return min(WAIT_S_LIMIT, wanted)


def _said(answer: Reply | NoReply) -> str:
    return f"HTTP {answer.status}" if isinstance(answer, Reply) else f"{answer.reason} {answer.detail}".strip()
