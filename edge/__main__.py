"""`python -m edge`: one edge node, configured by the environment (see README, "Settings")."""

import asyncio
import contextlib
import gc
import os
import signal
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import structlog
import uvicorn
import uvloop

from edge.calls.ice import turn_of
from edge.hooks.settings import HookSettings
from edge.hooks.settings import load as load_hooks
from edge.node import EVENTS, Node
from edge.people.ways_settings import WaysSettings
from edge.rest.app import make_app
from edge.settings import BadSetting, EdgeSettings
from edge.tables import Tables
from edge.tokens import TokenKeys
from edge.wire import WireProtocol
from log.kafka import KafkaLog
from log.settings import LogSettings
from log.web.settings import OutboundSettings
from rtc.rules import Rules
from schemas.errors import WarblerError
from store.accounts import Accounts
from store.cassandra import Store
from store.epochs import note_seen, wait_for_same_log, watch_epoch
from store.following import follow_generations
from store.push_keys import BadPushKey, push_sealer, vapid_public_key
from store.settings import StoreSettings
from store.timelines import Timelines

LOGGER = structlog.get_logger()
RETRY_S = 2.0
NOTE_S = 2.0
KEYS_LOOK_S = 2.0
EXIT_FAULT = 70
EXIT_SETTING = 64
GC_THRESHOLD = 10_000  # objects made and not freed before the young ones are looked through; Python's own is 700


class Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leaves the signals to `serve`, which drains before the server stops."""
        yield


async def connect() -> tuple[KafkaLog, Store]:
    """The log and the store; waits for both and says so, instead of ending and being restarted for ever."""
    log = KafkaLog(LogSettings.from_env(os.environ))
    while True:
        try:
            await log.start()
            break
        except WarblerError as exc:
            LOGGER.warning("waiting for Kafka", error=str(exc))
            await asyncio.sleep(RETRY_S)
    while True:
        try:
            return log, await Store.connect(StoreSettings.from_env(os.environ))
        except WarblerError as exc:
            LOGGER.warning("waiting for Cassandra", error=str(exc))
            await asyncio.sleep(RETRY_S)


def keys(env: Mapping[str, str], settings: EdgeSettings) -> tuple[TokenKeys, str | None]:
    """The key that signs tokens, and the administrator's; both variables name files."""
    admin_file = env.get("WARBLER_ADMIN_KEY")
    token_keys = TokenKeys(Path(env["WARBLER_TOKEN_KEY"]).read_bytes(), settings.token_issuer, settings.token_audience)
    return token_keys, Path(admin_file).read_text().strip() if admin_file else None


async def wait_for_epoch(store: Store, log: KafkaLog) -> str:
    while True:
        epoch = await wait_for_same_log(store, log)
        if epoch is not None:
            return epoch
        LOGGER.warning("waiting for the log's epoch; `warbler topics` makes it")
        await asyncio.sleep(RETRY_S)


async def note_what_is_given(node: Node, store: Store) -> None:
    """So that a log that ends before what devices were given is known for another one, also when the projector had not come as far."""
    noted: dict[int, int] = {}
    while True:
        await asyncio.sleep(NOTE_S)
        given = {partition: offset for (topic, partition), offset in node.feed.positions.items() if topic == EVENTS}
        try:
            await note_seen(store, node.epoch, {each: offset for each, offset in given.items() if offset > noted.get(each, 0)})
            noted = given
        except WarblerError as exc:
            LOGGER.warning("how far the log was given to devices cannot be noted", error=str(exc))


async def follow_keys(token_keys: TokenKeys, path: Path) -> None:
    """Takes up what `warbler keys rotate` wrote, without a restart. A file that cannot be read leaves the keys as they are."""
    seen = await asyncio.to_thread(path.read_bytes)
    while True:
        await asyncio.sleep(KEYS_LOOK_S)
        try:
            content = await asyncio.to_thread(path.read_bytes)
            if content != seen:
                token_keys.replace(content)
                seen = content
                LOGGER.info("the keys of tokens were taken up anew")
        except (OSError, WarblerError) as exc:
            LOGGER.warning("the keys of tokens cannot be read anew", error=str(exc))


def look_away_from_what_was_loaded() -> None:
    """Modules and routes stay for ever: 95,000 objects, which every full collection looked through for 60 ms between two frames."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD, 20, 20)


async def serve(settings: EdgeSettings) -> None:
    key, admin_key = keys(os.environ, settings)
    log, store = await connect()
    name = os.environ.get("WARBLER_NODE", "edge-1")
    epoch = await wait_for_epoch(store, log)
    tables = Tables.of(store, push_sealer(os.environ))
    node = Node(settings, name, log, Timelines(store), Accounts(store), key, epoch, tables, WaysSettings.from_env(), os.environ)
    node.on_fault = lambda _: os._exit(EXIT_FAULT)
    await node.start()
    node.spawn(watch_epoch(store, log, epoch))
    node.spawn(follow_generations(store, name))
    node.spawn(follow_keys(key, Path(os.environ["WARBLER_TOKEN_KEY"])))
    node.spawn(note_what_is_given(node, store))
    config = uvicorn.Config(
        make_app(node, admin_key),
        host=settings.host,
        port=settings.port,
        ws=WireProtocol,
        ws_max_size=settings.frame_bytes_limit,
        ws_per_message_deflate=False,  # a compressed frame was not agreed and is refused: no decompression bomb
        ws_ping_interval=None,  # the device's own pings tell more, see EDGE_HEARTBEAT_MS
        access_log=False,
        log_level="warning",
        backlog=4096,
        timeout_keep_alive=settings.http_idle_s,
        timeout_graceful_shutdown=5,
        lifespan="off",
    )
    server = Server(config)
    look_away_from_what_was_loaded()
    stop = asyncio.Event()
    for stopping in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(stopping, stop.set)
    LOGGER.info("edge is ready", node=node.name, address=f"http://{settings.host}:{settings.port}")
    serving = asyncio.create_task(server.serve())
    await asyncio.wait({serving, asyncio.create_task(stop.wait())}, return_when=asyncio.FIRST_COMPLETED)
    await node.drain()
    server.should_exit = True
    await serving
    await log.close()
    await store.close()


def main() -> None:
    missing = [name for name in ("WARBLER_KAFKA", "WARBLER_CASSANDRA", "WARBLER_TOKEN_KEY") if not os.environ.get(name)]
    try:
        if missing:
            raise BadSetting(f"{', '.join(missing)} must be set")
        settings = EdgeSettings.from_env()
        WaysSettings.from_env()
        push_sealer(os.environ)
        vapid_public_key(os.environ)
        turn_of(os.environ)
        if hooks := HookSettings.from_env(os.environ).file:
            load_hooks(hooks, os.environ)
        Rules.from_env(os.environ)
        LogSettings.from_env(os.environ)
        OutboundSettings.from_env(os.environ)
        StoreSettings.from_env(os.environ)
    except (BadSetting, BadPushKey, ValueError) as bad:
        print(f"edge: {bad}", file=sys.stderr)
        sys.exit(EXIT_SETTING)
    uvloop.run(serve(settings))


if __name__ == "__main__":
    main()
