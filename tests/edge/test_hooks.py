"""Hooks before commands: whom they are asked about, what their answers mean, order, failures, and what a repeat gets."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from edge import frames
from edge.hooks.breaker import HookBreaker
from edge.hooks.desk import HookDesk
from edge.hooks.plan import (
    MESSAGES,
    REASON_CHARS_LIMIT,
    Allow,
    Asked,
    Failed,
    Hook,
    Refuse,
    Replace,
    Verdict,
    Veto,
    applied,
    concerns,
    question,
    question_id,
    verdict_of,
    without_answer,
)
from edge.hooks.settings import HookSettings, Keyed, load
from edge.settings import BadSetting
from log.web.signing import BadSecret, secret_of
from schemas import commands
from schemas.fingerprint import fingerprint
from schemas.records import MessageSignalled
from schemas.values import Content
from streams.conversations.decide import Refused, Repeated
from tests.edge.builders import ANA, GROUP, command_id
from tests.edge.hook_server import ALLOW, SECRET, SECRET_TEXT, Answer, Question, at_once, hook_server, says
from tests.streams.talking import opened, text

BASE: dict[str, Any] = {"tenant": "default", "user": ANA, "device": "phone", "trace_id": "t", "received_at_ms": 5}
WITHIN_S = 90


def message(number: int = 1, body: str = "hello", conversation: str = GROUP) -> commands.SendMessage:
    return commands.SendMessage(
        conversation_id=conversation, command_id=command_id(number), content=Content("text/plain", body.encode()), **BASE
    )


def leaving(number: int = 2) -> commands.LeaveConversation:
    return commands.LeaveConversation(conversation_id=GROUP, command_id=command_id(number), **BASE)


def signalled(number: int = 3) -> MessageSignalled:
    base = {name: BASE[name] for name in ("tenant", "user", "device")}
    return MessageSignalled(conversation_id=GROUP, command_id=command_id(number), content=Content("text/plain", b"psst"), at_ms=5, **base)


def hook(url: str = "http://127.0.0.1:9/ask", **changed: Any) -> Hook:
    return Hook(id="moderation", url=url, secret_env="S", **changed)


# Pure


def test_a_hook_is_asked_about_messages_unless_it_says_otherwise() -> None:
    assert concerns(hook(), message())
    assert concerns(hook(), signalled())
    assert not concerns(hook(), leaving())
    assert concerns(hook(commands=("*",)), leaving())
    assert concerns(hook(commands=("leave_conversation",)), leaving())
    assert not concerns(hook(commands=("leave_conversation",)), message())


def test_a_hook_is_asked_about_its_conversations() -> None:
    direct = message(conversation="d-0123")
    for wanted, in_group, in_direct in ((("all",), 1, 1), (("direct",), 0, 1), (("groups",), 1, 0), ((GROUP,), 1, 0), ((), 0, 0)):
        assert (concerns(hook(conversations=wanted), message()), concerns(hook(conversations=wanted), direct)) == (in_group, in_direct)


def test_what_a_hook_is_told() -> None:
    told = json.loads(question(hook(), message(), 77))
    assert (told["type"], told["timestamp_ms"]) == ("command.send_message", 77)
    data = told["data"]
    assert (data["hook"], data["user"], data["conversation_id"], data["ephemeral"]) == ("moderation", ANA, GROUP, False)
    assert data["content"] == {"media_type": "text/plain", "text": "hello"}
    assert not {"trace_id", "asked", "veto", "kind"} & set(data)
    sealed = replace(message(), content=Content("application/x", b"\xff\0", "key-1"))
    assert json.loads(question(hook(), sealed, 7))["data"]["content"] == {"media_type": "application/x", "body": "/wA=", "key_id": "key-1"}
    assert json.loads(question(hook(), signalled(), 7))["data"]["ephemeral"]


def test_a_question_has_the_same_id_every_time() -> None:
    again = replace(message(), device="tablet", trace_id="u", received_at_ms=99)
    assert question_id(hook(), message()) == question_id(hook(), again)
    assert question_id(hook(), message(2)) != question_id(hook(), message())


ANSWERS: list[tuple[int, bytes, Any]] = [
    (204, b"", Allow()),
    (*ALLOW, Allow()),
    (200, b'{"action": "allow", "later": {"fields": 1}}', Allow()),
    (*says(action="veto", reason="no"), Veto("no")),
    (*says(action="veto"), Veto("not allowed here")),
    (*says(action="veto", reason="x" * 999), Veto("x" * REASON_CHARS_LIMIT)),
    (*says(action="replace", content={"media_type": "text/plain", "text": "***"}), Replace(Content("text/plain", b"***"))),
    (*says(action="replace", content={"media_type": "image/x", "body": "AQI="}), Replace(Content("image/x", b"\1\2"))),
    (200, b"", Failed),
    (200, b"yes", Failed),
    (200, b"\xff\xfe", Failed),
    (200, b'{"action": "perhaps"}', Failed),
    (200, b'{"action": "replace"}', Failed),
    (200, b'{"action": "replace", "content": {"media_type": "text/plain", "text": ""}}', Failed),
    (200, b'{"action": "replace", "content": {"media_type": "x", "text": "a"}}', Failed),
    (*says(action="replace", content={"media_type": "text/plain", "text": "x" * 1_001}), Failed),
    (200, b'{"action": "replace", "content": {"media_type": "text/plain", "text": "\\ud800"}}', Failed),
    (200, b'{"action": "allow", "more": ' + b"[" * 50_000, Failed),
    (302, ALLOW[1], Failed),
    (500, ALLOW[1], Failed),
]


@pytest.mark.parametrize(("status", "body", "expected"), ANSWERS, ids=range(len(ANSWERS)))
def test_what_an_answer_means(status: int, body: bytes, expected: Any) -> None:
    found = verdict_of(status, body, message(), 1_000)
    assert isinstance(found, Failed) if expected is Failed else found == expected


def test_only_a_message_can_be_changed() -> None:
    _, body = says(action="replace", content={"media_type": "text/plain", "text": "a"})
    assert isinstance(verdict_of(200, body, leaving(), 1_000), Failed)
    assert isinstance(applied(leaving(), Veto("no")), Refuse)


def test_what_a_failure_comes_to_is_the_hooks_choice() -> None:
    assert without_answer(hook(), Failed("x")) == Allow()
    closed = without_answer(hook(failure="closed"), Failed("x"))
    assert isinstance(closed, Refuse)
    assert closed.code == "unavailable"
    assert closed.retry_after_ms > 0


# What the owner makes of it


def test_the_same_message_again_gets_the_same_answer_whatever_the_hook_says_then() -> None:
    talk = opened()
    plain = talk.command(commands.SendMessage, "ben", content=text("you fool"))
    verdicts: list[Verdict] = [Allow(), Replace(text("you f***")), Veto("no")]
    first = applied(plain, verdicts[1])
    assert isinstance(first, commands.SendMessage)
    seq = talk.must(first)
    for verdict in verdicts:
        again = applied(plain, verdict)
        assert isinstance(again, commands.SendMessage)
        assert again.command_id == plain.command_id
        found = talk.decide(again)
        assert isinstance(found, Repeated)
        assert found.seq == seq


def test_a_veto_is_the_owners_refusal_and_leaves_no_content_in_the_log() -> None:
    talk = opened()
    plain = talk.command(commands.SendMessage, "ben", content=text("you fool"))
    vetoed = applied(plain, Veto("no insults"))
    assert isinstance(vetoed, commands.SendMessage)
    assert vetoed.content.body == b""
    assert talk.decide(vetoed) == Refused("vetoed", "no insults")
    stranger = replace(vetoed, user="zoe")
    assert talk.decide(stranger) != Refused("vetoed", "no insults"), "who is no member hears that"
    seq = talk.send("ben")
    edit = talk.command(commands.EditMessage, "ben", target_seq=seq, content=text("you fool"))
    veto = applied(edit, Veto("no"))
    assert isinstance(veto, commands.EditMessage)
    assert talk.decide(veto) == Refused("vetoed", "no")


def test_an_id_that_is_used_for_another_message_is_still_refused() -> None:
    talk = opened()
    plain = talk.command(commands.SendMessage, "ben", content=text("one"))
    talk.must(applied(plain, Replace(text("1"))))  # type: ignore[arg-type]  # a message stays one
    found = talk.decide(replace(plain, content=text("two")))
    assert isinstance(found, Refused)
    assert found.code == "command_id_reused"


def test_two_hooks_that_change_a_message_keep_what_was_asked() -> None:
    once = applied(message(), Replace(Content("text/plain", b"1")))
    assert isinstance(once, commands.SendMessage)
    twice = applied(once, Replace(Content("text/plain", b"2")))
    assert isinstance(twice, commands.SendMessage)
    assert (twice.asked, fingerprint(twice)) == (fingerprint(message()), fingerprint(message()))


# The breaker


def test_a_hook_that_fails_is_left_alone_and_tried_again() -> None:
    breaker = HookBreaker(failures_limit=3, open_ms=100)
    for now in (0, 1):
        breaker.tell(True, now)
        assert breaker.lets_through(now)
    breaker.tell(True, 2)
    assert [breaker.lets_through(now) for now in (3, 101, 102, 103, 202)] == [False, False, True, False, True]
    breaker.tell(False, 203)
    assert all(breaker.lets_through(204) for _ in range(5))


# The desk, with a real receiver


class World:
    def __init__(self, url: str, *, remembered: int = 100, waiting_limit: int = 100, **changed: Any) -> None:
        self.tasks: set[asyncio.Task[None]] = set()
        self.sent: list[Asked] = []
        self.refused: list[frames.Reject] = []
        keyed = [Keyed(hook(url, **changed), (SECRET,))]
        limits = HookSettings(remembered=remembered, waiting_limit=waiting_limit)
        self.desk = HookDesk(keyed, limits, self.spawn, lambda record, refuse, appended: self.sent.append(record))

    def spawn(self, work: Any) -> None:
        self.tasks.add(asyncio.ensure_future(work))

    def give(self, *records: Asked) -> None:
        for record in records:
            self.desk.publish(record, self.refused.append, None)

    async def settled(self, *records: Asked) -> None:
        self.give(*records)
        await self.desk.settled()
        for task in self.tasks:
            await task

    def bodies(self) -> list[str]:
        return [each.content.body.decode() for each in self.sent if isinstance(each, commands.SendMessage | MessageSignalled)]


def with_hook(answer: Callable[[Question], Awaitable[Answer]], body: Callable[[World, Any], Awaitable[None]], **changed: Any) -> None:
    async def whole() -> None:
        async with asyncio.timeout(WITHIN_S), hook_server(answer) as server:
            world = World(server.url, **{"deadline_ms": 10_000, **changed})
            try:
                await body(world, server)
            finally:
                await world.desk.close()

    asyncio.run(whole())


def test_what_no_hook_concerns_goes_on_at_once() -> None:
    async def body(world: World, server: Any) -> None:
        world.give(leaving())
        assert world.sent == [leaving()]
        assert world.tasks == set()

    with_hook(at_once, body)


def test_an_allowed_message_goes_on_as_it_is_and_a_changed_one_with_its_id() -> None:
    async def answer(asked: Question) -> Answer:
        content = asked["data"]["content"]
        return ALLOW if content["text"] == "hello" else says(action="replace", content=content | {"text": "***"})

    async def body(world: World, server: Any) -> None:
        await world.settled(message(1), message(2, "rude"))
        assert world.sent[0] == message(1)
        changed = world.sent[1]
        assert isinstance(changed, commands.SendMessage)
        assert (changed.command_id, changed.content.body, changed.asked) == (command_id(2), b"***", fingerprint(message(2, "rude")))

    with_hook(answer, body)


def test_order_is_kept_however_slow_an_answer_is_and_the_questions_run_together() -> None:
    """The first answer comes only after the last question, so that one after the other would never end."""
    last = asyncio.Event()

    async def answer(asked: Question) -> Answer:
        text_ = asked["data"]["content"]["text"]
        if text_ == "last":
            last.set()
        elif text_ == "first":
            await last.wait()
        return ALLOW

    async def body(world: World, server: Any) -> None:
        await world.settled(message(1, "first"), leaving(2), message(3, "middle"), message(4, "last"))
        assert [each.command_id for each in world.sent] == [command_id(number) for number in (1, 2, 3, 4)]
        assert world.desk._lines == {}

    with_hook(answer, body)


def test_a_slow_conversation_does_not_hold_up_another() -> None:
    go = asyncio.Event()

    async def answer(asked: Question) -> Answer:
        if asked["data"]["conversation_id"] == GROUP:
            await go.wait()
        return ALLOW

    async def body(world: World, server: Any) -> None:
        world.give(message(1), message(2, conversation="d-0123"))
        while not world.sent:  # noqa: ASYNC110  # bounded by the time of the whole
            await asyncio.sleep(0.005)
        assert [each.command_id for each in world.sent] == [command_id(2)]
        go.set()
        await world.settled()
        assert len(world.sent) == 2

    with_hook(answer, body)


async def _hangs(asked: Question) -> Answer:
    await asyncio.sleep(3_600)
    return ALLOW


async def _500(asked: Question) -> Answer:
    return 500, b""


async def _garbage(asked: Question) -> Answer:
    return 200, b"<html>"


async def _huge(asked: Question) -> Answer:
    return 200, b"x" * 300_000


@pytest.mark.parametrize("answer", [_hangs, _500, _garbage, _huge], ids=["hangs", "500", "garbage", "huge"])
@pytest.mark.parametrize("failure", ["open", "closed"])
def test_a_hook_that_fails_lets_pass_or_refuses_as_it_was_told(answer: Callable[[Question], Awaitable[Answer]], failure: str) -> None:
    async def body(world: World, server: Any) -> None:
        await world.settled(message(1), message(2))
        assert [each.command_id for each in world.sent] == ([command_id(1), command_id(2)] if failure == "open" else [])
        assert [(each.code, each.retryable) for each in world.refused] == ([] if failure == "open" else [("unavailable", True)] * 2)

    with_hook(answer, body, failure=failure, deadline_ms=100 if answer is _hangs else 10_000)


def test_nobody_listening_is_a_failure_and_after_some_nobody_waits_for_it() -> None:
    async def body(world: World, server: Any) -> None:
        gone = World("http://127.0.0.1:9/ask", deadline_ms=10_000, breaker_failures=2, breaker_open_ms=600_000)
        for number in range(1, 6):
            await gone.settled(message(number))
        assert len(gone.sent) == 5
        assert gone.desk._hooks[0].breaker.failures == 2, "the others were not asked about"
        await gone.desk.close()

    with_hook(at_once, body)


def test_the_same_command_again_is_not_asked_about_again() -> None:
    answers = iter([says(action="veto", reason="no"), ALLOW])

    async def answer(asked: Question) -> Answer:
        return next(answers)

    async def body(world: World, server: Any) -> None:
        await world.settled(message(1), message(1))
        await world.settled(replace(message(1), device="tablet", received_at_ms=9))
        assert [getattr(each, "veto", "") for each in world.sent] == ["no"] * 3
        assert [name for name, _ in server.heard] == [f"hook_moderation_{command_id(1)}"]
        await world.settled(replace(message(1), content=Content("text/plain", b"another")))
        assert len(server.heard) == 2, "another request under the same id is another question"

    with_hook(answer, body)


def test_a_failure_is_not_remembered() -> None:
    answers = iter([(500, b""), says(action="veto", reason="no")])

    async def answer(asked: Question) -> Answer:
        return next(answers)

    async def body(world: World, server: Any) -> None:
        await world.settled(message(1))
        await world.settled(message(1))
        assert [getattr(each, "veto", "") for each in world.sent] == ["", "no"]

    with_hook(answer, body)


def test_a_veto_of_what_is_no_message_and_of_an_ephemeral_one_is_said_by_the_edge() -> None:
    async def answer(asked: Question) -> Answer:
        return says(action="veto", reason="stay")

    async def body(world: World, server: Any) -> None:
        await world.settled(leaving(), signalled())
        assert world.sent == []
        assert [(each.code, each.detail, each.retryable) for each in world.refused] == [("vetoed", "stay", False)] * 2

    with_hook(answer, body, commands=("*",))


def test_what_waits_is_bounded() -> None:
    async def body(world: World, server: Any) -> None:
        world.give(*(message(number) for number in range(1, 6)))
        assert [each.code for each in world.refused] == ["unavailable"] * 3
        await world.settled()
        assert len(world.sent) == 2

    with_hook(at_once, body, waiting_limit=2)


def test_answers_are_forgotten_when_there_are_many() -> None:
    async def body(world: World, server: Any) -> None:
        await world.settled(*(message(number) for number in range(1, 8)))
        assert len(world.desk._said) == 3

    with_hook(at_once, body, remembered=3)


SAYINGS = ("allow", "veto", "replace", "fail", "free")


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(["g-1", "g-2", "d-1"]), st.sampled_from(["allow", "veto", "replace", "fail", "free"])), max_size=12)
)
def test_whatever_hooks_say_each_conversation_keeps_its_order_and_nothing_is_lost(script: list[tuple[str, str]]) -> None:
    async def answer(asked: Question) -> Answer:
        wanted = script[int(asked["data"]["content"]["text"])][1]
        for _ in range(len(wanted) % 3):
            await asyncio.sleep(0)
        content = {"media_type": "text/plain", "text": "changed"}
        return (500, b"") if wanted == "fail" else says(action=wanted, content=content)

    async def body(world: World, server: Any) -> None:
        given_: list[Asked] = []
        for number, (conversation, wanted) in enumerate(script):
            made: Asked = message(number + 1, str(number), conversation)
            if wanted == "free":
                made = replace(leaving(number + 1), conversation_id=conversation)
            given_.append(made)
        await world.settled(*given_)
        for conversation in {each.conversation_id for each in given_}:
            ids = [each.command_id for each in given_ if each.conversation_id == conversation]
            assert [each.command_id for each in world.sent if each.conversation_id == conversation] == ids
        assert world.refused == []
        assert world.desk.waiting == 0

    with_hook(answer, body, breaker_failures=1_000)


# The file


def test_the_file_of_hooks_is_read_and_refused_with_what_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "hooks.yaml"
    path.write_text(
        f"hooks: [{{id: one, url: 'https://a.example/x', secret_env: S}}, {{id: two, url: 'http://127.0.0.1:1/', secret_file: {path}s}}]"
    )
    (tmp_path / "hooks.yamls").write_text(f"{SECRET_TEXT}\n{SECRET_TEXT}\n")
    one, two = load(str(path), {"S": SECRET_TEXT})
    assert (one.hook.commands, one.secrets, two.secrets) == (MESSAGES, (SECRET,), (SECRET, SECRET))
    for content, wrong in {
        "hooks: [{id: one}]": "url",
        "hooks: [{id: one, url: 'https://a/', secret_env: S, deadline: 5}]": "deadline",
        "hooks: [{id: one, url: 'http://a.example/', secret_env: S}]": "https",
        "hooks: [{id: one, url: 'https://a/'}]": "secret_file or secret_env",
        "hooks: [{id: one, url: 'https://a/', secret_env: NONE}]": "cannot be read",
        "hooks: [{id: one, url: 'https://a/', secret_env: SHORT}]": "whsec_",
        "hooks: [{id: one, url: 'https://a/', secret_env: S}, {id: one, url: 'https://b/', secret_env: S}]": "the same id",
        "hooks: {": "EDGE_HOOKS_FILE",
    }.items():
        path.write_text(content)
        with pytest.raises(BadSetting, match=wrong):
            load(str(path), {"S": SECRET_TEXT, "SHORT": "whsec_AAAA"})
    with pytest.raises(BadSetting, match="EDGE_HOOKS_FILE"):
        load(str(tmp_path / "none"), {})


@pytest.mark.parametrize("bad", ["", "whsec_", "AAAA", "whsec_!", SECRET_TEXT.removeprefix("whsec_"), "whsec_" + "A" * 400])
def test_what_is_no_secret_is_refused(bad: str) -> None:
    with pytest.raises(BadSecret):
        secret_of(bad)
