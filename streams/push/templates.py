"""What an alert says: title and body in the language of the device, as much as its user lets be shown. Pure.

Called by `streams.push.decide`. Rule 1: where content is not to be shown, no name, title or text of anybody appears.
Rule 2: sealed content is never shown, only that it came. Rule 3: a name or title can never pose as another part of the alert: control
characters and signs that turn the direction of reading are taken out.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from schemas.values import Content, ConversationKind
from store.views import MessageView
from streams.push.plurals import form_of
from streams.push.shorten import first
from streams.push.situation import CallNow, CampaignText
from streams.push.texts import ALIASES, DEFAULT, Media, Texts, all_texts

TITLE_LIMIT = 80  # grapheme clusters; phones show some 40
BODY_LIMIT = 300  # phones show some 180; the channel's own limit cuts further

# Control characters but spaces, what turns the direction of reading, and lone surrogates.
_ACTS = re.compile("[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_WHOLE_TYPES: Mapping[str, Media] = {"application/geo+json": "location", "application/json": "other"}
_FAMILIES: Mapping[str, Media] = {"image": "image", "audio": "audio", "video": "video", "text": "file", "application": "file"}
_SHOWN_TEXT = frozenset({"text/plain", "text/markdown"})


@dataclass(frozen=True, slots=True)
class Said:
    title: str
    body: str
    locale: str


@dataclass(frozen=True, slots=True)
class Wording:
    """How to speak to one device about one conversation. `names`: display names by user; `title`: the conversation's."""

    texts: Texts
    locale: str
    shown: bool
    user: str
    kind: ConversationKind = "direct"
    title: str = ""
    names: Mapping[str, str] | None = None

    def name(self, user: str) -> str:
        return plain((self.names or {}).get(user, ""), TITLE_LIMIT) or self.texts.someone


def choose(*locales: str) -> tuple[str, Texts]:
    """The texts of the first of the locales that there are any of, with what they are called: de-AT, then de; at last English."""
    there = all_texts()
    for locale in locales:
        parts = locale.replace("_", "-").lower().split("-")
        for count in range(len(parts), 0, -1):
            tag = "-".join(parts[:count])
            if (tag := ALIASES.get(tag, tag)) in there:
                return tag, there[tag]
    return DEFAULT, there[DEFAULT]


def messages(wording: Wording, views: Sequence[MessageView] | None, count: int) -> Said:
    """`views`: what may be shown, oldest first; None: not known what it is. `count`: how many messages it is about."""
    texts = wording.texts
    counted = _counted(texts, count)
    if not wording.shown:
        return Said(counted, "", wording.locale)
    if not views:
        return Said(plain(wording.title, TITLE_LIMIT) or counted, counted if wording.title else "", wording.locale)
    spoken = [view for view in views if wording.user in view.mentions] or views  # who was spoken to wants to see that
    title = plain(wording.title, TITLE_LIMIT) if wording.kind != "direct" else ""
    body = _line(wording, spoken[-1], named=bool(title) and wording.kind == "group")
    if count > 1:
        body = texts.several[form_of(texts.plural, count)].format(n=count, line=body)
    return Said(title or wording.name(spoken[-1].user), body, wording.locale)


def _counted(texts: Texts, count: int) -> str:
    return texts.messages[form_of(texts.plural, count)].format(n=count)


def ring(wording: Wording, call: CallNow | None) -> Said:
    """A call that rings, or that was missed; `call` None: nothing is known of it but that there is one."""
    missed = call is not None and call.state != "ringing"
    texts = (wording.texts.missed if missed else wording.texts.ring)["video" if call is not None and call.video else "audio"]
    if not wording.shown or call is None:
        return Said(texts, "", wording.locale)
    return Said(wording.name(call.caller), texts, wording.locale)


def campaign(wording: Wording, text: CampaignText) -> Said:
    if not wording.shown and (text.title or text.body):
        return Said(wording.texts.news, "", wording.locale)
    return Said(plain(text.title, TITLE_LIMIT), plain(text.body, BODY_LIMIT), wording.locale)


def _line(wording: Wording, view: MessageView, *, named: bool) -> str:
    """`named`: whether the line has to say who wrote it, because the title does not."""
    text = preview(view.content, wording.texts)
    if wording.user in view.mentions and wording.kind != "direct":
        pattern = wording.texts.mention if named else wording.texts.mention_here
    elif named:
        pattern = wording.texts.line
    else:
        return text
    return pattern.format(name=wording.name(view.user), text=text)


def preview(content: Content | None, texts: Texts) -> str:
    """What of a content may be read on a locked screen: its text, or what kind of thing it is."""
    if content is None or content.key_id is not None:
        return _counted(texts, 1)
    media_type = content.media_type.partition(";")[0].strip().lower()
    if media_type in _SHOWN_TEXT:
        text = plain(content.body.decode("utf-8", "replace"), BODY_LIMIT)
        return text or texts.media["other"]
    return texts.media[media_of(media_type)]


def media_of(media_type: str) -> Media:
    if media_type in _WHOLE_TYPES:
        return _WHOLE_TYPES[media_type]
    family, _, subtype = media_type.partition("/")
    if "location" in subtype:
        return "location"
    return "other" if subtype.endswith("+json") else _FAMILIES.get(family, "other")


def plain(text: str, limit: int) -> str:
    """One line of at most `limit` characters without anything that is not seen but acts."""
    looked_at = first(text, 2 * limit)  # spaces may go; nobody reads a whole book to show its first page
    return first(" ".join(_ACTS.sub("", looked_at).split()), limit)
