"""Push at this node: devices' tokens, what users want, their word that a push arrived. `node.push`.

Called by the routes of `edge.rest` and by `edge.sessions` (a token in the hello). Events first, then rows; the projector of
account-events heals what a dead edge left undone.
"""

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING

import structlog

from edge.clocks import clock_ms
from edge.errors import PushRefused
from edge.frames import PushOffer
from edge.people.push_results import RESULTS
from edge.people.recording import head_of, publish_account_event
from edge.rate import Buckets
from edge.session import TENANT
from edge.tokens import Grant
from log.port import Entry
from schemas.accounts import PushModeChanged, PushSettingsChanged, PushTokenChanged
from schemas.codec import encode
from schemas.errors import WarblerError
from schemas.pushes import PushResult
from schemas.records import WatermarkRaised
from store.group_rows import Pushing
from store.push_claims import Change
from store.push_keys import vapid_public_key
from store.push_rows import TokenRow
from store.push_syntax import why_no_token
from store.push_tables import EVERYWHERE, PushTables
from store.push_tickets import BadTicket, ExpiredTicket, Ticket, open_ticket
from store.pushing import CHANNELS, PushSettings, PushToken

if TYPE_CHECKING:
    from edge.node import Node

LOGGER = structlog.get_logger()
HELLO_TIMEOUT_S = 2.0  # a welcome waits for no push token longer than that


