"""The texts of pushes in every language there is a file for, read once. Used by `streams.push.templates`.

One language is one file beside this one, named by its tag (`de`, `zh-hant`). Nothing is decided here.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Literal

import msgspec
import yaml
from msgspec import Struct

PluralRule = Literal["one_other", "zero_one_other", "east_slavic", "polish", "other"]
Form = Literal["one", "few", "many", "other"]
Media = Literal["image", "audio", "video", "file", "location", "other"]
CallMedia = Literal["audio", "video"]

# Where Chinese is written in the old characters a tag of the country is common.
ALIASES: Mapping[str, str] = {"zh-tw": "zh-hant", "zh-hk": "zh-hant", "zh-mo": "zh-hant"}

FOLDER = Path(__file__).parent
DEFAULT = "en"


class Texts(Struct, frozen=True, forbid_unknown_fields=True):
    """One language. Words in braces are filled in: `n` a number, `name` of a user, `line` of a message, `text` of one.

    `messages`, `several`: by plural form, the second with the newest message. `mention_here`: where the name stands in the title already.
    `news`: a campaign whose text may not be shown.
    """

    plural: PluralRule
    someone: str
    messages: Mapping[Form, str]
    several: Mapping[Form, str]
    line: str
    mention: str
    mention_here: str
    media: Mapping[Media, str]
    ring: Mapping[CallMedia, str]
    missed: Mapping[CallMedia, str]
    news: str


@cache
def all_texts() -> Mapping[str, Texts]:
    """Every language by its tag in small letters. Raises: msgspec.ValidationError for a file that lacks something."""
    return {path.stem.lower(): read_texts(path) for path in sorted(FOLDER.glob("*.yaml"))}


def read_texts(path: Path) -> Texts:
    return msgspec.convert(yaml.safe_load(path.read_text(encoding="utf-8")), Texts)
