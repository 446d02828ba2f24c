"""Everything that a decision looks at, read from Cassandra in one gather. Called by the outbox's lanes; calls the store only.

What it knows of devices: when each of a user's signed-in devices was seen last (`sign_ins.seen_at_ms`), read only where the user wants
alerts on the device used last. Whether a device is live right now is not asked: the inbox asked for the push because none answers.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence

from schemas.accounts import UserState
from schemas.codec import decode_event
from schemas.errors import Undecodable
from schemas.events import MessageSent
from schemas.notices import PushCancelled, PushRequested
from store import cql, cql_alerts
from store.accounts import Accounts
from store.buckets import bucket_of
from store.cassandra import Row, Store
from store.group_rows import Pushing
from store.profiles import ProfileTables
from store.push_alerts import AlertTables
from store.push_campaigns import Campaigns, CampaignTables
from store.push_tables import PushTables
from store.pushing import PushToken
from store.sign_ins import SignIns
from store.timelines import MEMBER_CELLS, changes_of, membership_of
from store.views import Membership, MessageView, ReadMark, lay_changes, message_of
from streams.push.badges import Badges
from streams.push.handling import NotProjected
from streams.push.remembered import Remembered
from streams.push.settings import OutboxSettings
from streams.push.situation import PREVIEW_LIMIT, CallNow, CampaignText, ChannelNow, DeviceNow, Mode, Only, Situation, Times, subject_of
from streams.push.withdraw import Cancellation

ChannelsNow = Callable[[Iterable[PushToken]], Mapping[tuple[str, str], ChannelNow]]


class Place:
    """The user's place in the conversation, and where that stands. Nothing of it is there before the projector wrote it."""

    __slots__ = ("head_seq", "membership", "own", "row", "title")

    def __init__(self, places: Sequence[Row], own: Sequence[Row]) -> None:
        self.row = row = places[0] if places else None
        self.membership: Membership | None = membership_of(row[:MEMBER_CELLS]) if row is not None else None
        head = row[MEMBER_CELLS:] if row is not None else (None,) * 8
        self.title: str = head[1] or ""
        self.head_seq: int = head[3] or 0
        self.own = ReadMark(own[0][0] or 0, own[0][1] or 0) if own else None

    @property
    def active(self) -> bool:
        return self.membership is not None and self.membership.active


