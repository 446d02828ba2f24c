"""When each device leaves a node that is going to stop. Pure; chance is an argument.

All at once would be a storm of hellos at the other nodes: they leave in waves, and within a wave by chance, no more in a second than the
others can welcome. A device has no session from when it leaves until its welcome, so a queue of hellos is a gap in what its user sees.
"""

from collections.abc import Callable

WAVES = 10
LEAVING_PART = 0.8  # of the drain; in the rest whoever leaves in the last wave still closes by itself
TOLD_A_TURN = 200  # frames written before the loop has a turn again


def spread_ms(count: int, drain_ms: int, per_s: int) -> float:
    """Over how long `count` devices leave: `per_s` in a second, or more where LEAVING_PART of the drain would not do."""
    return min(drain_ms * LEAVING_PART, count * 1000 / per_s)


def leaving_ms(count: int, spread: float, chance: Callable[[], float]) -> list[int]:
    """After how many ms each of `count` devices is to leave.

    Shape: ascending by wave, each wave with as many (but for one); all within `spread` ms. `chance` gives 0..1.
    """
    wave_ms = spread / WAVES
    return [int((number * WAVES // count + chance()) * wave_ms) for number in range(count)]
