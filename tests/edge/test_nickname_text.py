"""What may be a nickname: what everybody sees the same way."""

import pytest
from pydantic import ValidationError

from edge.rest.group_models import NewNickname


@pytest.mark.parametrize(("given", "kept"), [(" Ana ", "Ana"), ("e\u0301", "é"), ("👩‍🚀", "👩‍🚀"), ("", ""), ("x" * 64, "x" * 64)])
def test_a_nickname_is_kept_normalised_and_without_blanks_around_it(given: str, kept: str) -> None:
    assert NewNickname(nickname=given).nickname == kept


@pytest.mark.parametrize("given", ["x" * 65, "a\u202eb", "a\nb", "a\u2028b", "a\u0000b", "a\ud800b", "\u200f"])
def test_what_is_invisible_turns_the_reading_direction_or_is_too_long_is_no_nickname(given: str) -> None:
    with pytest.raises(ValidationError):
        NewNickname(nickname=given)
