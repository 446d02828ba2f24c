from string import Formatter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.values import Content, ConversationKind
from streams.push import templates
from streams.push.plurals import form_of
from streams.push.shorten import graphemes
from streams.push.situation import CallNow, CampaignText
from streams.push.templates import BODY_LIMIT, TITLE_LIMIT, Said, Wording, choose, media_of, plain
from streams.push.texts import ALIASES, Texts, all_texts
from tests.push.situations import message

ENGLISH = all_texts()["en"]
LOCALES = sorted(all_texts())
NAMES = {"ben": "Ben", "cem": "Cem"}
REQUIRED = {"one_other": {"one", "other"}, "zero_one_other": {"one", "other"}, "other": {"other"}}
SLAVIC = {"one", "few", "many"}


def wording(kind: ConversationKind = "group", title: str = "Climbers", *, shown: bool = True, texts: Texts = ENGLISH) -> Wording:
    return Wording(texts, "en", shown, "ana", kind, title, NAMES)


def said(kind: ConversationKind, title: str, text: str = "hello", **fields: Any) -> tuple[str, str]:
    one = templates.messages(wording(kind, title), [message(text=text, **fields)], 1)
    return one.title, one.body


# ---- the data


@pytest.mark.parametrize("locale", LOCALES)
def test_a_language_has_every_form_that_its_rule_may_ask_for(locale: str) -> None:
    texts = all_texts()[locale]
    needed = REQUIRED.get(texts.plural, SLAVIC)
    assert needed == set(texts.messages) == set(texts.several)
    assert {form_of(texts.plural, n) for n in range(1, 200)} == needed
    assert set(texts.media) == set(ENGLISH.media)
    assert set(texts.ring) == set(texts.missed) == {"audio", "video"}


@pytest.mark.parametrize("locale", LOCALES)
def test_a_language_names_what_its_patterns_are_filled_with(locale: str) -> None:
    texts = all_texts()[locale]
    for pattern in texts.several.values():
        assert blanks(pattern) == {"n", "line"}
    assert all(blanks(pattern) <= {"n"} for pattern in texts.messages.values())
    assert (blanks(texts.line), blanks(texts.mention), blanks(texts.mention_here)) == ({"name", "text"}, {"name", "text"}, {"text"})
    assert not blanks("".join([texts.someone, texts.news, *texts.media.values(), *texts.ring.values(), *texts.missed.values()]))


def blanks(pattern: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(pattern) if name is not None}


@pytest.mark.parametrize(
    ("locale", "n", "expected"),
    [
        ("en", 1, "New message"),
        ("en", 2, "2 new messages"),
        ("de", 3, "3 neue Nachrichten"),
        ("fr", 1, "Nouveau message"),
        ("pl", 2, "2 nowe wiadomości"),
        ("pl", 5, "5 nowych wiadomości"),
        ("pl", 12, "12 nowych wiadomości"),
        ("pl", 22, "22 nowe wiadomości"),
        ("pl", 21, "21 nowych wiadomości"),
        ("ru", 21, "21 новое сообщение"),
        ("ru", 11, "11 новых сообщений"),
        ("ru", 3, "3 новых сообщения"),
        ("zh", 2, "2 条新消息"),
        ("ja", 2, "新着メッセージ 2 件"),
    ],
)
def test_numbers_take_their_form(locale: str, n: int, expected: str) -> None:
    assert templates.messages(wording(shown=False, texts=all_texts()[locale]), None, n).title == expected


# ---- which language


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (("de-AT",), "de"),
        (("de_AT",), "de"),
        (("DE",), "de"),
        (("zh-Hant-HK",), "zh-hant"),
        (("zh-TW",), "zh-hant"),
        (("zh-CN",), "zh"),
        (("", "fr"), "fr"),
        (("tlh", "es-MX"), "es"),
        (("tlh",), "en"),
        (("../en",), "en"),
        ((), "en"),
    ],
)
def test_a_language_falls_back_to_what_is_nearest(wanted: tuple[str, ...], found: str) -> None:
    assert choose(*wanted)[0] == found
    assert set(ALIASES.values()) <= set(LOCALES)


# ---- what is said


@pytest.mark.parametrize(
    ("kind", "title", "expected"),
    [
        ("direct", "", ("Ben", "hello")),
        ("group", "Climbers", ("Climbers", "Ben: hello")),
        ("group", "", ("Ben", "hello")),
        ("channel", "News", ("News", "hello")),
    ],
)
def test_a_message_says_who_and_what(kind: ConversationKind, title: str, expected: tuple[str, str]) -> None:
    assert said(kind, title) == expected


