"""Many devices at once: users made by the administrator's call, sessions opened a few at a time, kept alive by pings."""

import asyncio
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass

import httpx

from bench.device import Deaf, Device, Listener, Once, clock_s, open_device
from bench.frames import Ack, Codec, FromEdge, Reject
from bench.ids import Ids
from edge import frames
from schemas.ids import direct_conversation_id

OPENING_LIMIT = 32
USERS_PER_CALL = 500
CALL_TRIES = 20
PING_AFTER_S = 10.0
CREATE_TIMEOUT_S = 30.0
PORTS_PER_SOURCE = 20_000


@dataclass(frozen=True, slots=True)
class User:
    user: str
    token: str


@dataclass(frozen=True, slots=True)
class Edge:
    """Where a node is and what its administrator's key is."""

    host: str
    port: int
    admin_key: str

    @property
    def address(self) -> tuple[str, int]:
        return self.host, self.port


async def make_users(edge: Edge, prefix: str, count: int) -> list[User]:
    """Users `prefix`-0 and so on; their tokens are not rate limited. Raises: httpx.HTTPError."""
    users: list[User] = []
    headers = {"Authorization": f"Bearer {edge.admin_key}"}
    async with httpx.AsyncClient(base_url=f"http://{edge.host}:{edge.port}", headers=headers, timeout=60, trust_env=False) as http:
        for low in range(0, count, USERS_PER_CALL):
            batch = range(low, min(count, low + USERS_PER_CALL))
            body = {"users": [{"name": f"{prefix}-{number}"} for number in batch]}
            for _ in range(CALL_TRIES):
                answer = await http.post("/v1/admin/users", json=body)
                if answer.status_code != 503:
                    break
                await asyncio.sleep(1)  # a Cassandra that has just begun; a name that was made already is answered with its user
            answer.raise_for_status()
            users += [User(each["user"], each["access_token"]) for each in answer.json()["users"]]
    return users


class Fleet:
    """`devices` in the order of the users given to `open`, which take turns on the edges."""

    def __init__(self, edge: Edge, codec: Codec, more: Sequence[Edge] = ()) -> None:
        self.edges, self.codec = (edge, *more), codec
        self.devices: list[Device] = []
        self._opened: list[Device] = []  # in the order in which they came, also while others are still opening
        self._pinging: asyncio.Task[None] | None = None

    async def open(self, users: Sequence[User], listener: Listener | None = None, opening_limit: int = OPENING_LIMIT) -> None:
        """Raises: OSError, DeviceLost, TimeoutError of the first that failed; then none is left open."""
        turns = asyncio.Semaphore(opening_limit)

        async def one(number: int, user: User) -> Device:
            # one loopback address has some 28,000 ports for one server
            source = None if number < PORTS_PER_SOURCE else f"127.0.0.{2 + number // PORTS_PER_SOURCE}"
            async with turns:
                address = self.edges[number % len(self.edges)].address
                device = await open_device(address, self.codec, hello_of(user), listener or Deaf(), source)
            self._opened.append(device)
            return device

        if self._pinging is None:
            self._pinging = asyncio.create_task(self._ping())
        tasks = [asyncio.create_task(one(number, user)) for number, user in enumerate(users)]
        try:
            self.devices += await asyncio.gather(*tasks)
        except BaseException:
            for task in tasks:
                task.cancel()
            for opened in await asyncio.gather(*tasks, return_exceptions=True):
                if isinstance(opened, Device):
                    opened.close()
            raise

    async def close(self) -> None:
        if self._pinging is not None:
            self._pinging.cancel()
        for device in self.devices:
            device.close()
        self.devices.clear()
        self._opened.clear()
        await asyncio.sleep(0.2)

    def listen(self, listener: Listener) -> None:
        for device in self.devices:
            device.listener = listener

    async def _ping(self) -> None:
        """A device that sent nothing for a while pings; spread over the interval, so that thousands do not ping at once."""
        while True:
            for number, device in enumerate(list(self._opened)):
                if number % 50 == 0:
                    await asyncio.sleep(PING_AFTER_S / 2 / max(1, len(self._opened) / 50))
                if device.alive and clock_s() - device.sent_s > PING_AFTER_S:
                    device.send(frames.Ping())
            if not self._opened:
                await asyncio.sleep(1)


def hello_of(user: User, positions: dict[str, int] | None = None, device: str = "bench") -> frames.Hello:
    return frames.Hello(token=user.token, device=device, positions=positions or {}, agent="warbler-bench")


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class Refused(Exception):
    """The server refused what the bench needs to set up; the message says what and why."""


async def create(device: Device, command: frames.CreateConversation) -> str:
    """The id of the new conversation. Raises: Refused, DeviceLost, TimeoutError."""

    def answers(frame: FromEdge) -> bool:
        return isinstance(frame, Ack | Reject) and frame.id == command.id

    before, device.listener = device.listener, (once := Once(answers))
    try:
        async with asyncio.timeout(CREATE_TIMEOUT_S):
            for _ in range(10):
                device.send(command)
                answer = await once.answer
                if isinstance(answer, Ack):
                    return answer.conversation
                assert isinstance(answer, Reject), "nothing else was waited for"
                refusal = f"{answer.code}: {answer.detail}"
                if answer.code == "conversation_exists" and command.conversation_kind == "direct":
                    return direct_conversation_id(device.user, command.members[0].user)
                if not answer.retryable:
                    break
                await asyncio.sleep(answer.retry_after_ms / 1000)
                device.listener = once = Once(answers)
        raise Refused(f"create_conversation: {refusal}")
    finally:
        device.listener = before


async def pair_up(devices: Sequence[Device], ids: Ids) -> list[str]:
    """A direct conversation for the devices 0 and 1, 2 and 3, and so on."""
    turns = asyncio.Semaphore(OPENING_LIMIT)

    async def one(left: Device, right: Device) -> str:
        async with turns:
            command = frames.CreateConversation(
                id=ids.make(now_ms()), conversation="", conversation_kind="direct", members=(frames.FrameMember(right.user),)
            )
            return await create(left, command)

    return list(await asyncio.gather(*(one(devices[at], devices[at + 1]) for at in range(0, len(devices), 2))))


def run_chance() -> int:
    return secrets.randbits(24)
