"""The local roster: whatever the order of pages and live frames, in the end it is the server's."""

import random
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st
from warbler.frames import Relation, RosterEntry
from warbler.happenings import RosterSeen
from warbler.roster import Roster, RosterPage

USERS = [f"u-{number}" for number in range(6)]
RELATIONS: list[Relation] = ["none", "requested", "asked", "friends"]
PAGE = 2


def entry(user: str, relation: Relation = "friends", at_ms: int = 1, alias: str = "") -> RosterEntry:
    return RosterEntry(user, f"d-{user}", relation, False, alias, (), "", at_ms)


@dataclass
class Server:
    """A log of changes; a version names a place in it, and is text that nobody else can compare."""

    changes: list[RosterEntry] = field(default_factory=list)
    generation: int = 1
    remembers: int = 4  # changes; who asks since an older version gets everything

    def version(self, at: int | None = None) -> str:
        return f"e{self.generation}.0.{len(self.changes) if at is None else at}"

    def entries(self) -> dict[str, RosterEntry]:
        return {each.user: each for each in self.changes}

    def answer(self, since: str) -> list[RosterPage]:
        """All pages of an answer, as of now."""
        generation, _, at = since.partition(".0.")
        known = since != "" and generation == f"e{self.generation}" and len(self.changes) - int(at) <= self.remembers
        wanted = {each.user for each in (self.changes[int(at) :] if known else self.changes)}
        found = [each for user, each in self.entries().items() if user in wanted]
        pieces = [tuple(found[start : start + PAGE]) for start in range(0, len(found), PAGE)] or [()]
        last = len(pieces) - 1
        return [RosterPage(self.version(), not known, piece, None if n == last else str(n)) for n, piece in enumerate(pieces)]


def lost_log(server: Server) -> None:
    """The log was restored from a backup: what came last is no more."""
    server.generation += 1
    server.changes = server.changes[: len(server.changes) // 2]


@given(seed=st.integers(0, 2**32), losses=st.sampled_from([0.0, 0.1, 0.3]), resets=st.sampled_from([0.0, 0.05]))
def test_pages_and_live_frames_in_any_interleaving_make_the_servers_roster(seed: int, losses: float, resets: float) -> None:
    """Method: connections come and go; a page is cut when it is asked for, and live frames arrive between the pages."""
    rng, server, roster = random.Random(seed), Server(), Roster()
    pages: list[RosterPage] = []
    flying: list[RosterSeen] = []

    def connect() -> None:
        flying.clear()
        if rng.random() < resets:
            lost_log(server)
        pages[:] = server.answer(roster.begin())

    def step(quiet: bool) -> None:
        dice = rng.random()
        if not quiet and dice < losses:
            connect()
        elif not quiet and dice < 0.5:
            server.changes.append(entry(rng.choice(USERS), rng.choice(RELATIONS), len(server.changes)))
            flying.append(RosterSeen(server.version(), (server.changes[-1],), False))
        elif flying and (dice < 0.75 or not pages):
            roster.live(flying.pop(0))
        elif pages:
            roster.page(pages.pop(0))

    connect()
    for _ in range(60):
        step(quiet=False)
    while pages or flying:
        step(quiet=True)
    assert {each.user: each for each in roster} == server.entries()
    assert roster.complete


def test_a_change_is_told_once_and_nothing_is_told_again_that_was_so() -> None:
    roster = Roster()
    roster.begin()
    ana, ben = entry("u-ana"), entry("u-ben", "asked")
    assert roster.page(RosterPage("v2", True, (ana,), "next")) == [ana]
    assert (roster.complete, roster.version) == (False, "")
    assert roster.page(RosterPage("v2", True, (ben,), None)) == [ben]
    assert (roster.complete, roster.version) == (True, "v2")
    assert (roster.friends(), roster.asking()) == ([ana], [ben])
    assert roster.live(RosterSeen("v3", (ana,), False)) == []
    assert roster.version == "v3"


def test_a_full_answer_forgets_who_is_not_named_but_not_who_came_since() -> None:
    roster = Roster("v1", [entry("u-old"), entry("u-kept")])
    assert roster.begin() == "v1"
    roster.live(RosterSeen("v9", (entry("u-new"),), False))
    roster.page(RosterPage("v8", True, (entry("u-kept"),), None))
    assert {each.user for each in roster} == {"u-kept", "u-new"}


def test_a_page_does_not_take_back_what_was_told_since_the_sync_began() -> None:
    roster = Roster("v1", [entry("u-ana", "asked")])
    roster.begin()
    roster.live(RosterSeen("v5", (entry("u-ana", "friends", 5),), False))
    roster.page(RosterPage("v4", False, (entry("u-ana", "asked", 4),), None))
    assert [each.relation for each in roster] == ["friends"]


def test_a_sync_that_broke_begins_again_from_where_it_began() -> None:
    roster = Roster("v1", [])
    roster.begin()
    roster.page(RosterPage("v3", False, (entry("u-ana"),), "next"))
    roster.live(RosterSeen("v4", (entry("u-ben"),), False))
    assert roster.begin() == "v1"
