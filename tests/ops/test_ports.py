"""Ports of a data directory: kept while free, replaced when taken, never the same twice."""

from __future__ import annotations

import random
import socket
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.embedded.datadir import DataDirLock
from ops.embedded.ports import PORT_FIRST, assign, is_free, next_free, ports_of
from ops.errors import DataDirInUse, OpsError

names = st.lists(st.sampled_from("abcdefg"), unique=True, min_size=1)
some_ports = st.integers(PORT_FIRST, PORT_FIRST + 40)


@given(names, st.dictionaries(st.sampled_from("abcdefg"), some_ports), st.sets(some_ports, max_size=30), st.integers())
def test_assigned_ports_are_free_and_distinct_and_kept_where_they_can_be(
    wanted: list[str], kept: dict[str, int], taken: set[int], seed: int
) -> None:
    ports = assign(wanted, kept, lambda port: port not in taken, random.Random(seed))
    assert set(ports) == set(wanted)
    assert not taken & set(ports.values())
    assert len(set(ports.values())) == len(ports)
    owners: dict[int, str] = {}
    for name in wanted:
        if name in kept and kept[name] not in taken and kept[name] not in owners:
            owners[kept[name]] = name
            assert ports[name] == kept[name]


def test_no_free_port_is_an_error_and_not_a_loop() -> None:
    with pytest.raises(RuntimeError, match="no free port"):
        assign(["a"], {}, lambda _: False, random.Random(1))


def test_a_data_directory_keeps_its_ports_until_a_stranger_takes_one(tmp_path: Path) -> None:
    first = ports_of(tmp_path, ["a", "b"])
    assert ports_of(tmp_path, ["a", "b"]) == first
    with socket.socket() as stranger:
        stranger.bind(("127.0.0.1", first["a"]))
        stranger.listen()
        second = ports_of(tmp_path, ["a", "b"])
        assert second["a"] != first["a"]
        assert second["b"] == first["b"]
        assert not is_free(first["a"])
        assert next_free(first["a"]) > first["a"]


def test_ports_of_other_names_are_not_forgotten(tmp_path: Path) -> None:
    servers = ports_of(tmp_path, ["kafka_port"])
    ports_of(tmp_path, ["worker_1_port"])
    assert ports_of(tmp_path, ["kafka_port"]) == servers


def test_a_data_directory_has_one_owner_and_is_given_back(tmp_path: Path) -> None:
    first, second = DataDirLock(tmp_path), DataDirLock(tmp_path)
    first.take()
    with pytest.raises(DataDirInUse):
        second.take()
    first.release()
    second.take()
    second.release()


@pytest.mark.parametrize("name", ["a,b", "a$b", 'a"b'])
def test_a_path_the_servers_could_not_be_told_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(OpsError, match="may not contain"):
        DataDirLock(tmp_path / name).take()
    assert not (tmp_path / name).exists()
