"""The Python SDK through a person's life over real servers: sign up, make friends, keep a group in order, and lose a device."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import NamedTuple

import pytest
from warbler import (
    Client,
    DeviceInfo,
    EventItem,
    FrameSettings,
    JoinLink,
    Login,
    Rejected,
    RequestFailed,
    Rest,
    RosterKeeper,
    SignedOut,
    TimelineEvent,
    frames,
    is_unspoken,
)

from tests.real.running import Running

pytestmark = pytest.mark.real
PASSWORD = "correct horse battery"


class Person(NamedTuple):
    rest: Rest
    login: Login
    client: Client

    @property
    def id(self) -> str:
        return self.login.user


@asynccontextmanager
async def person(url: str, name: str = "", device: str = "") -> AsyncIterator[Person]:
    """`name`: of a user that there is; without one a new user."""
    device = device or f"d-{secrets.token_hex(4)}"
    async with Rest(url, device=DeviceInfo(id=device, name=f"the {device}", platform="desktop")) as rest:
        entry = await (rest.login(name, PASSWORD) if name else rest.register(f"t-{secrets.token_hex(6)}", PASSWORD))
        assert isinstance(entry, Login)
        async with Client(url, token=entry.token, device=device) as client:
            yield Person(rest, entry, client)


async def until(holds: Callable[[], bool], within_s: float = 90) -> None:
    async with asyncio.timeout(within_s):
        while not holds():  # noqa: ASYNC110  # the state of another task, which sets no event
            await asyncio.sleep(0.01)


async def heard(client: Client, wanted: Callable[[EventItem], bool], within_s: float = 90) -> EventItem:
    async with asyncio.timeout(within_s):
        async for happening in client.events():
            if isinstance(happening, TimelineEvent) and wanted(happening.event):
                return happening.event
    raise AssertionError("the client ended")


def test_friends_find_each_other_write_and_block(warbler: Running) -> None:
    async def work() -> None:
        async with (
            person(warbler.page) as ana,
            person(warbler.page) as ben,
            RosterKeeper(ana.client, ana.rest.friends) as ours,
            RosterKeeper(ben.client, ben.rest.friends) as theirs,
        ):
            await ana.client.request_friend(ben.id, "we met at the fair")
            await until(lambda: [each.user for each in theirs.asking()] == [ana.id])
            assert theirs.asking()[0].text == "we met at the fair"
            direct = theirs.asking()[0].conversation
            await until(lambda: ben.client.directory.get(direct) is not None)
            assert is_unspoken(ben.client.directory[direct])
            await ben.client.answer_friend_request(ana.id, accept=True)
            await until(lambda: [each.user for each in ours.friends()] == [ben.id])
            await ana.rest.friends.note(ben.id, "Benny", ["choir"])
            await until(lambda: (entry := ours.get(ben.id)) is not None and (entry.alias, entry.tags) == ("Benny", ("choir",)))
            await ana.client.send(direct, "hello")
            await until(lambda: not is_unspoken(ben.client.directory[direct]))
            await ben.client.block(ana.id)
            await until(lambda: (entry := theirs.get(ana.id)) is not None and entry.blocked)
            with pytest.raises(Rejected) as refused:
                await ana.client.send(direct, "are you there?")
            assert refused.value.code == "blocked"
            assert not (await ana.rest.friends.may_message(ben.id)).allowed
            await ben.client.unblock(ana.id)
            assert await ana.client.send(direct, "again") > 0
            # what was ben's own matter took its seqs, and ana was shown none of it
            page = [each async for each in ana.client.sync(direct)]
            kinds = [event.kind for each in page for event in each.events]
            assert kinds.count("hidden") == 2
            assert "user_blocked" not in kinds

    asyncio.run(work())


def test_a_group_with_roles_mutes_bans_and_a_link(warbler: Running) -> None:
    async def work() -> None:
        async with person(warbler.page) as ana, person(warbler.page) as ben, person(warbler.page) as eve:
            settings = FrameSettings(visibility="public", joining="apply", question="Which voice?")
            group = await ana.client.create_group("Choir", settings=settings)
            await ben.client.apply(group, "bass")
            await heard(ana.client, lambda event: event.kind == "application_made" and event.text == "bass")
            await ana.client.answer_application(group, ben.id, accept=True)
            await until(lambda: ben.client.directory.get(group) is not None)
            await ana.client.define_role(group, "conductor", 60, ["send", "announce", "mute"])
            await ana.client.change_role(group, ben.id, "conductor")
            link = await ana.client.create_link(group, uses_limit=1)
            parsed = JoinLink.parse(str(link))
            assert parsed is not None
            await eve.client.join_by_link(parsed)
            await until(lambda: eve.client.directory.get(group) is not None)
            await ben.client.mute(group, eve.id, ben.client.server_ms() + 60_000)
            with pytest.raises(Rejected) as muted:
                await eve.client.send(group, "la")
            assert muted.value.code == "muted"
            assert 0 < muted.value.retry_after_ms <= 60_000
            with pytest.raises(Rejected) as not_allowed:
                await ben.client.ban(group, eve.id)
            assert not_allowed.value.code == "not_allowed"
            assert await ben.client.send(group, "rehearsal at eight", announcement=True) > 0
            await ana.client.ban(group, eve.id, reason="noise")
            await until(lambda: eve.client.directory.get(group) is None)
            await lists_say(ana, group, {ben.id: "conductor"}, banned=eve.id)
            given = await ana.rest.command(frames.RenameConversation(id="", conversation=group, title="The Choir"))
            assert given.seq > 0
            await ana.client.dissolve(group)
            with pytest.raises(Rejected) as dissolved:
                await ben.client.send(group, "too late")
            assert dissolved.value.code == "dissolved"

    asyncio.run(work())


async def lists_say(owner: Person, group: str, roles: dict[str, str], banned: str) -> None:
    """The projection follows the log within moments."""
    async with asyncio.timeout(90):
        while True:
            members = (await owner.rest.members(group)).members
            bans = [entry.key async for page in owner.rest.groups.listing(group, "bans") for entry in page.entries]
            shown = await owner.rest.groups.announcements(group)
            if bans == [banned] and len(shown.messages) == 1:
                break
            await asyncio.sleep(0.1)
    assert {member.user: member.role for member in members} == {owner.id: "owner", **roles}
    info = await owner.rest.groups.group(group)
    assert (info.role, info.settings.question, info.members_count) == ("owner", "Which voice?", 2)


def test_signing_out_a_device_closes_its_session_at_once_and_says_why(warbler: Running) -> None:
    async def work() -> None:
        async with person(warbler.page, device="laptop") as ana, person(warbler.page, ana.login.name, "phone") as phone:
            sign_ins = {each.device: each for each in await ana.rest.people.sign_ins()}
            assert set(sign_ins) == {"laptop", "phone"}
            assert (sign_ins["laptop"].current, sign_ins["phone"].current) == (True, False)
            assert sign_ins["phone"].device_name == "the phone"
            await ana.rest.people.end_sign_in(sign_ins["phone"].sign_in)
            with pytest.raises(SignedOut) as ended:
                await heard(phone.client, lambda _: False)
            assert ended.value.why == "revoked"
            with pytest.raises(RequestFailed) as refused:
                await phone.login.token(refused=phone.login.tokens.access_token)
            assert refused.value.status == 401
            assert ana.client.live
            group = await ana.client.create_group("still here")
            assert await ana.client.send(group, "yes") > 0

    asyncio.run(work())


def test_the_own_account_profile_privacy_and_many_refreshes_at_once(warbler: Running) -> None:
    async def work() -> None:
        async with person(warbler.page) as ana, person(warbler.page) as ben:
            me = await ana.rest.people.me()
            assert (me.user, me.name, me.password) == (ana.id, ana.login.name, True)
            profile = await ana.rest.people.change_profile(display_name="Ana of the Choir", fields={"voice": "alto"})
            seen = await ben.rest.people.person(ana.id)
            assert (seen.display_name, seen.fields) == ("Ana of the Choir", profile.fields)
            privacy = await ana.rest.people.privacy()
            assert privacy.strangers == "everyone"
            assert (await ana.rest.ways.methods()).password
            tokens = await asyncio.gather(*(ana.login.token(refused=ana.login.tokens.access_token) for _ in range(20)))
            assert len(set(tokens)) == 1
            assert (await ana.rest.people.me()).user == ana.id

    asyncio.run(work())
