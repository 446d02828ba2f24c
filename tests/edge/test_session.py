"""A session without I/O: every frame in every state, and the exact answer to each kind of bad input."""

from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge import frames
from edge.call_frames import CallCommandFrame, CallDescription, CallRefusal, CallSignalFrame, CallSignalRefusal, FrameTrack
from edge.closing import HELLO_EXPECTED
from edge.frame_base import CommandFrame
from edge.rate import Bucket
from edge.session import (
    OUTSTANDING_RETRY_MS,
    AskCall,
    End,
    Nothing,
    Now,
    Publish,
    PublishSignal,
    Read,
    Receipt,
    Session,
    Signal,
    SignalCall,
    Tell,
    on_frame,
)
from edge.settings import EdgeSettings
from edge.translate import FRIEND_FRAMES
from schemas.codec import encode
from schemas.ids import direct_conversation_id
from schemas.values import ConversationKind
from tests.edge.builders import ANA, BEN, EVE, GROUP, NOW, SETTINGS, command_id, session_of, structs

TEXT = frames.DeviceContent(text="hello")
ID = command_id(1)


def member_session(**kwargs: Any) -> Session:
    session, _ = session_of(**kwargs)
    session.conversations.add(GROUP)
    return session


def send(**changes: Any) -> frames.SendMessage:
    return msgspec.structs.replace(frames.SendMessage(id=ID, conversation=GROUP, content=TEXT), **changes)


def code_of(effect: object) -> str:
    assert isinstance(effect, Tell), effect
    assert isinstance(effect.frame, frames.Reject | frames.Failure), effect
    return effect.frame.code


@given(st.one_of([structs(frame) for frame in get_args(frames.FromDevice)]), st.booleans(), st.booleans(), st.booleans(), st.booleans())
def test_every_frame_in_every_state_has_one_effect(frame: frames.FromDevice, good: bool, member: bool, limited: bool, busy: bool) -> None:
    session, _ = session_of(bucket=Bucket(1, 1, 0, NOW.mono_ms) if limited else None)
    if good and isinstance(frame, CommandFrame):
        friend = isinstance(frame, FRIEND_FRAMES)
        frame = msgspec.structs.replace(frame, id=ID, conversation="" if friend else GROUP)
    if member and hasattr(frame, "conversation"):
        session.conversations.add(frame.conversation)
    if busy:
        session.requests_running = SETTINGS.requests_per_session_limit
    effect = on_frame(session, frame, NOW, SETTINGS)
    assert session.last_heard_mono_ms == NOW.mono_ms
    if isinstance(frame, CallCommandFrame):
        taken = isinstance(effect, AskCall)
        assert taken or (isinstance(effect, Tell) and isinstance(effect.frame, CallRefusal) and effect.frame.id == frame.id)
        assert (frame.id in session.outstanding) == taken == (good and not limited)
        return
    if isinstance(frame, CallSignalFrame):
        assert effect == SignalCall(frame)
        return
    if isinstance(frame, CommandFrame):
        # rule 1: published or refused, and counted as unanswered exactly when published
        taken = isinstance(effect, Publish | PublishSignal)
        assert taken or (isinstance(effect, Tell) and isinstance(effect.frame, frames.Reject) and effect.frame.id == frame.id)
        assert (frame.id in session.outstanding) == taken
        assert not (limited and taken)
        if taken:
            assert isinstance(effect, PublishSignal) == (isinstance(frame, frames.SendMessage) and frame.qos == "ephemeral")
        if isinstance(effect, PublishSignal):
            assert member
            encode("signals", effect.record)
        if good and not limited and not isinstance(frame, frames.SendMessage | frames.EditMessage):
            assert isinstance(effect, Publish)
        if isinstance(effect, Publish):
            assert effect.command.command_id == frame.id
            encode("conversation-commands", effect.command)
        return
    match frame:
        case frames.Hello():
            assert effect == End(HELLO_EXPECTED)
        case frames.Ping():
            assert effect == Tell(frames.Pong(frame.nonce, NOW.ms))
        case frames.Typing():
            assert isinstance(effect, Signal if member else Nothing)
        case frames.Mark():
            assert isinstance(effect, Receipt) == (member and (frame.up_to_seq >= 1 or frame.state == "unread"))
        case frames.Sync() | frames.History() | frames.DirectoryRequest():
            assert effect == Read(frame) or isinstance(effect, Tell)
            if isinstance(effect, Tell):
                assert isinstance(effect.frame, frames.Failure)
                assert effect.frame.request == frame.request
            if isinstance(frame, frames.Sync):
                assert (frame.conversation in session.catching_up) == isinstance(effect, Read)
            assert not (busy and isinstance(effect, Read))


