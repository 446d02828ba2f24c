"""What is kept about pushes: devices' tokens, what users want, what was shown. Values only; the tables are in `store.push_tables`."""

from msgspec import Struct

from schemas.accounts import AlertOn, QuietLets

CHANNELS = ("webpush", "apns", "apns_voip", "fcm", "huawei", "honor", "xiaomi", "oppo", "vivo", "meizu", "unifiedpush")


class PushToken(Struct, frozen=True):
    """Where one device is reached through one channel. `token`: opened; it stands sealed in the row.

    `token_id`: a keyed hash of channel and token, so one token has one id whoever registers it. `app`: which of the configured apps (""
    where there is one). `sign_in`: with whose end it goes.
    """

    user: str
    device: str
    channel: str
    token_id: str
    token: str
    app: str
    locale: str
    sign_in: str
    registered_at_ms: int


class PushSettings(Struct, frozen=True):
    """As in `schemas.accounts.PushSettingsChanged`; these are the defaults. `at_ms`: when the user chose them, 0: never."""

    time_zone: str = "UTC"
    quiet_from_min: int = 0
    quiet_until_min: int = 0
    quiet_lets: tuple[QuietLets, ...] = ("calls",)
    content_shown: bool = True
    badge: bool = True
    alert_on: AlertOn = "all"
    locale: str = ""  # empty: the token's, that is the device's
    at_ms: int = 0


class PushLabels(Struct, frozen=True):
    """What a user is called by for pushes to an audience."""

    tags: tuple[str, ...] = ()
    alias: str = ""


class Alerted(Struct, frozen=True):
    """What one device was sent last through one channel about one conversation, call or campaign: the outbox's memory.

    `to_seq`, `attempt`: of the newest request that was accepted; what is not above them is a repeat.
    `shown`: an alert may be on its screen.
    """

    device: str
    channel: str
    to_seq: int
    attempt: int
    shown: bool
    at_ms: int


class AlertRow(Struct, frozen=True):
    """`subject`: the conversation, call or campaign that the alert was about."""

    user: str
    subject: str
    alerted: Alerted
