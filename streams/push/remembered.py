"""Values that are looked up often, kept for a while, the oldest thrown away first. Pure; time is an argument."""

from collections import OrderedDict
from typing import Generic, TypeVar

V = TypeVar("V")


class Remembered(Generic[V]):
    """At most `limit` values, each for `keep_ms`."""

    def __init__(self, limit: int, keep_ms: int) -> None:
        self._limit, self._keep_ms = limit, keep_ms
        self._values: OrderedDict[str, tuple[int, V]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._values)

    def get(self, key: str, now_ms: int) -> V | None:
        found = self._values.get(key)
        return found[1] if found is not None and now_ms - found[0] < self._keep_ms else None

    def put(self, key: str, value: V, now_ms: int) -> None:
        self._values[key] = (now_ms, value)
        self._values.move_to_end(key)
        while len(self._values) > self._limit:
            self._values.popitem(last=False)

    def forget(self, key: str) -> None:
        self._values.pop(key, None)
