"""Live sessions of a user in the whole cluster, from the sessions topic."""

from typing import Any

from edge.registry import SessionRegistry
from schemas.records import SessionClosed, SessionOpened, SessionRenewed


def about(session: str, at_ms: int, user: str = "u") -> dict[str, Any]:
    return {"tenant": "default", "user": user, "device": "d", "session_id": session, "node": "n", "at_ms": at_ms}


def test_opened_sessions_count_until_they_close() -> None:
    registry = SessionRegistry()
    registry.apply(SessionOpened(**about("s1", 0), lease_ms=100))
    registry.apply(SessionOpened(**about("s2", 0), lease_ms=100))
    registry.apply(SessionOpened(**about("s3", 0, user="other"), lease_ms=100))
    assert registry.live("u", 50) == 2
    registry.apply(SessionClosed(**about("s1", 60), close_code=1000))
    assert registry.live("u", 60) == 1


def test_a_session_of_a_dead_node_counts_until_its_lease_is_over() -> None:
    registry = SessionRegistry()
    registry.apply(SessionOpened(**about("s1", 0), lease_ms=100))
    assert registry.live("u", 99) == 1
    assert registry.live("u", 100) == 0


def test_a_renewal_prolongs_the_lease_also_of_a_session_whose_opening_was_not_read() -> None:
    registry = SessionRegistry()
    registry.apply(SessionRenewed(**about("s1", 90), lease_ms=100))
    assert registry.live("u", 189) == 1


def test_an_opening_read_twice_counts_once_and_a_stray_closing_is_harmless() -> None:
    registry = SessionRegistry()
    for _ in range(2):
        registry.apply(SessionOpened(**about("s1", 0), lease_ms=100))
    registry.apply(SessionClosed(**about("s9", 1), close_code=1000))
    registry.apply(SessionClosed(**about("s9", 1, user="stranger"), close_code=1000))
    assert registry.live("u", 1) == 1


def test_a_sweep_keeps_nothing_of_users_who_are_gone() -> None:
    registry = SessionRegistry()
    for number in range(100):
        registry.apply(SessionOpened(**about("s1", 0, user=f"u{number}"), lease_ms=100))
    registry.apply(SessionOpened(**about("s1", 500, user="here"), lease_ms=100))
    registry.sweep(200)
    assert set(registry._users) == {"here"}