class PushDesk:
    def __init__(self, node: "Node", env: Mapping[str, str]) -> None:
        self._node, self._settings = node, node.settings
        self.tickets_asked = Buckets(node.settings.address_tickets_per_s, node.settings.address_tickets_burst)
        self.application_server_key = vapid_public_key(env)
        named = [name.strip() for name in node.settings.push_channels.split(",") if name.strip()]
        self.channels = tuple(name for name in CHANNELS if (not named or name in named) and self._is_possible(name))

    def _is_possible(self, channel: str) -> bool:
        return channel != "webpush" or self.application_server_key is not None

    @property
    def tables(self) -> PushTables:
        return self._node.tables.push

    # ---- tokens

    async def register(self, grant: Grant, device: str, channel: str, token: str, app: str, locale: str) -> TokenRow:
        """The device has this token and nobody else; a device has one of each push channel.

        Raises: PushRefused push_off, unknown_channel, bad_push_token, too_many, signed_out; StoreUnavailable, LogError.
        """
        if self.tables.sealer is None:
            raise PushRefused("push_off", "this node has no key for push tokens (WARBLER_PUSH_KEY)")
        self.check_channel(channel)
        if why := why_no_token(channel, token, bool(self._settings.push_insecure_endpoints)):
            raise PushRefused("bad_push_token", why)
        await self._check_room(grant.user, device, channel)
        wanted = PushToken(grant.user, device, channel, "", token, app, locale, grant.sign_in, clock_ms())
        row = await self.tables.register(wanted, self._tell)
        # A sign-in that ends takes its tokens with it. If it ended while this one was on its way, it was not among them.
        if await self._node.people.refusal(grant) is not None:
            await self.tables.remove(grant.user, device, channel, row.token_id, row.registered_at_ms)
            raise PushRefused("signed_out", "the sign-in ended meanwhile")
        return row

    def check_channel(self, channel: str) -> None:
        """Raises: PushRefused unknown_channel."""
        if channel not in self.channels:
            raise PushRefused("unknown_channel", f"push channels here are {', '.join(self.channels) or 'none'}")

    async def _check_room(self, user: str, device: str, channel: str) -> None:
        """Of several that come at once each may still find room: the limit is about how many rows there are, not a promise."""
        rows = await self.tables.rows.of_user(user)
        others = [row for row in rows if (row.device, row.channel) != (device, channel)]
        if len(others) >= self._settings.push_tokens_limit:
            raise PushRefused("too_many", f"a user has {self._settings.push_tokens_limit} push tokens at most; sign out of a device")

    async def offered(self, grant: Grant, device: str, offer: PushOffer) -> str:
        """What became of the token in a hello: taken, or the code that says why not. Raises nothing: a hello does not fail by it."""
        try:
            async with asyncio.timeout(HELLO_TIMEOUT_S):
                await self.register(grant, device, offer.channel, offer.token, offer.app, offer.locale)
        except PushRefused as bad:
            return bad.code
        except (WarblerError, TimeoutError) as exc:
            LOGGER.warning("a push token of a hello was not registered", user=grant.user, error=repr(exc))
            return "unavailable"
        return "taken"

    async def _tell(self, change: Change) -> None:
        """By the user itself, also where it moves to another: what that user did is in its own events."""
        event = PushTokenChanged(
            **head_of(change.user, change.at_ms),
            device=change.device,
            channel=change.channel,
            token_id=change.token_id,
            state=change.state,
            reason="",
            by=change.user,
            sign_in=change.sign_in,
        )
        await publish_account_event(self._node.log, self._node.publisher, event)

    async def remove(self, user: str, device: str, channel: str) -> None:
        """Raises: StoreUnavailable, LogError. Delivery: safe to repeat; one that is not there is as good as removed."""
        row = await self.tables.rows.row(user, device, channel)
        if row is None:
            return
        at_ms = max(clock_ms(), row.registered_at_ms)
        await self._tell(Change(user, device, channel, row.token_id, "removed", row.sign_in, at_ms))
        await self.tables.remove(user, device, channel, row.token_id, at_ms)

    # ---- what users want

    async def change_settings(self, user: str, wanted: PushSettings) -> PushSettings:
        """As they stand now. Raises: StoreUnavailable, LogError."""
        before = await self.tables.settings(user)
        names = ("time_zone", "quiet_from_min", "quiet_until_min", "quiet_lets", "content_shown", "badge", "alert_on", "locale")
        chosen = {name: getattr(wanted, name) for name in names}
        await self._node.people.record(PushSettingsChanged(**head_of(user, max(clock_ms(), before.at_ms + 1)), **chosen))
        return wanted

    async def change_mode(self, user: str, conversation: str, chosen: Pushing) -> None:
        """`conversation` EVERYWHERE: all of them that have none of their own. Raises: StoreUnavailable, LogError."""
        head = head_of(user, clock_ms())
        event = PushModeChanged(**head, conversation_id=conversation, mode=chosen.mode, until_ms=chosen.until_ms)
        await self._node.people.record(event)

    async def mode_everywhere(self, user: str) -> Pushing:
        """What holds now. Raises: StoreUnavailable."""
        return await self._node.groups.rows.push_mode(user, EVERYWHERE, clock_ms())

    # ---- what arrived

    async def received(self, text: str) -> None:
        """A device got a push: told in the log once for each send, and to the user's other devices as `previewed`.

        Raises: PushRefused push_off, bad_ticket, ticket_expired; StoreUnavailable, LogError. Delivery: safe to repeat.
        """
        if self.tables.sealer is None:
            raise PushRefused("push_off", "this node has no key for tickets (WARBLER_PUSH_KEY)")
        now_ms = clock_ms()
        try:
            ticket = open_ticket(text, self.tables.sealer, now_ms)
        except BadTicket as bad:
            raise PushRefused("bad_ticket", str(bad)) from None
        except ExpiredTicket as late:
            raise PushRefused("ticket_expired", str(late)) from None
        slips, key = self._node.tables.slips, f"push-received:{ticket.send_key}"
        if (await slips.get(key)).version:
            return
        await self._tell_received(ticket, now_ms)
        # after it was told: a crash in between tells it twice, which readers bear, and never loses it
        await slips.put_new(key, b"1", (ticket.until_ms - now_ms) // 1000 + 60)

    async def _tell_received(self, ticket: Ticket, now_ms: int) -> None:
        entry = Entry(ticket.user.encode(), encode(RESULTS, received_of(ticket, now_ms)))
        partition = self._node.publisher.partition(RESULTS, ticket.user.encode())
        await self._node.log.publish(RESULTS, partition, [entry])
        if ticket.purpose == "message" and ticket.to_seq:
            self._node.watermarks.mark(
                WatermarkRaised(
                    tenant=TENANT,
                    conversation_id=ticket.conversation,
                    user=ticket.user,
                    device=ticket.device,
                    state="previewed",
                    up_to_seq=ticket.to_seq,
                    at_ms=now_ms,
                )
            )


def received_of(ticket: Ticket, now_ms: int) -> PushResult:
    return PushResult(
        push_id=ticket.push_id,
        tenant=TENANT,
        user=ticket.user,
        conversation_id=ticket.conversation,
        from_seq=ticket.to_seq,
        to_seq=ticket.to_seq,
        purpose=ticket.purpose,
        ref=ticket.ref,
        device=ticket.device,
        channel=ticket.channel,
        token_id="",
        send_key=ticket.send_key,
        state="received",
        reason="",
        vendor_status=0,
        vendor_code="",
        tries=0,
        latency_ms=0,
        at_ms=now_ms,
    )
