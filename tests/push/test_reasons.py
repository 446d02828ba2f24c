from pathlib import Path
from typing import get_args

import pytest

from streams.push.reasons import SAYS, Failed, Withheld, is_reason, says, state_of


def test_every_reason_is_explained_and_nothing_else() -> None:
    assert set(SAYS) == {*get_args(Withheld), *get_args(Failed)}


@pytest.mark.parametrize("reason", get_args(Withheld))
def test_what_is_withheld_has_a_state(reason: Withheld) -> None:
    assert state_of(reason) in ("suppressed", "expired", "withdrawn")


def test_a_status_is_a_reason() -> None:
    assert is_reason("status_503")
    assert says("status_503") == "the vendor answered with HTTP status 503"
    assert not is_reason("status_")
    assert not is_reason("status_x")
    assert not is_reason("because")
    assert says("because") == "because"


def test_the_word_of_every_reason_is_used() -> None:
    """Of what is withheld, each is said by some module that decides; a word that none says would be in the list for nothing."""
    folder = Path(__file__).parent.parent.parent / "streams" / "push"
    sources = "".join(path.read_text() for path in folder.glob("*.py") if path.name != "reasons.py")
    assert [reason for reason in get_args(Withheld) if f'"{reason}"' not in sources] == []
