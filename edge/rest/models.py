"""Bodies of the REST face. Field limits here are the documented ones; the owner checks what depends on a conversation's state."""

from typing import Annotated, Literal

from fastapi import Path
from pydantic import BaseModel, Field

from schemas.values import RequestsTaken, StrangersTaken, Visibility

Platform = Literal["web", "ios", "android", "desktop", "bot"]


class DeviceInfo(BaseModel):
    """What the client says about itself. `id`: the one of its hello, kept for as long as it is installed."""

    id: str | None = Field(default=None, min_length=1, max_length=128)
    name: str | None = Field(default=None, min_length=1, max_length=64)
    platform: Platform | None = None
    remember_token: str | None = Field(default=None, min_length=1, max_length=512)


class Registration(BaseModel):
    name: str = Field(min_length=1, max_length=254, examples=["ana"], description="A-Z a-z 0-9 ._-|[]{}^`\\, at most 64")
    password: str = Field(min_length=8, max_length=256, examples=["correct horse"])
    device: DeviceInfo | None = None


class Credentials(BaseModel):
    name: str = Field(min_length=1, max_length=254, examples=["ana"], description="A name, an e-mail address, or a phone number with +")
    password: str = Field(min_length=1, max_length=256, examples=["correct horse"])
    device: DeviceInfo | None = None


class RefreshToken(BaseModel):
    refresh_token: str = Field(min_length=1, max_length=512)


class SignedIn(BaseModel):
    user: str
    name: str
    access_token: str
    access_expires_at_ms: int
    refresh_token: str
    sign_in: str
    remember_token: str | None = None


class FactorNeeded(BaseModel):
    """Something is still to be shown. `enrol`: the policy wants a factor, and the user has none yet."""

    challenge: str
    factors: list[str]
    enrol: bool
    expires_at_ms: int


class Ticket(BaseModel):
    ticket: str
    expires_at_ms: int


class OwnIdentifier(BaseModel):
    identifier: str
    kind: Literal["name", "email", "phone", "external"]
    shown: str


class Me(BaseModel):
    """`role`: in the tenant. `password`: whether there is one."""

    user: str
    name: str
    state: Literal["active", "frozen", "deactivated", "deleted"]
    role: str
    identifiers: list[OwnIdentifier]
    password: bool


class SignInItem(BaseModel):
    sign_in: str
    device: str
    device_name: str
    platform: str
    method: str
    factors: list[str]
    opened_at_ms: int
    seen_at_ms: int
    current: bool


class SignIns(BaseModel):
    sign_ins: list[SignInItem]


class Ended(BaseModel):
    ended: int


class NewPassword(BaseModel):
    old: str = Field(min_length=0, max_length=256, description="Empty where there is none yet")
    new: str = Field(min_length=8, max_length=256)


class User(BaseModel):
    user: str
    name: str


class Users(BaseModel):
    users: list[User]


class NewUser(BaseModel):
    name: str = Field(min_length=1, max_length=254)


class NewUsers(BaseModel):
    users: list[NewUser] = Field(min_length=1, max_length=1000)


class MintedUser(User):
    access_token: str
    access_expires_at_ms: int


class MintedUsers(BaseModel):
    users: list[MintedUser]


class NewMember(BaseModel):
    user: str = Field(min_length=1, max_length=128)
    role: Literal["admin", "member"] = "member"


class NewSettings(BaseModel):
    """Of a group or channel; the owner checks what it may say."""

    visibility: Literal["private", "public"] = "private"
    joining: Literal["invited", "apply", "open"] = "invited"
    question: str = Field(default="", max_length=1_024)
    history: Literal["all", "joined"] = "all"
    slow_mode_ms: int = Field(default=0, ge=0, le=2**53 - 1)
    description: str = Field(default="", max_length=8_192)
    avatar: str = Field(default="", max_length=1_024)


class NewConversation(BaseModel):
    conversation_kind: Literal["direct", "group", "channel"]
    title: str = Field(default="", max_length=256)
    members: list[NewMember] = Field(default_factory=list, max_length=500)
    settings: NewSettings | None = None
    command_id: str | None = Field(default=None, min_length=36, max_length=36, description="A UUIDv7; the same one makes a retry harmless")


class Created(BaseModel):
    conversation: str
    seq: int


ConversationPath = Annotated[str, Path(min_length=1, max_length=128)]
UserPath = Annotated[str, Path(min_length=1, max_length=128)]
IdPath = Annotated[str, Path(min_length=1, max_length=128)]


class Committed(BaseModel):
    """The event that the command became; a repeated command has the same. `seq` 0: taken, and no event came of it."""

    conversation: str
    seq: int
    at_ms: int


class MemberItem(BaseModel):
    user: str
    role: str
    joined_seq: int
    read_seq: int
    read_ordinal: int
    nickname: str | None = None
    muted_until_ms: int | None = None


class Members(BaseModel):
    members: list[MemberItem]
    next: str | None


class Privacy(BaseModel):
    receipts: bool = Field(default=True, description="Whether others hear of delivered, read and played")
    presence: Visibility = Field(default="everyone", description="Who sees it; contacts share a direct conversation")
    strangers: StrangersTaken = Field(default="everyone", description="From whom messages are taken where a conversation begins")
    friend_requests: RequestsTaken = Field(default="everyone", description="From whom friend requests are taken; question: with an answer")
    friend_question: str = Field(default="", max_length=256, description="What a request has to answer")
    searchable: bool = Field(default=True, description="Whether a search by others finds the user")


class ReceiptItem(BaseModel):
    user: str
    up_to_seq: int
    at_ms: int


class Receipts(BaseModel):
    entries: list[ReceiptItem]
    next: str | None


class Problem(BaseModel):
    """Every error of the REST face has this body."""

    code: str
    detail: str
    retryable: bool
