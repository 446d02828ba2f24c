"""Versions of rosters: up to where in the topic `rosters` a device has everything. Pure."""

import re
from dataclasses import dataclass

_FORM = re.compile(r"(?P<epoch>.{1,128}):(?P<partition>\d{1,9}):(?P<offset>\d{1,18})")


@dataclass(frozen=True, slots=True)
class Version:
    """Everything before `offset`, which only grows, of one partition of the log of this epoch."""

    epoch: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.epoch}:{self.partition}:{self.offset}"


def version_of(text: str, epoch: str, partition: int, at: int) -> int | None:
    """The offset of a version of this log; None where it is none, or says more than is there: then all must be told."""
    found = _FORM.fullmatch(text)
    if found is None or found["epoch"] != epoch or int(found["partition"]) != partition:
        return None
    offset = int(found["offset"])
    return offset if offset <= at else None
