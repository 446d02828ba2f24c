"""Where each webhook stands, a row a webhook. Written by the worker after what it tells was told; read by it and by the edge."""

from dataclasses import dataclass

from store.cassandra import Store

PUT = "INSERT INTO webhook_standings (webhook, epoch, version, rewound, standing, at_ms) VALUES (?, ?, ?, ?, ?, ?)"
GET = "SELECT epoch, version, rewound, standing, at_ms FROM webhook_standings WHERE webhook = ?"


@dataclass(frozen=True, slots=True)
class Kept:
    """`version`: of the webhook that it was delivered for. `rewound`: the last replay that was begun.

    `standing`: as `streams.webhooks.standing` packs it.
    """

    epoch: str
    version: int
    rewound: str
    standing: str
    at_ms: int


class WebhookStandings:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def put(self, webhook_id: str, kept: Kept) -> None:
        """Raises: StoreUnavailable. Delivery: the last one holds; an older one that comes late only repeats deliveries."""
        await self._store.execute(PUT, (webhook_id, kept.epoch, kept.version, kept.rewound, kept.standing, kept.at_ms))

    async def get(self, webhook_id: str) -> Kept | None:
        """Raises: StoreUnavailable."""
        rows = await self._store.execute(GET, (webhook_id,))
        return Kept(*rows[0]) if rows else None
