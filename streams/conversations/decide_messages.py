"""Decisions about messages, reactions and read marks. Pure; `decide` has checked membership and rights before.

Rule: a target is checked where the owner remembers it. Beyond its memory, edits and recalls are too late; reactions are let through,
because readers ignore those on what is no message.
"""

from schemas import commands, events
from schemas.events import Event
from schemas.records import RecentCommand
from schemas.values import Content
from store.verdicts import may
from streams.conversations.answers import Noted, Refused
from streams.conversations.common import common
from streams.conversations.rules import Rules
from streams.conversations.state import RECALLED, Conversation

MEDIA_TYPE_BYTES_LIMIT = 255
MENTION_BYTES_LIMIT = 128

Outcome = tuple[Event, ...] | Refused


def send_message(state: Conversation, command: commands.SendMessage, at_ms: int, rules: Rules) -> Outcome:
    if problem := _content_problem(command.content, rules) or _mentions_problem(command.mentions, rules):
        return problem
    if command.reply_to is not None and (problem := _seq_problem("reply_to", command.reply_to, state)):
        return problem
    fields = common(state, command, at_ms)
    fields["ordinal"] += 1
    qos = command.qos or rules.qos(state.kind)
    sent = events.MessageSent(
        **fields,
        content=command.content,
        reply_to=command.reply_to,
        mentions=command.mentions,
        qos=qos,
        announcement=command.announcement,
    )
    return (sent,)


def edit_message(state: Conversation, command: commands.EditMessage, at_ms: int, rules: Rules) -> Outcome:
    if problem := _content_problem(command.content, rules) or _mentions_problem(command.mentions, rules):
        return problem
    sent = _remembered_message(state, command.target_seq)
    if isinstance(sent, Refused):
        return sent
    if sent.author != command.user:
        return Refused("not_allowed", "only its author may edit a message")
    if at_ms - sent.at_ms > rules.edit_window_ms:
        return Refused("too_late", f"the message was sent {at_ms - sent.at_ms} ms ago; it may be edited for {rules.edit_window_ms} ms")
    edited = events.MessageEdited(
        **common(state, command, at_ms), target_seq=command.target_seq, content=command.content, mentions=command.mentions
    )
    return (edited,)


def recall_message(state: Conversation, command: commands.RecallMessage, at_ms: int, rules: Rules) -> Outcome:
    sent = _remembered_message(state, command.target_seq)
    if isinstance(sent, Refused):
        return sent
    if not may(state.standing, command.user, "recall", at_ms).allowed:
        if sent.author != command.user:
            return Refused("not_allowed", "only its author, or who may recall other members' messages, may recall it")
        if at_ms - sent.at_ms > rules.recall_window_ms:
            return Refused(
                "too_late", f"the message was sent {at_ms - sent.at_ms} ms ago; it may be recalled for {rules.recall_window_ms} ms"
            )
    return (events.MessageRecalled(**common(state, command, at_ms), target_seq=command.target_seq),)


def add_reaction(state: Conversation, command: commands.AddReaction, at_ms: int, rules: Rules) -> Outcome:
    if problem := _reaction_problem(state, command, rules):
        return problem
    return (events.ReactionAdded(**common(state, command, at_ms), target_seq=command.target_seq, reaction=command.reaction),)


def remove_reaction(state: Conversation, command: commands.RemoveReaction, at_ms: int, rules: Rules) -> Outcome:
    if problem := _reaction_problem(state, command, rules):
        return problem
    return (events.ReactionRemoved(**common(state, command, at_ms), target_seq=command.target_seq, reaction=command.reaction),)


def mark_read(state: Conversation, command: commands.MarkRead, at_ms: int, rules: Rules) -> Outcome | Noted:
    """A mark that is not above the member's present one is noted, and nothing is written: it would be an event that says nothing new.

    A quiet mark, or one among many members, becomes no event either, but a receipt: every member would get every member's.
    """
    if problem := _seq_problem("up_to_seq", command.up_to_seq, state):
        return problem
    member = state.members[command.user]
    if command.up_to_seq <= member.read_seq:
        return Noted(member.read_seq, member.read_ordinal, raised=False)
    least, most = state.ordinals_at(command.up_to_seq, member)
    if not least <= command.up_to_ordinal <= most:
        right = str(least) if least == most else f"between {least} and {most}"
        return Refused("invalid", f"the ordinal at seq {command.up_to_seq} is {right}, not {command.up_to_ordinal}")
    if command.quiet or len(state.members) > rules.read_events_members_limit:
        return Noted(command.up_to_seq, command.up_to_ordinal, raised=True)
    return (events.ReadMarked(**common(state, command, at_ms), up_to_seq=command.up_to_seq, up_to_ordinal=command.up_to_ordinal),)


def _remembered_message(state: Conversation, target_seq: int) -> RecentCommand | Refused:
    if problem := _seq_problem("target_seq", target_seq, state):
        return problem
    sent = state.message_at(target_seq)
    if sent is not None:
        return sent if sent.message != RECALLED else Refused("unknown_target", f"the message {target_seq} was recalled")
    if state.covers(target_seq):
        return Refused("unknown_target", f"the event {target_seq} is no message")
    return Refused("too_late", f"the event {target_seq} is no longer remembered; the memory begins at {state.recent.oldest.seq}")


def _reaction_problem(state: Conversation, command: commands.AddReaction | commands.RemoveReaction, rules: Rules) -> Refused | None:
    reaction_bytes = len(command.reaction.encode())
    if reaction_bytes == 0:
        return Refused("empty", "a reaction has at least 1 byte")
    if reaction_bytes > rules.reaction_bytes_limit:
        return Refused("too_long", f"the reaction has {reaction_bytes} bytes; the limit is {rules.reaction_bytes_limit}")
    target = _remembered_message(state, command.target_seq)
    return target if isinstance(target, Refused) and target.code != "too_late" else None


def _seq_problem(name: str, seq: int, state: Conversation) -> Refused | None:
    if seq > state.head_seq:
        return Refused("seq_ahead", f"{name} {seq} is beyond the conversation's head, {state.head_seq}")
    if seq < 1:
        return Refused("invalid", f"{name} {seq}: seqs begin at 1")
    return None


def _content_problem(content: Content, rules: Rules) -> Refused | None:
    body_bytes = len(content.body)
    if body_bytes == 0:
        return Refused("empty", "a message has at least 1 byte of content")
    if not 3 <= len(content.media_type.encode()) <= MEDIA_TYPE_BYTES_LIMIT or "/" not in content.media_type:
        return Refused("invalid", f"the media type must look like type/subtype and have at most {MEDIA_TYPE_BYTES_LIMIT} bytes")
    text = content.key_id is None and content.media_type.startswith("text/")  # what is sealed is nobody's to read
    bytes_limit = rules.text_bytes_limit if text else rules.content_bytes_limit
    if body_bytes > bytes_limit:
        return Refused("too_long", f"the content has {body_bytes} bytes; the limit is {bytes_limit}")
    if text:
        try:
            content.body.decode()
        except UnicodeDecodeError as exc:
            return Refused("invalid", f"the text is not UTF-8: byte {exc.start}")
    return None


def _mentions_problem(mentions: tuple[str, ...], rules: Rules) -> Refused | None:
    if len(mentions) > rules.mentions_limit:
        return Refused("too_long", f"{len(mentions)} mentions; the limit is {rules.mentions_limit}")
    if any(not 0 < len(user.encode()) <= MENTION_BYTES_LIMIT for user in mentions):
        return Refused("invalid", f"a mentioned user id has 1 to {MENTION_BYTES_LIMIT} bytes")
    return None
