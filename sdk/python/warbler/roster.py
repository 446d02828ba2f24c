"""The user's roster: friends, requests, blocks and notes, as far as this device has heard. Pure.

Rule 1: versions are opaque and none is compared: the newest word of the server counts, entries come whole and in order.
Rule 2: what was told live since a sync began is not replaced by its pages, which may be older; if they are newer, that is told live too.
Rule 3: while pages of a sync are missing, `version` stays: after a loss the sync begins again from there.
"""

from collections.abc import Iterator, Sequence

from msgspec import Struct

from warbler.frames import RosterEntry
from warbler.happenings import RosterSeen


class RosterPage(Struct, frozen=True):
    """`full`: everything, who is not in its pages is no more; else what changed since the asked version."""

    version: str
    full: bool
    entries: tuple[RosterEntry, ...]
    next: str | None = None


class Roster:
    """Shape: `version` "" means that nothing is known; `complete`: it is the whole, as of `version`."""

    def __init__(self, version: str = "", entries: Sequence[RosterEntry] = ()) -> None:
        self.version = version
        self._entries = {entry.user: entry for entry in entries}
        self._fresh: set[str] = set()  # users told of live since the sync began
        self._named: set[str] | None = None  # whom the pages of a full sync named so far; None: it is one of changes
        self.complete = False

    def __iter__(self) -> Iterator[RosterEntry]:
        return iter(self._entries.values())

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, user: str) -> RosterEntry | None:
        return self._entries.get(user)

    def friends(self) -> list[RosterEntry]:
        return [entry for entry in self if entry.relation == "friends"]

    def asking(self) -> list[RosterEntry]:
        """Who waits for an answer of this user."""
        return [entry for entry in self if entry.relation == "asked"]

    def begin(self) -> str:
        """A sync begins, on this connection; the version to ask since."""
        self.complete = False
        self._named = None
        self._fresh.clear()
        return self.version

    def page(self, page: RosterPage) -> list[RosterEntry]:
        """A page of it. The entries that are new to this device."""
        if page.full and self._named is None:
            self._named = set()
        if self._named is not None:
            self._named.update(entry.user for entry in page.entries)
        changed = [entry for entry in page.entries if entry.user not in self._fresh and self._put(entry)]
        if page.next is None:
            self._finish(page.version)
        return changed

    def live(self, told: RosterSeen) -> list[RosterEntry]:
        """What the server told in between. The entries that are new to this device."""
        self._fresh.update(entry.user for entry in told.entries)
        if self.complete:
            self.version = told.version
        return [entry for entry in told.entries if self._put(entry)]

    def _finish(self, version: str) -> None:
        if self._named is not None:
            # what a full roster does not name is no more, unless it came since
            for user in self._entries.keys() - self._named - self._fresh:
                del self._entries[user]
        self.version, self._named, self.complete = version, None, True

    def _put(self, entry: RosterEntry) -> bool:
        known = self._entries.get(entry.user)
        self._entries[entry.user] = entry
        return known != entry
