"""What the role push does beside its outbox: campaigns and counting, for the partitions that Faust gave this worker. Called by the role.

Both follow topics of their own without a consumer group, because where they stand is in the log and in rows; so a rebalance only has to
say what is ours. The topics of push-requests and of these may differ in size: partition n belongs to who has n modulo the requests' count.
"""

import asyncio
from collections.abc import Callable

from log.port import Log
from store.audiences import Labelled
from store.cassandra import Store
from streams.push.campaigns.runner import CAMPAIGNS_TOPIC, REQUESTS_TOPIC, CampaignRunner
from streams.push.counting.counter import RESULTS_TOPIC, ResultCounter
from streams.settings import StreamsSettings


class Beside:
    def __init__(
        self,
        log: Log,
        store: Store,
        labelled: Labelled,
        settings: StreamsSettings,
        clock_ms: Callable[[], int],
        on_fatal: Callable[[BaseException], None],
    ) -> None:
        self._log, self._store, self._labelled, self._settings = log, store, labelled, settings
        self._clock_ms, self._on_fatal = clock_ms, on_fatal
        self._counts: dict[str, int] = {}
        self._assigned: set[int] | None = None
        self._works: tuple[CampaignRunner, ResultCounter] | None = None
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Raises: LogUnavailable, UnknownTopic."""
        self._counts = {topic: await self._log.partitions_count(topic) for topic in (REQUESTS_TOPIC, CAMPAIGNS_TOPIC, RESULTS_TOPIC)}

    def assigned(self, partitions: set[int]) -> None:
        """These partitions of push-requests are ours, and no others."""
        if partitions == self._assigned:
            return
        for task in self._tasks:
            task.cancel()
        campaigns, results = self._ours(CAMPAIGNS_TOPIC, partitions), self._ours(RESULTS_TOPIC, partitions)
        runner = CampaignRunner(self._log, self._store, self._labelled, self._settings, campaigns, self._clock_ms)
        counter = ResultCounter(self._log, self._store, self._settings, results, self._clock_ms)
        self._assigned, self._works = set(partitions), (runner, counter)
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(runner.run(), name="campaigns"), loop.create_task(counter.run(), name="counting pushes")]
        for task in self._tasks:
            task.add_done_callback(self._ended)

    def _ours(self, topic: str, partitions: set[int]) -> list[int]:
        requests = self._counts[REQUESTS_TOPIC]
        return [number for number in range(self._counts[topic]) if number % requests in partitions]

    def _ended(self, task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._on_fatal(error)

    async def close(self) -> None:
        tasks, self._tasks, self._assigned = self._tasks, [], None
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def detail(self) -> dict[str, int]:
        if self._works is None:
            return {}
        runner, counter = self._works
        return {"campaigns": runner.open_count, "campaign_requests": runner.requests, "results_counted": counter.counted}
