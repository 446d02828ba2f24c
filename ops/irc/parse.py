r"""One line of an IRC log to one value, and back. Pure; called by `ops.irc.plan`.

The format (public #ubuntu logs, 2004-2018), and the one older form it has for actions:

    [10:01] <nick> text            === nick has joined #channel
    [10:02]  * nick text           === nick has left #channel [reason]
    [10:03] -nick:#channel- text   === nick is now known as other
    === nick text                  === mode/#channel [+o nick]  by other     === ..[topic/#channel:nick] : text

Old logs put a blank after every `]`, also inside nicks: `bur[n] er` is the nick `bur[n]er`. The value keeps what the line says.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

LINE_BYTES_LIMIT = 8_192  # IRC allows 512; what is longer was not said on IRC


@dataclass(frozen=True, slots=True)
class Message:
    """`text` None: the line ends behind the nick."""

    at: str
    nick: str
    text: str | None


@dataclass(frozen=True, slots=True)
class Action:
    """`/me`. `at` None: the old form, without a time. `text` None: the line ends behind the nick."""

    at: str | None
    nick: str
    text: str | None


@dataclass(frozen=True, slots=True)
class ChannelNotice:
    at: str
    nick: str
    channel: str
    text: str


@dataclass(frozen=True, slots=True)
class Join:
    nick: str
    channel: str


@dataclass(frozen=True, slots=True)
class Leave:
    """`tail`: what is behind the channel, the reason in brackets as it stands there."""

    nick: str
    channel: str
    tail: str


@dataclass(frozen=True, slots=True)
class NickChange:
    nick: str
    other: str


@dataclass(frozen=True, slots=True)
class Mode:
    """`text` is the line without its `=== `."""

    nick: str
    text: str


@dataclass(frozen=True, slots=True)
class Topic:
    nick: str
    channel: str
    text: str


@dataclass(frozen=True, slots=True)
class Other:
    """Something of the server or of an odd client, said by nobody."""

    at: str | None
    text: str


@dataclass(frozen=True, slots=True)
class NotIrc:
    """No line of an IRC log; `why` says so for a person."""

    text: str
    why: str


Line = Message | Action | ChannelNotice | Join | Leave | NickChange | Mode | Topic | Other
AT = r"\[(\d\d:\d\d)\]"
OLD_NICK = r"((?:[^\s\]]|\] )+)"
MESSAGE = re.compile(rf"{AT} <([^>]+)>(?: (.*))?")
ACTION = re.compile(rf"{AT}  \* (\S+)(?: (.*))?")
NOTICE = re.compile(rf"{AT} -([^\s:]+):(#[^\s-]+)- (.*)")
TIMED = re.compile(rf"{AT} (.+)")
JOIN = re.compile(r"=== (.+) has joined (#\S+)")
LEAVE = re.compile(r"=== (.+) has left (#\S+)( \[.*)?")
NICK = re.compile(r"=== (.+) is now known as (.+)")
MODE = re.compile(r"=== (mode/#\S+ \[.*\] +by (.+))")
TOPIC = re.compile(r"=== \.\.\[topic/(#[^\s:]+):([^\]]+)\] : (.*)")
OLD_ACTION = re.compile(rf"=== {OLD_NICK} (.*)")
SERVER = re.compile(r"=== (\S*:.*|\S+)")
UNTIMED = re.compile(r"=== (.+)")


def parse_line(text: str) -> Line | NotIrc:
    """The value of a line without its newline. Shape: `render(parse_line(text)) == text` for every Line."""
    if len(text.encode()) > LINE_BYTES_LIMIT:
        return NotIrc(text[:80], f"longer than {LINE_BYTES_LIMIT} bytes")
    if text.startswith("["):
        return _timed(text)
    if text.startswith("=== "):
        return _untimed(text)
    return NotIrc(text[:80], "neither [HH:MM] nor ===")


def _timed(text: str) -> Line | NotIrc:
    if found := MESSAGE.fullmatch(text):
        return Message(found[1], found[2], found[3])
    if found := ACTION.fullmatch(text):
        return Action(found[1], found[2], found[3])
    if found := NOTICE.fullmatch(text):
        return ChannelNotice(found[1], found[2], found[3], found[4])
    if found := TIMED.fullmatch(text):
        return Other(found[1], found[2])
    return NotIrc(text[:80], "no [HH:MM] and something behind it")


def _untimed(text: str) -> Line | NotIrc:
    if found := JOIN.fullmatch(text):
        return Join(found[1], found[2])
    if found := LEAVE.fullmatch(text):
        return Leave(found[1], found[2], found[3] or "")
    if found := NICK.fullmatch(text):
        return NickChange(found[1], found[2])
    if found := MODE.fullmatch(text):
        return Mode(found[2], found[1])
    if found := TOPIC.fullmatch(text):
        return Topic(found[2], found[1], found[3])
    if found := SERVER.fullmatch(text):
        return Other(None, found[1])
    if found := OLD_ACTION.fullmatch(text):
        return Action(None, found[1], found[2])
    if found := UNTIMED.fullmatch(text):
        return Other(None, found[1])
    return NotIrc(text[:80], "nothing behind ===")


def render(line: Line) -> str:
    """The text that `parse_line` was given."""
    match line:
        case Message(at, nick, text):
            return f"[{at}] <{nick}>" + ("" if text is None else f" {text}")
        case Action(None, nick, text):
            return f"=== {nick} {text}"
        case Action(at, nick, text):
            return f"[{at}]  * {nick}" + ("" if text is None else f" {text}")
        case ChannelNotice(at, nick, channel, text):
            return f"[{at}] -{nick}:{channel}- {text}"
        case Join(nick, channel):
            return f"=== {nick} has joined {channel}"
        case Leave(nick, channel, tail):
            return f"=== {nick} has left {channel}{tail}"
        case NickChange(nick, other):
            return f"=== {nick} is now known as {other}"
        case Mode(_, text):
            return f"=== {text}"
        case Topic(nick, channel, text):
            return f"=== ..[topic/{channel}:{nick}] : {text}"
        case Other(None, text):
            return f"=== {text}"
        case Other(at, text):
            return f"[{at}] {text}"
