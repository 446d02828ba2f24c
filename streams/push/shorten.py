"""Makes a title and a body fit what a channel takes, without ever cutting a character that a reader sees as one. Pure.

Called by every push channel. Rule 1: what is kept is a prefix of whole grapheme clusters, and an ellipsis says that there was more.
Rule 2: the body gives way first, then the title. Rule 3: two clusters may be kept as one (scripts where fonts join letters), never cut.
"""

import re
from collections.abc import Callable, Iterator
from itertools import islice
from unicodedata import category, combining

ELLIPSIS = "…"

_CLUSTER_LIMIT = 16  # code points that a character has on the average, at most; a family of four with skin tones has 11

Measure = Callable[[str, str], int]

# Scripts in which every code point is a character of its own, so that most texts need no closer look: Latin, Greek, Cyrillic, Armenian,
# punctuation and symbols, kana and Han. No "\r", no mark, no joiner, no emoji beyond the oldest.
_SIMPLE = re.compile("[\x00-\x0c\x0e-\u02ff\u0370-\u0482\u048a-\u0590\u1e00-\u200b\u2010-\u20cf\u2100-\u2cee\u3030-\u3098\u309b-\ua66e]*")

_LONE = re.compile("[\ud800-\udfff]")  # half of a surrogate pair: JSON can bring one, UTF-8 cannot

_ZWJ = "\u200d"
_VIRAMA_CLASS = 9  # joins the consonants on both sides in Indic scripts (UAX 29, GB9c)
# What extends the character before it though it is no mark: ZWNJ, Thai and Lao AM, half-width voiced marks, skin tones, flag tags.
_EXTENDS = frozenset("\u200c\u200d\u0e33\u0eb3\uff9e\uff9f") | {chr(code) for code in (*range(0x1F3FB, 0x1F400), *range(0xE0020, 0xE0080))}
# Signs that stand before the character they belong to (UAX 29, Prepend).
_PREPENDS = frozenset(map(chr, (*range(0x0600, 0x0606), 0x06DD, 0x070F, 0x0890, 0x0891, 0x08E2, 0x110BD, 0x110CD)))
# Hangul: which kinds of jamo may follow which in one syllable (UAX 29, GB6 to GB8).
_JAMO_NEXT = {"L": "LVWX", "V": "VT", "W": "VT", "T": "T", "X": "T"}


def graphemes(text: str) -> Iterator[str]:
    """The characters as a reader counts them, in order; joined again they are the text. Source: UAX 29."""
    return iter(text) if _SIMPLE.fullmatch(text) else _clusters(text)


def _clusters(text: str) -> Iterator[str]:
    start = flags = 0
    for at in range(1, len(text)):
        flags = flags + 1 if _is_flag_letter(text[at - 1]) else 0
        if not _joined(text[at - 1], text[at], flags):
            yield text[start:at]
            start = at
            flags = 0
    if text:
        yield text[start:]


def first(text: str, limit: int) -> str:
    """At most `limit` grapheme clusters of the text, the last one an ellipsis if there were more. Looks no further than it has to."""
    looked_at = text[: _CLUSTER_LIMIT * limit]
    found = list(islice(graphemes(looked_at), limit + 1))
    if len(found) <= limit and len(looked_at) < len(text):
        return _cut(found, len(found) - 1)  # of the last one there may be more
    return text if len(found) <= limit else _cut(found, limit - 1)


def fit(title: str, body: str, measure: Measure, limit: int) -> tuple[str, str]:
    """Title and body, shortened as little as needed for `measure(title, body)` to be at most `limit`.

    Shape: each a prefix of whole clusters with an ellipsis, empty, or unchanged. Both empty: nothing fits, which the caller has to check
    with its own measure. `measure` must not fall when a text grows. What cannot be encoded (a lone surrogate) is replaced.
    """
    title, body = _encodable(title), _encodable(body)
    if measure(title, body) <= limit:
        return title, body
    shorter = _longest(body, lambda text: measure(title, text) <= limit)
    if shorter is not None:
        return title, shorter
    return _longest(title, lambda text: measure(text, "") <= limit) or "", ""


def _longest(text: str, fits: Callable[[str], bool]) -> str | None:
    """The longest cut of the text that fits, by halving; None: not even the empty one does."""
    if not fits(""):
        return None
    clusters = list(graphemes(text))
    low, high = 0, len(clusters)
    while high - low > 1:  # a cut of `low` clusters fits, the whole text (`high`) does not
        middle = (low + high) // 2
        low, high = (middle, high) if fits(_cut(clusters, middle)) else (low, middle)
    return _cut(clusters, low)


def _cut(clusters: list[str], count: int) -> str:
    """The first ones with an ellipsis; no space before it. Without any, nothing: an ellipsis alone says nothing."""
    while count > 0 and clusters[count - 1].isspace():
        count -= 1
    return "".join(clusters[:count]) + ELLIPSIS if count > 0 else ""


def _encodable(text: str) -> str:
    return text.encode("utf-8", "replace").decode() if _LONE.search(text) else text


def _joined(before: str, after: str, flags: int) -> bool:
    """Whether a reader sees the two as parts of one character. `flags`: how many regional indicators stand before `after` in a row."""
    if after < "\u0300" and before < "\u0300":  # most of what is written, and nothing there joins but the end of a line
        return before == "\r" and after == "\n"
    if after in _EXTENDS or category(after)[0] == "M":
        return True
    if before == _ZWJ or before in _PREPENDS or combining(before) == _VIRAMA_CLASS:
        return True
    if _is_flag_letter(after):
        return flags % 2 == 1
    return _jamo(after) in _JAMO_NEXT.get(_jamo(before), "") if _jamo(after) else False


def _is_flag_letter(char: str) -> bool:
    return "\U0001f1e6" <= char <= "\U0001f1ff"


def _jamo(char: str) -> str:
    """L, V, T; W: a syllable without a final, X: one with it; "" for what is not Hangul."""
    code = ord(char)
    if 0xAC00 <= code <= 0xD7A3:
        return "W" if (code - 0xAC00) % 28 == 0 else "X"
    if 0x1100 <= code <= 0x115F or 0xA960 <= code <= 0xA97C:
        return "L"
    if 0x1160 <= code <= 0x11A7 or 0xD7B0 <= code <= 0xD7C6:
        return "V"
    return "T" if 0x11A8 <= code <= 0x11FF or 0xD7CB <= code <= 0xD7FB else ""