def new(kind: ConversationKind = "group", members: tuple[str, ...] = (BEN,), conversation: str = "") -> frames.CreateConversation:
    named = tuple(frames.FrameMember(user) for user in members)
    return frames.CreateConversation(id=ID, conversation=conversation, conversation_kind=kind, members=named)


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (send(id="short"), "invalid"),
        (send(id=ID + "x"), "invalid"),
        (send(conversation=""), "invalid"),
        (send(conversation="c" * 129), "invalid"),
        (send(content=frames.DeviceContent()), "invalid"),
        (send(content=frames.DeviceContent(text="a", body=b"a")), "invalid"),
        (send(content=frames.DeviceContent("noslash", text="a")), "invalid"),
        (send(content=frames.DeviceContent("/" * 256, text="a")), "invalid"),
        (frames.EditMessage(id=ID, conversation=GROUP, target_seq=1, content=frames.DeviceContent()), "invalid"),
        (new("direct", ()), "invalid"),
        (new("direct", (BEN, EVE)), "invalid"),
        (new("direct", (ANA,)), "invalid"),
        (send(qos="ephemeral", conversation="g-other"), "not_member"),
        (send(qos="ephemeral", content=frames.DeviceContent(text="")), "empty"),
        (send(qos="ephemeral", content=frames.DeviceContent(text="x" * 16_385)), "too_long"),
        (send(qos="ephemeral", id="short"), "invalid"),
        (frames.Mark(GROUP, "delivered", 0), "invalid"),
        (frames.Mark("g-other", "delivered", 1), "not_member"),
        (frames.Sync("r", "g-other", 1), "not_member"),
        (frames.Sync("r", GROUP, 0), "invalid"),
        (frames.Sync("r", GROUP, 1, limit=0), "invalid"),
        (frames.Sync("r", GROUP, 1, limit=-5), "invalid"),
        (frames.History("r", "g-other"), "not_member"),
        (frames.History("r", GROUP, before_seq=0), "invalid"),
        (frames.History("r", GROUP, limit=0), "invalid"),
    ],
)
def test_bad_input_is_refused_with_its_code(frame: frames.FromDevice, code: str) -> None:
    session = member_session()
    assert code_of(on_frame(session, frame, NOW, SETTINGS)) == code
    assert not session.outstanding
    assert not session.catching_up


def test_a_refused_frame_is_not_retryable_but_for_rates() -> None:
    session = member_session()
    effect = on_frame(session, send(id="short"), NOW, SETTINGS)
    assert isinstance(effect, Tell)
    assert isinstance(effect.frame, frames.Reject)
    assert (effect.frame.retryable, effect.frame.retry_after_ms) == (False, 0)


