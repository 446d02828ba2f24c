"""Commands that need what only an edge can look up before the owner can decide: the privacy of both users. Called by `edge.node`.

Rule: what comes for a conversation while one of its commands is being completed waits behind it, so the order of commands stays.
"""

from collections import deque
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Protocol

from msgspec.structs import replace

from edge import frames
from edge.errors import detail_of
from edge.privacies import Privacies
from edge.ties import Ties
from edge.translate import UNAVAILABLE_RETRY_MS
from schemas.commands import BlockUser, Command, CreateConversation, RemoveFriend, RequestFriend
from schemas.errors import WarblerError
from schemas.records import MessageSignalled, TypingSignalled
from store.privacy import Privacy
from store.ties import TieRefusal, refusal_of_writing

Refuse = Callable[[frames.Reject], None]
Appended = Callable[[], None]
Spawn = Callable[[Coroutine[Any, Any, None]], object]
DIRECT = "d-"  # how the ids of direct conversations begin


class Send(Protocol):
    """Hands a record to the log."""

    def __call__(self, record: Command | MessageSignalled, refuse: Refuse, appended: Appended | None) -> None: ...


Item = tuple[Command | MessageSignalled, Refuse, Appended | None]


class Completion:
    def __init__(self, privacies: Privacies, ties: Ties, spawn: Spawn, send: Send) -> None:
        self._privacies, self._ties, self._spawn, self._send = privacies, ties, spawn, send
        self._waiting: dict[str, deque[Item]] = {}

    def publish(self, record: Command | MessageSignalled, refuse: Refuse, appended: Appended | None) -> None:
        """Sends it on, at once where nothing has to be looked up."""
        conversation = record.conversation_id
        waiting = self._waiting.get(conversation)
        if waiting is not None:
            waiting.append((record, refuse, appended))
        elif _needs_a_look(record):
            self._waiting[conversation] = deque([(record, refuse, appended)])
            self._spawn(self._work(conversation))
        else:
            self._send(record, refuse, appended)

    async def _work(self, conversation: str) -> None:
        waiting = self._waiting[conversation]
        try:
            while waiting:
                await self._one(*waiting[0])
                waiting.popleft()
        finally:
            del self._waiting[conversation]

    async def _one(self, record: Command | MessageSignalled, refuse: Refuse, appended: Appended | None) -> None:
        try:
            if isinstance(record, MessageSignalled):
                refusal = await self._refusal(record.conversation_id, record.user)
                if refusal is not None:
                    refuse(_reject(record, *refusal))
                    return
            elif _needs_a_look(record):
                record = await self.completed(record)
        except WarblerError as exc:
            refuse(_reject(record, "unavailable", f"cannot be looked up: {detail_of(exc)}", UNAVAILABLE_RETRY_MS))
            return
        self._send(record, refuse, appended)

    async def completed(self, command: Command) -> Command:
        """The command with what the users chose. Raises: StoreUnavailable."""
        match command:
            case CreateConversation(conversation_kind="direct"):
                return replace(command, refuse_strangers=await self._refusing(command.user, *(member.user for member in command.members)))
            case BlockUser() | RemoveFriend():
                return replace(command, refuse_strangers=await self._refusing(command.user, command.member))
            case RequestFriend():
                found = await self._privacies.of((command.user, command.member))
                taken = found.get(command.member, self._privacies.default).friend_requests
                return replace(command, refuse_strangers=_refusing(found), taken=taken)
            case _:
                return command

    async def may_signal(self, signal: TypingSignalled) -> bool:
        """Whether others may see that the user is typing. Raises: as `Ties.of`."""
        if not signal.conversation_id.startswith(DIRECT):
            return True
        return await self._refusal(signal.conversation_id, signal.user) is None

    async def _refusing(self, *users: str) -> tuple[str, ...]:
        return _refusing(await self._privacies.of(users))

    async def _refusal(self, conversation: str, user: str) -> TieRefusal | None:
        tie = await self._ties.resolved(conversation)
        return None if tie is None else refusal_of_writing(tie, user)


def _refusing(chosen: Mapping[str, Privacy]) -> tuple[str, ...]:
    return tuple(sorted(user for user, privacy in chosen.items() if privacy.strangers == "friends"))


def _needs_a_look(record: Command | MessageSignalled) -> bool:
    match record:
        case MessageSignalled():
            return record.conversation_id.startswith(DIRECT)
        case CreateConversation():
            return record.conversation_kind == "direct"
        case _:
            return isinstance(record, RequestFriend | BlockUser | RemoveFriend)


def _reject(record: Command | MessageSignalled, code: str, detail: str, retry_after_ms: int = 0) -> frames.Reject:
    return frames.Reject(record.command_id, record.conversation_id, code, detail, retry_after_ms > 0, retry_after_ms)
