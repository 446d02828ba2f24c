"""Warbler's client: `async with Client(url, token=..., device=...) as client: await client.send(conversation, "hello")`."""

from warbler.client import Client, TokenSource
from warbler.errors import ClientError, Closed, ConnectionRefused, OutboxFull, Rejected, RequestFailed, SignedOut, Unreachable
from warbler.frames import Ack, DeviceContent, DirectoryEntry, EventItem, FrameMember, HistoryPage, MessageItem, Page, Welcome
from warbler.happenings import Connected, Disconnected, Happening, ReceiptSeen, Skipped, TimelineEvent, TypingSeen, Unreadable
from warbler.rest import AdminUser, Login, Rest, Tokens

__all__ = [
    "Ack",
    "AdminUser",
    "Client",
    "ClientError",
    "Closed",
    "Connected",
    "ConnectionRefused",
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
    "ReceiptSeen",
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
