import re
from pathlib import Path
from typing import get_args

import pytest

from streams.push.reasons import SAYS, Failed, Withheld, state_of

ROOT = Path(__file__).parent.parent.parent


def test_every_reason_is_explained_and_nothing_else() -> None:
    assert set(SAYS) == {*get_args(Withheld), *get_args(Failed)}


@pytest.mark.parametrize("reason", get_args(Withheld))
def test_what_is_withheld_has_a_state(reason: Withheld) -> None:
    assert state_of(reason) in ("suppressed", "expired", "withdrawn")


def test_every_reason_is_said_by_something() -> None:
    """A word that no module says would be in the list for nothing."""
    sources = "".join(path.read_text() for path in (ROOT / "streams" / "push").glob("*.py") if path.name != "reasons.py")
    words = [*get_args(Withheld), *(word for word in get_args(Failed) if word != "status_NNN")]
    assert [word for word in words if f'"{word}"' not in sources] == []
    assert 'f"status_' in sources


def test_the_documents_list_every_reason_in_these_words() -> None:
    table = (ROOT / "docs" / "push.md").read_text().partition("**Reasons.**")[2].partition("\n\n**")[0].partition("\n## ")[0]
    assert dict(re.findall(r"^\| `(\w+)` \| (.+?) \|$", table, re.MULTILINE)) == dict(SAYS)
