"""Sends that wait until it is their time, by that time: raw records, because 100,000 of them have to fit. Pure; time is an argument."""

import heapq
from collections import Counter
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(slots=True)
class Waiting(Generic[T]):
    """`counts`: how many wait, by kind (the topic they came from)."""

    counts: Counter[str] = field(default_factory=Counter)
    _heap: list[tuple[int, int, str, T]] = field(default_factory=list)
    _made: int = 0  # breaks ties, so that items are never compared and those of one moment stay in their order

    def __len__(self) -> int:
        return len(self._heap)

    @property
    def next_ms(self) -> int | None:
        """When the first is due; None: nothing waits."""
        return self._heap[0][0] if self._heap else None

    def put(self, due_ms: int, kind: str, item: T) -> None:
        heapq.heappush(self._heap, (due_ms, self._made, kind, item))
        self._made += 1
        self.counts[kind] += 1

    def take_due(self, now_ms: int) -> list[T]:
        """What is due, in the order of its time; it waits no more."""
        due: list[T] = []
        while self._heap and self._heap[0][0] <= now_ms:
            _, _, kind, item = heapq.heappop(self._heap)
            self.counts[kind] -= 1
            due.append(item)
        return due
