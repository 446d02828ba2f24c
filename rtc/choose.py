"""Which media engine a call goes to, from what the engines say of themselves. Pure.

Used by edges (a new call, a switch that a device asks for), by drivers (a call whose engine died or stops) and by `warbler calls`.
Rule 1: who has not said for a while that it lives is dead, and who drains takes nothing new.
Rule 2: asking for a kind is asking for that kind: another one is no answer to it.
"""

from collections.abc import Collection, Iterable
from typing import get_args

from schemas.call_records import EngineAnnounced
from schemas.call_signals import EngineKind
from schemas.call_values import CallMedia

PEER_TO_PEER = "p2p"
KINDS: tuple[EngineKind, ...] = get_args(EngineKind)
# What an engine must be able to do for a call of this media.
NEEDED: dict[CallMedia, frozenset[str]] = {"audio": frozenset(), "video": frozenset({"video"})}


class Engines:
    """The last word of each engine. Shape: one entry for every name that ever announced itself."""

    def __init__(self) -> None:
        self._known: dict[str, EngineAnnounced] = {}

    def take(self, said: EngineAnnounced) -> None:
        """Records come in the order in which an engine said them."""
        self._known[said.engine] = said

    def get(self, engine: str) -> EngineAnnounced | None:
        return self._known.get(engine)

    def all(self) -> list[EngineAnnounced]:
        return sorted(self._known.values(), key=lambda said: said.engine)

    def lives(self, engine: str, now_ms: int) -> bool:
        said = self._known.get(engine)
        return said is not None and lives(said, now_ms)

    def kind(self, engine: str) -> EngineKind:
        """What kind of engine a call's `engine` is, also of one that is dead; by its name where nothing is known."""
        said = self._known.get(engine)
        return said.engine_kind if said is not None else kind_of_name(engine)

    def choose(
        self,
        wanted: EngineKind | None,
        order: tuple[EngineKind, ...],
        now_ms: int,
        media: CallMedia = "audio",
        without: Collection[str] = (),
    ) -> EngineAnnounced | None:
        """The engine for a call of this media: see `choose`."""
        able = [said for said in self._known.values() if said.engine not in without and NEEDED[media] <= set(said.capabilities)]
        return choose(able, wanted, order, now_ms)


def choose(
    engines: Iterable[EngineAnnounced], wanted: EngineKind | None, order: tuple[EngineKind, ...], now_ms: int
) -> EngineAnnounced | None:
    """The least loaded engine of the wanted kind, else of the first kind in `order` that has one; None: none can take a call now."""
    usable = [said for said in engines if takes_calls(said, now_ms)]
    for kind in order if wanted is None else (wanted,):
        of_kind = [said for said in usable if said.engine_kind == kind]
        if of_kind:
            return min(of_kind, key=_load)
    return None


def lives(said: EngineAnnounced, now_ms: int) -> bool:
    return said.until_ms > now_ms


def takes_calls(said: EngineAnnounced, now_ms: int) -> bool:
    return lives(said, now_ms) and not said.draining and said.participants < said.participants_limit


def kind_of_name(engine: str) -> EngineKind:
    """`janus-2` is a janus. Names are free, though: what follows no such form is taken for an embedded one."""
    stem = engine.partition("-")[0]
    return next((kind for kind in KINDS if kind == stem), "embedded")


def _load(said: EngineAnnounced) -> tuple[float, int, str]:
    """How full; of equally full ones that with fewer rooms, then by name, so that everybody chooses the same."""
    return said.participants / said.participants_limit, said.rooms, said.engine
