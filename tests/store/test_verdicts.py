"""Who could do what, and by which event: the answers of a replay at every time are those that the owner gave then."""

import pytest
from hypothesis import given, settings

from schemas import commands, events
from schemas.values import ConversationKind, GroupSettings
from store.standing import Standing, fold_standing
from store.verdicts import IN_DIRECT, IN_GROUPS, Action, Explained, could, may
from streams.conversations.decide import Accepted, Refused
from tests.streams.steps import HISTORIES, USERS, Step, begun
from tests.streams.talking import T0_MS, Talk, opened, text

ACTIONS: tuple[Action, ...] = ("send", "ban", "join", "read", "recall")
SECOND_MS = 1_000


def told(talk: Talk) -> list[events.Event]:
    return [event for event, _ in talk.log]


def at(history: list[events.Event], at_ms: int) -> Standing | None:
    standing = None
    for event in history:
        if event.at_ms <= at_ms:
            standing = fold_standing(standing, event)
    return standing


@settings(max_examples=60, deadline=None)
@given(HISTORIES)
def test_a_replay_answers_as_the_standing_of_the_time_does(drawn: tuple[ConversationKind, list[Step]]) -> None:
    kind, steps = drawn
    history = begun(kind)
    times = [T0_MS - 1]
    for step in steps:
        history.talk.now_ms += step.passed_ms
        history.take(history.command(step))
        times.append(history.talk.now_ms)
    log = told(history.talk)
    for at_ms in times[:: max(1, len(times) // 8)]:
        for user in USERS:
            for action in ACTIONS:
                explained = could(log, user, action, at_ms)
                assert explained.verdict == may(at(log, at_ms), user, action, at_ms)
                assert explained.at_seq == max((event.seq for event in log if event.at_ms <= at_ms), default=0)
                assert explained.by_seq <= explained.at_seq
                assert explained.since_ms <= at_ms


@settings(max_examples=60, deadline=None)
@given(HISTORIES)
def test_without_the_event_it_names_the_answer_was_another_one(drawn: tuple[ConversationKind, list[Step]]) -> None:
    kind, steps = drawn
    history = begun(kind)
    for step in steps:
        history.talk.now_ms += step.passed_ms
        history.take(history.command(step))
    log, now_ms = told(history.talk), history.talk.now_ms
    for user in USERS:
        for action in ACTIONS:
            answer = could(log, user, action, now_ms)
            if answer.by_seq == 0:
                assert answer.verdict.code in ("unknown_conversation", "not_member"), answer
                continue
            event = log[answer.by_seq - 1]
            before = may(at(log[: answer.by_seq - 1], event.at_ms), user, action, event.at_ms)
            after = may(at(log[: answer.by_seq], event.at_ms), user, action, event.at_ms)
            assert (before.allowed, before.code, before.until_ms) != (after.allowed, after.code, after.until_ms)
            if not answer.by_time:
                assert (after.allowed, after.code) == (answer.verdict.allowed, answer.verdict.code)


@settings(max_examples=60, deadline=None)
@given(HISTORIES)
def test_the_owner_accepts_a_message_exactly_when_the_verdict_allows_it(drawn: tuple[ConversationKind, list[Step]]) -> None:
    kind, steps = drawn
    history = begun(kind)
    for step in steps:
        history.talk.now_ms += step.passed_ms
        history.take(history.command(step))
        talk = history.talk
        for user in USERS:
            decision = talk.decide(talk.command(commands.SendMessage, user, content=text("hi")))
            verdict = may(talk.head.standing, user, "send", talk.now_ms)
            if isinstance(decision, Refused) and decision.code == "stale":
                continue  # its user's newer commands are forgotten already: that is no matter of rights
            if isinstance(decision, Refused):
                assert (decision.code, decision.retry_after_ms) == (verdict.code, max(0, verdict.until_ms - talk.now_ms))
            else:
                assert isinstance(decision, Accepted)
                assert verdict.allowed


def test_a_mute_names_the_event_that_made_it_and_its_end_names_the_time() -> None:
    talk = opened()
    mute = talk.must(talk.command(commands.MuteMember, "ana", member="ben", until_ms=T0_MS + 10 * SECOND_MS))
    talk.now_ms += SECOND_MS
    talk.send("ana")
    history = told(talk)
    during, after = (could(history, "ben", "send", T0_MS + each * SECOND_MS) for each in (9, 10))
    assert (during.verdict.code, during.by_seq, during.by_time, during.at_seq) == ("muted", mute, False, 3)
    assert (after.verdict.allowed, after.by_seq, after.since_ms, after.by_time) == (True, mute, T0_MS + 10 * SECOND_MS, True)
    assert could(history, "ben", "send", T0_MS - 1) == Explained(may(None, "ben", "send", 0))


def test_a_change_that_makes_no_difference_to_the_user_is_not_named() -> None:
    talk = opened("group", {"ada": "admin", "ben": "member"})
    talk.must(talk.command(commands.ChangeRole, "ana", member="ben", role="admin"))
    given_seq = talk.head.head_seq
    talk.must(talk.command(commands.ChangeSettings, "ana", settings=GroupSettings(description="birds")))
    talk.send("ana")
    assert could(told(talk), "ben", "ban", talk.now_ms).by_seq == given_seq
    assert could(told(talk), "ben", "send", talk.now_ms).by_seq == 1
    assert could(told(talk), "zoe", "send", talk.now_ms).by_seq == 1  # since there is a conversation, it is no member of it


@pytest.mark.parametrize("kind", ["direct", "group", "channel"])
def test_every_action_has_an_answer_for_a_member_in_every_kind(kind: ConversationKind) -> None:
    standing = opened(kind).head.standing
    actions: frozenset[Action] = IN_DIRECT | IN_GROUPS
    for action in actions:
        assert may(standing, "ben", action, T0_MS).code in (None, "not_allowed")
    assert may(standing, "ben", "read", T0_MS).allowed
    assert may(standing, "ben", "join", T0_MS).code == "already_member"
