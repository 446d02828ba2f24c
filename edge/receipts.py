"""Delivered watermarks, coalesced: of many marks by a device in one conversation only the highest is published. Pure."""

from schemas.records import DeliveredMarked

Device = tuple[str, str]  # user, device


class Watermarks:
    def __init__(self) -> None:
        self._pending: dict[Device, dict[str, DeliveredMarked]] = {}
        self._published: dict[Device, dict[str, int]] = {}
        self._left_behind: list[DeliveredMarked] = []  # of devices whose session ended before they were taken

    def mark(self, mark: DeliveredMarked) -> bool:
        """False when this node already knows as much."""
        device = (mark.user, mark.device)
        if mark.up_to_seq <= self._published.get(device, {}).get(mark.conversation_id, 0):
            return False
        pending = self._pending.setdefault(device, {})
        before = pending.get(mark.conversation_id)
        if before is not None and mark.up_to_seq <= before.up_to_seq:
            return False
        pending[mark.conversation_id] = mark
        return True

    def take(self) -> list[DeliveredMarked]:
        """What is to be published now."""
        taken, self._pending = self._pending, {}
        left_behind, self._left_behind = self._left_behind, []
        for device, marks in taken.items():
            published = self._published.setdefault(device, {})
            published.update((conversation, mark.up_to_seq) for conversation, mark in marks.items())
        return [*left_behind, *(mark for marks in taken.values() for mark in marks.values())]

    def forget(self, user: str, device: str) -> None:
        """The device's session ended; marking again later is harmless."""
        self._published.pop((user, device), None)
        self._left_behind.extend(self._pending.pop((user, device), {}).values())
