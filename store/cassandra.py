"""The Cassandra driver behind asyncio: prepared statements, one wake-up of the loop for a whole batch of requests, our errors.

Called by the rest of `store/` and by the projector. Source of the choices: recipes of the design (Nagle off, one wake-up).
"""

import asyncio
import contextlib
import copy
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any

import structlog
from cassandra import AuthenticationFailed, ConsistencyLevel, InvalidRequest, OperationTimedOut, RequestExecutionException
from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, NoHostAvailable, Session
from cassandra.connection import ConnectionException
from cassandra.policies import ConstantReconnectionPolicy, DCAwareRoundRobinPolicy, RoundRobinPolicy, TokenAwarePolicy
from cassandra.query import BatchStatement, BoundStatement, PreparedStatement, tuple_factory

from store.errors import StoreRefused, StoreUnavailable
from store.generations import POINTERS, Place, mirrored_projection, place_of, text_at
from store.settings import StoreSettings

PROTOCOL_VERSION = 5
CONNECT_RETRY_S = 1.0
DEFINE_TIMEOUT_S = 60.0
RECONNECT_S = 1.0  # constant: after an outage of a minute nobody should wait for an exponential back-off to end

Row = tuple[Any, ...]
Rows = list[Row]
Request = tuple[PreparedStatement | BoundStatement | BatchStatement, Sequence[Any] | None]

# RequestExecutionException covers time-outs, missing replicas and overload as the server reports them.
_OURS = (RequestExecutionException, OperationTimedOut, NoHostAvailable, ConnectionException, OSError)
_log = structlog.get_logger("store")


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """Turn the driver's errors that may pass into StoreUnavailable; the rest (a bad statement) are bugs of ours and stay."""
    try:
        yield
    except _OURS as exc:
        if isinstance(exc, NoHostAvailable) and (reason := _refusal(exc)):
            raise StoreRefused(reason) from exc
        raise StoreUnavailable(f"{type(exc).__name__}: {exc}") from exc


def _refusal(nobody: NoHostAvailable) -> str:
    """What a node answered that does not let us in; "" where none does."""
    for address, failure in nobody.errors.items():
        refuses = f"Cassandra at {address} refuses us"
        if isinstance(failure, AuthenticationFailed):
            return f"{refuses}: the name or the password is wrong (WARBLER_CASSANDRA_USER, WARBLER_CASSANDRA_PASSWORD)"
        told = str(failure)  # of an error of TLS the driver keeps the text alone
        if "[SSL: " in told:
            variable = "CA_FILE" if "CERTIFICATE_VERIFY_FAILED" in told else "SECURITY"
            return f"{refuses}: TLS fails: {told[told.index('[SSL: ') :]} (WARBLER_CASSANDRA_{variable})"
    return ""


def open_cluster(settings: StoreSettings) -> Any:
    """An unconnected cluster of the driver."""
    if len(settings.hosts) > 1 or settings.datacenter:
        policy: Any = TokenAwarePolicy(DCAwareRoundRobinPolicy(local_dc=settings.datacenter))
    else:
        policy = RoundRobinPolicy()
    security = settings.security
    profile = ExecutionProfile(
        load_balancing_policy=policy,
        request_timeout=settings.request_timeout_ms / 1000,
        consistency_level=ConsistencyLevel.name_to_value[settings.consistency],
        serial_consistency_level=ConsistencyLevel.LOCAL_SERIAL,
        row_factory=tuple_factory,
    )
    return Cluster(
        settings.hosts,
        port=settings.port,
        protocol_version=PROTOCOL_VERSION,
        compression=False,
        sockopts=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],  # the driver leaves Nagle on: stalls of 40 ms with few requests in flight
        execution_profiles={EXEC_PROFILE_DEFAULT: profile},
        reconnection_policy=ConstantReconnectionPolicy(RECONNECT_S, max_attempts=None),
        connect_timeout=settings.request_timeout_ms / 1000,
        schema_metadata_enabled=len(settings.hosts) > 1,  # only token awareness needs it
        ssl_context=security.tls_context(),
        auth_provider=PlainTextAuthProvider(security.user, security.password) if security.user else None,
    )


