"""The fields that every event takes over from its command and its conversation. Pure."""

from typing import Any

from schemas.commands import Command
from streams.conversations.state import Conversation


def common(state: Conversation | None, command: Command, at_ms: int, *, before: int = 0) -> dict[str, Any]:
    """The fields of EventBase for the command's event after `before` others of it. No message: the ordinal stays."""
    seq = (state.head_seq if state is not None else 0) + 1 + before
    return {
        "event_id": f"{command.conversation_id}:{seq}",
        "tenant": command.tenant,
        "conversation_id": command.conversation_id,
        "seq": seq,
        "ordinal": state.head_ordinal if state is not None else 0,
        "at_ms": at_ms,
        "user": command.user,
        "device": command.device,
        "command_id": command.command_id,
        "trace_id": command.trace_id,
    }
