"""Laws of decide and evolve over random histories under limits so tight that all are met."""

import copy
from collections import Counter

from hypothesis import given, settings

from schemas import commands, events
from schemas.values import ConversationKind
from store.standing import BUILT_IN, Standing, fold_standing
from store.views import Membership, fold_membership
from streams.conversations.decide import Accepted, Noted, Refused, Repeated, decide
from streams.conversations.state import Conversation
from tests.streams.steps import HISTORIES, TIGHT, USERS, History, Step, begun, played

MANY = settings(max_examples=300, deadline=None)


@MANY
@given(HISTORIES)
def test_seqs_are_dense_ordinals_count_messages_and_missed_calls_and_time_stays(
    drawn: tuple[ConversationKind, list[Step]],
) -> None:
    log = [event for event, _ in played(*drawn).talk.log]
    messages = 0
    for index, event in enumerate(log):
        messages += isinstance(event, events.MessageSent) or (isinstance(event, events.CallNoted) and bool(event.missed_by))
        assert (event.seq, event.ordinal) == (index + 1, messages)
        assert event.event_id == f"{event.conversation_id}:{event.seq}"
        assert event.at_ms >= log[max(0, index - 1)].at_ms


@MANY
@given(HISTORIES)
def test_a_group_has_one_owner_and_never_too_many_members(drawn: tuple[ConversationKind, list[Step]]) -> None:
    kind, steps = drawn
    history = begun(kind)
    for step in steps:
        history.talk.now_ms += step.passed_ms
        history.take(history.command(step))
        state = history.talk.head
        roles = Counter(member.role for member in state.members.values())
        assert roles["owner"] == (1 if kind != "direct" and state.members else 0) or (state.standing.dissolved and not roles["owner"])
        assert len(state.members) <= TIGHT.members_limit
        assert len(state.recent) <= TIGHT.remembered_commands
        assert len(state.marks) <= TIGHT.remembered_commands
        assert len(state.recent) >= 1


@MANY
@given(HISTORIES)
def test_an_accepted_command_is_never_accepted_twice(drawn: tuple[ConversationKind, list[Step]]) -> None:
    """Every command of the history is sent again at its end: the same answer, or stale; only a forgotten read mark is noted."""
    history = played(*drawn)
    for accept in [*history.accepted]:
        before = copy.deepcopy(history.talk.head.members)
        decision = history.talk.do(accept.command)
        match decision:
            case Repeated():
                assert (decision.seq, decision.ordinal, decision.accepted_at_ms) == (accept.seq, accept.ordinal, accept.at_ms)
            case Noted():
                assert isinstance(accept.command, commands.MarkRead)
                assert not decision.raised
            case Accepted():
                raise AssertionError("accepted twice")
            case Refused():
                assert decision.code in ("stale", "not_member", "already_done")
                assert decision.code != "already_done" or isinstance(accept.command, commands.NoteCall)
        assert history.talk.head.members == before


@MANY
@given(HISTORIES)
def test_the_newest_commands_are_always_answered_with_their_seq(drawn: tuple[ConversationKind, list[Step]]) -> None:
    """As many as are remembered, of those whose ids are not too old: a retry soon after is never stale."""
    history = played(*drawn)
    remembered = [accept for accept in history.accepted if not isinstance(accept.command, commands.MarkRead)][-TIGHT.remembered_commands :]
    for accept in remembered:
        if accept.at_ms > history.talk.now_ms - 1_000:  # well within the horizon, whatever the skew
            assert history.talk.decide(accept.command) == Repeated(accept.seq, accept.ordinal, accept.at_ms)


@MANY
@given(HISTORIES)
def test_deciding_changes_nothing_and_comes_out_the_same_again(drawn: tuple[ConversationKind, list[Step]]) -> None:
    kind, steps = drawn
    history = begun(kind)
    for step in steps:
        history.talk.now_ms += step.passed_ms
        command = history.command(step)
        before = copy.deepcopy(history.talk.head)
        first = history.talk.decide(command)
        assert history.talk.head == before
        assert decide(before, command, history.talk.now_ms, TIGHT) == first
        history.take(command)