class Store:
    """An open connection. Statements are prepared once and kept by their text.

    They name tables by their plain names; which generation of them is meant is said by `place` alone.
    """

    def __init__(self, settings: StoreSettings, cluster: Any, session: Session) -> None:
        self.settings = settings
        self.keyspace = settings.keyspace
        self.place = Place()
        self._cluster, self._session = cluster, session
        self._prepared: dict[str, PreparedStatement] = {}  # as they are for `place`
        self._by_text: dict[str, PreparedStatement] = {}  # as Cassandra has them

    def at(self, live: Mapping[str, int], *, mirrors: bool = True) -> "Store":
        """The same connection with these generations of projections, whatever the pointer says; `mirrors`: writes those others too."""
        view = copy.copy(self)
        view.place = Place(dict(live), dict(live), self.place.known, mirrors=mirrors)
        view._prepared = {}
        return view

    async def adopt(self, projection: str, generation: int, progress: Mapping[tuple[str, int], int]) -> bool:
        """Go over to this generation, which got so far; False if it lacks what was told to be there. Raises: StoreUnavailable.

        Everything that was prepared before is prepared for it first, so that nobody waits for that afterwards.
        """
        fresh = {cql: await self._of_text(text_at(cql, {**self.place.live, projection: generation})) for cql in list(self._prepared)}
        if not self.place.may_adopt(projection, progress):
            return False
        self.place.adopt(projection, generation)
        self._prepared = fresh
        return True

    @classmethod
    async def connect(cls, settings: StoreSettings) -> "Store":
        """A store on its keyspace, which must exist; waits for a Cassandra that is not there yet, and says so.

        Raises: StoreUnavailable after `connect_wait_ms` (0: never).
        Blocks: on Cassandra; cancelling stops the waiting.
        """
        started, warned = time.monotonic(), False
        while True:
            try:
                return await asyncio.to_thread(cls._connect, settings)
            except StoreUnavailable as exc:
                waited_ms = (time.monotonic() - started) * 1000
                if settings.connect_wait_ms and waited_ms >= settings.connect_wait_ms:
                    raise
                if not warned:
                    _log.warning("store.waiting", cassandra=settings.cassandra, keyspace=settings.keyspace, reason=str(exc)[:300])
                    warned = True
                await asyncio.sleep(CONNECT_RETRY_S)

    @classmethod
    def _connect(cls, settings: StoreSettings) -> "Store":
        cluster = open_cluster(settings)
        try:
            with translated():
                session = cluster.connect()
                session.execute(f"USE {settings.keyspace}")
                session.set_keyspace(settings.keyspace)
                store = cls(settings, cluster, session)
                store.place = place_of(_pointers(session))
        except BaseException:
            cluster.shutdown()
            raise
        return store

    async def close(self) -> None:
        await asyncio.to_thread(self._cluster.shutdown)

    async def prepare(self, cql: str) -> PreparedStatement:
        """The prepared statement of this text. Raises: StoreUnavailable."""
        found = self._prepared.get(cql)
        while found is None:
            version = self.place.version
            found = await self._of_text(text_at(cql, self.place.live))
            if version == self.place.version:
                self._prepared[cql] = found
            else:  # another generation was adopted meanwhile
                found = self._prepared.get(cql)
        return found

    async def _of_text(self, text: str) -> PreparedStatement:
        found = self._by_text.get(text)
        if found is None:
            found = self._by_text[text] = await asyncio.to_thread(self._prepare, text)
        return found

    def _prepare(self, cql: str) -> PreparedStatement:
        with translated():
            statement = self._session.prepare(cql)
        statement.is_idempotent = " IF " not in cql
        return statement

    async def execute(self, cql: str, values: Sequence[Any] = ()) -> Rows:
        """The first page of rows (up to 5,000) of one statement. Raises: StoreUnavailable."""
        return (await self.execute_each(cql, [values]))[0]

    async def execute_each(self, cql: str, values: Sequence[Sequence[Any]]) -> list[Rows]:
        """The rows of the same statement with each of the values, in their order. Raises: StoreUnavailable."""
        statements = [await self.prepare(cql), *await self._mirrors_of(cql)]
        rows = await self.execute_all([(statement, each) for statement in statements for each in values])
        return rows[: len(values)]

    async def _mirrors_of(self, cql: str) -> list[PreparedStatement]:
        """The same write for the other generations of a mirrored projection."""
        projection = mirrored_projection(cql) if self.place.known else None
        if projection is None:
            return []
        return [await self._of_text(text_at(cql, {projection: other})) for other in self.place.others(projection)]

    async def execute_all(self, requests: Sequence[Request], in_flight_limit: int | None = None) -> list[Rows]:
        """The rows of every request, in their order, at most `in_flight_limit` (None: the setting) under way at a time.

        Raises: StoreUnavailable if any failed; by then none is under way any more, so a repeat cannot overtake this call.
        Blocks: on the slowest; cancelling does not take the requests back.
        """
        if not requests:
            return []
        flight = _Flight(self._session, requests, asyncio.get_running_loop())
        flight.start(in_flight_limit or self.settings.in_flight_limit)
        with translated():
            await flight.done
        return flight.rows

    async def define(self, statement: str) -> None:
        """A change of the schema; not prepared. Raises: StoreUnavailable. Delivery: one at a time, Cassandra does not serialise them."""
        with translated():
            await asyncio.to_thread(self._session.execute, statement, timeout=DEFINE_TIMEOUT_S)

    def replica_of(self, bound: BoundStatement) -> object:
        """The node that holds the statement's partition first; None with one contact point, where it is not known."""
        if len(self.settings.hosts) == 1 or bound.routing_key is None:
            return None
        replicas = self._cluster.metadata.get_replicas(self.keyspace, bound.routing_key)
        return replicas[0].host_id if replicas else None

    async def scan(self, cql: str, page_rows: int = 1_000) -> AsyncIterator[Rows]:
        """A whole-table read, page by page. Raises: StoreUnavailable."""
        bound = (await self.prepare(cql)).bind(())
        bound.fetch_size = page_rows
        with translated():
            result = await asyncio.to_thread(self._session.execute, bound)
        while True:
            yield list(result.current_rows)
            if not result.has_more_pages:
                return
            with translated():
                await asyncio.to_thread(result.fetch_next_page)


