"""docker-compose.yml cannot be started in the tests; so each setting, file and service that it names is looked up instead.

Kafka's names come from a broker (tests/kafka_broker_settings.txt, compared with a running one in tests/real/test_compose_settings.py),
Cassandra's variables from its image's entry point, ours from the settings classes and the sources.
"""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from edge.settings import EdgeSettings
from log.settings import LogSettings
from ops.keys import ensure_keys
from ops.programs import public_half
from ops.settings import ClusterSettings
from registry.settings import RegistrySettings
from rtc.engines.embedded.settings import EmbeddedEngineSettings
from rtc.settings import DriverSettings, engine_name
from store.settings import StoreSettings
from streams.audit.settings import SEALER_VARIABLE, WITNESS_KEY_VARIABLE
from streams.settings import StreamsSettings

ROOT = Path(__file__).resolve().parents[1]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
BROKER_SETTINGS = frozenset((ROOT / "tests" / "kafka_broker_settings.txt").read_text().split())
# Read by the image's scripts, not by the broker.
KAFKA_SCRIPTS = {"CLUSTER_ID", "KAFKA_HEAP_OPTS"}
# The variables that the official image's entry point turns into cassandra.yaml and cassandra-rackdc.properties (its documentation,
# "Configuring Cassandra"), and those that conf/cassandra-env.sh reads.
CASSANDRA_YAML = ["listen_address", "broadcast_address", "rpc_address", "broadcast_rpc_address", "start_rpc", "cluster_name", "num_tokens"]
CASSANDRA_OTHER = ["seeds", "dc", "rack", "endpoint_snitch"]
CASSANDRA_VARIABLES = {f"CASSANDRA_{name.upper()}" for name in (*CASSANDRA_YAML, *CASSANDRA_OTHER)} | {
    "MAX_HEAP_SIZE",
    "HEAP_NEWSIZE",
    "JVM_EXTRA_OPTS",
}


def named(prefix: str) -> dict[str, dict[str, str]]:
    """Environment of the services whose name starts with `prefix`."""
    return {name: service["environment"] for name, service in SERVICES.items() if name.startswith(prefix) and "environment" in service}


def fields(prefix: str, settings: type) -> set[str]:
    return {f"{prefix}_{field.name.upper()}" for field in dataclasses.fields(settings)}


OURS = (
    fields("WARBLER", ClusterSettings)
    | fields("EDGE", EdgeSettings)
    | fields("STREAMS", StreamsSettings)
    | fields("STORE", StoreSettings)
    | fields("LOG", LogSettings)
    | fields("REGISTRY", RegistrySettings)
    | fields("RTC", DriverSettings)
    | fields("RTC", EmbeddedEngineSettings)
)


def literal_in_sources(variable: str) -> bool:
    """Whether a process that compose starts names this variable in its source."""
    folders = ("edge", "streams", "log", "store", "rtc")
    return any(f'"{variable}"' in path.read_text() for folder in folders for path in (ROOT / folder).rglob("*.py"))


def broker_setting(variable: str) -> str:
    """The Kafka setting behind an environment variable of the apache/kafka image: ___ is -, __ is _, _ is a dot."""
    name = variable.removeprefix("KAFKA_").lower()
    return name.replace("___", "-").replace("__", "\0").replace("_", ".").replace("\0", "_")


def test_the_cluster_has_three_of_each_server_and_two_of_each_of_ours() -> None:
    counts = {kind: len(named(kind)) for kind in ("kafka-", "cassandra-", "edge-", "worker-", "embedded-")}
    assert counts == {"kafka-": 3, "cassandra-": 3, "edge-": 2, "worker-": 2, "embedded-": 1}


@pytest.mark.parametrize(("variable", "setting"), [("KAFKA_LOG_DIRS", "log.dirs"), ("KAFKA_A__B___C", "a_b-c")])
def test_image_variables_are_translated_as_the_image_does(variable: str, setting: str) -> None:
    assert broker_setting(variable) == setting


def test_every_kafka_setting_exists_in_the_broker() -> None:
    for service, environment in named("kafka-").items():
        asked = {broker_setting(v) for v in environment if v not in KAFKA_SCRIPTS}
        own = {name for name in asked if re.fullmatch(r"listener\.name\.consumers\.scram-sha-512\.sasl\.jaas\.config", name)}
        unknown = asked - own - BROKER_SETTINGS
        assert not unknown, service