def test_a_burst_is_taken_and_then_refused_with_the_time_to_wait() -> None:
    settings = EdgeSettings(commands_per_s=10, commands_burst=3, outstanding_commands_limit=10_000)
    session = member_session(bucket=Bucket(10, 3, 3, NOW.mono_ms))
    effects = [on_frame(session, send(id=command_id(n)), NOW, settings) for n in range(10_000)]
    assert [isinstance(effect, Publish) for effect in effects] == [True] * 3 + [False] * 9_997
    refused = effects[-1]
    assert isinstance(refused, Tell)
    assert isinstance(refused.frame, frames.Reject)
    assert (refused.frame.code, refused.frame.retryable, refused.frame.retry_after_ms) == ("rate_limited", True, 100)
    later = Now(NOW.ms + 100, NOW.mono_ms + refused.frame.retry_after_ms, "t")
    assert isinstance(on_frame(session, send(id=command_id(3)), later, settings), Publish)


def test_all_sessions_of_a_user_share_a_second_bucket() -> None:
    settings = EdgeSettings(commands_per_s=10, user_commands_per_s=10)
    shared = Bucket(10, 3, 3, NOW.mono_ms)
    sessions = [member_session(device=device, bucket=Bucket(10, 3, 3, NOW.mono_ms)) for device in ("phone", "laptop")]
    for session in sessions:
        session.user_bucket = shared
    effects = [on_frame(sessions[n % 2], send(id=command_id(n)), NOW, settings) for n in range(6)]
    assert [isinstance(effect, Publish) for effect in effects] == [True] * 3 + [False] * 3
    refused = effects[-1]
    assert isinstance(refused, Tell)
    assert isinstance(refused.frame, frames.Reject)
    assert (refused.frame.code, refused.frame.retry_after_ms) == ("rate_limited", 100)
    # what the shared one refused was not taken from the session's own
    assert [session.bucket.level for session in sessions if session.bucket is not None] == [1, 2]


def test_an_ephemeral_message_is_checked_like_a_command_and_published_as_a_signal() -> None:
    session = member_session(bucket=Bucket(1, 1, 1, NOW.mono_ms))
    effect = on_frame(session, send(qos="ephemeral"), NOW, SETTINGS)
    assert isinstance(effect, PublishSignal)
    assert (effect.record.user, effect.record.command_id, effect.record.content.body) == (ANA, ID, b"hello")
    assert session.outstanding == {ID}
    assert code_of(on_frame(session, send(qos="ephemeral", id=command_id(2)), NOW, SETTINGS)) == "rate_limited"


def test_a_bulk_session_is_not_limited_by_rate() -> None:
    session = member_session()
    settings = EdgeSettings(commands_per_s=1, commands_burst=1, outstanding_commands_limit=1_000)
    assert all(isinstance(on_frame(session, send(id=command_id(n)), NOW, settings), Publish) for n in range(1_000))


def test_unanswered_commands_are_limited_but_a_retry_of_one_is_not() -> None:
    session = member_session()
    settings = EdgeSettings(outstanding_commands_limit=2)
    for n in (1, 2):
        assert isinstance(on_frame(session, send(id=command_id(n)), NOW, settings), Publish)
    refused = on_frame(session, send(id=command_id(3)), NOW, settings)
    assert isinstance(refused, Tell)
    assert isinstance(refused.frame, frames.Reject)
    assert (refused.frame.code, refused.frame.retryable, refused.frame.retry_after_ms) == ("rate_limited", True, OUTSTANDING_RETRY_MS)
    assert isinstance(on_frame(session, send(id=command_id(2)), NOW, settings), Publish)
    session.outstanding.discard(command_id(1))
    assert isinstance(on_frame(session, send(id=command_id(3)), NOW, settings), Publish)


def test_a_command_carries_who_and_when() -> None:
    effect = on_frame(member_session(), send(), NOW, SETTINGS)
    assert isinstance(effect, Publish)
    command = effect.command
    assert (command.user, command.device, command.conversation_id, command.command_id) == (ANA, "phone", GROUP, ID)
    assert (command.received_at_ms, command.trace_id, command.tenant) == (NOW.ms, NOW.trace_id, "default")


