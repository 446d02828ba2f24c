"""Who is told whose presence: nothing newer is missed, nothing older wins, nobody who is not to be seen shows."""

from hypothesis import given
from hypothesis import strategies as st

from edge import frames
from edge.session import Session
from edge.watchers import Watch, Watchers
from schemas.ids import direct_conversation_id
from schemas.values import PresenceState, Visibility
from store.presence import PresenceRow
from store.privacy import Privacy
from tests.edge.builders import ANA, BEN, EVE, session_of


def row(user: str, at_ms: int, state: PresenceState = "online", status: str = "") -> PresenceRow:
    return PresenceRow(user, state, status, at_ms, at_ms)


def entry(user: str, at_ms: int, state: PresenceState = "online", status: str = "") -> frames.PresenceEntry:
    return frames.PresenceEntry(user, state, status, at_ms)


def unseen(user: str) -> frames.PresenceEntry:
    return frames.PresenceEntry(user, "offline", "", 0)


def privacy(presence: Visibility, at_ms: int = 1) -> Privacy:
    return Privacy(True, presence, at_ms)


def watching(watchers: Watchers, *users: str, rows: dict[str, PresenceRow] | None = None) -> tuple[Session, Watch]:
    session, _ = session_of(ANA)
    watch = watchers.watch(session, users)
    assert watchers.answer(session, watch, rows or {}, {}) is not None
    return session, watch


def test_the_answer_holds_every_watched_user_and_later_changes_come_together() -> None:
    watchers = Watchers("everyone")
    session, _ = session_of(ANA)
    watch = watchers.watch(session, (BEN, EVE))
    assert watchers.answer(session, watch, {BEN: row(BEN, 5)}, {}) == (entry(BEN, 5), unseen(EVE))
    watchers.on_change(row(BEN, 6, "away"))
    watchers.on_change(row(BEN, 7, "online", "back"))
    watchers.on_change(row(EVE, 7))
    watchers.on_change(row("u-unwatched", 7))
    assert watchers.take() == [(session, (entry(BEN, 7, "online", "back"), entry(EVE, 7)))]
    assert watchers.take() == []


def test_a_change_between_question_and_answer_wins_if_it_is_newer_and_is_not_told_before() -> None:
    for row_at, winner in ((5, 6), (7, 7)):
        watchers = Watchers("everyone")
        session, _ = session_of(ANA)
        watch = watchers.watch(session, (BEN,))
        watchers.on_change(row(BEN, 6))
        assert watchers.take() == []
        assert watchers.answer(session, watch, {BEN: row(BEN, row_at)}, {}) == (entry(BEN, winner),)
        assert watchers.take() == []


def test_an_older_change_that_comes_late_is_not_told() -> None:
    watchers = Watchers("everyone")
    watching(watchers, BEN, rows={BEN: row(BEN, 9)})
    watchers.on_change(row(BEN, 8, "offline"))
    assert watchers.take() == []


def test_asking_again_replaces_what_was_watched_and_the_first_question_has_no_answer() -> None:
    watchers = Watchers("everyone")
    session, _ = session_of(ANA)
    first = watchers.watch(session, (BEN,))
    second = watchers.watch(session, (EVE,))
    assert watchers.answer(session, first, {BEN: row(BEN, 5)}, {}) is None
    assert watchers.answer(session, second, {}, {}) == (unseen(EVE),)
    assert not watchers.is_watched(BEN)


def test_who_is_visible_to_nobody_is_offline_and_its_changes_make_no_frames() -> None:
    """A frame that says "offline" again each time would tell when the user comes and goes."""
    watchers = Watchers("everyone")
    session, _ = session_of(ANA)
    watch = watchers.watch(session, (BEN,))
    assert watchers.answer(session, watch, {BEN: row(BEN, 5)}, {BEN: privacy("nobody")}) == (unseen(BEN),)
    watchers.on_change(row(BEN, 6, "away", "secret"))
    assert watchers.take() == []


def test_a_changed_privacy_is_told_at_once_in_both_directions() -> None:
    watchers = Watchers("everyone")
    session, _ = watching(watchers, BEN, rows={BEN: row(BEN, 5)})
    watchers.on_privacy(BEN, privacy("nobody"))
    assert watchers.take() == [(session, (unseen(BEN),))]
    watchers.on_privacy(BEN, privacy("everyone", 2))
    assert watchers.take() == [(session, (entry(BEN, 5),))]


def test_a_privacy_that_came_while_the_rows_were_read_is_not_overwritten_by_the_older_row() -> None:
    watchers = Watchers("everyone")
    session, _ = session_of(ANA)
    watch = watchers.watch(session, (BEN,))
    watchers.on_privacy(BEN, privacy("nobody", 9))
    assert watchers.answer(session, watch, {BEN: row(BEN, 5)}, {BEN: privacy("everyone", 3)}) == (unseen(BEN),)


def test_contacts_share_a_direct_conversation_and_a_new_one_opens_the_view() -> None:
    watchers = Watchers("contacts")
    session, _ = session_of(ANA)
    watch = watchers.watch(session, (BEN, EVE))
    session.conversations.add(direct_conversation_id(ANA, EVE))
    rows = {BEN: row(BEN, 5), EVE: row(EVE, 5)}
    assert watchers.answer(session, watch, rows, {}) == (unseen(BEN), entry(EVE, 5))
    session.conversations.add(direct_conversation_id(ANA, BEN))
    watchers.on_contacts(session)
    assert watchers.take() == [(session, (entry(BEN, 5),))]


def test_the_users_own_presence_is_shown_to_its_own_devices() -> None:
    watchers = Watchers("nobody")
    session, _ = session_of(ANA)
    watch = watchers.watch(session, (ANA,))
    assert watchers.answer(session, watch, {ANA: row(ANA, 5)}, {}) == (entry(ANA, 5),)


@given(st.lists(st.tuples(st.sampled_from((BEN, EVE)), st.integers(1, 30), st.sampled_from(("online", "away", "offline"))), max_size=20))
def test_after_any_changes_in_any_order_the_session_knows_the_newest_of_each(changes: list[tuple[str, int, PresenceState]]) -> None:
    newest: dict[str, PresenceRow] = {}
    for user, at_ms, state in changes:
        if user not in newest or at_ms > newest[user].at_ms:
            newest[user] = row(user, at_ms, state)
    watchers = Watchers("everyone")
    session, _ = session_of(ANA)
    watch = watchers.watch(session, (BEN, EVE))
    known: dict[str, frames.PresenceEntry] = {}
    for number, (user, at_ms, state) in enumerate(changes):
        watchers.on_change(row(user, at_ms, state))
        if number == len(changes) // 2:
            known = {each.user: each for each in watchers.answer(session, watch, {}, {}) or ()}
        if number % 3 == 0:
            known |= {each.user: each for _, entries in watchers.take() for each in entries}
    if not changes:
        watchers.answer(session, watch, {}, {})
    known |= {each.user: each for _, entries in watchers.take() for each in entries}
    for user, wanted in newest.items():
        assert known[user] == entry(user, wanted.at_ms, wanted.state)


def test_nothing_is_kept_of_sessions_that_ended() -> None:
    watchers = Watchers("everyone")
    session, watch = watching(watchers, BEN, rows={BEN: row(BEN, 5)})
    watchers.on_privacy(BEN, privacy("nobody"))
    watchers.forget(session)
    watchers.forget(session)
    assert watchers.answer(session, watch, {}, {}) is None
    assert (watchers._watches, watchers._by_user, watchers._rows, watchers._privacies, watchers._waiting) == ({}, {}, {}, {}, set())
