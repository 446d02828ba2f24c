"""What sealers and witnesses are told by variables, and what is refused before anything is connected."""

from pathlib import Path

import pytest

from ops.keys import ensure_keys
from ops.programs import Keys, common_env, public_half, witness
from ops.settings import ClusterSettings
from streams.audit.keys import ring_of
from streams.audit.role import check_audit
from streams.audit.settings import SEALED_TOPICS, AuditSettings, sealers_of


def test_the_defaults_are_the_topics_that_are_kept_for_ever() -> None:
    assert AuditSettings.from_env({}).topics == SEALED_TOPICS
    assert AuditSettings.from_env({"AUDIT_TOPICS": "admin-events, call-events", "AUDIT_EVENTS": "5"}).topics == (
        "admin-events",
        "call-events",
    )


@pytest.mark.parametrize(("variable", "value"), [("AUDIT_TOPICS", "nonsense"), ("AUDIT_EVENTS", "0"), ("AUDIT_INTERVAL_MS", "x")])
def test_a_setting_that_makes_no_sense_is_refused_by_its_name(variable: str, value: str) -> None:
    with pytest.raises(ValueError, match=variable):
        AuditSettings.from_env({variable: value})


def env_of(keys: Keys) -> dict[str, str]:
    return {
        "WARBLER_AUDIT_KEY": str(keys.audit_key),
        "WARBLER_WITNESS_KEY": str(keys.witness_key),
        "WARBLER_AUDIT_SEALER": str(public_half(keys.audit_key)),
    }


def test_keys_that_were_made_are_those_that_are_read(tmp_path: Path) -> None:
    keys = ensure_keys(tmp_path, {})
    env = env_of(keys)
    check_audit(env, ("seal", "witness"))
    assert sealers_of(env) == [ring_of(env, "WARBLER_AUDIT_KEY", "warbler-sealer").signer.verifier]
    ensure_keys(tmp_path, {})  # a second start changes neither half
    assert sealers_of(env) == [ring_of(env, "WARBLER_AUDIT_KEY", "warbler-sealer").signer.verifier]


@pytest.mark.parametrize("variable", ["WARBLER_AUDIT_KEY", "WARBLER_WITNESS_KEY", "WARBLER_AUDIT_SEALER"])
def test_a_key_that_is_missing_or_no_key_is_refused_by_its_name(tmp_path: Path, variable: str) -> None:
    (tmp_path / "no-key").write_text("no key")
    for value in ("", str(tmp_path / "nothing"), str(tmp_path / "no-key")):
        env = env_of(ensure_keys(tmp_path, {})) | {variable: value}
        with pytest.raises(ValueError, match=variable):
            check_audit(env, ("seal", "witness"))


def test_a_witness_gets_the_public_half_of_the_sealers_key_alone(tmp_path: Path) -> None:
    keys = ensure_keys(tmp_path, {})
    program = witness(1, common_env(tmp_path, ClusterSettings("k:1", "c:1"), keys), keys, 10)
    assert program.env["STREAMS_ROLES"] == "witness"
    assert "WARBLER_AUDIT_KEY" not in program.env
    assert program.env["WARBLER_AUDIT_SEALER"] == str(keys.audit_key.with_suffix(".pub"))
