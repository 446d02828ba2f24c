"""What users want others to see, as this node knows it: rows of Cassandra with the changes the feed saw since. Called by the rest of edge/.

A change takes effect on a node as soon as its feed has read the record of it, which is there before the change is answered.
"""

from collections import OrderedDict
from collections.abc import Iterable

from msgspec.structs import replace

from schemas.accounts import PrivacyChanged
from schemas.values import Visibility
from store.privacy import Privacy, PrivacyTable

CHANGES_KEPT = 10_000  # more than can be made while one read of the table is under way


class Privacies:
    def __init__(self, table: PrivacyTable, default: Visibility) -> None:
        self._table = table
        self.default = Privacy(receipts=True, presence=default)
        self._changes: OrderedDict[str, Privacy] = OrderedDict()  # the newest of users who changed it lately

    def on_change(self, change: PrivacyChanged) -> Privacy:
        """The user's privacy after the change."""
        told = (change.receipts, change.presence, change.at_ms, change.strangers, change.friend_requests)
        privacy = self.newest(change.user, Privacy(*told, searchable=change.searchable))
        self._changes[change.user] = privacy
        self._changes.move_to_end(change.user)
        if len(self._changes) > CHANGES_KEPT:
            self._changes.popitem(last=False)
        return privacy

    async def of(self, users: Iterable[str]) -> dict[str, Privacy]:
        """What they chose; users who never did are left out.

        Raises: StoreUnavailable. Blocks: on Cassandra; nothing is awaited between the last look at the changes and the return.
        """
        wanted = frozenset(users)
        found = await self._table.get(wanted)
        found |= {user: self._changes[user] for user in wanted if user in self._changes and user not in found}
        return {user: self.newest(user, privacy) for user, privacy in found.items()}

    async def of_user(self, user: str) -> Privacy:
        """What the user chose, or the default. Raises: as `of`."""
        return (await self.of((user,))).get(user, self.default)

    def newest(self, user: str, privacy: Privacy) -> Privacy:
        """What the user chose last: as it was read, or as it was changed since."""
        seen = self._changes.get(user)
        # the question is in the row only: for a moment that of before, until the row is read that was written before the change was told
        return replace(seen, friend_question=privacy.friend_question) if seen is not None and seen.at_ms > privacy.at_ms else privacy