def test_a_created_conversation_gets_the_same_id_again_on_a_retry() -> None:
    first, second = (on_frame(member_session(), new(), NOW, SETTINGS) for _ in range(2))
    assert isinstance(first, Publish)
    assert isinstance(second, Publish)
    assert first.command.conversation_id == second.command.conversation_id == "g-" + ID.replace("-", "")


def test_both_sides_of_a_direct_conversation_find_the_same_id() -> None:
    mine = on_frame(member_session(), new("direct", (BEN,)), NOW, SETTINGS)
    theirs = on_frame(member_session(user=BEN), new("direct", (ANA, BEN)), NOW, SETTINGS)
    assert isinstance(mine, Publish)
    assert isinstance(theirs, Publish)
    assert mine.command.conversation_id == theirs.command.conversation_id == direct_conversation_id(ANA, BEN)


def test_a_friends_command_needs_no_conversation() -> None:
    session, _ = session_of(ANA)
    effect = on_frame(session, frames.RequestFriend(id=ID, conversation="", member=BEN, text="hi"), NOW, SETTINGS)
    assert isinstance(effect, Publish)
    assert effect.command.conversation_id == direct_conversation_id(ANA, BEN)


def test_requests_under_way_are_limited_and_the_answer_says_when_to_come_again() -> None:
    session = member_session()
    session.requests_running = SETTINGS.requests_per_session_limit
    effect = on_frame(session, frames.Sync("r", GROUP, 1), NOW, SETTINGS)
    assert isinstance(effect, Tell)
    assert isinstance(effect.frame, frames.Failure)
    assert (effect.frame.code, effect.frame.retryable) == ("rate_limited", True)
    assert effect.frame.retry_after_ms > 0
    assert not session.catching_up, "its live events would stop for ever"


def test_a_text_that_the_owner_would_refuse_does_not_reach_it() -> None:
    session = session_of(ANA)[0]
    longest = SETTINGS.text_bytes_limit
    for size, effect in ((longest, Publish), (longest + 1, Tell)):
        frame = frames.SendMessage(id=command_id(size), conversation=GROUP, content=frames.DeviceContent(text="x" * size))
        made = on_frame(session, frame, NOW, SETTINGS)
        assert isinstance(made, effect)
        if isinstance(made, Tell):
            assert isinstance(made.frame, frames.Reject)
            assert (made.frame.code, made.frame.retryable) == ("too_long", False)


def description(**changes: Any) -> CallDescription:
    base = CallDescription(conversation=GROUP, call="c-1", pc="publish", generation=1, seq=7, sdp_type="offer", sdp="v=0")
    return msgspec.structs.replace(base, **changes)


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (description(sdp="\u20ac" * (SETTINGS.call_sdp_bytes_limit // 3 + 1)), "too_long"),
        (description(tracks=(FrameTrack("0", "camera"),) * (SETTINGS.call_tracks_limit + 1)), "too_many"),
    ],
    ids=["sdp", "tracks"],
)
def test_a_description_over_a_limit_is_refused_with_its_code(frame: CallDescription, code: str) -> None:
    effect = on_frame(member_session(), frame, NOW, SETTINGS)
    assert isinstance(effect, Tell)
    assert isinstance(effect.frame, CallSignalRefusal)
    assert (effect.frame.code, effect.frame.seq) == (code, 7)


def test_signals_have_a_bucket_of_their_own() -> None:
    session = member_session(bucket=Bucket(1, 1, 1, NOW.mono_ms))
    session.signals_bucket = Bucket(1, 2, 2, NOW.mono_ms)
    effects = [on_frame(session, description(), NOW, SETTINGS) for _ in range(3)]
    assert [type(effect) for effect in effects] == [SignalCall, SignalCall, Tell]
    assert isinstance(effects[2], Tell)
    assert isinstance(effects[2].frame, CallSignalRefusal)
    assert effects[2].frame.code == "rate_limited"
    assert isinstance(on_frame(session, send(), NOW, SETTINGS), Publish)