@MANY
@given(HISTORIES)
def test_the_owner_and_the_timelines_agree_on_members_and_read_marks(drawn: tuple[ConversationKind, list[Step]]) -> None:
    history = played(*drawn)
    folded: dict[str, Membership | None] = dict.fromkeys(USERS)
    for event, _ in history.talk.log:
        for user in USERS:
            folded[user] = fold_membership(folded[user], event, user)
    state: Conversation = history.talk.head
    for user in USERS:
        theirs, ours = folded[user], state.members.get(user)
        assert (theirs is not None and theirs.active) == (ours is not None)
        if theirs is not None and ours is not None:
            assert (theirs.role, theirs.joined_seq, theirs.read_seq, theirs.read_ordinal) == (
                ours.role,
                ours.joined_seq,
                ours.read_seq,
                ours.read_ordinal,
            )


@MANY
@given(HISTORIES)
def test_whoever_folds_the_log_comes_to_the_owners_standing_at_every_cut(drawn: tuple[ConversationKind, list[Step]]) -> None:
    kind, steps = drawn
    history = begun(kind)
    standing: Standing | None = None
    folded_count = 0
    for step in steps:
        history.talk.now_ms += step.passed_ms
        history.take(history.command(step))
        for event, _ in history.talk.log[folded_count:]:
            standing = fold_standing(standing, event)
        folded_count = len(history.talk.log)
        assert standing is None or standing == history.talk.head.standing


@MANY
@given(HISTORIES)
def test_nothing_of_a_standing_grows_beyond_its_limits(drawn: tuple[ConversationKind, list[Step]]) -> None:
    standing = played(*drawn).talk.head.standing
    limits = ((standing.bans, TIGHT.bans_limit), (standing.mutes, TIGHT.mutes_limit), (standing.invitations, TIGHT.invitations_limit))
    assert all(len(entries) <= limit for entries, limit in limits)
    assert len(standing.applications) <= TIGHT.applications_limit
    assert len(standing.links) <= TIGHT.links_limit
    assert len(standing.roles) <= TIGHT.roles_limit + 2  # and what admin and member may do here
    assert standing.holders == {
        role: users
        for role in {member.role for member in standing.members.values()} - BUILT_IN
        if (users := {member.user for member in standing.members.values() if member.role == role})
    }
    assert set(standing.holders) <= set(standing.roles)  # nobody has a role that is not there


@MANY
@given(HISTORIES)
def test_read_marks_hold_the_ordinal_of_their_seq(drawn: tuple[ConversationKind, list[Step]]) -> None:
    """So that unread = head ordinal - read ordinal, also for marks that were only bounded."""
    history = played(*drawn)
    for member in history.talk.head.members.values():
        assert member.read_ordinal == history.ordinal_at(member.read_seq)


@MANY
@given(HISTORIES)
def test_a_mark_with_the_right_ordinal_is_never_refused_for_it(drawn: tuple[ConversationKind, list[Step]]) -> None:
    """At every seq and for every member, also beyond the memory, where the ordinal is only bounded."""
    history = played(*drawn)
    for user in history.talk.head.members:
        for seq in range(1, history.talk.head.head_seq + 1):
            mark = history.talk.command(commands.MarkRead, user, up_to_seq=seq, up_to_ordinal=history.ordinal_at(seq))
            assert not isinstance(history.talk.decide(mark), Refused)


def test_the_histories_meet_every_kind_of_event_and_refusal() -> None:
    """Or the laws above would hold of nothing."""
    met: Counter[str] = Counter()

    @settings(max_examples=600, deadline=None, database=None, derandomize=True)
    @given(HISTORIES)
    def play(drawn: tuple[ConversationKind, list[Step]]) -> None:
        kind, steps = drawn
        history: History = begun(kind)
        for step in steps:
            history.talk.now_ms += step.passed_ms
            decision = history.take(history.command(step))
            met[decision.code if isinstance(decision, Refused) else type(decision).__name__] += 1
            if isinstance(decision, Accepted):
                met.update(type(event).__name__ for event in decision.events)

    play()
    events_met = {event.__name__ for event in events.Event.__args__ if not event.__name__.startswith(("Friend", "User"))}
    refusals = {"already_member", "clock_ahead", "members_limit", "not_allowed", "not_member", "owner_must_stay", "seq_ahead", "stale"}
    refusals |= {"already_done", "banned", "dissolved", "link_invalid", "muted", "no_request", "not_invited", "slow_mode", "stale_settings"}
    refusals |= {"roles_limit", "links_limit", "invitations_limit", "bans_limit", "mutes_limit", "applications_limit", "empty"}
    missed = (events_met - {"ConversationCreated"} | refusals | {"too_late", "unknown_target", "Repeated"}) - set(met)
    assert not missed, met
