"""What a call of `warbler rebuild` comes to, given the generations that there are. Pure. Called by `ops.rebuild.command`."""

from __future__ import annotations

from dataclasses import dataclass

from ops.errors import OpsError
from store.generations import PROJECTIONS, Generation, Standing

# What people call them; the directory, the ties and the members are written by one projector from one topic, so they are one projection.
CALLED = {"directory": "timelines", "ties": "timelines", "inbox": "presence"}


class UnknownProjection(OpsError):
    def __init__(self, name: str) -> None:
        said = f"{name!r} is no projection: {', '.join(PROJECTIONS)} (directory is part of timelines, the inbox's table is presence)"
        super().__init__(said + ("; there is no search of messages yet" if name == "search" else ""))


class NotPossible(OpsError):
    """What was asked for does not go with the generations that there are. Nothing was changed."""


@dataclass(frozen=True, slots=True)
class Begin:
    """A new generation is built."""


@dataclass(frozen=True, slots=True)
class GoOn:
    """This one is built further, or brought up to date: from its own progress."""

    generation: int
    ready: bool


@dataclass(frozen=True, slots=True)
class Back:
    """The pointer goes back to this one, once it is up to date."""

    generation: int


@dataclass(frozen=True, slots=True)
class Drop:
    """The tables of these go."""

    generations: tuple[int, ...]


Step = Begin | GoOn | Back | Drop


def projection_of(name: str) -> str:
    """Raises: UnknownProjection."""
    found = CALLED.get(name, name)
    if found not in PROJECTIONS:
        raise UnknownProjection(name)
    return found


def step_of(standing: Standing, epoch: str, *, rollback: bool, drop_old: bool) -> Step:
    """What is done. Raises: NotPossible."""
    others = [each for number, each in sorted(standing.generations.items()) if number != standing.live]
    if drop_old:
        if not others:
            raise NotPossible(f"{standing.projection} has no generation but the live one")
        return Drop(tuple(each.number for each in others))
    if rollback:
        return Back(_kept(standing, others, epoch).number)
    ahead = [each for each in others if each.number > standing.live]
    if not ahead:
        return Begin()
    newest = ahead[-1]
    _check(standing, newest, epoch)
    return GoOn(newest.number, newest.state == "ready")


def _kept(standing: Standing, others: list[Generation], epoch: str) -> Generation:
    """The one to go back to: that before the live one, or what was gone back from."""
    ready = [each for each in others if each.state == "ready"]
    if not ready:
        raise NotPossible(f"{standing.projection} has no generation to go back to")
    before = [each for each in ready if each.number < standing.live]
    found = before[-1] if before else ready[-1]
    _check(standing, found, epoch)
    return found


def _check(standing: Standing, found: Generation, epoch: str) -> None:
    if found.state == "dropping":
        raise NotPossible(f"generation {found.number} of {standing.projection} is being dropped: --drop-old ends that")
    if found.epoch != epoch:
        raise NotPossible(f"generation {found.number} of {standing.projection} is of another log: --drop-old removes it")
