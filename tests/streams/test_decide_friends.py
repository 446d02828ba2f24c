"""Friends, requests, blocks and strangers, as the owner decides them: who may what, the races, and what holds after any history."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import codec, commands, events
from schemas.accounts import RosterChanged
from schemas.ids import direct_conversation_id
from schemas.records import ConversationSnapshot
from schemas.values import Member
from store.ties import NO_TIE, Tie, fold_tie
from streams.conversations.decide import Accepted, Decision
from streams.conversations.evolve import evolve
from streams.conversations.rules import Rules
from streams.conversations.snapshots import restore, snapshot
from streams.notifier.rosters import roster_events
from tests.streams.talking import DIRECT_ID, Talk, code_of, opened, text

OTHER = {"ana": "ben", "ben": "ana"}
RULES = Rules(friend_request_cooldown_ms=60_000, friend_text_bytes_limit=10)


def talk_of(*steps: tuple[str, str], refusing: tuple[str, ...] = ()) -> Talk:
    talk = Talk(RULES, DIRECT_ID)
    talk.must(
        talk.command(
            commands.CreateConversation,
            "ana",
            conversation_kind="direct",
            title="",
            members=(Member("ben"),),
            refuse_strangers=refusing,
        )
    )
    for user, what in steps:
        talk.must(step(talk, user, what))
    return talk


def step(talk: Talk, user: str, what: str, **more: Any) -> commands.Command:
    """`what`: request, accept, decline, remove, block, unblock, send, edit, react, recall, read."""
    member = OTHER[user]
    match what:
        case "request":
            return talk.command(commands.RequestFriend, user, member=member, **more)
        case "accept" | "decline":
            return talk.command(commands.AnswerFriendRequest, user, member=member, accept=what == "accept", **more)
        case "remove":
            return talk.command(commands.RemoveFriend, user, member=member, **more)
        case "block":
            return talk.command(commands.BlockUser, user, member=member, **more)
        case "unblock":
            return talk.command(commands.UnblockUser, user, member=member)
        case "send":
            return talk.command(commands.SendMessage, user, content=text("hi"))
        case "edit":
            return talk.command(commands.EditMessage, user, target_seq=2, content=text("ho"))
        case "react":
            return talk.command(commands.AddReaction, user, target_seq=2, reaction="+")
        case "unreact":
            return talk.command(commands.RemoveReaction, user, target_seq=2, reaction="+")
        case "recall":
            return talk.command(commands.RecallMessage, user, target_seq=2)
        case _:
            return talk.command(commands.MarkRead, user, up_to_seq=2, up_to_ordinal=1)


def do(talk: Talk, user: str, what: str, **more: Any) -> str:
    return code_of(talk.do(step(talk, user, what, **more)))


def tie_of(talk: Talk) -> Tie:
    return talk.head.standing.tie


# ---- what comes of what


@pytest.mark.parametrize(
    ("before", "what", "code"),
    [
        ((), "request", "accepted"),
        ((("ana", "request"),), "request", "already_done"),
        ((("ben", "request"),), "request", "accepted"),  # the requests cross
        ((("ana", "request"), ("ben", "accept")), "request", "already_friends"),
        ((), "accept", "no_request"),
        ((), "decline", "no_request"),
        ((("ana", "request"),), "accept", "no_request"),  # nobody accepts its own request
        ((("ben", "request"),), "accept", "accepted"),
        ((("ben", "request"),), "decline", "accepted"),
        ((("ben", "request"), ("ana", "accept")), "accept", "already_friends"),
        ((("ben", "request"), ("ana", "accept")), "decline", "already_friends"),
        ((("ben", "request"), ("ben", "remove")), "accept", "no_request"),  # it was taken back
        ((), "remove", "already_done"),
        ((("ben", "request"),), "remove", "already_done"),
        ((("ana", "request"),), "remove", "accepted"),
        ((("ana", "request"), ("ben", "accept")), "remove", "accepted"),
        ((), "block", "accepted"),
        ((("ana", "block"),), "block", "already_done"),
        ((("ben", "block"),), "block", "accepted"),  # each on its own
        ((), "unblock", "already_done"),
        ((("ben", "block"),), "unblock", "already_done"),
        ((("ana", "block"),), "unblock", "accepted"),
        ((("ana", "request"), ("ben", "decline")), "request", "too_soon"),
        ((("ben", "request"), ("ana", "decline")), "request", "accepted"),  # who declined may ask
    ],
)
def test_what_each_command_comes_to(before: tuple[tuple[str, str], ...], what: str, code: str) -> None:
    talk = talk_of(*before)
    head_seq = talk.head.head_seq
    assert do(talk, "ana", what) == code
    assert (talk.head.head_seq > head_seq) == (code == "accepted")


WHILE_BLOCKED = {
    "send": "blocked",
    "edit": "blocked",
    "react": "blocked",
    "unreact": "accepted",
    "recall": "accepted",
    "read": "accepted",
    "request": "blocked",
    "remove": "already_done",
}


@pytest.mark.parametrize(("what", "code"), WHILE_BLOCKED.items())
@pytest.mark.parametrize("blocker", ["ana", "ben"])
def test_while_one_blocks_the_other_neither_writes_nor_asks_and_both_may_take_back(what: str, code: str, blocker: str) -> None:
    talk = talk_of(("ana", "send"), (blocker, "block"))
    if what == "read":
        assert code_of(talk.do(step(talk, "ben", "read"))) == "accepted"
        return
    assert do(talk, "ana", what) == code
    talk.must(step(talk, blocker, "unblock"))
    assert code_of(talk.decide(step(talk, "ana", "send"))) == "accepted"


def test_a_request_that_was_open_when_a_block_came_can_only_be_declined_without_words() -> None:
    for blocker in ("ana", "ben"):
        talk = talk_of(("ana", "request"), (blocker, "block"))
        assert do(talk, "ben", "accept") == "blocked"
        assert do(talk, "ben", "decline", text="no!") == "blocked"
        assert do(talk, "ben", "decline") == "accepted"


def test_a_block_leaves_a_friendship_as_it_is_and_either_may_end_it() -> None:
    talk = talk_of(("ana", "request"), ("ben", "accept"), ("ana", "block"))
    assert tie_of(talk).friends
    assert do(talk, "ben", "remove") == "accepted"
    assert not tie_of(talk).friends


@pytest.mark.parametrize("kind", [commands.RequestFriend, commands.BlockUser])
def test_a_command_to_somebody_new_makes_the_conversation_in_the_same_decision(kind: Any) -> None:
    talk = Talk(RULES, DIRECT_ID)
    decision = talk.do(talk.command(kind, "ana", member="ben", refuse_strangers=("ben", "eve")))
    assert isinstance(decision, Accepted)
    created, made = decision.events
    assert isinstance(created, events.ConversationCreated)
    assert isinstance(made, events.FriendRequested | events.UserBlocked)
    assert (created.seq, made.seq, created.command_id) == (1, 2, made.command_id)
    assert (created.conversation_kind, created.refuse_strangers) == ("direct", ("ben",))
    assert sorted(talk.head.members) == ["ana", "ben"]
    again = talk.command(kind, "ana", member="ben", refuse_strangers=(), command_id=made.command_id)
    assert code_of(talk.do(again)) == "repeated"  # also where the privacy changed in between


@pytest.mark.parametrize("kind", [commands.AnswerFriendRequest, commands.RemoveFriend, commands.UnblockUser])
def test_other_commands_about_somebody_new_find_no_conversation(kind: Any) -> None:
    talk = Talk(RULES, DIRECT_ID)
    fields: dict[str, Any] = {"accept": True} if kind is commands.AnswerFriendRequest else {}
    assert code_of(talk.do(talk.command(kind, "ana", member="ben", **fields))) == "unknown_conversation"


@pytest.mark.parametrize("member", ["ana", "eve", "", "u" * 200])
@pytest.mark.parametrize("new", [True, False])
def test_nobody_befriends_itself_or_somebody_whose_conversation_this_is_not(member: str, new: bool) -> None:
    talk = Talk(RULES, DIRECT_ID) if new else talk_of()
    for kind in (commands.RequestFriend, commands.BlockUser):
        assert code_of(talk.do(talk.command(kind, "ana", member=member))) == "invalid"


def test_a_stranger_to_the_conversation_and_a_group_learn_nothing() -> None:
    assert code_of(talk_of().do(talk_of().command(commands.RequestFriend, "eve", member="ben"))) == "not_member"
    group = opened("group")
    assert code_of(group.do(group.command(commands.RequestFriend, "ana", member="ben"))) in ("not_allowed", "invalid")


def test_texts_are_limited_and_a_question_wants_an_answer() -> None:
    talk = Talk(RULES, DIRECT_ID)
    assert do(talk, "ana", "request", text="x" * 11) == "too_long"
    assert do(talk, "ana", "request", taken="question", text=" \n") == "empty"
    assert do(talk, "ana", "request", taken="nobody", text="hi") == "not_allowed"
    assert do(talk, "ana", "request", taken="question", text="x" * 10) == "accepted"
    assert do(talk, "ben", "accept", text="y" * 11) == "too_long"
    assert do(talk, "ben", "request", taken="nobody") == "accepted"  # who was asked may always answer by asking


def test_a_declined_request_waits_and_the_refusal_says_how_long() -> None:
    talk = talk_of(("ana", "request"), ("ben", "decline"))
    talk.now_ms += 59_999
    decision: Any = talk.do(step(talk, "ana", "request"))
    assert (decision.code, decision.retry_after_ms) == ("too_soon", 1)
    talk.now_ms += 1
    assert do(talk, "ana", "request") == "accepted"


# ---- strangers


def test_who_refuses_strangers_is_not_written_to_until_it_writes_itself() -> None:
    talk = talk_of(refusing=("ben",))
    assert do(talk, "ana", "send") == "strangers_refused"
    assert do(talk, "ben", "send") == "accepted"
    assert do(talk, "ana", "send") == "accepted"


def test_friends_write_to_who_refuses_strangers_and_the_end_of_the_friendship_asks_anew() -> None:
    talk = talk_of(("ana", "request"), ("ben", "accept"), refusing=("ben",))
    assert do(talk, "ana", "send") == "accepted"
    talk.must(step(talk, "ana", "remove", refuse_strangers=("ben",)))
    assert do(talk, "ana", "send") == "strangers_refused"
    talk.must(step(talk, "ben", "send"))
    assert do(talk, "ana", "send") == "accepted"


def test_a_request_that_is_taken_back_does_not_ask_anew() -> None:
    talk = talk_of(("ana", "request"), refusing=("ben",))
    talk.must(step(talk, "ana", "remove", refuse_strangers=()))
    assert do(talk, "ana", "send") == "strangers_refused"


# ---- races: the log's order decides, and every fold agrees


RACES = [("accept", "decline"), ("block", "send"), ("request", "block"), ("accept", "remove"), ("request", "request")]


@pytest.mark.parametrize(("first", "second"), [*RACES, *(pair[::-1] for pair in RACES)])
def test_of_two_commands_at_once_the_logs_order_decides(first: str, second: str) -> None:
    """Both were made before either was decided: ben's first one against ana's, or the same request of both."""
    open_request = {"accept", "decline"} & {first, second}
    before = (("ana", "request"),) if open_request else ()
    authors = {"accept": "ben", "decline": "ben", "remove": "ana", "block": "ben", "send": "ana"}
    talk = talk_of(*before)
    one, two = step(talk, authors.get(first, "ana"), first), step(talk, authors.get(second, "ben" if first == second else "ana"), second)
    codes = (code_of(talk.do(one)), code_of(talk.do(two)))
    expected = {
        ("accept", "decline"): "already_friends",
        ("decline", "accept"): "no_request",
        ("block", "send"): "blocked",
        ("send", "block"): "accepted",
        ("request", "block"): "accepted",
        ("block", "request"): "blocked",
        ("accept", "remove"): "accepted",
        ("remove", "accept"): "no_request",
        ("request", "request"): "accepted",
    }
    assert codes == ("accepted", expected[first, second])
    assert_folds_agree(talk)
    if (first, second) == ("request", "request"):
        assert tie_of(talk).friends


WHATS = ("request", "accept", "decline", "remove", "block", "unblock", "send", "edit", "react", "recall", "read")
STEPS = st.lists(
    st.tuples(st.sampled_from(("ana", "ben")), st.sampled_from(WHATS), st.sampled_from((0, 1_000, 70_000)), st.booleans()), max_size=40
)


@settings(max_examples=200, deadline=None)
@given(STEPS, st.sampled_from([(), ("ana",), ("ben",), ("ana", "ben")]))
def test_after_any_history_every_fold_agrees_and_the_rules_held(steps: list[tuple[str, str, int, bool]], refusing: tuple[str, ...]) -> None:
    talk = talk_of(refusing=refusing)
    sent: list[commands.Command] = []
    for user, what, passed_ms, again in steps:
        talk.now_ms += passed_ms
        command = sent[-1] if again and sent else step(talk, user, what)
        sent.append(command)
        tie = tie_of(talk)
        decision = talk.do(command)
        assert_held(tie, command, decision)
    assert_folds_agree(talk)


def assert_held(tie: Tie, command: commands.Command, decision: Decision) -> None:
    """What no decision may come to, from the tie before it alone."""
    if not isinstance(decision, Accepted):
        return
    user, other = command.user, OTHER[command.user]
    for event in decision.events:
        writing = isinstance(event, events.MessageSent | events.MessageEdited | events.ReactionAdded)
        assert not (tie.blocked_by and (writing or isinstance(event, events.FriendRequested | events.FriendAccepted)))
        assert not (writing and other in tie.refusing and not tie.friends)
        assert not (isinstance(event, events.FriendAccepted) and tie.asked_by != other)
        assert not (isinstance(event, events.FriendDeclined) and tie.asked_by != other)
        assert not (isinstance(event, events.FriendRequested) and (tie.friends or tie.asked_by))
        assert not (isinstance(event, events.UserBlocked) and user in tie.blocked_by)
        assert fold_tie(tie, event) != tie or not isinstance(event, events.FriendRemoved | events.UserBlocked | events.UserUnblocked)


def assert_folds_agree(talk: Talk) -> None:
    """The tie by its own fold, through snapshots at every cut, and as both users' rosters say it, told once or again and again."""
    folded = NO_TIE
    for event, _ in talk.log:
        folded = fold_tie(folded, event)
    assert folded == tie_of(talk)
    for cut in range(1, len(talk.log) + 1):
        state = None
        for event, print_ in talk.log[:cut]:
            state = evolve(state, event, print_, talk.rules)
        assert state is not None
        kept = codec.decode(codec.encode("conversation-state", snapshot(state, 7)), ConversationSnapshot)
        state = restore(kept)
        for event, print_ in talk.log[cut:]:
            state = evolve(state, event, print_, talk.rules)
        assert state.standing.tie == folded
    for user in OTHER:
        relation, blocked = "none", False
        for told in (each for event, _ in talk.log for each in roster_events(event) if each.user == user):
            assert isinstance(told, RosterChanged)
            relation = told.relation or relation
            blocked = blocked if told.blocked is None else told.blocked
        assert (relation, blocked) == (folded.relation(user), user in folded.blocked_by)


def test_the_conversation_of_two_users_is_the_same_from_both_sides() -> None:
    assert direct_conversation_id("ana", "ben") == direct_conversation_id("ben", "ana") == DIRECT_ID