class Contexts:
    def __init__(
        self,
        store: Store,
        tables: PushTables,
        settings: OutboxSettings,
        channels_now: ChannelsNow,
        clock_ms: Callable[[], int],
    ) -> None:
        self._store = store
        self._tables = tables
        self._settings = settings
        self._channels_now = channels_now
        self._campaigns = Campaigns(CampaignTables(store), lambda: time.monotonic_ns() // 1_000_000)
        self._clock_ms = clock_ms
        self._alerts = AlertTables(store)
        self._accounts = Accounts(store)
        self._profiles = ProfileTables(store)
        self._sign_ins = SignIns(store)
        self._badges = Badges(store, settings.badges_limit, settings.badges_ms)
        self._names: Remembered[str] = Remembered(settings.names_limit, settings.names_ms)
        self._times = Times(settings.ttl_ms, settings.ring_ms, settings.withdraw_ms)

    async def situation(self, request: PushRequested, only: Only | None, token_id: str, last_look: bool) -> Situation:
        """How things stand now. `only`, `token_id`: of a retry.

        Raises: StoreUnavailable; NotProjected, unless it is the last look.
        """
        user, conversation = request.user, request.conversation_id
        tokens, wants, (mode, everywhere), alerted, state = await asyncio.gather(
            self._tables.tokens(user),
            self._tables.settings(user),
            self._tables.modes(user, conversation),
            self._alerts.of(user, subject_of(request)),
            self._state(user),
        )
        place, messages, delivered_seq = await self._conversation(request, last_look)
        campaign = await self._campaign(request.ref) if request.purpose == "campaign" else None
        senders = {view.user for view in messages or ()}
        return Situation(
            request=request,
            tokens=tuple(tokens),
            channels=self._channels_now(tokens),
            settings=wants,
            user_state=state,
            member=place.active if conversation else True,
            messages=messages,
            campaign=campaign,
            call=CallNow(caller="") if request.purpose == "call" else None,
            delivered_seq=delivered_seq,
            mode=_mode(mode),
            mode_everywhere=_mode(everywhere),
            alerted=alerted,
            unread=await self._badge(user, conversation, place) if wants.badge and tokens else None,
            names=await self._names_of(senders),
            title=place.title,
            devices=await self._devices(user) if wants.alert_on == "last_used" else {},
            only=_only(only, tokens, token_id),
            times=self._times,
        )

    async def cancellation(self, cancelled: PushCancelled, subject: str) -> Cancellation | None:
        """None: nothing was shown. Raises: StoreUnavailable."""
        alerted = await self._alerts.of(cancelled.user, subject)
        if not any(row.shown and row.to_seq <= cancelled.up_to_seq for row in alerted):
            return None
        user, conversation = cancelled.user, cancelled.conversation_id
        tokens, wants, places, own = await asyncio.gather(
            self._tables.tokens(user),
            self._tables.settings(user),
            self._store.execute(cql.PLACES_AND_HEADS, ([conversation], user)),
            self._store.execute(cql_alerts.OWN_READ, (user, conversation)),
        )
        place = Place(places, own)
        self._badges.forget(user)  # something was read or delivered: what was counted is old
        return Cancellation(
            cancelled=cancelled,
            subject=subject,
            tokens=tuple(tokens),
            alerted=alerted,
            channels=self._channels_now(tokens),
            settings=wants,
            unread=await self._badge(user, conversation, place) if wants.badge else None,
            times=self._times,
        )

    async def _campaign(self, campaign_id: str) -> CampaignText | None:
        found = await self._campaigns.get(campaign_id)
        return None if found is None else CampaignText(found.title, found.body, found.data, found.cancelled)

    async def _badge(self, user: str, conversation: str, place: Place) -> int:
        return await self._badges.of(user, conversation, place.row, place.own, self._clock_ms())

    async def _state(self, user: str) -> UserState:
        found = await self._accounts.state_of(user)
        return found.state if found is not None else "active"  # one whose tokens are signed by others has no account here

    # ---- the conversation

    async def _conversation(self, request: PushRequested, last_look: bool) -> tuple[Place, tuple[MessageView, ...] | None, int]:
        """The user's place, the messages (None: not projected), and up to where the user has them."""
        user, conversation = request.user, request.conversation_id
        if not conversation:
            return Place([], []), None, 0
        places, held, own, messages = await asyncio.gather(
            self._store.execute(cql.PLACES_AND_HEADS, ([conversation], user)),
            self._store.execute(cql_alerts.HOLDS, (conversation, user)),
            self._store.execute(cql_alerts.OWN_READ, (user, conversation)),
            self._messages(request),
        )
        place = Place(places, own)
        projected = place.head_seq >= request.to_seq
        if not projected and not last_look:
            raise NotProjected
        marks = [row[0] or 0 for row in (*held, *own)] + [place.membership.read_seq if place.membership is not None else 0]
        return place, messages if projected else None, max(marks)

    async def _messages(self, request: PushRequested) -> tuple[MessageView, ...]:
        """The newest of the request's, as they stand now, ascending."""
        if request.purpose != "message":
            return ()
        conversation, first, last = request.conversation_id, request.from_seq, request.to_seq
        limit = min(PREVIEW_LIMIT, last - first + 1)
        buckets = range(max(bucket_of(first), bucket_of(last) - 1), bucket_of(last) + 1)
        sent, changed = await asyncio.gather(
            self._store.execute_each(cql.MESSAGES_BEFORE, [(conversation, bucket, last + 1, limit) for bucket in buckets]),
            self._store.execute_each(cql.CHANGES_BETWEEN, [(conversation, bucket, first, last) for bucket in buckets]),
        )
        changes = {row[0]: changes_of(conversation, row) for rows in changed for row in rows}
        found = [message for rows in sent for seq, value in rows if seq >= first and (message := _message(value)) is not None]
        views = sorted((lay_changes(view, changes.get(view.seq)) for view in found), key=lambda view: view.seq)
        return tuple(views[-limit:])

    # ---- people

    async def _names_of(self, users: Iterable[str]) -> dict[str, str]:
        now_ms = self._clock_ms()
        known = {user: self._names.get(user, now_ms) for user in users}
        missing = [user for user, name in known.items() if name is None]
        if missing:
            profiles, names = await asyncio.gather(self._profiles.get(missing), self._accounts.by_ids(missing))
            for user in missing:
                shown = profiles[user].display_name if user in profiles else ""
                known[user] = shown or names.get(user, "")
                self._names.put(user, shown or names.get(user, ""), now_ms)
        return {user: name for user, name in known.items() if name}

    async def _devices(self, user: str) -> dict[str, DeviceNow]:
        seen: dict[str, int] = {}
        for each in await self._sign_ins.of_user(user):
            seen[each.device] = max(seen.get(each.device, 0), each.seen_at_ms, each.opened_at_ms)
        return {device: DeviceNow(live=False, online_ms=at_ms) for device, at_ms in seen.items()}


def _mode(chosen: Pushing) -> Mode | None:
    return Mode(chosen.mode, chosen.until_ms) if chosen.at_ms else None


def _only(only: Only | None, tokens: Iterable[PushToken], token_id: str) -> Only | None:
    """A retry is for the token that was tried; the device may have another by now, which is as good."""
    if only is None:
        return None
    has_token = any((token.device, token.channel) == (only.device, only.channel) for token in tokens)
    return only if has_token else Only(only.device, only.channel, moved=bool(token_id))


def _message(value: bytes) -> MessageView | None:
    try:
        event = decode_event(value)
    except Undecodable:  # said by the projector, which wrote only what it could decode: the row was tampered with
        return None
    return message_of(event) if isinstance(event, MessageSent) else None