def test_every_cassandra_variable_is_one_of_the_image() -> None:
    for service, environment in named("cassandra-").items():
        assert set(environment) <= CASSANDRA_VARIABLES, service


@pytest.mark.parametrize("prefix", ["edge-", "worker-", "embedded-", "registry", "init", "witness"])
def test_every_variable_of_ours_is_a_setting_or_is_named_in_the_sources(prefix: str) -> None:
    for service, environment in named(prefix).items():
        unknown = {variable for variable in environment if variable not in OURS and not literal_in_sources(variable)}
        assert not unknown, service


def test_the_settings_classes_accept_what_compose_gives_them() -> None:
    for environment in (*named("edge-").values(), *named("worker-").values()):
        assert ClusterSettings.from_env(environment).partitions_replication == (8, 3, 2)
        assert StoreSettings.from_env(environment).consistency == "LOCAL_QUORUM"
        assert len(LogSettings.from_env(environment).bootstrap) == 3
        EdgeSettings.from_env(environment)
        StreamsSettings.from_env(environment)


def test_the_media_engine_accepts_what_compose_gives_it() -> None:
    for service, environment in named("embedded-").items():
        env = environment | {"RTC_PUBLIC_ADDRESS": "127.0.0.1"}  # compose puts it in
        assert engine_name(env, DriverSettings.from_env(env)) == service
        assert f"{EmbeddedEngineSettings.from_env(env).port}:8482/udp" in SERVICES[service]["ports"]


def test_the_registry_accepts_what_compose_gives_it_and_is_where_it_says() -> None:
    service = SERVICES["registry"]
    settings = RegistrySettings.from_env(service["environment"])
    assert settings.key_file == service["environment"]["WARBLER_ADMIN_KEY"]
    assert service["ports"] == [f"{settings.port}:{settings.port}"]
    assert f":{settings.port}/live" in service["healthcheck"]["test"][-1]
    assert service["entrypoint"] == ["python", "-m", "registry"]


def test_the_witness_has_a_key_and_a_state_of_its_own_and_no_private_key_of_anybody_else() -> None:
    witness, keys = SERVICES["witness"], SERVICES["witness-keys"]
    env = witness["environment"]
    assert StreamsSettings.from_env(env).roles == ("witness",)
    assert {name for name in env if name.endswith("_KEY")} == {WITNESS_KEY_VARIABLE}
    assert witness["profiles"] == keys["profiles"] == ["witness"]
    assert f":{env['STREAMS_LIVE_PORT']}/live" in witness["healthcheck"]["test"][-1]
    mounted = dict(volume.split(":")[1::-1] for volume in witness["volumes"])
    others = {
        volume.split(":")[0]
        for name, service in SERVICES.items()
        if name not in ("witness", "witness-keys")
        for volume in service.get("volumes", ())
    }
    assert not others & set(mounted.values())
    copied = {Path(env[variable]).name for variable in (WITNESS_KEY_VARIABLE, SEALER_VARIABLE)}
    assert {Path(word).name for word in keys["entrypoint"][-1].split() if word.startswith("/sealer/")} == copied
    assert {Path(env[variable]).parent.as_posix() for variable in (WITNESS_KEY_VARIABLE, SEALER_VARIABLE)} == {"/data/secrets"}
    assert f"{mounted['/data/secrets']}:/data/secrets" in keys["volumes"]


def test_what_is_copied_to_the_witness_is_what_init_makes(tmp_path: Path) -> None:
    keys = ensure_keys(tmp_path, {})
    assert {path.name for path in (keys.witness_key, public_half(keys.audit_key))} == {"witness-key.pem", "audit-key.pub"}


def test_every_folder_for_a_volume_of_ours_is_there_in_the_image_so_that_it_is_ours() -> None:
    made = next(line for line in (ROOT / "Dockerfile").read_text().splitlines() if "install -d" in line).split()
    ours = {
        volume.split(":")[1]
        for service in SERVICES.values()
        if service.get("image") == "warbler:latest" and "user" not in service
        for volume in service.get("volumes", ())
        if not volume.endswith(":ro")
    }
    assert ours <= set(made)


