"""The client: a live session of one device that comes back by itself. A shell around `warbler.core`.

Called by applications. One task owns the connection; frames go to the core as they arrive, and its effects are performed at once.
"""

import asyncio
import random
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from types import TracebackType
from typing import TypeVar

from warbler import effects as fx
from warbler import frames
from warbler.call_frames import CallAck, CallCommandFrames, CallFromEdge, CallSignalFrames
from warbler.calls import Calls
from warbler.codec import CODECS, CodecName
from warbler.core import Core
from warbler.directory import Directory
from warbler.errors import ClientError, Closed, Rejected, RequestFailed, SignedOut, Unreachable
from warbler.frames import Ack, DeviceContent, FrameMember
from warbler.happenings import Connected, Happening, TimelineEvent
from warbler.http import TokenSource
from warbler.link import LOST
from warbler.phases import Phase
from warbler.reads import Read
from warbler.requests import Requests
from warbler.watches import Watch
from warbler.wire import Wire

CONNECT_WITHIN_S = 15.0
QUEUE_LIMIT = 5_000  # happenings waiting for the application; beyond it the client stops taking and reads again later

T = TypeVar("T")


def now_ms() -> int:
    return int(time.monotonic() * 1000)


class Client(Requests):
    """`async with Client(url, token=..., device=...) as client:` is connected inside; leaving closes it.

    `url`: a node's address, or several: after a connection is lost the next one is tried.
    `token`: an access token, or a function that gives one (then expiry is survived: `warbler.Login.token`).
    `positions`, `epoch`: where this device stood before, as `client.positions()` and `client.epoch` said.
    `follow` False: commands and reads only, `events()` stays empty; cheaper for programs that only send.
    `push`: this device's push token, registered with every hello; `Connected.welcome.push` says what became of it.
    `paced` False: commands leave at any rate (for tokens the server does not limit, as an administrator mints).
    """

    def __init__(
        self,
        url: str | Sequence[str],
        *,
        token: str | TokenSource,
        device: str,
        codec: CodecName = "json",
        agent: str = "warbler-python",
        positions: Mapping[str, int] | None = None,
        epoch: str | None = None,
        follow: bool = True,
        paced: bool = True,
        push: frames.PushOffer | None = None,
        connect_within_s: float = CONNECT_WITHIN_S,
    ) -> None:
        self._urls = [socket_url(each) for each in ([url] if isinstance(url, str) else url)]
        self._turn = 0
        self._token = token
        self._codec = CODECS[codec]
        self._core = Core(device, random.getrandbits, agent=agent, positions=positions, epoch=epoch, follow=follow, paced=paced)
        self._core.push = push
        self._follow = follow
        self._connect_within_s = connect_within_s
        self.directory = Directory()
        self.observers: list[Callable[[Happening], None]] = []  # called at once with everything that happens
        self.calls = Calls(self)
        self.call_observers: list[Callable[[CallFromEdge], None]] = [self.calls.take]  # and with every frame about calls
        self._naming: asyncio.Future[object] | None = None
        self._asked_names: set[str] = set()
        self._wire: Wire | None = None
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timer_ms = 0
        self._keys = 0
        self._futures: dict[int, asyncio.Future[object]] = {}
        self._queue: deque[Happening] = deque()
        self._arrived = asyncio.Event()
        self._lost: asyncio.Event = asyncio.Event()
        self._again = fx.Reconnect(0, False)
        self._last_token = ""
        self._connected: asyncio.Future[None] | None = None
        self._error: ClientError | None = None

    # ---- life

    async def __aenter__(self) -> "Client":
        """Raises: SignedOut, ConnectionRefused; Unreachable when there is no session within `connect_within_s`."""
        self._connected = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._run(), name=f"warbler-client-{self._core.device}")
        try:
            async with asyncio.timeout(self._connect_within_s):
                await asyncio.shield(self._connected)
        except TimeoutError:
            await self.close()
            raise Unreachable(f"no session at {self.url} within {self._connect_within_s:g} s") from None
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.close()

    async def close(self) -> None:
        """Ends the session; commands that are not answered yet fail with Closed."""
        self._perform(self._core.stop(Closed("the client was closed")))
        if self._wire is not None:
            self._wire.close()
            self._wire = None
        self.calls.close()
        if self._timer is not None:
            self._timer.cancel()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    @property
    def url(self) -> str:
        """Where it is connected, or will be next."""
        return self._urls[self._turn % len(self._urls)]

    @property
    def live(self) -> bool:
        return self._core.phase is Phase.LIVE

    @property
    def waiting(self) -> int:
        """How many happenings `events()` has not handed out yet."""
        return len(self._queue)

    @property
    def user(self) -> str:
        """Raises: Unreachable before the first welcome."""
        if self._core.welcome is None:
            raise Unreachable("not connected yet")
        return self._core.welcome.user

    @property
    def device(self) -> str:
        return self._core.device

    @property
    def epoch(self) -> str | None:
        return self._core.epoch

    def server_ms(self) -> int:
        """The server's clock, as far as the last welcome or pong told."""
        return self._core.server_ms(now_ms())

    def positions(self) -> dict[str, int]:
        """Where this device stands: the next seq of every conversation, minus what `events()` has not handed out yet."""
        positions = dict(self._core.timelines.positions())
        for happening in reversed(self._queue):
            if isinstance(happening, TimelineEvent):
                positions[happening.conversation] = happening.event.seq
        return positions

    # ---- events

    async def events(self) -> AsyncIterator[Happening]:
        """Everything that happens, from now on, in order. Ends with the client's error; ends quietly after `close`."""
        while True:
            while self._queue:
                happening = self._queue.popleft()
                if not self._core.timelines.room and len(self._queue) <= QUEUE_LIMIT // 2:
                    self._perform(self._core.give_room(True, now_ms()))
                yield happening
            if self._error is not None:
                if isinstance(self._error, Closed):
                    return
                raise self._error
            self._arrived.clear()
            await self._arrived.wait()

    # ---- commands and reads (the typed ones are in `Requests`)

    def submit_call(self, frame: CallCommandFrames) -> "asyncio.Future[CallAck]":
        """As `submit`, of a command to a call (`client.calls` has one method each)."""
        key, future = self._ticket(CallAck)
        self._perform(self._core.submit(key, frame, now_ms()))
        return future

    def tell_call(self, frame: CallSignalFrames) -> None:
        """Delivery: may be lost; dropped while there is no connection."""
        self._perform(self._core.tell(frame, now_ms()))

    def new_id(self) -> str:
        return self._core.new_id(now_ms())

    def submit(self, frame: frames.CommandFrames) -> "asyncio.Future[Ack]":
        """Takes a command; the future gives its ack. Delivery: exactly once, across reconnects, while the client lives."""
        key, future = self._ticket(Ack)
        self._perform(self._core.submit(key, frame, now_ms()))
        return future

    def read(self, frame: Read) -> "asyncio.Future[object]":
        key, future = self._ticket(object)
        self._perform(self._core.read(key, frame, now_ms()))
        return future

    def tell(self, frame: frames.Typing) -> None:
        self._perform(self._core.tell(frame, now_ms()))

    def mark(self, frame: frames.Mark) -> None:
        self._perform(self._core.mark(frame, now_ms()))

    def watch(self, frame: Watch) -> None:
        self._perform(self._core.watch(frame, now_ms()))

    def resync(self, conversation: str) -> None:
        self._perform(self._core.resync(conversation, now_ms()))

    async def flush(self) -> None:
        """Waits until every command given so far is answered, whatever the answers are."""
        waiting = list(self._futures.values())
        if waiting:
            await asyncio.wait(waiting)

    def _ticket(self, _: type[T]) -> "tuple[int, asyncio.Future[T]]":
        self._keys += 1
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._futures[self._keys] = future  # type: ignore[assignment]
        return self._keys, future

    # ---- the connection

    async def _run(self) -> None:
        while self._core.phase is not Phase.ENDED:
            self._lost.clear()
            try:
                await self._open()
            except (OSError, TimeoutError) as error:
                self._on_closed(LOST, str(error) or "no answer")
            except ClientError as error:
                if not error.retryable:
                    revoked = isinstance(error, RequestFailed) and error.code == "token_revoked"
                    self._perform(self._core.stop(SignedOut(0, f"no token: {error}", "revoked" if revoked else None)))
                    return
                self._on_closed(LOST, str(error))
            await self._lost.wait()
            await asyncio.sleep(self._again.delay_ms / 1000)

    async def _open(self) -> None:
        refused = self._last_token if self._again.new_token else None
        token = self._last_token = self._token if isinstance(self._token, str) else await self._token(refused)
        async with asyncio.timeout(CONNECT_WITHIN_S):
            self._wire = await Wire.connect(self.url, self._codec.subprotocol, self._on_message, self._on_closed)
        self._perform(self._core.on_open(token, now_ms()))

    def _on_message(self, data: bytes) -> None:
        if not self._follow and self._codec.is_events(data):
            return
        self._perform(self._core.on_frame(self._codec.decode(data), now_ms()))

    def _on_closed(self, close_code: int, reason: str) -> None:
        self._wire = None
        self._turn += 1
        self._perform(self._core.on_lost(close_code, reason, now_ms(), random.random()))
        self._lost.set()

    # ---- effects

    def _perform(self, effects: Sequence[fx.Effect]) -> None:
        for effect in effects:
            if type(effect) is fx.Send:
                if self._wire is not None:
                    self._wire.send(self._codec.encode(effect.frame), self._codec.text)
            elif type(effect) is fx.Acked:
                self._settle(effect.key, effect.ack)
            else:
                self._perform_rare(effect)
        self._arm()

    def _perform_rare(self, effect: fx.Effect) -> None:
        match effect:
            case fx.Emit(happening=happening):
                self._on_happening(happening)
            case fx.CallHeard(frame=heard):
                for hear in self.call_observers:
                    hear(heard)
            case fx.Answered(key=key, page=page):
                self._settle(key, page)
            case fx.Failed(key=key, error=error):
                self._refuse(key, error)
            case fx.Drop(close_code=code, reason=reason):
                if self._wire is not None:
                    self._wire.abort() if code == LOST else self._wire.close(code, reason)
            case fx.Reconnect():
                self._on_reconnect(effect)
            case fx.Stop(error=error):
                self._on_stop(error)
            case fx.Send() | fx.Acked():
                raise AssertionError("performed before")

    def _settle(self, key: int, value: object) -> None:
        future = self._futures.pop(key, None)
        if future is not None and not future.done():
            future.set_result(value)

    def _refuse(self, key: int, error: Rejected | RequestFailed | ClientError) -> None:
        future = self._futures.pop(key, None)
        if future is not None and not future.done():
            future.set_exception(error)

    def _on_happening(self, happening: Happening) -> None:
        if isinstance(happening, Connected) and self._connected is not None and not self._connected.done():
            self._connected.set_result(None)
        if isinstance(happening, Connected):
            self.calls.connected()
        for observe in self.observers:
            observe(happening)
        if not self._follow:
            return
        self.directory.apply(happening, self._core.welcome.user if self._core.welcome else "")
        self._ask_names()
        self._queue.append(happening)
        self._arrived.set()
        if len(self._queue) >= QUEUE_LIMIT:
            self._core.give_room(False, now_ms())

    def _ask_names(self) -> None:
        """Reads the directory where something was joined that did not tell its name; one read at a time, and none for what was asked."""
        if self._naming is None and not self.directory.vague <= self._asked_names and self.live:
            self._asked_names = set(self.directory.vague)
            self._naming = self.read(frames.DirectoryRequest("", None))
            self._naming.add_done_callback(self._on_directory)

    def _on_directory(self, answered: "asyncio.Future[object]") -> None:
        """After a failure, what was joined is vague until the next welcome."""
        self._naming = None
        if answered.cancelled() or answered.exception() is not None:
            return
        page = answered.result()
        assert isinstance(page, frames.DirectoryPage)
        self.directory.add(page.directory)
        self._ask_names()

    def _on_reconnect(self, again: fx.Reconnect) -> None:
        self._again = again
        if again.new_token and isinstance(self._token, str):
            self._perform(self._core.stop(SignedOut(4503, "the token is over and there is no way to get a new one")))

    def _on_stop(self, error: ClientError) -> None:
        self._error = error
        self._arrived.set()
        self._lost.set()
        if self._connected is not None and not self._connected.done():
            self._connected.set_exception(error)
            self._connected.exception()  # it is raised where someone waits for it

    # ---- time

    def _arm(self) -> None:
        """One timer, moved only when something is due earlier: most sessions just wait for their next ping."""
        now = now_ms()
        wake_ms = self._core.wake_ms(now)
        if wake_ms is None or (self._timer is not None and self._timer_ms <= wake_ms):
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer_ms = max(wake_ms, now + 1)
        self._timer = asyncio.get_running_loop().call_later((self._timer_ms - now) / 1000, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self._perform(self._core.on_tick(now_ms()))


def socket_url(url: str) -> str:
    """The WebSocket's address for a server's address: http(s)://host:port, ws(s)://host:port or the full one."""
    address = url.replace("http://", "ws://", 1).replace("https://", "wss://", 1).rstrip("/")
    return address if address.endswith("/v1/socket") else f"{address}/v1/socket"


__all__ = ["Client", "DeviceContent", "FrameMember", "TokenSource", "socket_url"]
