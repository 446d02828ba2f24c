"""Write the table of `docs/delivery.md` that says what is done for an undelivered message and when: `python docs/make_schedule.py`.

It comes from `streams.inbox.schedule` with the default settings; a test compares what stands there.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from streams.inbox.limits import InboxLimits  # noqa: E402
from streams.inbox.schedule import CARES, KINDS, Action, Care, Step, Waits, steps  # noqa: E402

PAGE = ROOT / "docs" / "delivery.md"
BEGIN, END = "<!-- schedule: made by docs/make_schedule.py -->", "<!-- end of schedule -->"
WORDS = {Action.REDELIVER: "write again", Action.PUSH: "push-request", Action.PUSH_AGAIN: "second push-request"}


def table(waits: Waits) -> str:
    head = ["| kind | QoS | with a live session, not acknowledged | with none |", "|---|---|---|---|"]
    rows = [
        f"| {kind} | {care} | {_cell(kind, care, True, waits)} | {_cell(kind, care, False, waits)} |" for kind in KINDS for care in CARES
    ]
    return "\n".join([BEGIN, "", *head, *rows, "", END])


def _cell(kind: str, care: Care, live: bool, waits: Waits) -> str:
    planned: tuple[Step, ...] = steps(kind, care, live, waits)  # type: ignore[arg-type]
    return ", ".join(f"{_after(step.after_ms)}: {WORDS[step.action]}" for step in planned) or "nothing: it may be lost"


def _after(after_ms: int) -> str:
    if after_ms == 0:
        return "at once"
    minutes, seconds = divmod(after_ms // 1000, 60)
    return f"after {minutes} min {seconds} s" if minutes and seconds else f"after {minutes} min" if minutes else f"after {seconds} s"


def written(page: str) -> str:
    """The page with its table as it must be."""
    before, _, rest = page.partition(BEGIN)
    return before + table(InboxLimits().waits) + rest.partition(END)[2]


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text()))
