"""The administrator's commands: each is one call, with what was typed and nothing else."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from ops import administering
from ops.errors import OpsError

CALLS: list[tuple[str, list[str], tuple[str, str, Any]]] = [
    ("users", ["show", "u-ana"], ("GET", "/users/u-ana", None)),
    ("users", ["make", "ana", "ben"], ("POST", "/users", {"users": [{"name": "ana"}, {"name": "ben"}]})),
    ("users", ["freeze", "u-ana", "--reason", "spam"], ("POST", "/users/u-ana/freeze", {"reason": "spam"})),
    ("users", ["unfreeze", "a/b"], ("POST", "/users/a%2Fb/unfreeze", {"reason": ""})),
    ("users", ["delete", "u-ana", "--yes"], ("DELETE", "/users/u-ana", None)),
    ("roles", ["set", "auditor", "20", "events.read"], ("PUT", "/roles/auditor", {"level": 20, "permissions": ["events.read"]})),
    ("roles", ["set", "nobody", "0"], ("PUT", "/roles/nobody", {"level": 0, "permissions": []})),
    ("roles", ["drop", "auditor"], ("DELETE", "/roles/auditor", None)),
    ("roles", ["give", "u-ana", "support"], ("PUT", "/users/u-ana/role", {"role": "support"})),
    ("keys", ["make", "b", "users.read", "--days", "1"], ("POST", "/keys", {"name": "b", "scopes": ["users.read"], "ttl_ms": 86_400_000})),
    ("keys", ["make", "b", "users.read"], ("POST", "/keys", {"name": "b", "scopes": ["users.read"], "ttl_ms": None})),
    ("keys", ["revoke", "wk-1"], ("DELETE", "/keys/wk-1", None)),
    ("policies", ["set", "step_up", '{"minutes": 5}'], ("PUT", "/policies/step_up", {"value": {"minutes": 5}})),
]


class Edge:
    """Notes what it is asked and answers `answer`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, answer: httpx.Response) -> None:
        self.asked: list[tuple[str, str, Any]] = []
        self._answer = answer
        monkeypatch.setattr(httpx, "request", self.request)
        monkeypatch.setattr(administering, "located", lambda url, data: ("http://edge", "secret"))

    def request(self, method: str, url: str, **sent: Any) -> httpx.Response:
        assert sent["headers"] == {"Authorization": "Bearer secret"}
        self.asked.append((method, url.removeprefix("http://edge/v1/admin"), sent["json"]))
        return self._answer


@pytest.mark.parametrize(("group", "typed", "call"), CALLS)
def test_a_command_is_one_call(group: str, typed: list[str], call: tuple[str, str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    edge = Edge(monkeypatch, httpx.Response(200, json={"value": {"minutes": 5}, "users": [], "id": "wk-1"}))
    done = CliRunner().invoke(getattr(administering, group), typed)
    assert (done.exit_code, edge.asked) == (0, [call]), done.output


def test_a_list_is_a_table_and_says_how_to_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    ana = {"user": "u-ana", "name": "ana", "display_name": "Ana", "user_kind": "person", "state": "active"}
    Edge(monkeypatch, httpx.Response(200, json={"users": [ana], "next": "u-ana ana"}))
    done = CliRunner().invoke(administering.users, ["list"])
    assert done.exit_code == 0
    assert "u-ana" in done.output
    assert "--after 'u-ana ana'" in done.output


def test_a_refusal_is_said_with_its_code(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = {"code": "level_too_high", "detail": "the user has the level 90", "retryable": False}
    Edge(monkeypatch, httpx.Response(403, json=problem))
    done = CliRunner().invoke(administering.users, ["freeze", "u-ana"])
    assert isinstance(done.exception, OpsError)
    assert "level_too_high: the user has the level 90" in str(done.exception)


@pytest.mark.parametrize("answer", [httpx.Response(500, content=b"oops"), httpx.Response(502, json=["?"])])
def test_what_is_no_edge_is_said_as_such(answer: httpx.Response, monkeypatch: pytest.MonkeyPatch) -> None:
    Edge(monkeypatch, answer)
    assert isinstance(CliRunner().invoke(administering.keys, ["list"]).exception, OpsError)


def test_a_policy_that_is_no_json_is_refused_here(monkeypatch: pytest.MonkeyPatch) -> None:
    edge = Edge(monkeypatch, httpx.Response(200, json={}))
    assert isinstance(CliRunner().invoke(administering.policies, ["set", "names", "{"]).exception, OpsError)
    assert edge.asked == []


def test_deleting_asks_first(monkeypatch: pytest.MonkeyPatch) -> None:
    edge = Edge(monkeypatch, httpx.Response(204))
    assert CliRunner().invoke(administering.users, ["delete", "u-ana"], input="n\n").exit_code == 1
    assert edge.asked == []
