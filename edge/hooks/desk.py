"""Asks the hooks, and hands every command on in the order in which it came. Called by `edge.node`, calls what publishes.

Rule 1: commands of one conversation go on in the order in which they came here, however fast their hooks answer; they are asked about at
        the same time.
Rule 2: a command is handed on once or refused once.
Rule 3: the same command again gets what its hook said the first time, as long as this node remembers; a failure is not remembered.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from edge import frames
from edge.clocks import clock_ms, mono_ms
from edge.completion import Appended, Send
from edge.completion import Refuse as Refusing
from edge.hooks.breaker import HookBreaker
from edge.hooks.plan import (
    Asked,
    Failed,
    Outcome,
    Refuse,
    Verdict,
    applied,
    concerns,
    ends,
    question,
    question_id,
    verdict_of,
    without_answer,
)
from edge.hooks.settings import HookSettings, Keyed
from edge.metrics import HOOK_MS, HOOKS
from edge.translate import UNAVAILABLE_RETRY_MS
from log.web.posting import NoReply, Poster
from log.web.signing import signed_headers
from schemas.fingerprint import fingerprint
from schemas.records import MessageSignalled

LOGGER = structlog.get_logger()
CONTENT_BYTES_LIMIT = 48 * 1024  # of any message
ANSWER_BYTES_LIMIT = 2 * CONTENT_BYTES_LIMIT  # base64 makes it longer
Spawn = Callable[[Coroutine[Any, Any, None]], object]


@dataclass(slots=True)
class Turn:
    """A command and what is to be told; `outcome` once its hooks are through."""

    record: Asked
    refuse: Refusing
    appended: Appended | None
    outcome: Asked | Refuse | None = None


class Asking:
    """One hook: its connections and its breaker."""

    def __init__(self, keyed: Keyed, in_flight_limit: int) -> None:
        self.hook, self._secrets = keyed.hook, keyed.secrets
        self._poster = Poster(timeout_ms=self.hook.deadline_ms, in_flight_limit=in_flight_limit, answer_bytes_limit=ANSWER_BYTES_LIMIT)
        self.breaker = HookBreaker(self.hook.breaker_failures, self.hook.breaker_open_ms)

    async def ask(self, record: Asked) -> Outcome:
        if not self.breaker.lets_through(mono_ms()):
            return self._counted(Failed("left alone, because it fails again and again"))
        began, at_ms = mono_ms(), clock_ms()
        body = question(self.hook, record, at_ms)
        headers = signed_headers(self._secrets, question_id(self.hook, record), at_ms // 1000, body)
        reply = await self._poster.send(self.hook.url, body, headers)
        if isinstance(reply, NoReply):
            outcome: Outcome = Failed(f"{reply.reason} {reply.detail}".strip())
        else:
            outcome = verdict_of(reply.status, reply.body, record, CONTENT_BYTES_LIMIT)
        self.breaker.tell(isinstance(outcome, Failed), mono_ms())
        HOOK_MS.labels(self.hook.id).observe(mono_ms() - began)
        return self._counted(outcome)

    def _counted(self, outcome: Outcome) -> Outcome:
        HOOKS.labels(self.hook.id, type(outcome).__name__.lower()).inc()
        if isinstance(outcome, Failed):
            LOGGER.warning("hook failed", hook=self.hook.id, why=outcome.why, passes=self.hook.failure == "open")
        return outcome

    async def close(self) -> None:
        await self._poster.close()


class HookDesk:
    def __init__(self, hooks: Sequence[Keyed], settings: HookSettings, spawn: Spawn, onward: Send) -> None:
        self._hooks = [Asking(keyed, settings.in_flight_limit) for keyed in hooks]
        self._settings, self._spawn, self._onward = settings, spawn, onward
        self._lines: dict[str, deque[Turn]] = {}
        self._said: OrderedDict[tuple[str, str, str, bytes], asyncio.Future[Verdict | None]] = OrderedDict()
        self.waiting = 0

    def publish(self, record: Asked, refuse: Refusing, appended: Appended | None) -> None:
        """As `Completion.publish`, after the hooks that it concerns."""
        line = self._lines.get(record.conversation_id)
        asked = [each for each in self._hooks if concerns(each.hook, record)]
        if line is None and not asked:
            self._onward(record, refuse, appended)
            return
        if self.waiting >= self._settings.waiting_limit:
            refuse(rejection(record, Refuse("unavailable", "too many commands wait for hooks", UNAVAILABLE_RETRY_MS)))
            return
        turn = Turn(record, refuse, appended, None if asked else record)
        self._lines.setdefault(record.conversation_id, deque()).append(turn)
        self.waiting += 1
        if asked:
            self._spawn(self._take(turn, asked))

    async def _take(self, turn: Turn, asked: Sequence[Asking]) -> None:
        outcome: Asked | Refuse = turn.record
        for each in asked:
            assert not isinstance(outcome, Refuse)
            found = await self._verdict(each, outcome)
            outcome = found if isinstance(found, Refuse) else applied(outcome, found)
            if ends(outcome):
                break
        turn.outcome = outcome
        self._flush(turn.record.conversation_id)

    async def _verdict(self, each: Asking, record: Asked) -> Verdict | Refuse:
        """What the hook says, or said before of the same command."""
        print_ = b"" if isinstance(record, MessageSignalled) else fingerprint(record)
        key = (each.hook.id, record.user, record.command_id, print_)
        said = self._said.get(key)
        verdict = None if said is None else await said
        if verdict is not None:
            return verdict
        self._said[key] = mine = asyncio.get_running_loop().create_future()
        try:
            outcome = await each.ask(record)
        except BaseException:
            mine.set_result(None)
            raise
        if isinstance(outcome, Failed):
            mine.set_result(None)
            self._said.pop(key, None)
            return without_answer(each.hook, outcome)
        mine.set_result(outcome)
        while len(self._said) > self._settings.remembered:
            self._said.popitem(last=False)
        return outcome

    def _flush(self, conversation: str) -> None:
        """Hand on what is decided at the head of the line."""
        line = self._lines[conversation]
        while line and (outcome := line[0].outcome) is not None:
            turn = line.popleft()
            self.waiting -= 1
            if isinstance(outcome, Refuse):
                turn.refuse(rejection(turn.record, outcome))
            else:
                self._onward(outcome, turn.refuse, turn.appended)
        if not line:
            del self._lines[conversation]

    async def settled(self) -> None:
        """Returns when nothing waits any more: at the latest after the longest deadlines."""
        while self.waiting:  # noqa: ASYNC110  a wait at the end only
            await asyncio.sleep(0.01)

    async def close(self) -> None:
        for each in self._hooks:
            await each.close()


def rejection(record: Asked, refuse: Refuse) -> frames.Reject:
    return frames.Reject(
        record.command_id, record.conversation_id, refuse.code, refuse.detail, refuse.retry_after_ms > 0, refuse.retry_after_ms
    )
