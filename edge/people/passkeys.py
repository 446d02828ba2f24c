"""Passkeys: what a browser is asked for, and whether its answer is right. Called by `edge.people.factor_desk` and by the routes.

A credential is checked against the site that it was made for, whatever host a request names: so a page of another origin gets nowhere.
Source: Web Authentication Level 3 (7.1 registering, 7.2 verifying), by the library `webauthn`.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import webauthn
from msgspec import Struct
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url, options_to_json
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from schemas.errors import WarblerError

CREDENTIAL_BYTES_LIMIT = 16 * 1024


class BadPasskey(WarblerError):
    """The answer is not that of a passkey we know, to this challenge, for this site."""


class Passkey(Struct, frozen=True):
    """What is kept (sealed) of a credential; ids and keys in base64url."""

    credential: str
    public_key: str
    rp_id: str
    sign_count: int = 0


@dataclass(frozen=True, slots=True)
class Site:
    """For whom passkeys are: the domain, what it is called, and the origins of its pages."""

    rp_id: str
    name: str
    origins: tuple[str, ...]


def site_of(base_url: str, rp_id: str, name: str, origins: str) -> Site:
    """The settings' site; where they are empty, that of the address by which the page was opened."""
    host = urlsplit(base_url).hostname or "localhost"
    return Site(rp_id or host, name, tuple(origins.replace(",", " ").split()) or (base_url,))


def creation_options(site: Site, user: str, name: str, challenge: bytes, known: Sequence[Passkey], timeout_ms: int) -> dict[str, Any]:
    """For `navigator.credentials.create`: a credential that the browser finds by itself when somebody signs in."""
    options = webauthn.generate_registration_options(
        rp_id=site.rp_id,
        rp_name=site.name,
        user_id=user.encode(),
        user_name=name or user,
        challenge=challenge,
        timeout=timeout_ms,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED, user_verification=UserVerificationRequirement.PREFERRED
        ),
        exclude_credentials=[PublicKeyCredentialDescriptor(base64url_to_bytes(each.credential)) for each in known],
    )
    return dict(json.loads(options_to_json(options)))


def request_options(site: Site, challenge: bytes, known: Sequence[Passkey], verify_user: bool, timeout_ms: int) -> dict[str, Any]:
    """For `navigator.credentials.get`; without `known` the browser offers whatever it has for the site."""
    options = webauthn.generate_authentication_options(
        rp_id=site.rp_id,
        challenge=challenge,
        timeout=timeout_ms,
        allow_credentials=[PublicKeyCredentialDescriptor(base64url_to_bytes(each.credential)) for each in known],
        user_verification=UserVerificationRequirement.REQUIRED if verify_user else UserVerificationRequirement.PREFERRED,
    )
    return dict(json.loads(options_to_json(options)))


def registered(site: Site, challenge: bytes, credential: dict[str, Any]) -> Passkey:
    """Raises: BadPasskey."""
    try:
        verified = webauthn.verify_registration_response(
            credential=credential, expected_challenge=challenge, expected_rp_id=site.rp_id, expected_origin=list(site.origins)
        )
    except Exception as bad:  # noqa: BLE001  the library raises anything on a hostile answer; whatever it is, it is no passkey
        raise BadPasskey(f"{type(bad).__name__}: {bad}") from None
    public_key = bytes_to_base64url(verified.credential_public_key)
    return Passkey(bytes_to_base64url(verified.credential_id), public_key, site.rp_id, verified.sign_count)


def shown(site: Site, challenge: bytes, credential: dict[str, Any], passkey: Passkey, verify_user: bool) -> int:
    """The authenticator's counter after this use. Raises: BadPasskey, also for a counter that goes back: the credential was copied."""
    if passkey.rp_id != site.rp_id:
        raise BadPasskey("the passkey is for another site")
    try:
        verified = webauthn.verify_authentication_response(
            credential=credential,
            expected_challenge=challenge,
            expected_rp_id=passkey.rp_id,
            expected_origin=list(site.origins),
            credential_public_key=base64url_to_bytes(passkey.public_key),
            credential_current_sign_count=passkey.sign_count,
            require_user_verification=verify_user,
        )
    except Exception as bad:  # noqa: BLE001  the library raises anything here too, and none of it is a passkey
        raise BadPasskey(f"{type(bad).__name__}: {bad}") from None
    return verified.new_sign_count


def user_of(credential: dict[str, Any]) -> str:
    """Whose credential it says to be; nothing is believed before `shown`. Raises: BadPasskey."""
    try:
        return base64url_to_bytes(credential["response"]["userHandle"]).decode()
    except (KeyError, TypeError, ValueError, AttributeError):
        raise BadPasskey("the answer does not say whose passkey it is") from None


def credential_of(credential: dict[str, Any]) -> str:
    """Its id. Raises: BadPasskey."""
    found = credential.get("id")
    if not isinstance(found, str):
        raise BadPasskey("the answer has no id")
    return found
