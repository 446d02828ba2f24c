"""What all webhooks of a worker share: the log, the rows, the way out, the words to the log. Called by `pump` and `keeper`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from log.port import Entry, Log
from log.web.addresses import IpNetwork
from log.web.guarded import GuardedBackend
from log.web.posting import NoReply, Poster, Reply
from schemas.codec import encode
from schemas.partition import partition_of
from schemas.webhooks import WebhookDelivery, WebhookEvent, WebhookGivenUp
from store.sealing import Sealer
from store.webhook_standings import Kept
from store.webhooks import DEAD_LETTERS_TOPIC, DELIVERIES_TOPIC, WEBHOOKS_TOPIC, key_of
from streams.webhooks.settings import WebhookSettings

NO_LIMIT = 1 << 20  # each webhook has a limit of its own: one that hangs takes no place of another


class Standings(Protocol):
    """`store.webhook_standings.WebhookStandings` is one."""

    async def put(self, webhook_id: str, kept: Kept) -> None: ...
    async def get(self, webhook_id: str) -> Kept | None: ...


class Post(Protocol):
    """One way out; `Ways` is one."""

    async def send(self, url: str, content: bytes, headers: dict[str, str]) -> Reply | NoReply: ...


class Ways:
    """To the internet by https, and to the operator's exceptions also by http. Connections are shared, places in flight are not."""

    def __init__(self, settings: WebhookSettings, networks: Sequence[IpNetwork], kept_connections: int = 200) -> None:
        def poster(public: bool) -> Poster:
            guard = GuardedBackend(networks, public)
            return Poster(timeout_ms=settings.timeout_ms, in_flight_limit=NO_LIMIT, keep=kept_connections, backend=guard)

        self._secure, self._clear = poster(public=True), poster(public=False)

    async def send(self, url: str, content: bytes, headers: dict[str, str]) -> Reply | NoReply:
        """Raises nothing but being cancelled."""
        return await (self._clear if url.startswith("http:") else self._secure).send(url, content, headers)

    async def close(self) -> None:
        await self._secure.close()
        await self._clear.close()


@dataclass(slots=True)
class Stats:
    records: int = 0
    delivered: int = 0
    failed: int = 0
    given_up: int = 0


@dataclass(frozen=True, slots=True)
class Desk:
    """`epoch`: of the log. `chance`: 0 to 1."""

    log: Log
    standings: Standings
    post: Post
    sealer: Sealer | None
    settings: WebhookSettings
    epoch: str
    clock_ms: Callable[[], int]
    chance: Callable[[], float]
    stats: Stats

    async def tell(self, event: WebhookEvent) -> None:
        """To the topic of webhooks. Raises: LogUnavailable."""
        await self._publish(WEBHOOKS_TOPIC, event.webhook_id, [Entry(key_of(event), encode(WEBHOOKS_TOPIC, event), event.at_ms)])

    async def tell_ended(self, webhook_id: str, key: str) -> None:
        """A tombstone for what was asked and is done. Raises: LogUnavailable."""
        await self._publish(WEBHOOKS_TOPIC, webhook_id, [Entry(key.encode(), None, self.clock_ms())])

    async def tell_tries(self, webhook_id: str, tries: Sequence[WebhookDelivery], given_up: Sequence[WebhookGivenUp]) -> None:
        """Raises: LogUnavailable."""
        key = webhook_id.encode()
        if given_up:
            letters = [Entry(key, encode(DEAD_LETTERS_TOPIC, each), each.at_ms) for each in given_up]
            await self._publish(DEAD_LETTERS_TOPIC, webhook_id, letters)
        if tries:
            await self._publish(DELIVERIES_TOPIC, webhook_id, [Entry(key, encode(DELIVERIES_TOPIC, each), each.at_ms) for each in tries])

    async def _publish(self, topic: str, webhook_id: str, entries: Sequence[Entry]) -> None:
        number = partition_of(webhook_id.encode(), await self.log.partitions_count(topic))
        await self.log.publish(topic, number, entries)
