"""Random call histories against the laws. CALL_HISTORIES=100000 CALL_SEED=7 plays more of them, always the same."""

import os
from collections import Counter
from typing import get_args

from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from schemas.call_events import Event
from schemas.call_values import EndReason, RefusalCode
from tests.rtc.simulation import World

HISTORIES = int(os.environ.get("CALL_HISTORIES", "600"))
SEED = int(os.environ.get("CALL_SEED", "7"))
REACHED: Counter[str] = Counter()
ENOUGH = 4_000  # histories for what is rare
RARE = {"refused too_many_invites"}


@seed(SEED)
@settings(max_examples=HISTORIES, database=None, suppress_health_check=list(HealthCheck))
@given(st.binary(min_size=60, max_size=360))
def test_random_histories_keep_the_laws(history: bytes) -> None:
    world = World(history)
    REACHED.update(str(event.__struct_config__.tag) for event in world.log)
    REACHED.update(f"ended {seen.end.reason}" for seen in world.observer.calls.values() if seen.end is not None)
    REACHED.update(f"refused {code}" for code in world.refusals)
    REACHED["histories"] += 1


def test_the_histories_go_everywhere() -> None:
    """Laws that are never put to the test hold by themselves. Run after the one above, in the same process."""
    kinds = {str(kind.__struct_config__.tag) for kind in get_args(Event)}
    ends = {f"ended {reason}" for reason in get_args(EndReason)}
    refusals = {f"refused {code}" for code in get_args(RefusalCode)}
    print("\n" + "\n".join(f"{name}: {count:,}" for name, count in sorted(REACHED.items())))
    missing = (kinds | ends | refusals) - REACHED.keys()
    assert missing <= (set() if HISTORIES >= ENOUGH else RARE)
