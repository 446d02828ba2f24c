"""Session descriptions as lines and attributes, and nothing about what they mean. Pure.

Source: RFC 8866; WebRTC's use of it: RFC 8829.
"""

from msgspec import Struct

SECTIONS_LIMIT = 128
LINE_CHARS_LIMIT = 4_096


class Section(Struct, frozen=True):
    """One `m=` with its attributes in order. Shape: an attribute without a value has the value ""."""

    kind: str
    port: int
    protocol: str
    formats: tuple[str, ...]
    attributes: tuple[tuple[str, str], ...]

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.attributes if key == name]

    def first(self, name: str) -> str:
        return next((value for key, value in self.attributes if key == name), "")

    def has(self, name: str) -> bool:
        return any(key == name for key, _ in self.attributes)


class Description(Struct, frozen=True):
    attributes: tuple[tuple[str, str], ...]
    sections: tuple[Section, ...]

    def said(self, section: Section, name: str) -> str:
        """The attribute's value in the section, or else for the whole session."""
        return section.first(name) or next((value for key, value in self.attributes if key == name), "")

    def bundled(self) -> tuple[str, ...]:
        """The mids of the first BUNDLE group."""
        groups = (value.split() for key, value in self.attributes if key == "group")
        return next((tuple(words[1:]) for words in groups if words and words[0] == "BUNDLE"), ())


def parse(text: str) -> Description:
    """Raises: ValueError with what is wrong."""
    lines = text.replace("\r\n", "\n").split("\n")
    if lines[0] != "v=0":
        raise ValueError("does not begin with v=0")
    blocks: list[list[str]] = [[]]
    for line in lines:
        if len(line) > LINE_CHARS_LIMIT:
            raise ValueError("a line is too long")
        if line.startswith("m="):
            blocks.append([])
        blocks[-1].append(line)
    if len(blocks) - 1 > SECTIONS_LIMIT:
        raise ValueError(f"more than {SECTIONS_LIMIT} media sections")
    return Description(_attributes(blocks[0]), tuple(_section(block) for block in blocks[1:]))


def _attributes(lines: list[str]) -> tuple[tuple[str, str], ...]:
    pairs = (line[2:].partition(":") for line in lines if line.startswith("a="))
    return tuple((name, value.strip()) for name, _, value in pairs)


def _section(lines: list[str]) -> Section:
    words = lines[0][2:].split()
    if len(words) < 4 or not words[1].isascii() or not words[1].isdigit():
        raise ValueError(f"not a media line: {lines[0][:80]!r}")
    return Section(words[0], int(words[1]), words[2], tuple(words[3:]), _attributes(lines[1:]))


def number(text: str, limit: int) -> int:
    """A whole number from 0 up to `limit`, itself excluded. Raises: ValueError."""
    if not text.isascii() or not text.isdigit() or len(text) > 12 or int(text) >= limit:
        raise ValueError(f"not a number below {limit}: {text[:20]!r}")
    return int(text)
