"""The import itself: some files at a time, each strictly in its order, every command from its own user's session.

Called by `ops.irc.cli`. Order: a file's next command leaves when the former is acked, so it cannot overtake it, whatever fails on
the way; many files go on side by side, over all edges, which is where the throughput comes from: a line is mostly waiting.
Resuming: the conversation is read first, and what is there by its command id is not sent again. Ids are the same as before (see
`ops.irc.state`), so that even a command that was still on its way is stored once.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from warbler import AdminUser, Client, ClientError, DeviceContent, FrameMember, Rejected, RequestFailed, Rest, Unreachable, frames
from warbler.ids import random_bits_of, uuid7

from ops.irc.errors import ImportFailed
from ops.irc.files import Log
from ops.irc.pace import Rate, due_s, minutes_of
from ops.irc.plan import OWNER, Add, Depart, Plan, Say, Step, step_bits, user_name
from ops.irc.read_back import NOT_THERE, read_events
from ops.irc.sessions import NEVER, Seat, SessionPool, urls_from
from ops.irc.state import FileState, StateFile

USERS_AT_ONCE = 200
USER_CALLS_AT_ONCE = 3  # for each edge
IDS_GOOD_FOR_MS = 12 * 3_600_000  # the server forgets after 24 h; new ids are made well before
SETTLED_AFTER_S = 2.0
SESSIONS_PER_FILE = 8  # with fewer, speakers who are soon heard again lose theirs


@dataclass(frozen=True, slots=True)
class Job:
    """One file with what is to be done for it."""

    log: Log
    plan: Plan
    ids: FileState


@dataclass(frozen=True, slots=True)
class Options:
    """`urls`: the edges, of which each takes its part of the sessions."""

    urls: tuple[str, ...]
    admin_key: str
    namespace: str
    sessions: int
    rate: float | None
    realtime: float | None
    patience_s: float = 600.0


@dataclass(slots=True)
class Progress:
    """`sent`: steps acked in this run; `found`: steps that were there before."""

    total: int = 0
    sent: int = 0
    found: int = 0
    messages: int = 0
    users_made: int = 0
    users_total: int = 0
    refused: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Importer:
    """`say` gets lines for a person."""

    options: Options
    state: StateFile
    say: Callable[[str], None]
    progress: Progress = field(default_factory=Progress)
    users: dict[str, str] = field(default_factory=dict)  # name -> user id
    _tokens: dict[str, str] = field(default_factory=dict)
    _rate: Rate | None = None
    _began_s: float = 0.0
    _told_s: float = 0.0

    def name_of(self, nick: str) -> str:
        return user_name(self.options.namespace, nick) if nick != OWNER else f"{self.options.namespace}-import"

    async def prepare(self, plans: Sequence[Plan]) -> None:
        """Makes every user there will be. Raises: ImportFailed, RequestFailed."""
        names = sorted({self.name_of(nick) for plan in plans for nick in plan.nicks} | {self.name_of(OWNER)})
        self.progress.users_total = len(names)
        waiting = [names[start : start + USERS_AT_ONCE] for start in range(0, len(names), USERS_AT_ONCE)]
        await asyncio.gather(*(self._make_waiting(waiting, urls_from(self.options.urls, turn)) for turn in range(len(self.options.urls))))

    async def _make_waiting(self, waiting: list[list[str]], urls: Sequence[str]) -> None:
        async def work(rest: Rest) -> None:
            while waiting:
                for user in await self._make_users(rest, waiting.pop()):
                    self.users[user.name] = user.user
                    self._tokens[user.name] = user.access_token
                self.progress.users_made = len(self.users)

        async with Rest(urls, within_s=120.0) as rest:
            await asyncio.gather(*(work(rest) for _ in range(USER_CALLS_AT_ONCE)))

    async def _make_users(self, rest: Rest, names: list[str]) -> list[AdminUser]:
        deadline_s = time.monotonic() + self.options.patience_s
        while True:
            try:
                return await rest.admin_create_users(self.options.admin_key, names)
            except (RequestFailed, Unreachable) as error:
                if not error.retryable or time.monotonic() > deadline_s:
                    raise ImportFailed(f"users cannot be made: {error}") from error
                self._tell(f"waiting for the server: {error}")
                await asyncio.sleep(1.0)

    async def run(self, jobs: Sequence[Job]) -> None:
        """Raises: ImportFailed, ClientError. Cancelling leaves a state that can be resumed."""
        pool = self.new_pool()
        self._rate = Rate(self.options.rate) if self.options.rate else None
        self._began_s = time.monotonic()
        waiting = sorted(jobs, key=lambda job: len(job.plan.steps))  # the longest first, so that none is left alone at the end
        at_once = len(jobs) if self.options.realtime else max(1, self.options.sessions // SESSIONS_PER_FILE)

        async def work() -> None:
            while waiting:
                await self._import(waiting.pop(), pool)

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(at_once, len(jobs))):
                    group.create_task(work())
        except BaseExceptionGroup as failures:
            raise failures.exceptions[0] from None
        finally:
            await pool.close()

    def new_pool(self) -> SessionPool:
        options = self.options
        return SessionPool(options.urls, options.sessions, lambda name: self._tokens[name], self._tell, options.patience_s)

    # ---- one file

    async def _import(self, job: Job, pool: SessionPool) -> None:
        owner = await pool.take(self.name_of(OWNER))
        try:
            client = owner.opened.result()
            self.state.begin_on(client.epoch or "")
            await self._ensure_group(job, client)
            done = await self._found(job, client)
        finally:
            pool.give_back(owner, 1)
        self.progress.found += len(done)
        steps = job.plan.steps
        next_uses = _next_uses(steps)
        due = due_s(minutes_of(steps), self.options.realtime) if self.options.realtime else None
        for index in range(len(steps)):
            if index not in done:
                await self._wait_turn(due[index] if due else None)
                await self._send(job, index, pool, next_uses[index])

    async def _ensure_group(self, job: Job, owner: Client) -> None:
        """The file's group, with its first members. Its id follows from the creating command's, which is kept before it is sent."""
        ids = job.ids
        if not ids.create_id:
            now_ms = owner.server_ms()
            ids.create_id = uuid7(now_ms, step_bits(self.state.state.import_id, job.log.digest, -1))
            ids.conversation = "g-" + ids.create_id.replace("-", "")
            ids.base_ms, ids.base_step = now_ms + 1, 0
            self.state.save()
        elif await _exists(owner, ids.conversation):
            return
        members = tuple(FrameMember(self.users[self.name_of(nick)]) for nick in job.plan.first_members)
        frame = frames.CreateConversation(id=ids.create_id, conversation="", conversation_kind="group", title=job.log.name, members=members)
        try:
            ack = await owner.submit(frame)
        except Rejected as rejected:
            raise ImportFailed(f"{job.log.name}: the group was refused: {rejected}") from rejected
        if ack.conversation != ids.conversation:
            raise ImportFailed(f"{job.log.name}: the server made {ack.conversation} instead of {ids.conversation}")

    async def _found(self, job: Job, owner: Client) -> set[int]:
        """Indices of the steps that are in the conversation already. New ids follow when the old ones are too old to be used again."""
        if owner.server_ms() - job.ids.base_ms > IDS_GOOD_FOR_MS:
            await _settle(owner, job.ids.conversation, self.users[self.name_of(OWNER)])
        by_bits = {step_bits(self.state.state.import_id, job.log.digest, index): index for index in range(len(job.plan.steps))}
        done = set()
        async for event in read_events(owner, job.ids.conversation):
            index = by_bits.get(random_bits_of(event.id))
            if index is not None:
                done.add(index)
        self._renew_ids(job, min(set(range(len(job.plan.steps))) - done, default=len(job.plan.steps)), owner.server_ms())
        return done

    def _renew_ids(self, job: Job, index: int, server_ms: int) -> None:
        """Between two steps nothing is on its way, so a change of the ids cannot store anything twice."""
        if server_ms - (job.ids.base_ms + index - job.ids.base_step) > IDS_GOOD_FOR_MS:
            job.ids.base_ms, job.ids.base_step = server_ms, index
            self.state.save()

    async def _wait_turn(self, due: float | None) -> None:
        now_s = time.monotonic()
        wait_s = self._rate.wait_s(now_s) if self._rate else 0.0
        if due is not None:
            wait_s = max(wait_s, self._began_s + due - now_s)
        if wait_s > 0:
            await asyncio.sleep(wait_s)

    async def _send(self, job: Job, index: int, pool: SessionPool, steps_until_next: int) -> None:
        step = job.plan.steps[index]
        while True:
            seat = await pool.take(self.name_of(step.actor))
            try:
                await self._submit(job, index, step, seat)
                break
            except ClientError as error:
                await self._on_failure(job, index, step, seat, error, pool)
                if isinstance(error, Rejected):
                    return
            finally:
                pool.give_back(seat, steps_until_next)
        self.progress.sent += 1
        self.progress.messages += isinstance(step.body, Say)

    async def _submit(self, job: Job, index: int, step: Step, seat: Seat) -> None:
        client = seat.opened.result()
        self._renew_ids(job, index, client.server_ms())
        command_id, conversation = job.ids.command_id(self.state.state.import_id, index), job.ids.conversation
        match step.body:
            case Say(media_type, text):
                await client.send_nowait(conversation, DeviceContent(media_type, text), command_id=command_id)
            case Add(nick):
                member = self.users[self.name_of(nick)]
                await client.submit(frames.AddMember(id=command_id, conversation=conversation, member=member))
            case Depart():
                await client.submit(frames.LeaveConversation(id=command_id, conversation=conversation))

    async def _on_failure(self, job: Job, index: int, step: Step, seat: Seat, error: ClientError, pool: SessionPool) -> None:
        """Returns when the step may be tried again or was refused for good. Raises: the error that cannot be mended."""
        where = f"{job.log.name}:{step.line_number or 'between lines'}"
        if isinstance(error, Rejected):
            if error.code == "stale":
                raise ImportFailed(f"{where}: its id is too old for the server; run the same command again") from error
            self.progress.refused.append(f"{where}: {error}")
            return
        pool.forget(seat)  # its client has ended
        async with Rest(self.options.urls, within_s=120.0) as rest:
            [user] = await self._make_users(rest, [seat.name])
        self._tokens[seat.name] = user.access_token
        self._tell(f"{where}: {error}; a new session is made")

    def _tell(self, text: str) -> None:
        if time.monotonic() - self._told_s > 5:
            self._told_s = time.monotonic()
            self.say(text)


async def _exists(owner: Client, conversation: str) -> bool:
    try:
        async for _ in owner.sync(conversation, 1, 1):
            return True
    except RequestFailed as error:
        if error.code in NOT_THERE:
            return False
        raise
    return True


async def _settle(owner: Client, conversation: str, owner_user: str) -> None:
    """Waits until every command sent before is decided: this one comes behind them, and is refused because the owner is a member."""
    try:
        await owner.submit(frames.AddMember(id="", conversation=conversation, member=owner_user))
    except Rejected:
        await asyncio.sleep(SETTLED_AFTER_S)  # the events of before may reach the edge after this answer: another topic


def _next_uses(steps: Sequence[Step]) -> list[int]:
    """For each step, in how many steps its actor acts again."""
    last: dict[str, int] = {}
    uses = [NEVER] * len(steps)
    for index in range(len(steps) - 1, -1, -1):
        uses[index] = last.get(steps[index].actor, NEVER + index) - index
        last[steps[index].actor] = index
    return uses
