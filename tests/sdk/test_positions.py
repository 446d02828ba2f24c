"""A core with more positions than a hello names, and positions that the edge refuses: it ends equal to the edge, or is told."""

from collections import deque

from warbler import effects as fx
from warbler import frames
from warbler.core import POSITIONS_LIMIT, Core
from warbler.happenings import TimelineEvent, Unreadable

EPOCH = "e1"
LIMITS = frames.Limits(65_536, 16_384, 50, 200, 500, 500, 100)
PAGE_ENTRIES = 100
HEAD = 3


def item(seq: int) -> frames.EventItem:
    content = frames.DeviceContent(text="hi")
    return frames.EventItem(kind="message_sent", seq=seq, ordinal=seq, at_ms=0, user="u-ben", device="d", id=f"c-{seq}", content=content)


def entry(conversation: str) -> frames.DirectoryEntry:
    return frames.DirectoryEntry(
        conversation=conversation,
        conversation_kind="group",
        title="",
        role="member",
        head_seq=HEAD,
        head_ordinal=HEAD,
        active_at_ms=0,
        read_seq=0,
        unread=0,
    )


class Edge:
    """Answers as the edge does; every conversation has HEAD events. Refuses the positions in `strange`."""

    def __init__(self, conversations: list[str], strange: frozenset[str] = frozenset()) -> None:
        self.conversations, self.strange = conversations, strange

    def directory(self, after: str | None) -> tuple[tuple[frames.DirectoryEntry, ...], str | None]:
        known = [each for each in self.conversations if each not in self.strange]
        start = 0 if after is None else known.index(after) + 1
        page = known[start : start + PAGE_ENTRIES]
        return tuple(map(entry, page)), page[-1] if start + len(page) < len(known) else None

    def answers(self, frame: frames.FromDevice) -> list[frames.FromEdge]:
        match frame:
            case frames.Hello():
                entries, following = self.directory(None)
                welcome = frames.Welcome("s", "n", "u-ana", EPOCH, frame.epoch != EPOCH, 0, 25_000, LIMITS, entries, following)
                positions = {} if welcome.epoch_changed else frame.positions
                return [welcome, *(self.position(each, next_seq) for each, next_seq in positions.items())]
            case frames.DirectoryRequest():
                return [frames.DirectoryPage(frame.request, *self.directory(frame.after))]
            case frames.Sync() if frame.conversation in self.strange:
                return [frames.Failure(frame.request, "not_member", "", False)]
            case frames.Sync():
                return [self.page(frame.request, frame.conversation, frame.from_seq)]
            case _:
                return []

    def position(self, conversation: str, next_seq: int) -> frames.FromEdge:
        if conversation in self.strange:
            return frames.Failure("", "not_member", "not a member of this conversation", False, 0, conversation)
        return self.page("", conversation, next_seq)

    def page(self, request: str, conversation: str, from_seq: int) -> frames.Page:
        return frames.Page(request, conversation, tuple(map(item, range(from_seq, HEAD + 1))), HEAD + 1, more=False)


def talked(core: Core, edge: Edge) -> list[object]:
    """Everything the application hears until nothing is under way."""
    told: list[object] = []
    up = deque(core.on_open("token", 0))
    for _ in range(100_000):
        if not up:
            break
        effect = up.popleft()
        if isinstance(effect, fx.Emit):
            told.append(effect.happening)
        elif isinstance(effect, fx.Send):
            for answer in edge.answers(effect.frame):
                up += core.on_frame(answer, 0)
    return told


def test_more_conversations_than_a_hello_names_are_all_caught_up() -> None:
    conversations = [f"g-{number:04}" for number in range(3 * POSITIONS_LIMIT)]
    behind = {each: 2 if number % 2 else HEAD + 1 for number, each in enumerate(conversations)}
    core = Core("phone", lambda _: 1, positions=behind, epoch=EPOCH)
    told = talked(core, Edge(conversations))
    assert dict(core.timelines.positions()) == dict.fromkeys(conversations, HEAD + 1)
    events = [(each.conversation, each.event.seq) for each in told if isinstance(each, TimelineEvent)]
    assert sorted(events) == [(each, seq) for number, each in enumerate(conversations) for seq in (2, 3) if number % 2]


def test_a_position_that_is_refused_is_told_and_the_others_are_not_asked_again() -> None:
    conversations = ["g-1", "g-2", "g-3"]
    core = Core("phone", lambda _: 1, positions=dict.fromkeys(conversations, 2), epoch=EPOCH)
    told = talked(core, Edge(conversations, frozenset({"g-2"})))
    assert [each for each in told if isinstance(each, Unreadable)] == [Unreadable("g-2", "not_member", "not a member of this conversation")]
    assert [each.conversation for each in told if isinstance(each, TimelineEvent)] == ["g-1", "g-1", "g-3", "g-3"]
    assert dict(core.timelines.positions()) == {"g-1": HEAD + 1, "g-3": HEAD + 1}


def test_a_device_of_another_epoch_reads_everything_again_from_the_first_event() -> None:
    conversations = ["g-1", "g-2", "g-gone"]
    core = Core("phone", lambda _: 1, positions={"g-1": 3, "g-2": 900, "g-gone": 5}, epoch="e-lost")
    told = talked(core, Edge(conversations, frozenset({"g-gone"})))
    assert sorted((each.conversation, each.event.seq) for each in told if isinstance(each, TimelineEvent)) == [
        (each, seq) for each in ("g-1", "g-2") for seq in (1, 2, 3)
    ]
    assert [each.conversation for each in told if isinstance(each, Unreadable)] == ["g-gone"]
