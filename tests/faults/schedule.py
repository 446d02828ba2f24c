"""Which fault strikes when: a pure function of the seed and of what there is to strike. Pure.

Performed by `tests.faults.nemesis`. One fault at a time, with time to recover in between, so that a recovery can be told to its fault;
every `DOUBLE_EVERY`th comes with a second one elsewhere.
"""

from __future__ import annotations

import enum
import random
from collections.abc import Collection, Mapping
from dataclasses import dataclass


class Action(enum.Enum):
    KILL = "kill -9"
    STOP = "SIGSTOP"
    TERM = "SIGTERM"
    REFUSE = "refuse"
    BLACK_HOLE = "black-hole"
    ONE_WAY = "one-way cut"
    HALF_OPEN = "half-open"
    RESET = "reset"
    DELAY = "delay"
    SLOW = "slow"
    CORRUPT = "corrupt a byte"
    DISK_FULL = "disk full"
    CLOCK = "clock jump"


PROCESSES = ("edge", "owner", "projector", "kafka", "cassandra")
LINKS = ("edge", "kafka", "cassandra")
SERVERS = ("kafka", "cassandra")
OURS = ("edge", "owner", "projector")


@dataclass(frozen=True, slots=True)
class Form:
    """How long a fault lasts and how strong it is, each between two bounds. The unit of `amount` is the action's."""

    targets: tuple[str, ...]
    lasts_s: tuple[float, float] = (0.0, 0.0)
    amount: tuple[float, float] = (0.0, 0.0)


FORMS: Mapping[Action, Form] = {
    Action.KILL: Form(PROCESSES),
    Action.STOP: Form(PROCESSES, (3.0, 12.0)),
    Action.TERM: Form(PROCESSES),
    Action.REFUSE: Form(LINKS, (3.0, 8.0)),
    Action.BLACK_HOLE: Form(LINKS, (3.0, 8.0)),
    Action.ONE_WAY: Form(LINKS, (3.0, 8.0), (0, 1)),  # 0: towards the server, 1: from it
    Action.HALF_OPEN: Form(LINKS, (3.0, 8.0)),
    Action.RESET: Form(LINKS),
    Action.DELAY: Form(LINKS, (4.0, 10.0), (50, 400)),  # ms
    Action.SLOW: Form(LINKS, (4.0, 8.0), (4_000, 40_000)),  # bytes/s
    Action.CORRUPT: Form(LINKS, (2.0, 4.0), (0, 1)),  # as ONE_WAY
    Action.DISK_FULL: Form(SERVERS, (3.0, 6.0)),
    Action.CLOCK: Form(OURS, (5.0, 10.0), (-90, 90)),  # seconds
}

Kind = tuple[Action, str]
ALL_KINDS: tuple[Kind, ...] = tuple((action, target) for action, form in FORMS.items() for target in form.targets)
# for the short run: what recovers within seconds and needs no tmpfs
QUICK_KINDS: tuple[Kind, ...] = (
    (Action.KILL, "edge"),
    (Action.KILL, "owner"),
    (Action.RESET, "edge"),
    (Action.KILL, "projector"),
    (Action.STOP, "owner"),
    (Action.RESET, "kafka"),
    (Action.BLACK_HOLE, "edge"),
    (Action.TERM, "edge"),
)
DOUBLE_EVERY = 6
FIRST_S = 12.0
SPACING_S = 23.0
QUICK_SPACING_S = 9.0


@dataclass(frozen=True, slots=True)
class Fault:
    """`target` is a name as `warbler up` gives it (edge-2), or kafka, cassandra."""

    at_s: float
    action: Action
    target: str
    lasts_s: float
    amount: float

    @property
    def kind(self) -> str:
        return f"{self.action.value}: {self.target.partition('-')[0]}"

    def __str__(self) -> str:
        parts = [f"{self.at_s:7.1f} s  {self.action.value} {self.target}"]
        parts += [f"for {self.lasts_s:.1f} s"] if self.lasts_s else []
        parts += [f"by {self.amount:.0f}"] if self.amount else []
        return " ".join(parts)


def schedule(
    seed: int,
    seconds: float,
    counts: Mapping[str, int],
    kinds: Collection[Kind] = ALL_KINDS,
    spacing_s: float = SPACING_S,
) -> tuple[Fault, ...]:
    """The faults of a run of so many seconds. `counts`: how many there are of edge, owner and projector.

    Shape: ascending by time; every kind once before any comes again; a fault ends before the next but one begins.
    """
    rng = random.Random(seed)
    faults: list[Fault] = []
    bag: list[Kind] = []
    at_s, number = FIRST_S, 0
    while at_s + spacing_s <= seconds:
        first = _drawn(rng, bag, kinds, counts, at_s)
        faults.append(first)
        number += 1
        if number % DOUBLE_EVERY == 0 and bag:
            kind = bag[-1]
            second = _drawn(rng, bag, kinds, counts, at_s + 1.0)
            if second.target != first.target:
                faults.append(second)
            else:
                bag.append(kind)  # its turn comes later
        at_s += spacing_s
    return tuple(sorted(faults, key=lambda fault: fault.at_s))


def _drawn(rng: random.Random, bag: list[Kind], kinds: Collection[Kind], counts: Mapping[str, int], at_s: float) -> Fault:
    if not bag:
        bag.extend(sorted(kinds, key=lambda kind: (kind[0].value, kind[1])))
        rng.shuffle(bag)
    action, target = bag.pop()
    form = FORMS[action]
    name = f"{target}-{rng.randint(1, counts[target])}" if target in counts else target
    lasts_s = round(rng.uniform(*form.lasts_s), 1)
    amount = rng.uniform(*form.amount)
    if action in (Action.ONE_WAY, Action.CORRUPT):
        amount = float(rng.randint(0, 1))
    return Fault(round(at_s + rng.uniform(0, 2), 1), action, name, lasts_s, round(amount))
