"""What a profile may say, which bytes are an image, and under which terms a user is found. Pure.

Display names are written in any script; what is refused is what lies about a name: control characters, changes of direction, and
characters that nobody sees. Source: UAX 9 (explicit directional formatting), UTS 39 for the idea of restricting by category.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Literal

from schemas.errors import WarblerError
from store.profiles import Profile, Term

DISPLAY_NAME_GRAPHEMES_LIMIT = 64
DISPLAY_NAME_BYTES_LIMIT = 256
ABOUT_BYTES_LIMIT = 1_024
FIELDS_LIMIT = 32
FIELD_BYTES_LIMIT = 512
AVATAR_BYTES_LIMIT = 64 * 1024
SETTINGS_BYTES_LIMIT = 16 * 1024
MARKS_IN_A_ROW_LIMIT = 4  # combining marks on one letter; Vietnamese and pointed Hebrew need three
TERM_CHARS_LIMIT = 64
TERMS_LIMIT = 5
HEAD_CHARS = 2  # of a term: what a search has at least
_FIELD_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")
_JOINERS = "\u200c\u200d"  # Persian and emoji are written with them; alone they are nothing
_NEW_LINE = "\n"

ImageType = Literal["image/png", "image/jpeg", "image/webp"]


class BadProfile(WarblerError):
    """`code`: bad_display_name, bad_about, bad_fields, bad_avatar or bad_settings."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code, self.detail = code, detail


def display_name(text: str) -> str:
    """As it is kept: NFC, without space around it; empty: none. Raises: BadProfile."""
    name = unicodedata.normalize("NFC", text).strip()
    if len(name.encode("utf-8", "surrogatepass")) > DISPLAY_NAME_BYTES_LIMIT or graphemes(name) > DISPLAY_NAME_GRAPHEMES_LIMIT:
        raise BadProfile(
            "bad_display_name", f"at most {DISPLAY_NAME_GRAPHEMES_LIMIT} characters, and {DISPLAY_NAME_BYTES_LIMIT} bytes of UTF-8"
        )
    _seen("bad_display_name", name, allowed=_JOINERS)
    if any(unicodedata.category(character) in ("Zl", "Zp") for character in name):
        raise BadProfile("bad_display_name", "a name is one line")
    if name and not any(unicodedata.category(character)[0] in "LNPS" for character in name):
        raise BadProfile("bad_display_name", "a name has something to see")
    return name


def about(text: str) -> str:
    """As it is kept. Raises: BadProfile."""
    written = unicodedata.normalize("NFC", text.replace("\r\n", _NEW_LINE)).strip()
    if len(written.encode("utf-8", "surrogatepass")) > ABOUT_BYTES_LIMIT:
        raise BadProfile("bad_about", f"at most {ABOUT_BYTES_LIMIT} bytes of UTF-8")
    _seen("bad_about", written, allowed=_JOINERS + _NEW_LINE)
    return written


def fields(given: Mapping[str, str]) -> dict[str, str]:
    """As they are kept; the tenant gives them their meaning. Raises: BadProfile."""
    if len(given) > FIELDS_LIMIT:
        raise BadProfile("bad_fields", f"at most {FIELDS_LIMIT} fields")
    for name, value in given.items():
        if not _FIELD_NAME.fullmatch(name):
            raise BadProfile("bad_fields", f"{name[:40]!r}: a field's name has a-z, 0-9 and _, begins with a letter, at most 32")
        if len(value.encode("utf-8", "surrogatepass")) > FIELD_BYTES_LIMIT:
            raise BadProfile("bad_fields", f"{name}: at most {FIELD_BYTES_LIMIT} bytes of UTF-8")
        _seen("bad_fields", value, allowed=_JOINERS + _NEW_LINE)
    return dict(given)


def graphemes(text: str) -> int:
    """How many characters somebody sees, about: marks and what a joiner joins are not counted."""
    joined = re.sub("\u200d.", "", text)
    return sum(1 for character in joined if unicodedata.category(character) not in ("Mn", "Me", "Mc", "Cf"))


def _seen(code: str, text: str, allowed: str) -> None:
    marks = 0
    for character in text:
        category = unicodedata.category(character)
        if category in ("Cc", "Cf", "Cs", "Co", "Cn") and character not in allowed:
            raise BadProfile(code, f"U+{ord(character):04X} is a control character, changes the direction, or is not seen")
        marks = marks + 1 if category in ("Mn", "Me") else 0
        if marks > MARKS_IN_A_ROW_LIMIT:
            raise BadProfile(code, f"more than {MARKS_IN_A_ROW_LIMIT} marks on one letter")


def image_type(image: bytes) -> ImageType:
    """What the bytes are by their first ones, whatever anybody says of them. Raises: BadProfile."""
    if not 0 < len(image) <= AVATAR_BYTES_LIMIT:
        raise BadProfile("bad_avatar", f"an image has 1 to {AVATAR_BYTES_LIMIT} bytes")
    if image.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if image.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if image[:4] == b"RIFF" and image[8:12] == b"WEBP":
        return "image/webp"
    raise BadProfile("bad_avatar", "neither a PNG nor a JPEG nor a WebP image")


# ---- finding


def folded(text: str) -> str:
    """As terms and searches are compared: compatibility forms, case, and accents are alike."""
    plain = unicodedata.normalize("NFKD", text).casefold()
    bare = "".join(character for character in plain if unicodedata.category(character) not in ("Mn", "Cf", "Cc"))
    return " ".join(unicodedata.normalize("NFC", bare).split())[:TERM_CHARS_LIMIT]


def terms_of(name: str, shown: str) -> frozenset[Term]:
    """Of a user: its name, and its display name from each of its first words on."""
    words = folded(shown).split()
    texts = [folded(name), *(" ".join(words[at:]) for at in range(min(len(words), TERMS_LIMIT)))]
    return frozenset(Term(head_of(text), text) for text in texts if len(text) >= HEAD_CHARS)


def head_of(term: str) -> str:
    return term[:HEAD_CHARS]


def after_all(prefix: str) -> str:
    """What is larger than everything that begins with the prefix."""
    return prefix + chr(0x10FFFF)


def still_found(term: str, terms: Iterable[Term]) -> bool:
    return any(each.term == term for each in terms)


def merged(profile: Profile, shown: str | None, said: str | None, avatar: str | None, extra: Mapping[str, str] | None) -> Profile:
    """The next version with what was given (None: as it was). Raises: BadProfile."""
    return Profile(
        display_name=profile.display_name if shown is None else display_name(shown),
        about=profile.about if said is None else about(said),
        avatar=profile.avatar if avatar is None else avatar,
        fields=profile.fields if extra is None else fields(extra),
        version=profile.version + 1,
    )
