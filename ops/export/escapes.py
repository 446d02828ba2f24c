"""Text of strangers inside other formats: nothing in it can become a formula, a header, markup or a control character. Pure."""

from __future__ import annotations

import base64
import re

_CONTROLS = {code: 0x2400 + code for code in range(32)} | {0x7F: 0x2421}
_FOR_XML = {code: picture for code, picture in _CONTROLS.items() if code not in (9, 10, 13, 0x7F)}
_XML_REFUSES = re.compile("[\ud800-\udfff\ufffe\uffff]")
_XML_NAMES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\r": "&#13;"})
# Full-width forms too: some spreadsheets take them for the plain ones.
_FORMULA = tuple("=+-@\t\r\n'＝＋－＠")
_CELL = {code: picture for code, picture in _CONTROLS.items() if code not in (9, 10, 13)}
_LINE = {**_CONTROLS, 0x85: 0x2424, 0x2028: 0x2424, 0x2029: 0x2424}
HEADER_LINE_CHARS = 76
_PLAIN_HEADER = re.compile(r"[ -~]*")
NAME_CHARS_QUOTED = 60
_SIMPLE_HEADER = re.compile(r"(?:(?!=\?)[!-~])+(?: (?:(?!=\?)[!-~])+)*")
_ENCODED_BYTES = 42  # of text in one encoded word: 56 characters of base64 and the 12 around them fit a line


def cell(text: str) -> str:
    """A cell of a CSV that no spreadsheet takes for a formula.

    Shape: what begins like a formula, or with an apostrophe, gets an apostrophe in front; so taking one away where there is one gives
    the text back. Control characters but tab and line ends become their pictures.
    """
    text = text.translate(_CELL)
    return f"'{text}" if text.startswith(_FORMULA) else text


def xml_text(text: str) -> str:
    """For an element's text or an attribute. Shape: what XML 1.0 has no place for becomes a picture of it, or U+FFFD."""
    return _XML_REFUSES.sub("\ufffd", text.translate(_FOR_XML)).translate(_XML_NAMES)


def one_line(text: str) -> str:
    """Without line ends and control characters, which become their pictures."""
    return text.translate(_LINE)


def slack_text(text: str) -> str:
    """Slack's three characters that would begin a mention, a link or an entity."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def header(name: str, value: str) -> str:
    """One header of a mail with its line end, folded; text that is not plain ASCII as encoded words. Source: RFC 5322 2.2.3, RFC 2047."""
    if len(name) + len(value) + 2 <= HEADER_LINE_CHARS and _SIMPLE_HEADER.fullmatch(value):
        return f"{name}: {value}\r\n"
    value = one_line(value)
    words = value.split(" ")
    # An empty word (two blanks, one at an end) could come to stand alone on a line, which a parser may drop.
    if _PLAIN_HEADER.fullmatch(value) and "=?" not in value and all(0 < len(word) < HEADER_LINE_CHARS - len(name) - 2 for word in words):
        return fold(name, words)
    return fold(name, encoded_words(value))


def encoded_words(text: str) -> list[str]:
    """The text as encoded words that are at most a line long; none ends within a character."""
    words, part = [], b""
    for char in text:
        more = char.encode("utf-8", "replace")
        if len(part) + len(more) > _ENCODED_BYTES:
            words.append(part)
            part = b""
        part += more
    return [f"=?utf-8?b?{base64.b64encode(word).decode()}?=" for word in [*words, part] if word]


def fold(name: str, words: list[str]) -> str:
    """A header of words that stay whole, with line ends of a mail."""
    lines, line = [], f"{name}:"
    for word in words:
        if len(line) + 1 + len(word) > HEADER_LINE_CHARS and line.strip() and not line.endswith(f"{name}:"):
            lines.append(line)
            line = ""
        line = f"{line} {word}"
    return "\r\n".join([*lines, line]) + "\r\n"


def mailbox(name: str, address: str) -> list[str]:
    """The words of one mailbox: the name quoted where it is ASCII, else encoded, and the address. Source: RFC 5322 3.4."""
    name = one_line(name)
    if not name:
        return [f"<{address}>"]
    if name.isascii() and "=?" not in name and len(name) <= NAME_CHARS_QUOTED:
        escaped = name.replace("\\", "\\\\").replace('"', '\\"')
        return [f'"{escaped}"', f"<{address}>"]
    return [*encoded_words(name), f"<{address}>"]
