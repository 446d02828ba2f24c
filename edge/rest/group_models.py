"""Bodies of the REST face about groups."""

import unicodedata
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, Field

NICKNAME_CHARS_LIMIT = 64
QR_TEXT_CHARS_LIMIT = 1_000
JOINER = "\u200d"  # of emoji: the one invisible character that a name may hold


def plain_nickname(text: str) -> str:
    """Normalised, without blanks around it. Raises: ValueError for what nobody sees or what turns the reading direction."""
    text = unicodedata.normalize("NFC", text).strip()
    if any((char != JOINER and unicodedata.category(char)[0] == "C") or unicodedata.category(char) in ("Zl", "Zp") for char in text):
        raise ValueError("control characters, line breaks and direction marks are no part of a nickname")
    if len(text) > NICKNAME_CHARS_LIMIT:
        raise ValueError(f"a nickname has at most {NICKNAME_CHARS_LIMIT} characters")
    return text


class SettingsItem(BaseModel):
    visibility: Literal["private", "public"]
    joining: Literal["invited", "apply", "open"]
    question: str
    history: Literal["all", "joined"]
    slow_mode_ms: int
    description: str
    avatar: str


class Group(BaseModel):
    """`role` null: the caller is no member, and the group is public."""

    conversation: str
    conversation_kind: Literal["direct", "group", "channel"]
    title: str
    settings: SettingsItem
    settings_version: int
    members_count: int
    role: str | None
    muted_all_until_ms: int
    dissolved: bool
    permissions: list[str] = Field(description="What the caller's role allows")


class PublicGroup(BaseModel):
    conversation: str
    conversation_kind: Literal["group", "channel"]
    title: str
    settings: SettingsItem


class PublicGroups(BaseModel):
    """A page may be short, even empty, and not the last: ask on with `next` as `after` until it is null."""

    conversations: list[PublicGroup]
    next: str | None


class Entry(BaseModel):
    """`key`: a user, a role or a link; the other fields depend on the kind: level, permissions, until_ms, reason, text and so on."""

    key: str
    by: str
    at_ms: int
    level: int | None = None
    permissions: list[str] | None = None
    until_ms: int | None = None
    reason: str | None = None
    expires_at_ms: int | None = None
    uses_limit: int | None = None
    approval: bool | None = None
    text: str | None = None
    link_id: str | None = None
    role: str | None = None


class Entries(BaseModel):
    """A page may be short, even empty, and not the last: ask on with `next` as `after` until it is null."""

    entries: list[Entry]
    next: str | None


class Announcements(BaseModel):
    messages: list[dict[str, Any]] = Field(description="As in the history")
    before_seq: int | None


class NewNickname(BaseModel):
    nickname: Annotated[str, Field(max_length=256), AfterValidator(plain_nickname)] = Field(description="Empty: none any more")
    command_id: str | None = Field(default=None, min_length=36, max_length=36, description="A UUIDv7; the same one makes a retry harmless")


class Nickname(BaseModel):
    user: str
    nickname: str


class Nicknames(BaseModel):
    nicknames: list[Nickname]


class PushMode(BaseModel):
    mode: Literal["all", "mentions", "none"]
    until_ms: int = Field(default=0, ge=0, le=2**53 - 1, description="0: for good")


class QrText(BaseModel):
    text: str = Field(min_length=1, max_length=QR_TEXT_CHARS_LIMIT)
