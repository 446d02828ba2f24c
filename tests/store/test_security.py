"""A secured Cassandra: what is read, and what is refused at the start by the name of its variable."""

import ssl
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ops.embedded import tls
from store.cassandra import open_cluster
from store.errors import BadCassandraSecurity
from store.security import UNSECURED
from store.settings import StoreSettings

SECRET = "correct-horse"
NAMED = {"USER": "warbler", "PASSWORD": SECRET}


def settings_of(given: Mapping[str, str]) -> StoreSettings:
    variables = {f"WARBLER_CASSANDRA_{name}": value for name, value in given.items()}
    return StoreSettings.from_env({"WARBLER_CASSANDRA": "127.0.0.1:9042"} | variables)


def test_without_settings_the_driver_is_opened_as_ever() -> None:
    cluster = open_cluster(settings_of({}))
    assert settings_of({}).security == UNSECURED
    assert (cluster.ssl_context, cluster.auth_provider) == (None, None)


def test_name_password_and_tls_reach_the_driver(tmp_path: Path) -> None:
    tls.ensure(tmp_path, datetime.now(UTC))
    (tmp_path / "password").write_text(f"{SECRET}\n")
    files = {"PASSWORD_FILE": str(tmp_path / "password"), "CA_FILE": str(tls.ca_path(tmp_path))}
    settings = settings_of({"USER": "warbler", "SECURITY": "SSL", "CERTIFICATE_FILE": str(tls.server_path(tmp_path)), **files})
    cluster = open_cluster(settings)
    assert (cluster.auth_provider.username, cluster.auth_provider.password) == ("warbler", SECRET)
    assert (cluster.ssl_context.verify_mode, cluster.ssl_context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert SECRET not in repr(settings)


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"SECURITY": "TLS"}, "SECURITY"),
        ({"USER": "warbler"}, "PASSWORD"),
        ({"PASSWORD": SECRET}, "USER"),
        ({"PASSWORD_FILE": "/nowhere/password"}, "USER"),
        (NAMED | {"PASSWORD_FILE": "/nowhere"}, "PASSWORD_FILE"),
        ({"USER": "warbler", "PASSWORD_FILE": "/nowhere/password"}, "PASSWORD_FILE"),
        ({"USER": "warbler", "PASSWORD_FILE": "/dev/null"}, "PASSWORD_FILE"),
        (NAMED | {"CA_FILE": "/nowhere/ca.pem"}, "CA_FILE"),
        ({"SECURITY": "SSL", "CA_FILE": "/nowhere/ca.pem"}, "CA_FILE"),
        ({"SECURITY": "SSL", "CA_FILE": "/dev/null"}, "CA_FILE"),
        ({"SECURITY": "SSL", "KEY_FILE": "/nowhere/key.pem"}, "KEY_FILE"),
        ({"CERTIFICATE_FILE": "/nowhere/own.pem"}, "CERTIFICATE_FILE"),
        ({"SECURITY": "SSL", "CERTIFICATE_FILE": "/nowhere/own.pem"}, "CERTIFICATE_FILE"),
    ],
    ids=lambda value: value if isinstance(value, str) else "-".join(value),
)
def test_what_does_not_fit_is_refused_by_its_name_and_without_the_password(given: dict[str, str], named: str) -> None:
    with pytest.raises(BadCassandraSecurity) as refused:
        settings_of(given)
    assert refused.value.setting == f"WARBLER_CASSANDRA_{named}"
    assert str(refused.value).startswith(f"WARBLER_CASSANDRA_{named} ")
    assert SECRET not in str(refused.value)
    assert isinstance(refused.value, ValueError), "processes end with it at the start, with their exit code for settings"
