"""A short seeded run against the real system: edges, owners and projectors die under load, and every promise is kept.

The long one is `scripts/faults`. What is measured here depends on the machine and is only printed.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import uvloop
from rich.console import Console

from tests.faults.report import show, summary
from tests.faults.run import Plan, Run
from tests.faults.schedule import QUICK_KINDS, QUICK_SPACING_S

pytestmark = pytest.mark.real

SEED = 7
FAULTY_S = 50.0


def test_a_short_run_keeps_every_promise(tmp_path: Path) -> None:
    plan = Plan(SEED, FAULTY_S, QUICK_KINDS, QUICK_SPACING_S, rate_per_s=40.0)
    outcome = uvloop.run(Run(plan, tmp_path / "run", print).go())
    show(outcome, Console(width=200, soft_wrap=True))
    result = summary(outcome)
    assert result["examples"] == []
    assert outcome.settled
    assert result["acked"] > 500
    assert result["faults"] == len(plan.faults) >= 4
    assert [each for each in result["schedule"] if each["skipped"]] == []
