"""What a user may read of a conversation's past: all of it, or what came since it joined, as the group's settings say.

The rest of reading is in `edge.reader`. Called by sessions and the REST face. Costs one small read a page, two where newcomers do not read
what was before them; nothing is walked through, however many members there are.
Rule 1: what counts is the setting as this node's feed knows it when the page is complete; one that changed meanwhile is read again for.
Rule 2: between the last look at that and the return nothing is awaited, as in `edge.reader`.
"""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from edge.directory import overlay
from edge.errors import BadRequest
from edge.merge import EventsPage
from edge.unprojected import check_complete, decoded
from store.facts import ONLY, Fact, FactKey, fold_facts, settings_of
from store.views import Membership, MessageView, floor_of

if TYPE_CHECKING:
    from edge.node import Node

DIRECT_PREFIX = "d-"
HIDDEN_SEQS = 2_000  # named in one page as missing
TRIES = 5  # of a page during which the settings change
CHANGING_RETRY_MS = 1_000

Read = TypeVar("Read")
Shown = TypeVar("Shown")


class Readable:
    def __init__(self, node: "Node") -> None:
        self._node = node

    async def events(self, user: str, is_member: Callable[[], bool], conversation: str, from_seq: int, limit: int) -> EventsPage:
        """As `Reader.events_for`; seqs that the user may not read are named as missing."""

        async def page() -> EventsPage:
            return await self._node.reader.events_for(user, is_member, conversation, from_seq, limit)

        return await self._read(user, conversation, page, lambda page, floor: page if from_seq >= floor else hidden(from_seq, floor))

    async def history(self, user: str, conversation: str, before_seq: int | None, limit: int) -> tuple[tuple[MessageView, ...], int | None]:
        """As `Reader.history`, down to the first message that the user may read."""

        async def page() -> tuple[tuple[MessageView, ...], int | None]:
            return await self._node.reader.history(conversation, before_seq, limit)

        return await self._read(user, conversation, page, lambda page, floor: cut_below(page[0], page[1], floor))

    async def floor_seq(self, user: str, conversation: str) -> int:
        """The first seq that the user may read. Raises: as `Reader.events`."""

        async def nothing() -> None:
            return None

        return await self._read(user, conversation, nothing, lambda _, floor: floor)

    async def _read(self, user: str, conversation: str, read: Callable[[], Awaitable[Read]], shown: Callable[[Read, int], Shown]) -> Shown:
        if conversation.startswith(DIRECT_PREFIX):
            return shown(await read(), 1)
        node = self._node
        ticket = node.recent.begin()
        try:
            row = (await node.tables.facts.named(conversation, "settings", [ONLY])).get(ONLY)
            place: Membership | None = None
            for _ in range(TRIES):
                joined = self._hides(row, conversation)
                if joined:
                    place = await node.timelines.membership(user, conversation)
                result = await read()
                if self._hides(row, conversation) == joined:
                    check_complete(node.recent, ticket)
                    return shown(result, self._floor_seq(user, conversation, place, row))
        finally:
            node.recent.end(ticket)
        raise BadRequest("behind", "the group's settings keep changing", CHANGING_RETRY_MS)

    def _settings(self, row: Fact | None, conversation: str) -> Fact | None:
        key = FactKey("settings", ONLY)
        happened = decoded(self._node.recent.of_conversation(conversation))
        return fold_facts({} if row is None else {key: row}, happened).get(key)

    def _hides(self, row: Fact | None, conversation: str) -> bool:
        return settings_of(self._settings(row, conversation))[0].history == "joined"

    def _floor_seq(self, user: str, conversation: str, place: Membership | None, row: Fact | None) -> int:
        place, _ = overlay(place, None, decoded(self._node.recent.of_conversation(conversation)), user)
        return floor_of(place, settings_of(self._settings(row, conversation))[0])


def hidden(from_seq: int, floor_seq: int) -> EventsPage:
    """A page that says only that there is something the user may not read."""
    next_seq = min(floor_seq, from_seq + HIDDEN_SEQS)
    return EventsPage((), next_seq, True, tuple(range(from_seq, next_seq)))


def cut_below(views: tuple[MessageView, ...], before_seq: int | None, floor_seq: int) -> tuple[tuple[MessageView, ...], int | None]:
    """A history page without what is below the floor, which then is the last one."""
    shown = tuple(view for view in views if view.seq >= floor_seq)
    return shown, before_seq if len(shown) == len(views) and (before_seq is None or before_seq > floor_seq) else None
