"""Bodies of the REST face. Field limits here are the documented ones; the owner checks what depends on a conversation's state."""

from typing import Literal

from pydantic import BaseModel, Field

from schemas.values import RequestsTaken, StrangersTaken, Visibility

NAME_PATTERN = r"^[A-Za-z0-9._\-|\[\]{}^`\\]+$"


class Credentials(BaseModel):
    name: str = Field(min_length=1, max_length=64, pattern=NAME_PATTERN, examples=["ana"])
    password: str = Field(min_length=8, max_length=256, examples=["correct horse"])


class RefreshToken(BaseModel):
    refresh_token: str = Field(min_length=1, max_length=512)


class SignedIn(BaseModel):
    user: str
    name: str
    access_token: str
    access_expires_at_ms: int
    refresh_token: str


class User(BaseModel):
    user: str
    name: str


class Users(BaseModel):
    users: list[User]


class NewUser(BaseModel):
    name: str = Field(min_length=1, max_length=64, pattern=NAME_PATTERN)


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


class NewConversation(BaseModel):
    conversation_kind: Literal["direct", "group", "channel"]
    title: str = Field(default="", max_length=256)
    members: list[NewMember] = Field(default_factory=list, max_length=500)
    command_id: str | None = Field(default=None, min_length=36, max_length=36, description="A UUIDv7; the same one makes a retry harmless")


class Created(BaseModel):
    conversation: str
    seq: int


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
    receipts: bool = Field(description="Whether others hear of delivered, read and played")
    presence: Visibility = Field(description="Who sees it; contacts share a direct conversation")
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
