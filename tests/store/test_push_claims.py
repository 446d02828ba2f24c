"""Who has a push token, over every order in which the steps of several registrations, removals and the projector can fall."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from store.push_claims import Change, TokenContended, claim, give_up, time_of
from store.push_rows import Holder, TokenRow

CHANNEL = "fcm"


def wanted(user: str, token_id: str, now_ms: int = 100, device: str = "", sign_in: str = "l-1") -> TokenRow:
    return TokenRow(user, device or f"d-{user}", CHANNEL, token_id, f"sealed {now_ms}".encode(), "", "en", sign_in, now_ms)


@dataclass
class Rows:
    """The rows in memory. `step` is awaited before each operation: where another task may come between."""

    step: Callable[[], Awaitable[None]]
    tokens: dict[tuple[str, str, str], TokenRow] = field(default_factory=dict)
    holders: dict[tuple[str, str], Holder] = field(default_factory=dict)

    async def of_user(self, user: str) -> list[TokenRow]:
        await self.step()
        return [row for row in self.tokens.values() if row.user == user]

    async def row(self, user: str, device: str, channel: str) -> TokenRow | None:
        await self.step()
        return self.tokens.get((user, device, channel))

    async def holder(self, channel: str, token_id: str) -> Holder | None:
        await self.step()
        return self.holders.get((channel, token_id))

    async def swap_holder(self, channel: str, token_id: str, seen: Holder | None, new: Holder) -> bool:
        await self.step()
        if self.holders.get((channel, token_id)) != seen:
            return False
        assert seen is None or new.at_ms > seen.at_ms
        self.holders[channel, token_id] = new
        return True

    async def free_holder(self, channel: str, token_id: str, user: str, device: str, up_to_ms: int) -> None:
        await self.step()
        holder = self.holders.get((channel, token_id))
        if holder is not None and (holder.user, holder.device) == (user, device) and holder.at_ms <= up_to_ms:
            self.holders[channel, token_id] = Holder("", "", up_to_ms)

    async def swap_row(self, seen: TokenRow | None, new: TokenRow) -> bool:
        await self.step()
        place = new.user, new.device, new.channel
        now = self.tokens.get(place)
        if (now and (now.token_id, now.registered_at_ms)) != (seen and (seen.token_id, seen.registered_at_ms)):
            return False
        self.tokens[place] = new
        return True

    async def drop_row(self, user: str, device: str, channel: str, token_id: str, up_to_ms: int) -> None:
        await self.step()
        row = self.tokens.get((user, device, channel))
        if row is not None and row.token_id == token_id and row.registered_at_ms <= up_to_ms:
            del self.tokens[user, device, channel]

    def held(self) -> dict[tuple[str, str], str]:
        """(user, device) -> the token that counts."""
        return {
            (row.user, row.device): row.token_id
            for row in self.tokens.values()
            if self.holders.get((row.channel, row.token_id)) == Holder(row.user, row.device, row.registered_at_ms)
        }


async def at_once() -> None:
    return None


class Turns:
    """Lets one waiting task go on at a time, the one that `choose` names among as many."""

    def __init__(self, choose: Callable[[int], int]) -> None:
        self._choose = choose
        self._waiting: list[asyncio.Future[None]] = []

    async def step(self) -> None:
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        await turn

    async def run(self, works: list[Coroutine[Any, Any, Any]]) -> list[Any]:
        tasks = [asyncio.ensure_future(work) for work in works]
        while not all(task.done() for task in tasks):
            await asyncio.sleep(0)  # every task that can go on comes to its next step
            if self._waiting:
                self._waiting.pop(self._choose(len(self._waiting)) % len(self._waiting)).set_result(None)
        return [task.result() for task in tasks]


class Told:
    def __init__(self) -> None:
        self.changes: list[Change] = []

    async def tell(self, change: Change) -> None:
        self.changes.append(change)


async def nothing(change: Change) -> None:
    return None


async def project(rows: Rows, told: Told) -> None:
    """What the projector does with what was told, at any time after."""
    for change in told.changes:
        if change.state == "moved":
            await rows.drop_row(change.user, change.device, change.channel, change.token_id, change.at_ms)


def check(rows: Rows) -> None:
    """Of every token one device at most has it, and no row is left that does not count."""
    held = rows.held()
    assert sorted(held.values()) == sorted(set(held.values()))
    assert {(row.user, row.device): row.token_id for row in rows.tokens.values()} == held


# ---- one at a time


def test_a_new_login_moves_the_token() -> None:
    async def run() -> None:
        rows, told = Rows(at_once), Told()
        await claim(rows, wanted("ana", "t-1"), told.tell)
        await claim(rows, wanted("ben", "t-1", 50), told.tell)  # another node's clock is behind
        assert rows.held() == {("ben", "d-ben"): "t-1"}
        assert [(change.user, change.state, change.at_ms) for change in told.changes] == [
            *(("ana", "added", 100), ("ana", "moved", 101), ("ben", "added", 101))
        ]
        check(rows)

    asyncio.run(run())


def test_the_same_again_changes_nothing_and_tells_nothing() -> None:
    async def run() -> None:
        rows, told = Rows(at_once), Told()
        first = await claim(rows, wanted("ana", "t-1"), told.tell)
        assert await claim(rows, wanted("ana", "t-1", 900), told.tell) == first
        assert len(told.changes) == 1
        again = await claim(rows, wanted("ana", "t-1", 900, sign_in="l-2"), told.tell)
        assert (again.sign_in, again.registered_at_ms, len(told.changes)) == ("l-2", 900, 2)
        check(rows)

    asyncio.run(run())


def test_another_token_of_the_device_frees_the_one_before() -> None:
    async def run() -> None:
        rows = Rows(at_once)
        await claim(rows, wanted("ana", "t-1"), nothing)
        await claim(rows, wanted("ana", "t-2"), nothing)
        assert rows.held() == {("ana", "d-ana"): "t-2"}
        assert rows.holders[CHANNEL, "t-1"].user == ""
        check(rows)

    asyncio.run(run())


def test_what_came_after_the_removal_stays() -> None:
    async def run() -> None:
        rows = Rows(at_once)
        row = await claim(rows, wanted("ana", "t-1"), nothing)
        await give_up(rows, "ana", "d-ana", CHANNEL, "t-1", row.registered_at_ms - 1)
        assert rows.held() == {("ana", "d-ana"): "t-1"}
        await give_up(rows, "ana", "d-ana", CHANNEL, "t-1", row.registered_at_ms)
        assert (rows.tokens, rows.holders) == ({}, {(CHANNEL, "t-1"): Holder("", "", row.registered_at_ms)})

    asyncio.run(run())


def test_a_claim_that_never_comes_through_says_so() -> None:
    class Contended(Rows):
        async def swap_holder(self, channel: str, token_id: str, seen: Holder | None, new: Holder) -> bool:
            return False

    with pytest.raises(TokenContended):
        asyncio.run(claim(Contended(at_once), wanted("ana", "t-1"), nothing))


@given(st.integers(0, 9), st.none() | st.integers(0, 9), st.none() | st.integers(0, 9))
def test_a_registration_is_later_than_what_it_replaces(now_ms: int, held_ms: int | None, own_ms: int | None) -> None:
    seen = None if held_ms is None else Holder("ben", "d-ben", held_ms)
    own = None if own_ms is None else replace(wanted("ana", "t-1"), registered_at_ms=own_ms)
    at_ms = time_of(now_ms, seen, own)
    assert at_ms >= now_ms
    assert all(at_ms > earlier for earlier in (held_ms, own_ms) if earlier is not None)


# ---- all at once


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(("t-1", "t-2")), st.integers(95, 105)), min_size=2, max_size=4),
    st.data(),
)
def test_in_whatever_order_their_steps_fall_one_device_has_the_token(claims: list[tuple[str, str, int]], data: st.DataObject) -> None:
    """Each step of each registration is one that hypothesis lets go on; afterwards the projector reads what was told."""
    turns = Turns(lambda waiting: data.draw(st.integers(0, waiting - 1)) if waiting > 1 else 0)
    rows, told = Rows(turns.step), Told()

    async def registered(user: str, token_id: str, now_ms: int) -> None:
        await claim(rows, wanted(user, token_id, now_ms), told.tell)

    async def run() -> None:
        await turns.run([registered(*each) for each in claims])
        rows.step = at_once
        check(rows)
        before = rows.held()
        await project(rows, told)
        assert rows.held() == before  # what was told does not undo what came after it
        check(rows)

    asyncio.run(run())


@settings(max_examples=100, deadline=None)
@given(st.integers(95, 110), st.data())
def test_a_removal_among_registrations_leaves_the_later_one(removed_ms: int, data: st.DataObject) -> None:
    turns = Turns(lambda waiting: data.draw(st.integers(0, waiting - 1)) if waiting > 1 else 0)
    rows = Rows(turns.step)

    async def run() -> None:
        works = [claim(rows, wanted("ana", "t-1"), nothing), give_up(rows, "ana", "d-ana", CHANNEL, "t-1", removed_ms)]
        await turns.run([*works, claim(rows, wanted("ben", "t-1"), nothing)])
        rows.step = at_once
        check(rows)
        assert rows.held() or removed_ms >= 100  # Ana's, if it came after Ben's and was still removed

    asyncio.run(run())


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 12), st.data())
def test_a_registration_that_dies_anywhere_leaves_nobody_reached_through_anothers_token(steps: int, data: st.DataObject) -> None:
    """Ana has it; Ben's registration ends after some steps, and the projector reads what it told."""
    rows, told, left = Rows(at_once), Told(), steps

    class Died(Exception):
        pass

    async def step() -> None:
        nonlocal left
        if left == 0:
            raise Died
        left -= 1

    async def run() -> None:
        await claim(rows, wanted("ana", "t-1"), nothing)
        rows.step = step
        try:
            await claim(rows, wanted("ben", "t-1"), told.tell)
        except Died:
            pass
        rows.step = at_once
        await project(rows, told)
        assert len(rows.held()) <= 1
        await claim(rows, wanted("ben", "t-1"), told.tell)  # the device tries again
        assert rows.held() == {("ben", "d-ben"): "t-1"}
        check(rows)

    asyncio.run(run())
