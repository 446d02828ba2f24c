"""The commands about retention and holds: each is one call with what was typed; what is no rule is refused here."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from log.places import BadPlace
from ops import administering, retention
from ops.errors import OpsError

DAY_MS = 86_400_000
NOBODY: dict[str, Any] = {"conversations": [], "users": [], "from_ms": 0, "until_ms": 0}
RULE = {"scope": "tenant", "target": ""}

CALLS: list[tuple[str, list[str], tuple[str, str, Any]]] = [
    ("app", ["set", "--days", "90"], ("PUT", "/retention", RULE | {"keep_ms": 90 * DAY_MS})),
    ("app", ["set", "--kind", "group"], ("PUT", "/retention", {"scope": "kind", "target": "group", "keep_ms": 0})),
    (
        "app",
        ["set", "--days", "0.5", "--conversation", "g-1"],
        ("PUT", "/retention", {"scope": "conversation", "target": "g-1", "keep_ms": DAY_MS // 2}),
    ),
    ("app", ["drop"], ("DELETE", "/retention", None)),
    ("holds", ["open", "a letter"], ("POST", "/matters", NOBODY | {"name": "a letter"})),
    (
        "holds",
        ["scope", "m-1", "--user", "u-1", "--user", "u-2", "--conversation", "g-1", "--from", "1970-01-02", "--to", "1970-01-03"],
        (
            "PUT",
            "/matters/m-1/scope",
            {"conversations": ["g-1"], "users": ["u-1", "u-2"], "from_ms": DAY_MS, "until_ms": 2 * DAY_MS},
        ),
    ),
    ("holds", ["place", "a/b", "--reason", "a letter"], ("PUT", "/matters/a%2Fb/hold", {"held": True, "reason": "a letter"})),
    ("holds", ["lift", "m-1"], ("PUT", "/matters/m-1/hold", {"held": False, "reason": ""})),
    ("holds", ["close", "m-1"], ("POST", "/matters/m-1/close", None)),
]


class Edge:
    """Notes what it is asked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, answer: Any) -> None:
        self.asked: list[tuple[str, str, Any]] = []
        self.params: list[dict[str, Any]] = []
        self._answer = answer
        monkeypatch.setattr(httpx, "request", self.request)
        monkeypatch.setattr(administering, "located", lambda url, data: ("http://edge", "secret"))

    def request(self, method: str, url: str, **sent: Any) -> httpx.Response:
        self.asked.append((method, url.removeprefix("http://edge/v1/admin"), sent["json"]))
        self.params.append(sent["params"])
        return httpx.Response(200, json=self._answer)


@pytest.mark.parametrize(("group", "typed", "call"), CALLS, ids=[" ".join(typed) for _, typed, _ in CALLS])
def test_a_command_is_one_call(group: str, typed: list[str], call: tuple[str, str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    edge = Edge(monkeypatch, {"matter": "m-1"})
    done = CliRunner().invoke(getattr(retention, group), typed)
    assert (done.exit_code, edge.asked) == (0, [call]), done.output


def test_a_rule_that_is_dropped_is_named_in_the_query(monkeypatch: pytest.MonkeyPatch) -> None:
    edge = Edge(monkeypatch, {})
    assert CliRunner().invoke(retention.app, ["drop", "--kind", "group"]).exit_code == 0
    assert edge.params == [{"scope": "kind", "target": "group"}]


def test_rules_are_shown_in_days(monkeypatch: pytest.MonkeyPatch) -> None:
    rules = [RULE | {"keep_ms": 90 * DAY_MS}, {"scope": "conversation", "target": "g-1", "keep_ms": 0}]
    Edge(monkeypatch, {"rules": rules})
    shown = CliRunner().invoke(retention.app, ["list"]).output
    assert "90 days" in shown
    assert "for ever" in shown


@pytest.mark.parametrize("typed", [["set", "--days", "0"], ["set", "--days", "-1"], ["set", "--kind", "group", "--conversation", "g-1"]])
def test_what_is_no_rule_is_not_asked_for(typed: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    edge = Edge(monkeypatch, {})
    assert isinstance(CliRunner().invoke(retention.app, typed).exception, OpsError)
    assert edge.asked == []


def test_a_time_that_is_none_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    Edge(monkeypatch, {})
    assert isinstance(CliRunner().invoke(retention.holds, ["open", "a", "--from", "yesterday"]).exception, BadPlace)
