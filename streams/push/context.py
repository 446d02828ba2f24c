"""Everything that a decision looks at, read from Cassandra in one gather. Called by the outbox's lanes; calls the store only.

What it knows of devices: when each of a user's signed-in devices was seen last (`sign_ins.seen_at_ms`), read only where the user wants
alerts on the device used last. Whether a device is live right now is not asked: the inbox asked for the push because none answers.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping

from schemas.notices import PushCancelled, PushRequested
from store.accounts import Accounts
from store.cassandra import Store
from store.group_rows import Pushing
from store.profiles import ProfileTables
from store.push_campaigns import Campaigns, CampaignTables
from store.push_looks import Place, PushLooks, Stretch
from store.push_tables import PushTables
from store.pushing import PushToken
from store.sign_ins import SignIns
from store.views import MessageView
from streams.push.badges import Badges
from streams.push.handling import NotProjected
from streams.push.remembered import Remembered
from streams.push.settings import OutboxSettings
from streams.push.situation import PREVIEW_LIMIT, CampaignText, ChannelNow, DeviceNow, Mode, Only, Situation, Times, call_of, subject_of
from streams.push.withdraw import Cancellation, is_needless

ChannelsNow = Callable[[Iterable[PushToken]], Mapping[tuple[str, str], ChannelNow]]


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
        self._looks = PushLooks(store, tables)
        self._settings = settings
        self._channels_now = channels_now
        self._campaigns = Campaigns(CampaignTables(store), lambda: time.monotonic_ns() // 1_000_000)
        self._clock_ms = clock_ms
        self._accounts = Accounts(store)
        self._profiles = ProfileTables(store)
        self._sign_ins = SignIns(store)
        self._badges = Badges(store, self._looks, settings.badges_limit, settings.badges_ms)
        self._names: Remembered[str] = Remembered(settings.names_limit, settings.names_ms)
        self._times = Times(settings.ttl_ms, settings.ring_ms, settings.withdraw_ms)

    async def situation(self, request: PushRequested, only: Only | None, token_id: str, last_look: bool) -> Situation:
        """How things stand now. `only`, `token_id`: of a retry.

        Raises: StoreUnavailable; NotProjected, unless it is the last look.
        """
        user, conversation = request.user, request.conversation_id
        looks = self._looks
        tokens, wants, (mode, everywhere), alerted, state, (place, messages, delivered_seq) = await asyncio.gather(
            looks.tokens.get(user),
            looks.settings.get(user),
            looks.modes_of(user, conversation),
            looks.alerted.get((user, subject_of(request))),
            looks.states.get(user),
            self._conversation(request, last_look),
        )
        campaign = await self._campaign(request.ref) if request.purpose == "campaign" else None
        call = call_of(request, alerted)
        spoken = {view.user for view in messages or ()} | ({call.caller} if call is not None and call.caller else set())
        return Situation(
            request=request,
            tokens=tuple(tokens),
            channels=self._channels_now(tokens),
            settings=wants,
            user_state=state,
            member=place.active if conversation else True,
            messages=messages,
            campaign=campaign,
            call=call,
            delivered_seq=delivered_seq,
            mode=_mode(mode),
            mode_everywhere=_mode(everywhere),
            alerted=alerted,
            unread=await self._badge(user, conversation, place) if wants.badge and tokens else None,
            names=await self._names_of(spoken),
            title=place.title,
            devices=await self._devices(user) if wants.alert_on == "last_used" else {},
            only=_only(only, tokens, token_id),
            times=self._times,
        )

    async def cancellation(self, cancelled: PushCancelled, subject: str) -> Cancellation | None:
        """None: nothing was shown. Raises: StoreUnavailable."""
        alerted = await self._looks.alerted.get((cancelled.user, subject))
        if not any(is_needless(row, cancelled) for row in alerted):
            return None
        user, conversation = cancelled.user, cancelled.conversation_id
        tokens, wants, place = await asyncio.gather(
            self._looks.tokens.get(user), self._looks.settings.get(user), self._looks.places.get((user, conversation))
        )
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
        own = await self._looks.own_reads.get((user, conversation))
        return await self._badges.of(user, conversation, place.row, own, self._clock_ms())

    async def _conversation(self, request: PushRequested, last_look: bool) -> tuple[Place, tuple[MessageView, ...] | None, int]:
        """The user's place, the messages (None: not projected), and up to where the user has them."""
        user, conversation = request.user, request.conversation_id
        if not conversation:
            return Place(), None, 0
        place, held_seq, own, messages = await asyncio.gather(
            self._looks.places.get((user, conversation)),
            self._looks.held_seqs.get((user, conversation)),
            self._looks.own_reads.get((user, conversation)),
            self._messages(request),
        )
        projected = place.head_seq >= request.to_seq
        # read side by side, so the head may be newer than the messages
        whole = projected and (request.purpose != "message" or any(view.seq == request.to_seq for view in messages))
        if not whole and not last_look:
            raise NotProjected
        read_seq = place.membership.read_seq if place.membership is not None else 0
        delivered_seq = max(held_seq, read_seq, own.seq if own is not None else 0)
        return place, messages if projected else None, delivered_seq

    async def _messages(self, request: PushRequested) -> tuple[MessageView, ...]:
        if request.purpose != "message":
            return ()
        limit = min(PREVIEW_LIMIT, request.to_seq - request.from_seq + 1)
        return await self._looks.messages.get(Stretch(request.conversation_id, request.from_seq, request.to_seq, limit))

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
