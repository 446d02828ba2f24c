"""Whatever is to be said and whatever is answered: what the makers' dialects write fits, and nothing raises."""

import dataclasses
import functools
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.push.alert import Alert
from streams.push.channels.access import Grant
from streams.push.channels.port import Refused
from streams.push.channels.vendor import Draft, Heard, VendorChannel
from tests.push.channel_laws import alert
from tests.push.channels.maker_laws import MakerLaws
from tests.push.channels.test_makers_under_load import LAWS

NOW_MS = 1_790_000_000_000
TOKEN = "Tok3n-of_a.device:000001"
each_maker = pytest.mark.parametrize("laws", LAWS, ids=lambda laws: laws.name)
# Any text, lone surrogates among it: a client may send what is no Unicode.
texts = st.text(st.characters(exclude_categories=()), max_size=400)
WORDS = "code result msg message reason data value invalidUser status expireTokens failTokens sendResult illegal_tokens bad_regids"
keys = st.sampled_from([*WORDS.split(), "taskId", "requestId", "auth_token", "authToken", "access_token", "expires_in", "110003"])
leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["0", "200", TOKEN, "80000000", "80100000"])
)
answers = st.dictionaries(
    keys,
    st.recursive(leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3), max_leaves=8),
    max_size=5,
)
alerts = st.builds(
    lambda kind, title, body, data, badge, ttl_ms: dataclasses.replace(
        alert(kind=kind, title=title, body=body, badge=badge, now_ms=NOW_MS, ttl_ms=ttl_ms), data=data
    ),
    st.sampled_from(["alert", "silent", "ring", "withdraw"]),
    texts,
    texts,
    st.dictionaries(st.sampled_from(["conversation", "seq", "x"]), texts, max_size=3),
    st.none() | st.integers(-5, 10**9),
    st.integers(1, 10**11),
)


@functools.cache  # reads its table from the file
def channel_of(laws: MakerLaws) -> VendorChannel:
    return laws.channel(laws.fake(), 1_000)


@each_maker
@settings(max_examples=60, deadline=None)
@given(some=alerts)
def test_what_is_written_can_be_sent(laws: MakerLaws, some: Alert) -> None:
    dialect = channel_of(laws).dialect
    draft = dialect.write(TOKEN, some, NOW_MS)
    if isinstance(draft, Refused):
        assert (draft.verdict, draft.code) in {("give_up", "unsupported_kind"), ("give_up", "expired")}
        return
    post = dialect.sign(draft, "key", NOW_MS)
    assert len(post.content) < 20_000
    assert all(value.isascii() and value.isprintable() for value in post.headers.values())
    if "json" in post.headers["content-type"]:
        assert isinstance(json.loads(post.content.decode()), dict)


@each_maker
@settings(max_examples=100, deadline=None)
@given(fields=answers)
def test_whatever_is_answered_is_understood_somehow(laws: MakerLaws, fields: dict[str, Any]) -> None:
    channel = channel_of(laws)
    assert isinstance(channel.dialect.read(fields, TOKEN), Heard)
    if channel.grants is not None:
        assert isinstance(channel.grants.granted(fields, NOW_MS), Grant | Heard)


@each_maker
def test_nothing_of_the_alert_is_lost_that_fits(laws: MakerLaws) -> None:
    draft = channel_of(laws).dialect.write(TOKEN, alert(title="Ána", body="Grüße 你好 😀", now_ms=NOW_MS), NOW_MS)
    assert isinstance(draft, Draft)
    assert "Grüße 你好 😀" in json.dumps(draft.fields, ensure_ascii=False)
