"""Models of push over HTTP: what is registered, what users want, what became of pushes."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, Field, field_validator

from edge.people.push_labels import LABEL_CHARACTERS_LIMIT, TAGS_LIMIT
from schemas.accounts import AlertOn, QuietLets
from schemas.notices import PushPurpose
from schemas.pushes import PushResult, PushState
from store.pushing import PushSettings
from store.zones import zone_problem

TIME = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"
LOCALE = r"^[A-Za-z]{2,8}([-_][A-Za-z0-9]{1,8}){0,4}$"
Device = Annotated[str, Field(max_length=128, description="As in the session's hello; empty: the one that signed in")]
Label = Annotated[str, Field(min_length=1, max_length=LABEL_CHARACTERS_LIMIT)]
Locale = Annotated[str, Field(max_length=35, pattern=LOCALE)]


class OpenChannel(BaseModel):
    channel: str
    application_server_key: str | None = Field(default=None, description="What a browser subscribes with (RFC 8292), of webpush only")


class OpenChannels(BaseModel):
    channels: list[OpenChannel]


class NewToken(BaseModel):
    token: str = Field(min_length=1, max_length=4_096, description="Of webpush and unifiedpush: the JSON of the PushSubscription")
    device: Device = ""
    app: str = Field(default="", max_length=128, description="Which of the apps that the push channel is set up for; empty where it is one")
    locale: Locale = "en"


class TakenToken(BaseModel):
    channel: str
    token_id: str = Field(description="A keyed hash: the same for the same token, whoever registers it")


class PushDevice(BaseModel):
    device: str
    channel: str
    app: str
    locale: str
    registered_at_ms: int
    this_device: bool


class Settings(BaseModel):
    """What is not said stays as it is."""

    time_zone: str = Field(default="UTC", max_length=64, description="An IANA name: Europe/Berlin")
    quiet_from: str = Field(default="00:00", pattern=TIME, description="On the clocks of the time zone")
    quiet_until: str = Field(default="00:00", pattern=TIME, description="The same as quiet_from: never quiet")
    quiet_lets: list[QuietLets] = Field(default=["calls"], max_length=2, description="What comes in quiet hours all the same")
    content_shown: bool = Field(default=True, description="False: pushes say only that there is something")
    badge: bool = Field(default=True, description="Whether the number of unread messages stands on the app")
    alert_on: AlertOn = Field(default="all", description="All devices, or the one that was used last")
    locale: str = Field(default="", max_length=35, pattern=f"^$|{LOCALE}", description="Empty: each device's own")

    @field_validator("time_zone")
    @classmethod
    def _known(cls, value: str) -> str:
        if why := zone_problem(value):
            raise ValueError(why)
        return value

    @classmethod
    def of(cls, chosen: PushSettings) -> Self:
        """As they are kept: what was a time zone once may be none any more."""
        return cls.model_construct(
            time_zone=chosen.time_zone,
            quiet_from=_text(chosen.quiet_from_min),
            quiet_until=_text(chosen.quiet_until_min),
            quiet_lets=list(chosen.quiet_lets),
            content_shown=chosen.content_shown,
            badge=chosen.badge,
            alert_on=chosen.alert_on,
            locale=chosen.locale,
        )

    def chosen(self) -> PushSettings:
        return PushSettings(
            time_zone=self.time_zone,
            quiet_from_min=_minutes(self.quiet_from),
            quiet_until_min=_minutes(self.quiet_until),
            quiet_lets=tuple(dict.fromkeys(self.quiet_lets)),
            content_shown=self.content_shown,
            badge=self.badge,
            alert_on=self.alert_on,
            locale=self.locale,
        )


def _text(minute: int) -> str:
    return f"{minute // 60 % 24:02d}:{minute % 60:02d}"


def _minutes(text: str) -> int:
    hours, _, minutes = text.partition(":")
    return int(hours) * 60 + int(minutes)


class Labels(BaseModel):
    """What the user is called by where the app's owner pushes to an audience."""

    tags: list[Label] = Field(default=[], max_length=TAGS_LIMIT)
    alias: str = Field(default="", max_length=LABEL_CHARACTERS_LIMIT)


class MyPush(BaseModel):
    settings: Settings
    labels: Labels
    devices: list[PushDevice]


class Mode(BaseModel):
    mode: Literal["all", "mentions", "none"]
    until_ms: int = Field(default=0, ge=0, le=2**53 - 1, description="0: for good; afterwards it is all again")


class Result(BaseModel):
    """What became of one push. `device` and `channel` empty: nothing was sent, `reason` says why."""

    push_id: str
    conversation: str
    from_seq: int
    to_seq: int
    purpose: PushPurpose
    ref: str
    device: str
    channel: str
    state: PushState
    reason: str
    tries: int
    at_ms: int

    @classmethod
    def of(cls, result: PushResult) -> Self:
        names = set(cls.model_fields) - {"conversation"}
        return cls(conversation=result.conversation_id, **{name: getattr(result, name) for name in names})


class Results(BaseModel):
    results: list[Result]


class Received(BaseModel):
    ticket: str = Field(min_length=1, max_length=300, description="As it came with the push")
