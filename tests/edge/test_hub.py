"""Which session wants what: the two indexes always agree with the sessions."""

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from edge.hub import Hub
from edge.session import Session
from tests.edge.builders import ANA, BEN, session_of

CONVERSATIONS = ("c1", "c2", "c3")
SOME = st.sets(st.sampled_from(CONVERSATIONS))


class HubMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.hub = Hub()
        self.open: dict[Session, set[str]] = {}
        self.closed: list[Session] = []

    @rule(
        user=st.sampled_from((ANA, BEN)), device=st.sampled_from(("phone", "laptop")), conversations=st.sets(st.sampled_from(CONVERSATIONS))
    )
    def opens(self, user: str, device: str, conversations: set[str]) -> None:
        session, _ = session_of(user, device, f"s-{len(self.open) + len(self.closed)}")
        self.hub.open(session, conversations)
        self.open[session] = set(conversations)

    @precondition(lambda self: self.open)
    @rule(data=st.data(), conversation=st.sampled_from(CONVERSATIONS))
    def joins(self, data: st.DataObject, conversation: str) -> None:
        session = data.draw(st.sampled_from(sorted(self.open, key=lambda s: s.id)))
        self.hub.join(session, conversation)
        self.open[session].add(conversation)

    @precondition(lambda self: self.open)
    @rule(data=st.data(), conversation=st.sampled_from(CONVERSATIONS))
    def leaves(self, data: st.DataObject, conversation: str) -> None:
        session = data.draw(st.sampled_from(sorted(self.open, key=lambda s: s.id)))
        session.catching_up.add(conversation)
        self.hub.leave(session, conversation)
        self.open[session].discard(conversation)
        assert conversation not in session.catching_up

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def closes(self, data: st.DataObject) -> None:
        session = data.draw(st.sampled_from(sorted(self.open, key=lambda s: s.id)))
        self.hub.close(session)
        del self.open[session]
        self.closed.append(session)

    @precondition(lambda self: self.closed)
    @rule()
    def closes_again(self) -> None:
        self.hub.close(self.closed[-1])

    @invariant()
    def the_indexes_say_what_the_sessions_say(self) -> None:
        for conversation in CONVERSATIONS:
            assert set(self.hub.of_conversation(conversation)) == {s for s, joined in self.open.items() if conversation in joined}
        for user in (ANA, BEN):
            assert set(self.hub.of_user(user)) == {s for s in self.open if s.user == user}
            for device in ("phone", "laptop"):
                assert set(self.hub.of_device(user, device)) == {s for s in self.open if (s.user, s.device) == (user, device)}
        assert set(self.hub.sessions.values()) == set(self.open)
        assert all(session.conversations == joined for session, joined in self.open.items())

    @invariant()
    def nothing_empty_is_kept(self) -> None:
        assert all(self.hub.by_conversation.values())
        assert all(self.hub.by_user.values())


TestHub = HubMachine.TestCase
