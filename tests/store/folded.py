"""Histories folded with `store.views`: what the tables must say."""

from collections.abc import Iterable

from schemas import events
from store.views import ChangeEvent, Head, Membership, MessageView, fold_head, fold_membership, fold_message


def folded_head(history: Iterable[events.Event], head: Head | None = None) -> Head | None:
    for event in history:
        head = fold_head(head, event)
    return head


def folded_place(history: Iterable[events.Event], user: str) -> Membership | None:
    place: Membership | None = None
    head: Head | None = None
    for event in history:
        head = fold_head(head, event)
        place = fold_membership(place, event, user, head)
    return place


def folded_messages(history: Iterable[events.Event]) -> dict[int, MessageView]:
    views: dict[int, MessageView] = {}
    for event in history:
        if isinstance(event, events.MessageSent):
            views[event.seq] = fold_message(None, event)
        elif isinstance(event, ChangeEvent):
            views[event.target_seq] = fold_message(views[event.target_seq], event)
    return views
