"""What a user is called by for pushes to an audience: its tags and its alias. Called by `edge.rest`, for the user itself and for others.

They are the user's own data and stand in rows; the log hears only that they changed.
"""

import unicodedata
from collections.abc import Sequence
from typing import TYPE_CHECKING

from edge.clocks import clock_ms
from edge.people.recording import head_of, publish_account_event
from edge.session import TENANT
from schemas.accounts import PushLabelsChanged
from schemas.errors import WarblerError
from store.pushing import PushLabels

if TYPE_CHECKING:
    from edge.node import Node

TAGS_LIMIT, LABEL_CHARACTERS_LIMIT = 50, 64


class BadLabel(WarblerError):
    """Empty, too long, or with characters that nobody can see."""


def labels_of(tags: Sequence[str], alias: str) -> PushLabels:
    """Each once, without blanks around it. Raises: BadLabel."""
    chosen = tuple(dict.fromkeys(_label(tag) for tag in tags))
    if len(chosen) > TAGS_LIMIT:
        raise BadLabel(f"at most {TAGS_LIMIT} tags")
    return PushLabels(chosen, _label(alias) if alias.strip() else "")


def _label(text: str) -> str:
    label = unicodedata.normalize("NFC", text.strip())
    if not 0 < len(label) <= LABEL_CHARACTERS_LIMIT or any(unicodedata.category(each)[0] == "C" for each in label):
        raise BadLabel(f"a tag or alias has 1 to {LABEL_CHARACTERS_LIMIT} characters that can be seen")
    return label


async def relabel(node: "Node", user: str, labels: PushLabels, by: str) -> None:
    """In the place of what it was. Raises: StoreUnavailable, LogError. Delivery: safe to repeat."""
    at_ms = clock_ms()
    await node.tables.push.put_labels(TENANT, user, labels, at_ms)
    await publish_account_event(node.log, node.publisher, PushLabelsChanged(**head_of(user, at_ms), by=by))
