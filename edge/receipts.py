"""Watermarks of devices, coalesced: of many marks by a device in one conversation and state only the last is published. Pure.

Rule 1: a watermark only rises, but for `unread`, which the user may take back. Rule 2: what was marked before a session ended is published.
"""

from collections.abc import Callable

from schemas.records import WatermarkRaised

Device = tuple[str, str]  # user, device
Place = tuple[str, str]  # conversation, state


class Watermarks:
    def __init__(self) -> None:
        self._pending: dict[Device, dict[Place, WatermarkRaised]] = {}
        self._published: dict[Device, dict[Place, int]] = {}
        self._left_behind: list[WatermarkRaised] = []  # of devices whose session ended before they were taken

    def mark(self, mark: WatermarkRaised) -> bool:
        """False when this node already knows as much."""
        device, place = (mark.user, mark.device), (mark.conversation_id, mark.state)
        pending = self._pending.setdefault(device, {})
        before = pending.get(place)
        known = before.up_to_seq if before is not None else self._published.get(device, {}).get(place, 0 if mark.state != "unread" else -1)
        if mark.up_to_seq == known or (mark.up_to_seq < known and mark.state != "unread"):
            return False
        pending[place] = mark
        return True

    def take(self, hold: Callable[[str], bool] = lambda _: False) -> list[WatermarkRaised]:
        """What is to be published now: everything but the marks in conversations that are held back."""
        taken, self._pending = self._pending, {}
        if taken:
            taken = self._held_back(taken, hold)
        left_behind, self._left_behind = self._left_behind, []
        for device, marks in taken.items():
            published = self._published.setdefault(device, {})
            published.update((place, mark.up_to_seq) for place, mark in marks.items())
        return [*left_behind, *(mark for marks in taken.values() for mark in marks.values())]

    def _held_back(
        self, taken: dict[Device, dict[Place, WatermarkRaised]], hold: Callable[[str], bool]
    ) -> dict[Device, dict[Place, WatermarkRaised]]:
        """What is left of the taken; the rest waits on."""
        left: dict[Device, dict[Place, WatermarkRaised]] = {}
        for device, marks in taken.items():
            for place, mark in marks.items():
                (self._pending if hold(place[0]) else left).setdefault(device, {})[place] = mark
        return left

    def delivered(self, user: str, device: str, conversation: str) -> int:
        """How far the device has acknowledged on this node, as far as it was published; 0 if it has not."""
        return self._published.get((user, device), {}).get((conversation, "delivered"), 0)

    def repeat(self, mark: WatermarkRaised) -> None:
        """Publishes once more what was published before, because somebody missed it."""
        self._pending.setdefault((mark.user, mark.device), {}).setdefault((mark.conversation_id, mark.state), mark)

    def forget(self, user: str, device: str) -> None:
        """The device's session ended; marking again later is harmless."""
        self._published.pop((user, device), None)
        self._left_behind.extend(self._pending.pop((user, device), {}).values())