def test_a_mention_says_so() -> None:
    assert said("group", "Climbers", mentions=("ana",)) == ("Climbers", "Ben mentioned you: hello")
    assert said("group", "", mentions=("ana",)) == ("Ben", "You were mentioned: hello")
    assert said("direct", "", mentions=("ana",)) == ("Ben", "hello")
    assert said("group", "Climbers", mentions=("cem",)) == ("Climbers", "Ben: hello")


def test_of_several_the_newest_is_shown_or_the_one_that_speaks_to_the_user() -> None:
    views = [message(10, "one", mentions=("ana",)), message(11, "two"), message(12, "three", "cem")]
    assert templates.messages(wording(), views[1:], 2).body == "2 new messages: Cem: three"
    assert templates.messages(wording(), views, 3).body == "3 new messages: Ben mentioned you: one"


def test_without_leave_nothing_of_anybody_is_shown() -> None:
    views = [message(text="a secret", mentions=("ana",))]
    assert templates.messages(wording(shown=False), views, 1) == Said("New message", "", "en")
    assert templates.ring(wording(shown=False), CallNow("ben", video=True)) == Said("Incoming video call", "", "en")
    assert templates.campaign(wording(shown=False), CampaignText("Sale", "all of it")) == Said("News", "", "en")


def test_what_is_not_known_is_counted() -> None:
    assert templates.messages(wording(), None, 1) == Said("Climbers", "New message", "en")
    assert templates.messages(wording("direct", ""), None, 1) == Said("New message", "", "en")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (Content("text/plain; charset=utf-8", b"a\n  b"), "a b"),
        (Content("TEXT/PLAIN", b"a"), "a"),
        (Content("text/markdown", b"*a*"), "*a*"),
        (Content("text/html", b"<b>"), "File"),
        (Content("image/png", b"\x89"), "Photo"),
        (Content("audio/ogg", b""), "Voice message"),
        (Content("video/mp4", b""), "Video"),
        (Content("application/pdf", b""), "File"),
        (Content("application/geo+json", b""), "Location"),
        (Content("application/vnd.warbler.location+json", b""), "Location"),
        (Content("application/vnd.shop.card+json", b""), "New message"),
        (Content("", b"x"), "New message"),
        (Content("text/plain", b"", None), "New message"),
        (Content("text/plain", b"\xff\xfeabc"), "\ufffd\ufffdabc"),
        (Content("text/plain", b"sealed", "key-1"), "New message"),
        (Content("image/png", b"sealed", "key-1"), "New message"),
        (None, "New message"),
    ],
)
def test_what_a_locked_screen_shows_of_a_content(content: Content | None, expected: str) -> None:
    assert templates.preview(content, ENGLISH) == expected


def test_calls() -> None:
    assert templates.ring(wording(), CallNow("ben")) == Said("Ben", "Incoming call", "en")
    assert templates.ring(wording(), CallNow("ben", video=True, state="missed")) == Said("Ben", "Missed video call", "en")
    assert templates.ring(wording(), CallNow("nobody")) == Said("Someone", "Incoming call", "en")
    assert templates.ring(wording(), None) == Said("Incoming call", "", "en")


def test_a_campaign_says_its_own() -> None:
    assert templates.campaign(wording(), CampaignText("Sale", "all\nof it")) == Said("Sale", "all of it", "en")


# ---- bad input


def test_nobody_can_turn_the_line_or_break_out_of_it() -> None:
    assert said("group", "Clim\u202ebers", "a\u2066b\x00c\x1b[31m\r\n\r\nBen: pay me") == ("Climbers", "Ben: abc[31m Ben: pay me")
    assert said("group", "G", "{name} {0} {text.__class__}") == ("G", "Ben: {name} {0} {text.__class__}")


def test_a_name_of_nothing_is_someone() -> None:
    nameless = Wording(ENGLISH, "en", True, "ana", "direct", "", {"ben": " \u202e\n"})
    assert templates.messages(nameless, [message()], 1).title == "Someone"


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=700), st.text(max_size=300))
def test_what_is_said_has_an_end_whatever_was_written(text: str, title: str) -> None:
    one = templates.messages(wording("group", title), [message(text=text)], 1)
    assert len(list(graphemes(one.title))) <= TITLE_LIMIT
    assert len(list(graphemes(one.body))) <= BODY_LIMIT + len("Ben: ") + 1
    assert "\n" not in one.title + one.body
    (one.title + one.body).encode()


@given(st.text(max_size=50), st.integers(1, 20))
def test_plain_again_is_the_same(text: str, limit: int) -> None:
    assert plain(plain(text, limit), limit) == plain(text, limit)


def test_a_huge_text_costs_no_more_than_its_beginning() -> None:
    assert len(plain("ä\u0301" * 1_000_000, BODY_LIMIT)) == 2 * BODY_LIMIT - 1


def test_media_types_that_nobody_knows_are_messages() -> None:
    assert media_of("x-thing/what") == media_of("") == media_of("/") == "other"
