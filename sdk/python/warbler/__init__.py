"""Warbler's client: `async with Client(url, token=..., device=...) as client: await client.send(conversation, "hello")`."""

from warbler.client import Client, TokenSource
from warbler.errors import ClientError, Closed, ConnectionRefused, OutboxFull, Rejected, RequestFailed, SignedOut, Unreachable
from warbler.frames import Ack, DeviceContent, DirectoryEntry, EventItem, FrameMember, HistoryPage, MessageItem, Page, Welcome
from warbler.happenings import Connected, DeliveredSeen, Disconnected, Happening, Skipped, TimelineEvent, TypingSeen, Unreadable
from warbler.rest import AdminUser, Login, Rest, Tokens

__all__ = [
    "Ack",
    "AdminUser",
    "Client",
    "ClientError",
    "Closed",
    "Connected",
    "ConnectionRefused",
    "DeliveredSeen",
    "DeviceContent",
    "DirectoryEntry",
    "Disconnected",
    "EventItem",
    "FrameMember",
    "Happening",
    "HistoryPage",
    "Login",
    "MessageItem",
    "OutboxFull",
    "Page",
    "Rejected",
    "RequestFailed",
    "Rest",
    "SignedOut",
    "Skipped",
    "TimelineEvent",
    "TokenSource",
    "Tokens",
    "TypingSeen",
    "Unreachable",
    "Unreadable",
    "Welcome",
]
