"""Warbler's client: `async with Client(url, token=..., device=...) as client: await client.send(conversation, "hello")`."""

from warbler.admin import Admin
from warbler.calls import Calls
from warbler.client import Client
from warbler.directory import is_unspoken
from warbler.errors import (
    CallIsOver,
    CallRefused,
    ClientError,
    Closed,
    ConnectionRefused,
    OutboxFull,
    Rejected,
    RequestFailed,
    SignedOut,
    StepUpNeeded,
    Unreachable,
)
from warbler.frames import (
    Ack,
    DeviceContent,
    DirectoryEntry,
    EventItem,
    FrameMember,
    FrameSettings,
    HistoryPage,
    MessageItem,
    Page,
    PresenceEntry,
    ReceiptsPage,
    RosterEntry,
    Welcome,
)
from warbler.groups import Group, JoinLink
from warbler.happenings import (
    Connected,
    CountsSeen,
    Disconnected,
    Happening,
    Moving,
    PresenceSeen,
    ReceiptSeen,
    RosterSeen,
    Signalled,
    SignedOutSeen,
    Skipped,
    TimelineEvent,
    TypingSeen,
    Unreadable,
)
from warbler.http import TokenSource
from warbler.people import Privacy
from warbler.rest import AdminUser, Rest
from warbler.roster import Roster
from warbler.roster_keeper import RosterKeeper
from warbler.ways import DeviceInfo, FactorNeeded, Login, Tokens

__all__ = [
    "Ack",
    "Admin",
    "AdminUser",
    "CallIsOver",
    "CallRefused",
    "Calls",
    "Client",
    "ClientError",
    "Closed",
    "Connected",
    "ConnectionRefused",
    "CountsSeen",
    "DeviceContent",
    "DeviceInfo",
    "DirectoryEntry",
    "Disconnected",
    "EventItem",
    "FactorNeeded",
    "FrameMember",
    "FrameSettings",
    "Group",
    "Happening",
    "HistoryPage",
    "JoinLink",
    "Login",
    "MessageItem",
    "Moving",
    "OutboxFull",
    "Page",
    "PresenceEntry",
    "PresenceSeen",
    "Privacy",
    "ReceiptSeen",
    "ReceiptsPage",
    "Rejected",
    "RequestFailed",
    "Rest",
    "Roster",
    "RosterEntry",
    "RosterKeeper",
    "RosterSeen",
    "Signalled",
    "SignedOut",
    "SignedOutSeen",
    "Skipped",
    "StepUpNeeded",
    "TimelineEvent",
    "TokenSource",
    "Tokens",
    "TypingSeen",
    "Unreachable",
    "Unreadable",
    "Welcome",
    "is_unspoken",
]