def test_kafka_keeps_three_copies_and_wants_two_in_sync() -> None:
    for environment in named("kafka-").values():
        copies = {value for variable, value in environment.items() if variable.endswith("REPLICATION_FACTOR")}
        in_sync = {value for variable, value in environment.items() if variable.endswith(("MIN_ISR", "MIN_INSYNC_REPLICAS"))}
        assert (copies, in_sync) == ({"3"}, {"2"})
        assert environment["KAFKA_UNCLEAN_LEADER_ELECTION_ENABLE"] == "false"


def test_each_kafka_has_its_own_id_address_and_vote() -> None:
    for service, environment in named("kafka-").items():
        number = service.rpartition("-")[2]
        assert environment["KAFKA_NODE_ID"] == number
        inner, _, consumers = environment["KAFKA_ADVERTISED_LISTENERS"].partition(",")
        assert inner == f"PLAINTEXT://{service}:9092"
        assert consumers.startswith("CONSUMERS://")
        assert SERVICES[service]["ports"] == [f"{consumers.rpartition(':')[2]}:9094"]
        assert f"{number}@{service}:9093" in environment["KAFKA_CONTROLLER_QUORUM_VOTERS"].split(",")


def test_addresses_name_services_that_exist() -> None:
    for prefix in ("edge-", "worker-", "embedded-", "registry", "init", "witness"):
        for environment in named(prefix).values():
            for variable, kind in (("WARBLER_KAFKA", "kafka-"), ("WARBLER_CASSANDRA", "cassandra-")):
                hosts = [address.rpartition(":")[0] for address in environment[variable].split(",")]
                assert hosts == list(named(kind))
    for environment in named("cassandra-").values():
        assert environment["CASSANDRA_SEEDS"] in SERVICES


def test_each_process_of_ours_has_its_own_node_name() -> None:
    for service, environment in (named("edge-") | named("worker-") | named("embedded-") | named("witness")).items():
        assert environment["WARBLER_NODE"] == service


def test_volumes_and_dependencies_are_declared() -> None:
    for service in SERVICES.values():
        for volume in service.get("volumes", []):
            assert volume.split(":")[0] in COMPOSE["volumes"]
        for dependency, condition in service.get("depends_on", {}).items():
            assert dependency in SERVICES
            assert condition["condition"] in {"service_healthy", "service_completed_successfully"}
            if condition["condition"] == "service_healthy":
                assert "healthcheck" in SERVICES[dependency]


def test_entry_points_and_commands_exist() -> None:
    from ops.cli import app

    commands = {command.name or command.callback.__name__ for command in app.registered_commands if command.callback}
    assert SERVICES["init"]["command"][0] in commands
    for prefix, module in (("edge-", ROOT / "edge" / "__main__.py"), ("worker-", ROOT / "streams" / "worker.py")):
        for name in named(prefix):
            runs = SERVICES[name]["entrypoint"]
            assert runs[:2] == ["python", "-m"]
            assert module in ((ROOT / runs[2].replace(".", "/")).with_suffix(".py"), ROOT / runs[2] / "__main__.py")
            assert module.exists()


def test_health_checks_and_published_ports_meet_the_ports_the_processes_listen_on() -> None:
    for name in (*named("edge-"), *named("worker-")):
        service = SERVICES[name]
        port = service["environment"].get("EDGE_PORT") or service["environment"]["STREAMS_LIVE_PORT"]
        assert f":{port}/live" in service["healthcheck"]["test"][-1]
        assert all(published.rpartition(":")[2] == port for published in service.get("ports", []))


def test_the_images_are_the_versions_that_the_tests_run() -> None:
    for kind, artifact in (("kafka", "kafka_2.13"), ("cassandra", "cassandra-all")):
        pom = (ROOT / "ops" / "embedded" / "conf" / kind / "pom.xml").read_text()
        found = re.search(rf"<artifactId>{re.escape(artifact)}</artifactId><version>([^<]+)</version>", pom)
        assert found is not None
        assert {SERVICES[name]["image"].partition(":")[2] for name in named(f"{kind}-")} == {found.group(1)}


def test_the_dockerfile_copies_what_there_is_and_each_package_of_ours() -> None:
    copies = re.findall(r"^COPY (?!--from)(.+) \S+$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    sources = {source for line in copies for source in line.split()}
    assert not [source for source in sources if not (ROOT / source).exists()]
    assert {"schemas", "log", "store", "streams", "edge", "rtc", "registry", "audit", "ops", "sdk"} <= sources
