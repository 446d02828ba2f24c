"""The result of a run as tables and as JSON."""

from __future__ import annotations

import io
import json

from rich.console import Console

from tests.faults.history import Acked, Command, History, ReadBack
from tests.faults.nemesis import Struck
from tests.faults.recovery import Path
from tests.faults.report import EXAMPLES_EACH, examples, exit_code, show, summary
from tests.faults.run import Outcome, Plan
from tests.faults.schedule import QUICK_KINDS, Action, Fault
from tests.faults.violations import Kind, Violation

LOST = Violation(Kind.LOST, "cassandra", "g-1", 3, "not there")
TWICE = Violation(Kind.DUPLICATED, "log", "g-1", 4, "the same as 2")


def outcome_of(*violations: Violation, settled: bool = True) -> Outcome:
    history = History()
    history.invoke(Command("c", "send_message", "ana", "phone", "g-1", 1, 6.0))
    history.answer("c", Acked(1, 8.5))
    struck = [
        Struck(Fault(1.0, Action.KILL, "kafka", 0, 0), Path("kafka"), 5.0, healed_s=5.0),
        Struck(Fault(9.0, Action.DISK_FULL, "kafka", 3, 0), Path("kafka"), 9.0, healed_s=9.0, skipped="no root"),
    ]
    plan = Plan(1, 60, QUICK_KINDS, 9.0)
    return Outcome(plan, history, ReadBack(), struck, list(violations), {"pages": 3}, settled, [], 2, 70.0, ())


def test_the_result_counts_and_measures_and_can_be_written() -> None:
    result = json.loads(json.dumps(summary(outcome_of(LOST, LOST, TWICE))))
    assert (result["acked"], result["faults"], result["kinds"]) == (1, 1, 1)
    assert (result["violations"]["lost"], result["violations"]["duplicated"], result["violations"]["reordered"]) == (2, 1, 0)
    assert result["recovery"] == {"kill -9: kafka": {"faults": 1, "median_s": 3.5, "worst_s": 3.5, "never": 0}}
    assert [each["skipped"] for each in result["schedule"]] == ["", "no root"]


def test_what_is_shown_names_violations_and_what_was_skipped() -> None:
    written = io.StringIO()
    show(outcome_of(LOST, settled=False), Console(file=written, width=200))
    for words in ("kill -9: kafka", "3.50 s", "no root", "promise 1: lost at cassandra: g-1:3 not there", "never answered"):
        assert words in written.getvalue()


def test_one_place_does_not_hide_the_others() -> None:
    assert examples([LOST] * 1_000 + [TWICE]) == [str(LOST)] * EXAMPLES_EACH + [str(TWICE)]


def test_only_a_run_without_violations_that_settled_is_a_success() -> None:
    assert exit_code(outcome_of()) == 0
    assert exit_code(outcome_of(LOST)) == exit_code(outcome_of(settled=False)) == 1
