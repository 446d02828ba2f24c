"""Could a user do something in a conversation at some time: its events from the first one on, folded. Called by `edge.rest.admin`."""

import asyncio

from edge.reader import Reader
from schemas.errors import WarblerError
from schemas.events import Event
from store.verdicts import Action, Explained, could

EVENTS_LIMIT = 50_000  # folded for one answer; `warbler could` has no limit
PAGE_EVENTS = 1_000


class TooLong(WarblerError):
    """More events than are folded for one answer."""


async def explained(reader: Reader, user: str, action: Action, conversation: str, at_ms: int) -> Explained:
    """The verdict and what it rests on. Raises: TooLong, StoreUnavailable, BadRequest("behind")."""
    history: list[Event] = []
    next_seq = 1
    while True:
        page = await reader.events(conversation, next_seq, PAGE_EVENTS)
        history += page.events
        if not page.more or (page.events and page.events[-1].at_ms > at_ms):
            return await asyncio.to_thread(could, history, user, action, at_ms)
        if len(history) > EVENTS_LIMIT:
            raise TooLong(f"the conversation has more than {EVENTS_LIMIT} events: ask `warbler could`")
        next_seq = page.next_seq
