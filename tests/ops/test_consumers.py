"""What an account of a consumer may be given, and the files that its program gets."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from ops.consumers.access import BadConsumer, Grant, Kind, Pattern, consumers, wanted
from ops.consumers.client_files import Access, java, librdkafka
from ops.embedded import tls
from schemas.registry import TOPICS

STABLE = "conversation-events"
NOW = datetime(2026, 11, 26, tzinfo=UTC)


def test_an_account_reads_its_topics_and_joins_groups_of_its_own_name() -> None:
    grants = wanted("crm", [STABLE, "call-events"], [], TOPICS, internal=False)
    assert {str(each) for each in grants if each.kind is Kind.TOPIC} == {STABLE, "call-events"}
    assert {str(each) for each in grants if each.kind is Kind.GROUP} == {"crm", "crm.*"}


def test_a_named_group_takes_the_place_of_the_own_ones() -> None:
    grants = wanted("crm", [STABLE], ["archive", "nightly-*"], TOPICS, internal=False)
    assert {each for each in grants if each.kind is Kind.GROUP} == {
        Grant(Kind.GROUP, "archive", Pattern.LITERAL),
        Grant(Kind.GROUP, "nightly-", Pattern.PREFIXED),
    }


@pytest.mark.parametrize("name", ["", "Crm", "a b", "a;b", "-crm", "crm.", "x" * 65, 'a"b', "a\n", "ANONYMOUS"])
def test_a_name_that_could_not_stand_everywhere_is_refused(name: str) -> None:
    with pytest.raises(BadConsumer, match="name"):
        wanted(name, [STABLE], [], TOPICS, internal=False)


@pytest.mark.parametrize("group", ["warbler-timelines", "warbler-*", "w*", "*", "warbler-", "a*b", ""])
def test_a_group_of_our_workers_is_never_given(group: str) -> None:
    with pytest.raises(BadConsumer):
        wanted("crm", [STABLE], [group], TOPICS, internal=False)


def test_an_internal_topic_is_given_only_to_who_insists() -> None:
    with pytest.raises(BadConsumer, match="internal"):
        wanted("crm", ["conversation-state"], [], TOPICS, internal=False)
    assert Grant(Kind.TOPIC, "conversation-state", Pattern.LITERAL) in wanted("crm", ["conversation-state"], [], TOPICS, internal=True)


@pytest.mark.parametrize("topics", [[], ["no-such-topic"], ["conversation-*"]])
def test_topics_are_named_whole_and_exist(topics: list[str]) -> None:
    with pytest.raises(BadConsumer):
        wanted("crm", topics, [], TOPICS, internal=True)


@given(st.text(max_size=70), st.lists(st.text(max_size=12), max_size=3))
def test_whatever_is_asked_no_grant_reaches_a_group_of_ours(name: str, groups: list[str]) -> None:
    try:
        grants = wanted(name, [STABLE], groups, TOPICS, internal=False)
    except BadConsumer:
        return
    for each in grants:
        reaches = "warbler-inbox".startswith(each.name) if each.pattern is Pattern.PREFIXED else each.name == "warbler-inbox"
        assert each.kind is Kind.TOPIC or not reaches


def test_an_account_without_password_and_one_without_grants_are_both_shown() -> None:
    found = consumers({"old": [Grant(Kind.TOPIC, STABLE, Pattern.LITERAL)]}, {"new"})
    assert [(each.name, each.topics, each.has_password) for each in found] == [("new", (), True), ("old", (STABLE,), False)]


def test_the_files_name_everything_a_client_needs_and_no_authority_where_there_is_none() -> None:
    access = Access("k:9094", "crm", "pa=ss", "/x/ca.pem")
    settings = dict(line.split("=", 1) for line in librdkafka(access).splitlines())
    assert settings["sasl.password"] == "pa=ss"
    assert settings["ssl.ca.location"] == "/x/ca.pem"
    assert 'username="crm" password="pa=ss";' in java(access)
    trusted = Access("k:9094", "crm", "p", "")
    assert "ssl." not in librdkafka(trusted) + java(trusted)


def certificate(home: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(tls.server_path(home).read_bytes())


def test_the_servers_certificate_is_renewed_in_time_and_the_authority_stays(tmp_path: Path) -> None:
    tls.ensure(tmp_path, NOW)
    first, ca = certificate(tmp_path), tls.ca_path(tmp_path).read_bytes()
    tls.ensure(tmp_path, NOW + timedelta(days=300))
    assert certificate(tmp_path) == first
    tls.ensure(tmp_path, NOW + timedelta(days=390))
    assert certificate(tmp_path).not_valid_after_utc > first.not_valid_after_utc
    assert tls.ca_path(tmp_path).read_bytes() == ca


def test_a_certificate_of_another_authority_or_cut_short_is_made_anew(tmp_path: Path) -> None:
    tls.ensure(tmp_path / "other", NOW)
    tls.ensure(tmp_path, NOW)
    for wrong in ((tmp_path / "other" / "secrets" / "kafka-tls.pem").read_bytes(), b"-----BEGIN"):
        tls.server_path(tmp_path).write_bytes(wrong)
        tls.ensure(tmp_path, NOW)
        certificate(tmp_path).verify_directly_issued_by(x509.load_pem_x509_certificate(tls.ca_path(tmp_path).read_bytes()))


def test_the_private_keys_are_their_owners_alone(tmp_path: Path) -> None:
    tls.ensure(tmp_path, NOW)
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "secrets").iterdir()} == {0o600}


def test_certificates_for_other_brokers_name_them_and_are_made_anew_for_other_names(tmp_path: Path) -> None:
    tls.main(str(tmp_path), str(os.getuid()), "localhost", "localhost", "127.0.0.1", "kafka-1")
    first = certificate(tmp_path)
    names = first.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost", "kafka-1"]
    tls.main(str(tmp_path), str(os.getuid()), "localhost", "127.0.0.1", "kafka-1")
    assert certificate(tmp_path) == first
    tls.main(str(tmp_path), str(os.getuid()), "localhost", "kafka-2")
    assert certificate(tmp_path) != first
