"""The results of one partition of push-results into its rows of counts. Pure.

Rule: whatever was saved before a crash, the records from the progress on bring every row to what it would be without the crash.
"""

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from schemas.pushes import PushResult
from store.push_counts import Counts, Tally, Window, key_of, scopes_of, settled

ROWS_REMEMBERED_LIMIT = 1_000


@dataclass(slots=True)
class Row:
    """What is counted under a scope. `next_offset`: up to where."""

    tally: Tally
    next_offset: int
    changed: bool = False


@dataclass(slots=True)
class Partition:
    """`next_offset`: the next to be counted. Before that the window has seen the keys of the results it reaches back to."""

    window: Window
    next_offset: int
    rows: "OrderedDict[str, Row]" = field(default_factory=OrderedDict)

    def missing(self, results: Iterable[PushResult]) -> list[str]:
        """The scopes whose rows must be loaded before these are added."""
        wanted = dict.fromkeys(scope for result in results for scope in scopes_of(result))
        return [scope for scope in wanted if scope not in self.rows]

    def load(self, scope: str, counts: Counts, next_offset: int) -> None:
        self.rows[scope] = Row(Tally(counts), next_offset)

    def add(self, result: PushResult | None, offset: int) -> None:
        """Count a record; None: it is no result."""
        if offset < self.next_offset:
            return
        self.next_offset = offset + 1
        if result is None or self.window.is_repeat(key_of(result := settled(result)), offset):
            return
        for scope in scopes_of(result):
            row = self.rows[scope]
            self.rows.move_to_end(scope)
            if offset >= row.next_offset:
                row.tally.add(result)
                row.changed = True

    def changed(self) -> Iterator[tuple[str, Counts]]:
        """The rows to write, which count up to `next_offset` from now on."""
        for scope, row in self.rows.items():
            if row.changed:
                row.changed, row.next_offset = False, self.next_offset
                yield scope, row.tally.counts

    def trim(self) -> None:
        """Forget what was not touched for long; it can be loaded again, once it is written."""
        while len(self.rows) > ROWS_REMEMBERED_LIMIT:
            self.rows.popitem(last=False)
