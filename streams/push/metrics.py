"""The outbox's numbers as Prometheus metrics: per push channel and app, and by state and reason. Called on the worker's live port."""

from collections.abc import Callable, Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from streams.push.outbox import RETRY_TOPICS, Outbox
from streams.push.senders import Sender
from streams.push.stats import LATENCY_MS_BOUNDS

BREAKER_NUMBERS = {"closed": 0, "half_open": 1, "open": 2}
PLACE = ("channel", "app")


class PushCollector(Collector):
    def __init__(self, outbox: Outbox, clock_ms: Callable[[], int]) -> None:
        self._outbox, self._clock_ms = outbox, clock_ms

    def collect(self) -> Iterator[Metric]:
        yield from self._of_results()
        waiting = GaugeMetricFamily("warbler_push_waiting", "Sends that wait in memory for their time", labels=["topic"])
        for topic in RETRY_TOPICS:
            waiting.add_metric([topic], self._outbox.waiting_count(topic))
        yield waiting
        senders = list(self._outbox.senders)
        yield self._gauge(senders, "on", "1 while the push channel has credentials that work", lambda one: int(one.on))
        yield self._gauge(senders, "breaker", "0 closed, 1 half open, 2 open", lambda one: BREAKER_NUMBERS[one.breaker.state])
        yield self._gauge(senders, "in_flight", "Sends whose answer is waited for", lambda one: one.stats.in_flight)
        age = "How long the send that waits longest for its turn has waited"
        yield self._gauge(senders, "queue_age_ms", age, lambda one: one.stats.queue_age_ms(self._clock_ms()))
        yield from _answers(senders)

    def _of_results(self) -> Iterator[Metric]:
        states = CounterMetricFamily("warbler_push_results", "What became of sends, by state", labels=["state"])
        reasons = CounterMetricFamily("warbler_push_not_sent", "Not sent, or not any more, by reason", labels=["reason"])
        for state, count in self._outbox.stats.results.items():
            states.add_metric([state], count)
        for reason, count in self._outbox.stats.suppressed.items():
            reasons.add_metric([reason], count)
        yield states
        yield reasons

    def _gauge(self, senders: list[Sender], name: str, about: str, value: Callable[[Sender], int]) -> Metric:
        family = GaugeMetricFamily(f"warbler_push_channel_{name}", about, labels=PLACE)
        for one in senders:
            family.add_metric(_place(one), value(one))
        return family


def _answers(senders: list[Sender]) -> Iterator[Metric]:
    accepted = CounterMetricFamily("warbler_push_accepted", "Sends that the vendor took", labels=PLACE)
    refused = CounterMetricFamily("warbler_push_refused", "Sends that the vendor did not take, by its word", labels=(*PLACE, "code"))
    latency = HistogramMetricFamily("warbler_push_latency_seconds", "How long the vendor took to answer", labels=PLACE)
    for one in senders:
        accepted.add_metric(_place(one), one.stats.accepted)
        for code, count in one.stats.refused.items():
            refused.add_metric([*_place(one), code], count)
        latency.add_metric(_place(one), _buckets(one), one.stats.latency_ms_sum / 1000)
    yield accepted
    yield refused
    yield latency


def _buckets(one: Sender) -> list[tuple[str, float]]:
    """Cumulative, as Prometheus wants them."""
    total, buckets = 0, []
    for bound, count in zip((*(str(ms / 1000) for ms in LATENCY_MS_BOUNDS), "+Inf"), one.stats.latencies, strict=True):
        total += count
        buckets.append((bound, float(total)))
    return buckets


def _place(one: Sender) -> list[str]:
    return [one.channel.name, one.app]
