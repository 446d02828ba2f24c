"""A secured Kafka: what is read, what is refused at the start by the name of its variable, and what every client is opened with."""

import ast
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import faust
import pytest
from aiokafka.errors import IllegalSaslStateError, KafkaConnectionError, SaslAuthenticationFailed, UnsupportedSaslMechanismError

from log.clients import client_options, options_of
from log.errors import (
    BadKafkaSecurity,
    CertificateRefused,
    CredentialsRefused,
    LogRefused,
    LogUnavailable,
    MechanismRefused,
    ServerNotTrusted,
    WrongProtocol,
)
from log.refusals import Seen, judged
from log.security import UNSECURED
from log.settings import LogSettings
from ops.embedded import tls
from streams.faust_app import credentials_of

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("log", "store", "streams", "edge", "rtc", "registry", "audit", "ops", "bench")
SECRET = "correct-horse"
SASL = {"SECURITY": "SASL_SSL", "USER": "warbler", "PASSWORD": SECRET}


def settings_of(given: Mapping[str, str]) -> LogSettings:
    return LogSettings.from_env({"WARBLER_KAFKA": "k1:9093, k2:9093"} | {f"WARBLER_KAFKA_{name}": value for name, value in given.items()})


@pytest.fixture(scope="module")
def pems(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an authority (secrets/kafka-ca.pem), and a key and its certificate in one file (secrets/kafka-tls.pem)."""
    home = tmp_path_factory.mktemp("pems")
    tls.ensure(home, datetime.now(UTC))
    return home


def test_without_settings_clients_are_opened_as_ever() -> None:
    assert settings_of({}).security == UNSECURED
    assert client_options(settings_of({})) == {"bootstrap_servers": ["k1:9093", "k2:9093"], "security_protocol": "PLAINTEXT"}


def test_a_name_and_its_password_are_options_of_every_client() -> None:
    context = ssl.create_default_context()
    assert options_of(settings_of(SASL), context) == {
        "bootstrap_servers": ["k1:9093", "k2:9093"],
        "security_protocol": "SASL_SSL",
        "ssl_context": context,
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "warbler",
        "sasl_plain_password": SECRET,
    }


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"])
def test_faust_gets_the_same(mechanism: str) -> None:
    from faust.transport.drivers.aiokafka import credentials_to_aiokafka_auth

    for security, context in (("SASL_PLAINTEXT", None), ("SASL_SSL", ssl.create_default_context())):
        options = options_of(settings_of(SASL | {"SECURITY": security, "MECHANISM": mechanism}), context)
        given = {name: value for name, value in credentials_to_aiokafka_auth(credentials_of(options)).items() if value is not None}
        assert {"bootstrap_servers": options["bootstrap_servers"], **given} == options


def test_faust_gets_tls_alone_and_nothing_at_all() -> None:
    context = ssl.create_default_context()
    credentials = credentials_of(options_of(settings_of({"SECURITY": "SSL"}), context))
    assert isinstance(credentials, faust.SSLCredentials)
    assert credentials.context is context
    assert credentials_of(options_of(settings_of({}), None)) is None


def test_the_password_may_stand_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "password").write_text(f"{SECRET}\n")
    settings = settings_of({"SECURITY": "SASL_PLAINTEXT", "USER": "warbler", "PASSWORD_FILE": str(tmp_path / "password")})
    assert settings.security.password == SECRET


def test_servers_are_checked_by_their_authority_and_their_name(pems: Path) -> None:
    context = client_options(settings_of({"SECURITY": "SSL", "CA_FILE": str(tls.ca_path(pems))}))["ssl_context"]
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert [dict(each[0] for each in ca["subject"])["commonName"] for ca in context.get_ca_certs()] == [tls.AUTHORITY]


def test_a_certificate_of_ours_may_have_its_key_in_the_same_file(pems: Path) -> None:
    settings = settings_of({"SECURITY": "SSL", "CERTIFICATE_FILE": str(tls.server_path(pems))})
    assert client_options(settings)["ssl_context"] is not None


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"SECURITY": "TLS"}, "SECURITY"),
        ({"MECHANISM": "GSSAPI"}, "MECHANISM"),
        ({"SECURITY": "SASL_SSL", "PASSWORD": SECRET}, "USER"),
        ({"SECURITY": "SASL_SSL", "USER": "warbler"}, "PASSWORD"),
        ({"USER": "warbler"}, "USER"),
        ({"SECURITY": "SSL", "PASSWORD": SECRET}, "PASSWORD"),
        ({"SECURITY": "SSL", "PASSWORD_FILE": "/nowhere"}, "PASSWORD"),
        (SASL | {"PASSWORD_FILE": "/nowhere"}, "PASSWORD_FILE"),
        ({"SECURITY": "SASL_SSL", "USER": "warbler", "PASSWORD_FILE": "/nowhere/password"}, "PASSWORD_FILE"),
        ({"SECURITY": "SASL_SSL", "USER": "warbler", "PASSWORD_FILE": "/dev/null"}, "PASSWORD_FILE"),
        ({"CA_FILE": "/nowhere/ca.pem"}, "CA_FILE"),
        (SASL | {"SECURITY": "SASL_PLAINTEXT", "CA_FILE": "/nowhere/ca.pem"}, "CA_FILE"),
        ({"SECURITY": "SSL", "CA_FILE": "/nowhere/ca.pem"}, "CA_FILE"),
        ({"SECURITY": "SSL", "CA_FILE": "/dev/null"}, "CA_FILE"),
        ({"SECURITY": "SSL", "KEY_FILE": "/nowhere/key.pem"}, "KEY_FILE"),
        ({"CERTIFICATE_FILE": "/nowhere/own.pem"}, "CERTIFICATE_FILE"),
        ({"SECURITY": "SSL", "CERTIFICATE_FILE": "/nowhere/own.pem"}, "CERTIFICATE_FILE"),
    ],
    ids=lambda value: value if isinstance(value, str) else "-".join(value),
)
def test_what_does_not_fit_is_refused_by_its_name_and_without_the_password(given: dict[str, str], named: str) -> None:
    with pytest.raises(BadKafkaSecurity) as refused:
        settings_of(given)
    assert refused.value.setting == f"WARBLER_KAFKA_{named}"
    assert str(refused.value).startswith(f"WARBLER_KAFKA_{named} ")
    assert SECRET not in str(refused.value)
    assert isinstance(refused.value, ValueError), "processes end with it at the start, with their exit code for settings"


def test_no_text_of_the_settings_has_the_password() -> None:
    assert SECRET not in repr(settings_of(SASL)) + str(settings_of(SASL).security)


def certificate_error() -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_message = "unable to get local issuer certificate"
    return error


@pytest.mark.parametrize(
    ("security", "failure", "speaks_tls", "asks_for_name", "expected"),
    [
        ("SASL_SSL", certificate_error(), True, True, ServerNotTrusted),
        ("SASL_SSL", SaslAuthenticationFailed(), True, True, CredentialsRefused),
        ("SASL_SSL", UnsupportedSaslMechanismError(), True, True, MechanismRefused),
        ("SASL_SSL", IllegalSaslStateError(), True, False, WrongProtocol),
        ("SASL_SSL", ConnectionResetError(), False, None, WrongProtocol),
        ("SASL_PLAINTEXT", KafkaConnectionError(), True, None, WrongProtocol),
        ("PLAINTEXT", KafkaConnectionError(), True, None, WrongProtocol),
        ("PLAINTEXT", KafkaConnectionError(), False, True, WrongProtocol),
        ("SSL", KafkaConnectionError(), True, True, WrongProtocol),
        ("SSL", KafkaConnectionError(), True, None, CertificateRefused),
        ("SASL_SSL", KafkaConnectionError(), True, None, CertificateRefused),
        ("SASL_SSL", TimeoutError(), True, None, None),
        ("SASL_SSL", KafkaConnectionError(), None, None, None),
        ("PLAINTEXT", KafkaConnectionError(), False, False, None),
        ("PLAINTEXT", TimeoutError(), None, None, None),
    ],
    ids=lambda value: getattr(value, "__name__", None) or (type(value).__name__ if isinstance(value, Exception) else str(value)),
)
def test_a_failure_is_judged_by_what_the_listener_does(
    security: str, failure: Exception, speaks_tls: bool | None, asks_for_name: bool | None, expected: type[LogRefused] | None
) -> None:
    found = judged(Seen("k1:9093", security, failure, speaks_tls, asks_for_name))
    if expected is None:
        assert found is None
    else:
        assert type(found) is expected
        assert isinstance(found, LogUnavailable), "who waits for Kafka must go on waiting while a password is changed"
        assert str(found).endswith(f"({expected.setting})")


def clients_opened(path: Path) -> list[str]:
    """Where a client of Kafka is made without the options of `log.clients`."""
    source = path.read_text()
    if "AIOKafka" not in source and "bootstrap_servers" not in source:
        return []
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    named = [call for call in calls if any(word.arg == "bootstrap_servers" for word in call.keywords)]
    made = [call for call in calls if isinstance(call.func, ast.Name) and call.func.id.startswith("AIOKafka")]
    bare = [call for call in made if not any(isinstance(word.value, ast.Call) and word.arg is None for word in call.keywords)]
    return [f"{path.relative_to(ROOT)}:{call.lineno}" for call in [*named, *bare]]


def test_every_client_is_opened_with_the_options_of_one_place() -> None:
    sources = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    assert [place for path in sources for place in clients_opened(path)] == []


def test_commands_reach_kafka_as_their_environment_says() -> None:
    """In `ops` nothing makes settings out of an address alone, but the embedded servers' own look at themselves."""
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in (ROOT / "ops").rglob("*.py")
        if "embedded" not in path.parts
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("LogSettings", "StoreSettings")
    ]
    assert found == []
