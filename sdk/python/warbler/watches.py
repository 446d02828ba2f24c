"""What this session asked to be told of, and what it said of itself: said again on every new connection. Pure."""

from dataclasses import dataclass, field

from msgspec.structs import replace

from warbler.frames import SetPresence, WatchPresence, WatchReceipts

Watch = SetPresence | WatchReceipts


@dataclass(slots=True)
class Watches:
    """Shape: `receipts`: conversation -> seq."""

    presence: WatchPresence | None = None
    receipts: dict[str, int] = field(default_factory=dict)
    own: SetPresence | None = None

    def note(self, frame: Watch) -> None:
        match frame:
            case SetPresence(status=status):
                unsent = self.own.status if self.own is not None and status is None else status
                self.own = replace(frame, status=unsent)
            case WatchReceipts(seq=0):
                self.receipts.pop(frame.conversation, None)
            case WatchReceipts():
                self.receipts[frame.conversation] = frame.seq

    def sent(self) -> None:
        """The status line was told: another device may change it now, and it is not to be said again."""
        if self.own is not None:
            self.own = replace(self.own, status=None)

    def again(self, request: str) -> list[WatchPresence | Watch]:
        """For a new connection."""
        frames: list[WatchPresence | Watch] = [WatchReceipts(conversation, seq) for conversation, seq in self.receipts.items()]
        if self.presence is not None:
            frames.append(replace(self.presence, request=request))
        if self.own is not None and (self.own.away or self.own.status is not None):
            frames.append(self.own)
        self.sent()
        return frames
