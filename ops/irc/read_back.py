"""Reads a conversation as a member sees it: every event by sync, every message by history pages. Called by run and verify."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from warbler import Client, EventItem, MessageItem, RequestFailed

SYNC_EVENTS = 500
HISTORY_MESSAGES = 100
RETRY_S = 0.5
NOT_THERE = ("unknown_conversation", "not_member")


async def read_events(client: Client, conversation: str, from_seq: int = 1) -> AsyncIterator[EventItem]:
    """Raises: RequestFailed that is not retryable (for example not_member)."""
    while True:
        try:
            async for page in client.sync(conversation, from_seq, SYNC_EVENTS):
                for event in page.events:
                    yield event
                from_seq = page.next_seq
            return
        except RequestFailed as error:
            if not error.retryable:
                raise
            await asyncio.sleep(RETRY_S)


async def read_messages(client: Client, conversation: str) -> list[MessageItem]:
    """Ascending by seq, gathered from the newest page backwards."""
    pages: list[tuple[MessageItem, ...]] = []
    before_seq: int | None = None
    while True:
        try:
            page = await client.history(conversation, before_seq, HISTORY_MESSAGES)
        except RequestFailed as error:
            if not error.retryable:
                raise
            await asyncio.sleep(RETRY_S)
            continue
        pages.append(page.messages)
        before_seq = page.before_seq
        if before_seq is None:
            return [message for messages in reversed(pages) for message in messages]
