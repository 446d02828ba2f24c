"""The worker's report as Prometheus metrics."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

Metric = CounterMetricFamily | GaugeMetricFamily
COUNTERS = frozenset(
    {
        *("commands", "accepted", "refused", "repeated", "dead_letters", "take_overs", "snapshots", "records"),
        *("notified", "loads", "timers", "presence_changes", "redeliveries", "pushes", "cancelled", "saves", "expired", "void"),
        *("checkpoints", "agreed", "alarms", "storage_failures"),
    }
)


class WorkerCollector(Collector):
    """Every number of GET /live's detail: lists count, the counters above only grow, the rest are gauges."""

    def __init__(self, report: Callable[[], Mapping[str, Any]]) -> None:
        self._report = report

    def collect(self) -> Iterator[Metric]:
        report = self._report()
        yield CounterMetricFamily("warbler_worker_progress", "Grows as long as the worker consumes", value=report["progress"])
        for role, detail in report["detail"].items():
            for name, value in detail.items():
                if isinstance(value, dict):
                    continue  # has labels: the role has a collector of its own
                number = len(value) if isinstance(value, list) else value
                family = CounterMetricFamily if name in COUNTERS else GaugeMetricFamily
                yield family(f"warbler_{role}_{name}", f"{name} of role {role}", value=number)
