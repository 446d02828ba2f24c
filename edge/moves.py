"""When each device leaves a node that is going to stop. Pure; chance is an argument.

All at once would be a storm of hellos at the other nodes: they leave in waves, and within a wave by chance.
"""

from collections.abc import Callable

WAVES = 10
LEAVING_PART = 0.8  # of the drain; in the rest whoever leaves in the last wave still closes by itself
TOLD_A_TURN = 200  # frames written before the loop has a turn again


def leaving_ms(count: int, drain_ms: int, chance: Callable[[], float]) -> list[int]:
    """After how many ms each of `count` devices is to leave.

    Shape: ascending by wave, each wave with as many (but for one); all within LEAVING_PART of the drain. `chance` gives 0..1.
    """
    wave_ms = drain_ms * LEAVING_PART / WAVES
    return [int((number * WAVES // count + chance()) * wave_ms) for number in range(count)]
