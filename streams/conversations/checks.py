"""What decisions about members and groups check alike. Pure."""

from schemas.events import Event
from schemas.values import GroupSettings, Role
from streams.conversations.answers import Refused
from streams.conversations.rules import Rules
from streams.conversations.state import Conversation

Outcome = tuple[Event, ...] | Refused

USER_ID_BYTES_LIMIT = 128
NOT_A_MEMBER = Refused("unknown_target", "the user is not a member")


def plausible(user: str) -> bool:
    return 0 < len(user.encode()) <= USER_ID_BYTES_LIMIT


def implausible() -> Refused:
    return Refused("invalid", f"a user id has 1 to {USER_ID_BYTES_LIMIT} bytes")


def length_problem(what: str, text: str, bytes_limit: int) -> Refused | None:
    text_bytes = len(text.encode())
    if text_bytes > bytes_limit:
        return Refused("too_long", f"the {what} has {text_bytes} bytes; the limit is {bytes_limit}")
    return None


def settings_problem(settings: GroupSettings, rules: Rules) -> Refused | None:
    if not 0 <= settings.slow_mode_ms <= rules.slow_mode_limit_ms:
        return Refused("invalid", f"slow mode is 0 to {rules.slow_mode_limit_ms} ms, not {settings.slow_mode_ms}")
    return (
        length_problem("description", settings.description, rules.description_bytes_limit)
        or length_problem("question", settings.question, rules.question_bytes_limit)
        or length_problem("avatar", settings.avatar, rules.avatar_bytes_limit)
    )


def term_problem(until_ms: int, at_ms: int, rules: Rules) -> Refused | None:
    """Of an end that lies neither in the past nor too far away; 0, which has its own meaning each time, is none of this."""
    if at_ms < until_ms <= at_ms + rules.term_limit_ms:
        return None
    return Refused("invalid", f"until {until_ms}: it is {at_ms}, and the longest term is {rules.term_limit_ms} ms")


def full(state: Conversation, rules: Rules) -> Refused | None:
    count = len(state.members)
    if count >= rules.members_limit:
        return Refused("members_limit", f"the conversation has {count} members; the limit is {rules.members_limit}")
    return None


def newcomer_problem(state: Conversation, user: str, at_ms: int) -> Refused | None:
    """Why this user cannot be brought in by somebody else."""
    if user in state.members:
        return Refused("already_member", "the user is a member already")
    if not plausible(user):
        return implausible()
    if state.standing.banned(user, at_ms):
        return Refused("banned", "the user is banned; end the ban first")
    return None


def role_problem(state: Conversation, role: Role) -> Refused | None:
    return None if state.standing.has_role(role) else Refused("unknown_target", f"there is no role {role!r} here")
