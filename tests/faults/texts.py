"""What the devices say: lines of the recorded IRC corpus where this machine has it, else made-up words."""

from __future__ import annotations

import random
from collections.abc import Iterator

from ops.irc.files import contents
from ops.irc.parse import Message, parse_line
from tests.irc.corpus import ARCHIVE

LINES_LIMIT = 20_000
TEXT_CHARACTERS_LIMIT = 400
WORDS = tuple(
    "the a one no yes maybe why how kernel panic apt dpkg works here try again thanks hello anyone wifi driver restart".split()  # noqa: SIM905  a list of words
)


def texts(seed: int) -> Iterator[str]:
    """For ever; the same for the same seed and corpus."""
    rng = random.Random(seed ^ 0x7E57)
    recorded = list(_recorded())
    while True:
        yield rng.choice(recorded) if recorded else " ".join(rng.choices(WORDS, k=rng.randint(1, 20)))


def _recorded() -> Iterator[str]:
    if not ARCHIVE.exists():
        return
    found = 0
    for _, data in contents(ARCHIVE):
        for line in data.decode("utf-8", "replace").splitlines():
            parsed = parse_line(line)
            if isinstance(parsed, Message) and parsed.text:
                yield parsed.text[:TEXT_CHARACTERS_LIMIT]
                found += 1
                if found == LINES_LIMIT:
                    return
