"""What an engine's driver says to others: signals to devices, commands to the owner of calls, and that its engine lives."""

from collections.abc import Callable
from typing import Any

import structlog

from log.publisher import Publisher
from rtc.driving.metrics import COMMANDS, REFUSED, SIGNALS
from rtc.engines.port import Room
from rtc.reports import Place
from schemas.call_commands import EngineCommand
from schemas.call_records import EngineAnnounced
from schemas.call_signals import CallSignal, SignalBase, SignalCode, SignalRefused
from schemas.codec import encode

LOGGER = structlog.get_logger("rtc.driving")
CALL_SIGNALS, CALL_COMMANDS, CALL_ENGINES = "call-signals", "call-commands", "call-engines"
PUBLISHED = (CALL_SIGNALS, CALL_COMMANDS, CALL_ENGINES)


class Mouth:
    """What cannot be published is lost: devices ask again, commands are said again by reconciling, announcements come anyway."""

    def __init__(self, publisher: Publisher, engine: str, clock_ms: Callable[[], int]) -> None:
        self._publisher = publisher
        self.engine = engine
        self.now_ms = clock_ms

    def signal(self, signal: CallSignal) -> None:
        self._offer(CALL_SIGNALS, signal.call_id, encode(CALL_SIGNALS, signal))
        SIGNALS.labels(signal.direction).inc()

    def command(self, command: EngineCommand) -> None:
        self._offer(CALL_COMMANDS, command.conversation_id, encode(CALL_COMMANDS, command))  # type: ignore[arg-type]  # each is one of Command
        COMMANDS.labels(str(command.__struct_config__.tag)).inc()

    def announce(self, said: EngineAnnounced) -> None:
        self._offer(CALL_ENGINES, said.engine, encode(CALL_ENGINES, said))

    def refuse(self, signal: SignalBase, code: SignalCode, detail: str) -> None:
        """Tells the device of a signal why it changed nothing."""
        REFUSED.labels(code).inc()
        place = Place(signal.tenant, signal.conversation_id, Room(signal.call_id, signal.epoch), self.engine)
        base = to_device(place, signal.user, signal.device, signal.generation, self.now_ms())
        self.signal(SignalRefused(**base, code=code, detail=detail, refused_seq=signal.seq))

    def _offer(self, topic: str, key: str, value: bytes) -> None:
        if not self._publisher.offer(topic, key.encode(), value):
            LOGGER.warning("not published: the log does not keep up", topic=topic)


def to_device(place: Place, user: str, device: str, generation: int, at_ms: int, seq: int = 0) -> dict[str, Any]:
    """What a signal to one leg carries; of the whole call where `user` is empty."""
    return {
        "tenant": place.tenant,
        "conversation_id": place.conversation_id,
        "call_id": place.room.call_id,
        "user": user,
        "device": device,
        "engine": place.engine,
        "epoch": place.room.epoch,
        "generation": generation,
        "direction": "to_device" if user else "to_all",
        "seq": seq,
        "at_ms": at_ms,
    }
