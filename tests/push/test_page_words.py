"""The page says every reason and state in plain words."""

import re
from pathlib import Path
from typing import get_args

from schemas.pushes import PushState
from store.pushing import CHANNELS
from streams.push.reasons import SAYS

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "sdk" / "js" / "page"
# These are told with what the vendor said.
WITH_ITS_ANSWER = {"status_NNN", "vendor"}


def keys(name: str, module: str = "push_words.js") -> set[str]:
    """The keys of a table of the module."""
    table = re.search(rf"const {name} = .*?\{{\n(.*?)\n\}}", (PAGE / module).read_text(), re.DOTALL)
    assert table is not None
    return set(re.findall(r'^  "?([\w-]+)"?:', table[1], re.MULTILINE))


def test_every_reason_has_words() -> None:
    assert keys("SUPPRESSED") | keys("FAILED") == set(SAYS) - WITH_ITS_ANSWER


def test_every_state_has_a_word() -> None:
    assert keys("STATES") == set(get_args(PushState))


def test_every_push_channel_has_a_name() -> None:
    assert keys("CHANNELS") == set(CHANNELS)


def test_every_language_of_pushes_can_be_chosen() -> None:
    assert keys("LANGUAGES", "notifications.js") == {each.stem for each in (ROOT / "streams" / "push" / "texts").glob("*.yaml")}
