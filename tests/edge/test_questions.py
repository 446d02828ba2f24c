"""Questions about receipts and presence, and marks, as a session without I/O takes them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge import frames
from edge.rate import Bucket
from edge.session import Announce, Publish, Read, Receipt, Session, Tell, on_frame, takes_unread_back
from schemas.commands import MarkRead, SendMessage
from tests.edge.builders import GROUP, NOW, SETTINGS, command_id, session_of, structs

ID = command_id(1)
MARK_READ = frames.MarkRead(id=ID, conversation=GROUP, up_to_seq=3, up_to_ordinal=2)
SEND = frames.SendMessage(id=ID, conversation=GROUP, content=frames.DeviceContent(text="hello"))
CROWD = tuple(f"u{number}" for number in range(SETTINGS.presence_watched_limit + 1))


def member_session(bucket: Bucket | None = None) -> Session:
    session, _ = session_of(bucket=bucket)
    session.conversations.add(GROUP)
    return session


@pytest.mark.parametrize(
    ("frame", "request_id", "code"),
    [
        (frames.Receipts("r", "g-other", 1), "r", "not_member"),
        (frames.Receipts("r", GROUP, 0), "r", "invalid"),
        (frames.Receipts("r", GROUP, 1, limit=0), "r", "invalid"),
        (frames.WatchReceipts("g-other", 1), "", "not_member"),
        (frames.WatchPresence("r", ("u1",), ("g-other",)), "r", "not_member"),
        (frames.WatchPresence("r", CROWD), "r", "too_many"),
        (frames.WatchPresence("r", (), (GROUP,) * len(CROWD)), "r", "too_many"),
        (frames.WatchPresence("r", ("",)), "r", "invalid"),
        (frames.WatchPresence("r", ("u" * 129,)), "r", "invalid"),
    ],
)
def test_a_bad_question_is_refused_with_its_code(frame: frames.FromDevice, request_id: str, code: str) -> None:
    effect = on_frame(member_session(), frame, NOW, SETTINGS)
    assert isinstance(effect, Tell)
    assert isinstance(effect.frame, frames.Failure)
    assert (effect.frame.request, effect.frame.code) == (request_id, code)


@pytest.mark.parametrize(
    "frame",
    [
        frames.Receipts("r", GROUP, 1),
        frames.WatchReceipts(GROUP, 0),
        frames.WatchPresence("r", CROWD[1:], (GROUP,)),
        frames.WatchPresence("r"),
    ],
)
def test_a_good_question_is_read_unless_too_many_are_under_way(frame: frames.FromDevice) -> None:
    session = member_session()
    assert on_frame(session, frame, NOW, SETTINGS) == Read(frame)  # type: ignore[arg-type]
    session.requests_running = SETTINGS.requests_per_session_limit
    effect = on_frame(session, frame, NOW, SETTINGS)
    assert isinstance(effect, Tell)
    assert isinstance(effect.frame, frames.Failure)
    assert (effect.frame.code, effect.frame.retryable) == ("rate_limited", True)


def test_presence_that_is_set_is_announced_kept_for_the_lease_and_limited_like_commands() -> None:
    session = member_session(Bucket(1, 1, 1, NOW.mono_ms))
    assert on_frame(session, frames.SetPresence(True, "lunch"), NOW, SETTINGS) == Announce(True, "lunch")
    assert session.away
    effect = on_frame(session, frames.SetPresence(False), NOW, SETTINGS)
    assert isinstance(effect, Tell)
    assert isinstance(effect.frame, frames.Failure)
    assert (effect.frame.code, effect.frame.retry_after_ms > 0) == ("rate_limited", True)
    assert session.away


@given(structs(frames.Mark), st.booleans())
def test_a_mark_is_hidden_by_the_users_privacy_and_always_where_it_is_nobody_elses_business(frame: frames.Mark, hides: bool) -> None:
    session = member_session()
    session.conversations.add(frame.conversation)
    session.hides_receipts = hides
    effect = on_frame(session, frame, NOW, SETTINGS)
    if isinstance(effect, Receipt):
        assert effect.record.hidden == (hides or frame.state in ("previewed", "unread"))
        assert (effect.record.state, effect.record.up_to_seq) == (frame.state, frame.up_to_seq)


@pytest.mark.parametrize("hides", [False, True])
def test_a_read_mark_is_quiet_where_the_user_hides_receipts(hides: bool) -> None:
    session = member_session()
    session.hides_receipts = hides
    effect = on_frame(session, MARK_READ, NOW, SETTINGS)
    assert isinstance(effect, Publish)
    assert isinstance(effect.command, MarkRead)
    assert effect.command.quiet is hides


@pytest.mark.parametrize("frame", [MARK_READ, SEND])
def test_reading_or_writing_takes_a_mark_as_unread_back_once(frame: frames.FromDevice) -> None:
    session = member_session()
    session.marked_unread.add(GROUP)
    effect = on_frame(session, frame, NOW, SETTINGS)
    assert isinstance(effect, Publish)
    assert isinstance(effect.command, MarkRead | SendMessage)
    back = takes_unread_back(session, effect.command, NOW)
    assert back is not None
    assert (back.state, back.up_to_seq, back.conversation_id, back.user) == ("unread", 0, GROUP, session.user)
    assert takes_unread_back(session, effect.command, NOW) is None


def test_other_commands_leave_a_mark_as_unread() -> None:
    session = member_session()
    session.marked_unread.add(GROUP)
    effect = on_frame(session, frames.LeaveConversation(id=ID, conversation=GROUP), NOW, SETTINGS)
    assert isinstance(effect, Publish)
    assert takes_unread_back(session, effect.command, NOW) is None
    assert session.marked_unread == {GROUP}
