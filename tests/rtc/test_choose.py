"""Which engine a call goes to."""

from rtc.choose import Engines, choose, kind_of_name
from schemas.call_records import EngineAnnounced
from schemas.call_signals import EngineKind

NOW = 1_000_000
ORDER: tuple[EngineKind, ...] = ("embedded", "janus", "livekit")


def said(engine: str, kind: EngineKind = "embedded", load: int = 0, **other: object) -> EngineAnnounced:
    values = {
        "engine": engine,
        "engine_kind": kind,
        "capabilities": ("video",),
        "rooms": load,
        "participants": load,
        "participants_limit": 100,
        "draining": False,
        "at_ms": NOW,
        "until_ms": NOW + 6_000,
    }
    return EngineAnnounced(**{**values, **other})  # type: ignore[arg-type]  # each value has its field's type above


def chosen(*engines: EngineAnnounced, wanted: EngineKind | None = None) -> str:
    found = choose(engines, wanted, ORDER, NOW)
    return "" if found is None else found.engine


def test_the_first_kind_of_the_order_that_lives_is_chosen() -> None:
    assert chosen(said("janus-1", "janus"), said("embedded-1")) == "embedded-1"
    assert chosen(said("janus-1", "janus"), said("embedded-1", until_ms=NOW)) == "janus-1"
    assert chosen() == ""


def test_the_least_loaded_one_is_chosen_by_how_full_it_is() -> None:
    assert chosen(said("embedded-1", load=5), said("embedded-2", load=4)) == "embedded-2"
    assert chosen(said("embedded-1", load=5, participants_limit=10), said("embedded-2", load=40)) == "embedded-2"
    assert chosen(said("embedded-2"), said("embedded-1")) == "embedded-1"


def test_who_drains_is_full_or_dead_takes_no_call() -> None:
    assert chosen(said("embedded-1", draining=True)) == ""
    assert chosen(said("embedded-1", load=100)) == ""
    assert chosen(said("embedded-1", until_ms=NOW - 1)) == ""


def test_a_wanted_kind_is_that_kind_or_none() -> None:
    assert chosen(said("embedded-1"), said("janus-1", "janus"), wanted="janus") == "janus-1"
    assert chosen(said("embedded-1"), wanted="janus") == ""


def test_the_last_word_of_an_engine_counts() -> None:
    engines = Engines()
    engines.take(said("embedded-1"))
    assert engines.lives("embedded-1", NOW)
    engines.take(said("embedded-1", until_ms=NOW - 1))
    assert not engines.lives("embedded-1", NOW)
    assert engines.choose(None, ORDER, NOW) is None
    assert engines.kind("embedded-1") == "embedded"


def test_an_engine_for_video_can_video() -> None:
    engines = Engines()
    engines.take(said("embedded-1", capabilities=()))
    engines.take(said("janus-1", "janus"))
    assert engines.choose(None, ORDER, NOW, "video") == engines.get("janus-1")
    assert engines.choose(None, ORDER, NOW, "audio") == engines.get("embedded-1")
    assert engines.choose(None, ORDER, NOW, "video", without={"janus-1"}) is None


def test_an_engine_that_nobody_knows_any_more_is_told_by_its_name() -> None:
    assert kind_of_name("janus-2") == "janus"
    assert kind_of_name("p2p") == "p2p"
    assert kind_of_name("sfu-berlin") == "embedded"
    assert Engines().kind("livekit-1") == "livekit"
