"""Names, e-mail addresses and phone numbers as they are compared: one key for all spellings that a person takes for the same. Pure.

Source: UTS 39 for what is refused in names: nothing but ASCII is left after NFKC, so there are no homoglyphs to tell apart.
"""

import re
import unicodedata
from typing import Literal

import phonenumbers
from email_validator import EmailNotValidError, validate_email

from schemas.errors import WarblerError

NAME_CHARACTERS_LIMIT = 64
_NAME = re.compile(r"[A-Za-z0-9._\-|\[\]{}^`\\]+")
INPUT_CHARACTERS_LIMIT = 254  # RFC 5321 4.5.3.1.3: a path has at most 256, with its brackets
PHONE_CHARACTERS_LIMIT = 32


class BadIdentifier(WarblerError):
    """`code`: bad_name, bad_email or bad_phone."""

    def __init__(self, code: Literal["bad_name", "bad_email", "bad_phone"], detail: str) -> None:
        super().__init__(detail)
        self.code, self.detail = code, detail


def name_key(text: str) -> tuple[str, str]:
    """(key, as it is shown) of a name. Raises: BadIdentifier, which names the first character that is refused."""
    shown = unicodedata.normalize("NFKC", text)
    if not 0 < len(shown) <= NAME_CHARACTERS_LIMIT:
        raise BadIdentifier("bad_name", f"a name has 1 to {NAME_CHARACTERS_LIMIT} characters")
    for character in text:
        if unicodedata.category(character) in ("Cf", "Cc", "Mn", "Me", "Cs", "Co", "Cn"):
            raise BadIdentifier("bad_name", f"a name has no invisible characters, and U+{ord(character):04X} is one")
    for character in shown:
        if not _NAME.fullmatch(character):
            raise BadIdentifier(
                "bad_name", f"names are written with A-Z, a-z, 0-9 and ._-|[]{{}}^`\\, and U+{ord(character):04X} is none of them"
            )
    return shown.casefold(), shown


def email_key(text: str) -> tuple[str, str]:
    """(key, as it is shown) of an e-mail address. Raises: BadIdentifier. The domain is not asked whether it takes mail."""
    try:
        if len(text) > INPUT_CHARACTERS_LIMIT:
            raise BadIdentifier("bad_email", "too long for an e-mail address")
        found = validate_email(text, check_deliverability=False, test_environment=True, strict=True)
    except (EmailNotValidError, ValueError) as exc:
        raise BadIdentifier("bad_email", "not an e-mail address") from exc
    return found.normalized.casefold(), found.normalized


def phone_key(text: str) -> tuple[str, str]:
    """(key, as it is shown) of a phone number with its country code: E.164. Raises: BadIdentifier."""
    try:
        if len(text) > PHONE_CHARACTERS_LIMIT:
            raise BadIdentifier("bad_phone", "too long for a phone number")
        number = phonenumbers.parse(unicodedata.normalize("NFKC", text), None)
    except phonenumbers.NumberParseException as exc:
        raise BadIdentifier("bad_phone", "a phone number starts with + and the country's code") from exc
    if not phonenumbers.is_possible_number(number):
        raise BadIdentifier("bad_phone", "no phone number has so many digits there")
    key = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return key, phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)


def external_key(provider: str, subject: str) -> tuple[str, str]:
    """(key, as it is shown) of who somebody is at a provider. Shape: a provider's id has no space, so no two pairs share a key."""
    return f"{provider} {subject}", provider


def login_key(text: str) -> tuple[Literal["name", "email", "phone"], str]:
    """What somebody who signs in with a password means. Raises: BadIdentifier. Shape: no name holds @ or starts with +."""
    if "@" in text:
        return "email", email_key(text)[0]
    if text.startswith("+"):
        return "phone", phone_key(text)[0]
    return "name", name_key(text)[0]
