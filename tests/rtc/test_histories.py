"""Random call histories against the laws. CALL_HISTORIES=100000 CALL_SEED=7 plays more of them, always the same."""

import os
from collections import Counter

from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from tests.rtc.simulation import World

HISTORIES = int(os.environ.get("CALL_HISTORIES", "600"))
SEED = int(os.environ.get("CALL_SEED", "7"))
REACHED: Counter[str] = Counter()


@seed(SEED)
@settings(max_examples=HISTORIES, database=None, suppress_health_check=list(HealthCheck))
@given(st.binary(min_size=60, max_size=360))
def test_random_histories_keep_the_laws(history: bytes) -> None:
    world = World(history)
    REACHED.update(str(event.__struct_config__.tag) for event in world.log)
    REACHED.update(f"ended {seen.end.reason}" for seen in world.observer.calls.values() if seen.end is not None)
    REACHED.update(f"refused {code}" for code in world.refusals)
    REACHED["histories"] += 1
