"""The topic `account-events` at this node: the control topic of the kill path, and what users chose. Called by the feed and by `people`.

Every edge tails it. What it says of sessions is heeded at once: they are closed, and what was revoked is remembered so that a hello that
races it is refused too.
"""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, assert_never

import structlog

from edge.clocks import clock_ms
from edge.closing import FROZEN, REPLACED, REVOKED, CloseCode
from edge.metrics import POISON
from edge.people.revocations import Why, why_ended
from edge.session import Session
from log.port import Record
from schemas.accounts import AccountEvent, PrivacyChanged, SignInEnded, TokenRevoked, UserStateChanged
from schemas.codec import decode_account_event
from schemas.errors import Undecodable
from store.sign_ins import NO_SIGN_IN

if TYPE_CHECKING:
    from edge.node import Node

LOG = structlog.get_logger()
Observer = Callable[[AccountEvent], None]


def close_of(why: Why) -> CloseCode:
    match why:
        case "replaced":
            return REPLACED
        case "frozen":
            return FROZEN
        case "revoked" | "deactivated" | "deleted":
            return REVOKED
        case _:
            assert_never(why)


class AccountDesk:
    """`observers` hear of every event that is read from the log, after it was heeded."""

    def __init__(self, node: "Node") -> None:
        self._node = node
        self.observers: list[Observer] = []

    def on_account_events(self, records: Iterable[Record]) -> None:
        for record in records:
            try:
                event = decode_account_event(record.value)
            except Undecodable as exc:
                POISON.labels(record.topic).inc()
                LOG.warning("undecodable record", topic=record.topic, offset=record.offset, reason=exc.reason)
                continue  # its dead letter is the projector's
            self.heed(event)
            if isinstance(event, PrivacyChanged):
                self._node.presence.on_privacy_changed(event)
            for observer in self.observers:
                observer(event)

    def heed(self, event: AccountEvent) -> None:
        """Remembers what was revoked and closes the sessions of it. Safe to repeat."""
        revocations = self._node.people.revocations
        revocations.note(event, clock_ms())
        match event:
            case UserStateChanged() if event.state != "active":
                self._close(event.user, lambda _: True, close_of(event.state))
            case SignInEnded():
                minted = event.sign_in == NO_SIGN_IN
                close = close_of(why_ended(event.reason))
                self._close(
                    event.user,
                    lambda session: session.sign_in == event.sign_in and (not minted or session.issued_at_ms <= event.at_ms),
                    close,
                )
            case TokenRevoked():
                self._close(event.user, lambda session: session.token_id == event.token_id, REVOKED)
            case _:
                pass

    def _close(self, user: str, which: Callable[[Session], bool], close: CloseCode) -> None:
        for session in [each for each in self._node.hub.of_user(user) if which(each)]:
            session.sink.end(close)
            self._node.calls.leave(session)
            self._node.sessions.close(session, close)
