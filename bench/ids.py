"""Command ids that carry the number of their message, so that an ack or event is matched without a look-up. Pure."""


class Ids:
    """UUIDv7 whose last 48 bits are the message's number; `chance` (24 bits) keeps two runs apart."""

    def __init__(self, chance: int) -> None:
        self._middle = f"-7{chance >> 12 & 0xFFF:03x}-8{chance & 0xFFF:03x}-"
        self.next_number = 0

    def make(self, now_ms: int) -> str:
        number, self.next_number = self.next_number, self.next_number + 1
        return f"{now_ms >> 16:08x}-{now_ms & 0xFFFF:04x}{self._middle}{number:012x}"


def number_of(command_id: str) -> int:
    """Raises: ValueError when it is no id of `Ids`."""
    return int(command_id[-12:], 16)
