"""Could a user do something in a conversation at some time: its events from the first one on, folded. Called by `edge.rest.admin`."""

from edge.reader import Reader
from schemas.errors import WarblerError
from store.errors import TimelineGap
from store.verdicts import Action, Explained, Replay

EVENTS_LIMIT = 50_000  # folded for one answer; `warbler could` has no limit
PAGE_EVENTS = 500  # a few ms of the loop


class TooLong(WarblerError):
    """More events than are folded for one answer."""


async def explained(reader: Reader, user: str, action: Action, conversation: str, at_ms: int) -> Explained:
    """The verdict and what it rests on.

    Raises: TooLong; TimelineGap where an event is damaged, because nothing is sure after it; StoreUnavailable, BadRequest("behind").
    """
    replay, next_seq = Replay(user, action, at_ms), 1
    while True:
        page = await reader.events(conversation, next_seq, PAGE_EVENTS)
        for event in page.events:
            if page.missing and page.missing[0] < event.seq:
                break
            if not replay.take(event):
                return replay.answer()
        if page.missing:
            raise TimelineGap(conversation, page.missing[0])
        if not page.more:
            return replay.answer()
        if page.next_seq > EVENTS_LIMIT:
            raise TooLong(f"the conversation has more than {EVENTS_LIMIT} events: ask `warbler could`")
        next_seq = page.next_seq