def _pointers(session: Session) -> Rows:
    try:
        return list(session.execute(POINTERS))
    except InvalidRequest:  # the keyspace is new, or of a release without generations: everything is in its first one
        return []


class _Flight:
    """One call's requests. The driver's threads answer; only the last answer wakes the loop."""

    def __init__(self, session: Session, requests: Sequence[Request], loop: asyncio.AbstractEventLoop) -> None:
        self._session, self._requests, self._loop = session, requests, loop
        self.done: asyncio.Future[None] = loop.create_future()
        self.rows: list[Rows] = [[] for _ in requests]
        self._left = len(requests)
        self._next = 0
        self._failure: BaseException | None = None
        self._lock = threading.Lock()

    def start(self, in_flight_limit: int) -> None:
        for _ in range(min(in_flight_limit, len(self._requests))):
            self._send_next()

    def _send_next(self) -> None:
        with self._lock:
            index = self._next
            if index >= len(self._requests):
                return
            self._next += 1
        statement, values = self._requests[index]
        try:
            future = self._session.execute_async(statement, values)
        except BaseException as exc:  # noqa: BLE001  a driver's failure to send is an answer like any other, and is raised by execute_all
            self._failed(exc)
            return
        future.add_callbacks(self._answered, self._failed, callback_args=(index,))

    def _answered(self, rows: Any, index: int) -> None:
        if rows is not None:
            self.rows[index] = rows
        self._finish_one()

    def _failed(self, exc: BaseException) -> None:
        with self._lock:
            self._failure = self._failure or exc
            self._left -= len(self._requests) - self._next  # what was not sent is not sent any more
            self._next = len(self._requests)
        self._finish_one()

    def _finish_one(self) -> None:
        with self._lock:
            self._left -= 1
            last = self._left == 0
        if last:
            self._loop.call_soon_threadsafe(self._wake)
        else:
            self._send_next()

    def _wake(self) -> None:
        if self.done.done():  # cancelled
            return
        if self._failure is not None:
            self.done.set_exception(self._failure)
        else:
            self.done.set_result(None)
