"""A real Kafka for each test process and one real Cassandra for all of them, in temporary data directories.

Never skips: what is missing (Java, Maven) fails the tests with the command that mends it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from ops.embedded.stack import Stack
from tests.real import running
from tests.real.people import ARGS, CHROMIUM, PATIENCE_MS
from tests.real.shared_cassandra import Beside, shared_cassandra
from tests.real.sign_in_world import MailServer, SmsGateway


@pytest.fixture(scope="session")
def cassandra_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Cassandra's "host:port"."""
    own = tmp_path_factory.getbasetemp()
    common = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    with shared_cassandra(common, tmp_path_factory.mktemp("cassandra")) as address:
        yield address


@pytest.fixture(scope="session")
def stack(cassandra_address: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The running servers; a test that kills Kafka starts it again before it ends, and none kills this Cassandra."""
    with running.started(Beside(tmp_path_factory.mktemp("stack"), cassandra_address)) as stack:
        yield stack


@pytest.fixture
def bootstrap(stack: Stack) -> str:
    """Kafka's "host:port"."""
    return stack.kafka


@pytest.fixture(scope="module")
def keyspace(cassandra_address: str) -> Iterator[str]:
    """A keyspace name that nothing else uses; the test module creates it."""
    name = running.new_keyspace()
    yield name
    running.drop_keyspaces(cassandra_address, name)


@pytest.fixture(scope="module")
def own(cassandra_address: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[running.Servers]:
    """A Kafka for a file alone, for whom consumer groups must begin with it; the Cassandra is the session's."""
    keyspace = running.new_keyspace()
    try:
        with running.started(Stack(tmp_path_factory.mktemp("own-kafka"), with_cassandra=False)) as alone:
            yield running.Servers(alone.kafka, cassandra_address, keyspace)
    finally:
        running.drop_keyspaces(cassandra_address, keyspace)


@pytest.fixture(scope="session")
def warbler(cassandra_address: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[running.Running]:
    """Two edges and a worker, shared by the files of this test process, because starting it takes longer than most of them.

    So a test makes its own users and conversations, and one that kills a process waits for its successor. With a Kafka of its own: on
    the session's one, its worker would own the partitions that other tests' workers wait for.
    """
    yield from _started(cassandra_address, tmp_path_factory)


@pytest.fixture(scope="module")
def own_warbler(cassandra_address: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[running.Running]:
    """The same for a file alone, which changes what holds for everybody: roles, policies, its processes' lives."""
    yield from _started(cassandra_address, tmp_path_factory)


def _started(cassandra: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[running.Running]:
    started = running.start_beside(cassandra, tmp_path_factory.mktemp("warbler"), "--edges", "2")
    try:
        yield started
    finally:
        running.stop(started.process)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def mail() -> Iterator[MailServer]:
    with MailServer().running() as server:
        yield server


@pytest.fixture(scope="module")
def sms() -> Iterator[SmsGateway]:
    with SmsGateway().running() as gateway:
        yield gateway
