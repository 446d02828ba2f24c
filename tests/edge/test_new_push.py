"""What may be asked to be pushed, as far as the request itself says."""

from typing import Any

import pytest
from pydantic import ValidationError

from edge.people.push_labels import TAGS_LIMIT, BadLabel, labels_of
from edge.rest.admin.pushes import AUDIENCE_BYTES_LIMIT, DATA_BYTES_LIMIT, NewPush, data_text, item_of
from store.campaigns import campaign_of
from store.pushing import PushLabels
from tests.push.campaign_parts import NOW_MS, scheduled

BASE: dict[str, Any] = {"audience": "all", "title": "Hello"}


def nested(depth: int) -> dict[str, Any]:
    data: dict[str, Any] = {}
    for _ in range(depth):
        data = {"a": data}
    return data


@pytest.mark.parametrize(
    "more",
    [
        {"audience_of": ["u-1"]},
        {"audience": "users"},
        {"audience": "everybody"},
        {"title": ""},
        {"title": "\ud800"},
        {"data": {"a": "b" * DATA_BYTES_LIMIT}},
        {"data": {"a": "\ud800"}},
        {"data": nested(5_000)},
        {"send_at_ms": -1},
        {"ttl_ms": 0},
        {"campaign": "00000000-0000-4000-8000-000000000000"},
        {"audience": "users", "audience_of": ["é" * 120] * (AUDIENCE_BYTES_LIMIT // 240 + 1)},
    ],
)
def test_what_cannot_be_pushed_is_refused_before_anything_happens(more: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        NewPush(**BASE | more)


def test_what_the_longest_audience_and_data_may_be() -> None:
    users = [f"u-{number:048}" for number in range(5_000)]
    assert len(NewPush(**BASE | {"audience": "users", "audience_of": users}).audience_of) == 5_000
    data = {"a": "b" * (DATA_BYTES_LIMIT - len('{"a":""}'))}
    assert len(data_text(NewPush(**BASE | {"data": data}).data)) == DATA_BYTES_LIMIT
    assert data_text({}) == ""


def test_a_campaign_as_it_is_told() -> None:
    item = item_of(campaign_of(scheduled(of=("u-1",), audience="users")), NOW_MS)
    assert (item["campaign"], item["state"], item["audience_of"], item["data"]) == ("k-1", "scheduled", ["u-1"], {})


def test_labels_are_each_once_in_one_form_and_can_be_seen() -> None:
    assert labels_of(["news", " news ", "e\u0301", "é"], " ana ") == PushLabels(("news", "é"), "ana")
    assert labels_of([], " ") == PushLabels()
    for tags, alias in (([""], ""), (["a\0"], ""), (["x" * 65], ""), ([], "\u202e"), ([str(n) for n in range(TAGS_LIMIT + 1)], "")):
        with pytest.raises(BadLabel):
            labels_of(tags, alias)
