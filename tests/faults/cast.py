"""Who takes part in a run: users, their devices, conversations. A pure function of the seed."""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Seat:
    """One device. `home`: the edge it begins at. `wire`: speaks the protocol by itself and records every frame."""

    user: int
    device: str
    home: int
    wire: bool


@dataclass(frozen=True, slots=True)
class Group:
    """`guests` come and go during the run; the first member made the group and stays."""

    members: tuple[int, ...]
    guests: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Cast:
    users_count: int
    seats: tuple[Seat, ...]
    directs: tuple[tuple[int, int], ...]
    groups: tuple[Group, ...]


def cast_of(seed: int, users_count: int = 24, edges: int = 2, groups: int = 6, directs: int = 12) -> Cast:
    """Every third user has three devices, every fifth device of a user with one records the wire: 24 users have 40 devices."""
    rng = random.Random(seed ^ 0xCA57)
    seats: list[Seat] = []
    for user in range(users_count):
        names = ("phone", "laptop", "tablet") if user % 3 == 0 else ("phone",)
        wire = user % 6 == 1
        seats += [Seat(user, name, 1 + (user + index) % edges, wire) for index, name in enumerate(names)]
    chosen: list[Group] = []
    for _ in range(groups):
        some = rng.sample(range(users_count), min(users_count, 9))
        chosen.append(Group(tuple(some[:6]), tuple(some[6:])))
    pairs = {tuple(sorted(rng.sample(range(users_count), 2))) for _ in range(directs)}
    return Cast(users_count, tuple(seats), tuple((a, b) for a, b in sorted(pairs)), tuple(chosen))
