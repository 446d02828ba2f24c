"""Codes asked for and confirmed over slips in memory, many at once; and who is throttled."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from edge.people.code_desk import CodeDesk
from edge.people.codes import Subject
from edge.people.letters import Letter
from edge.people.senders import NotSent
from edge.people.ways_settings import WaysSettings
from edge.rest.errors import Problem
from store.sealing import Sealer
from tests.edge.people.slips import MemorySlips

ANA = Subject("sign_in", "email", "ana@example.org")
BASE = "http://localhost:8480"


class Post:
    """Keeps what it was given. `fails`: what it raises instead."""

    def __init__(self) -> None:
        self.letters: list[tuple[str, Letter]] = []
        self.fails: Exception | None = None

    async def send(self, to: str, letter: Letter) -> None:
        if self.fails is not None:
            raise self.fails
        self.letters.append((to, letter))

    def code(self) -> str:
        return self.letters[-1][1].code


class Stage:
    def __init__(self, **settings: Any) -> None:
        self.post, self.slips, self.tasks = Post(), MemorySlips(), list[asyncio.Task[None]]()
        senders = {"email": self.post, "phone": self.post}
        self.desk = CodeDesk(WaysSettings(**settings), self.slips, Sealer([b"s" * 32]), senders, self.spawn)  # type: ignore[arg-type]
        self.may = True

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        self.tasks.append(asyncio.get_running_loop().create_task(work))

    async def ask(self, subject: Subject = ANA) -> None:
        async def may_send() -> bool:
            return self.may

        await self.desk.ask(subject, BASE, may_send)
        await asyncio.gather(*self.tasks)


def on_stage(body: Callable[[Stage], Coroutine[Any, Any, None]], **settings: Any) -> None:
    async def whole() -> None:
        await body(Stage(**settings))

    asyncio.run(whole())


async def code_of(confirming: Coroutine[Any, Any, Any]) -> str:
    """The problem's code; empty: it was good."""
    try:
        await confirming
    except Problem as problem:
        return problem.code
    return ""


def test_the_code_in_the_mail_is_good_and_so_is_the_link_but_only_one_of_them() -> None:
    async def body(stage: Stage) -> None:
        await stage.ask()
        to, letter = stage.post.letters[0]
        assert to == "ana@example.org"
        found = re.search(rf"{BASE}/#link=(\S+)", letter.text)
        assert found is not None
        assert found.group(1) in letter.html
        assert letter.code in letter.text
        assert letter.code in letter.subject
        assert await stage.desk.confirm_link(found.group(1)) == ANA
        assert await code_of(stage.desk.confirm(ANA, letter.code)) == "bad_code"
        assert await code_of(stage.desk.confirm_link(found.group(1))) == "bad_code"

    on_stage(body)


def test_of_a_hundred_who_show_one_code_at_once_one_comes_in() -> None:
    async def body(stage: Stage) -> None:
        await stage.ask()
        answers = await asyncio.gather(*(code_of(stage.desk.confirm(ANA, stage.post.code())) for _ in range(100)))
        assert answers.count("") == 1
        assert set(answers) <= {"", "bad_code", "too_many"}

    on_stage(body)


def test_ten_thousand_guesses_at_once_are_as_many_as_one_code_has_tries() -> None:
    async def body(stage: Stage) -> None:
        await stage.ask()
        wrong = f"{(int(stage.post.code()) + 1) % 10**6:06d}"
        for _ in range(20):
            answers = await asyncio.gather(*(code_of(stage.desk.confirm(ANA, wrong)) for _ in range(500)))
            assert "" not in answers
        looked_at = [value for value in stage.slips.wrote if value][1:]
        assert len(looked_at) == 5
        assert await code_of(stage.desk.confirm(ANA, stage.post.code())) == "too_many"  # the right one comes too late

    on_stage(body)


def test_one_guess_on_each_of_ten_thousand_addresses_is_wrong_on_each() -> None:
    async def body(stage: Stage) -> None:
        subjects = [Subject("sign_in", "email", f"a{number}@example.org") for number in range(10_000)]
        answers = await asyncio.gather(*(code_of(stage.desk.confirm(subject, "123456")) for subject in subjects))
        assert set(answers) == {"bad_code"}
        assert stage.slips.wrote == []  # who never asked costs no row

    on_stage(body)


def test_a_code_for_adding_does_not_sign_in_nor_add_to_another() -> None:
    async def body(stage: Stage) -> None:
        adding = Subject("add", "email", "ana@example.org", "u-ana")
        await stage.ask(adding)
        code = stage.post.code()
        assert "#link=" not in stage.post.letters[0][1].text
        assert await code_of(stage.desk.confirm(ANA, code)) == "bad_code"
        assert await code_of(stage.desk.confirm(Subject("add", "email", "ana@example.org", "u-eve"), code)) == "bad_code"
        assert await code_of(stage.desk.confirm(adding, code)) == ""

    on_stage(body)


def test_who_has_no_account_is_answered_the_same_and_sent_nothing() -> None:
    async def body(stage: Stage) -> None:
        stage.may = False
        await stage.ask()
        assert stage.post.letters == []
        assert await code_of(stage.ask()) == "too_many"
        assert await code_of(stage.desk.confirm(ANA, "123456")) == "bad_code"

    on_stage(body)


def test_one_user_cannot_have_codes_sent_to_all_the_world() -> None:
    async def body(stage: Stage) -> None:
        told = [await code_of(stage.ask(Subject("add", "phone", f"+4912345678{number:02d}", "u-eve"))) for number in range(15)]
        assert told == [""] * 10 + ["too_many"] * 5

    on_stage(body)


@pytest.mark.parametrize("failure", [NotSent("the mail server answered 451", True), UnicodeError("a name that no server takes")])
def test_a_letter_that_cannot_be_sent_does_not_end_the_node(failure: Exception) -> None:
    async def body(stage: Stage) -> None:
        stage.post.fails = failure
        await stage.ask()
        assert [task.exception() for task in stage.tasks] == [None]
        stage.post.fails = None
        await stage.ask(Subject("sign_in", "email", "bo@example.org"))
        assert len(stage.post.letters) == 1

    on_stage(body, codes_sending_limit=1)


def test_nothing_kept_shows_an_address_or_a_code() -> None:
    async def body(stage: Stage) -> None:
        await stage.ask()
        kept = b"".join(stage.slips.wrote) + "".join(stage.slips.slips).encode()
        assert b"ana" not in kept
        assert stage.post.code().encode() not in kept

    on_stage(body)


@pytest.mark.parametrize("token", ["", ".", "a.b", "é" * 200, "code:x.y", "\x00"])
def test_a_link_that_is_none_of_ours_is_wrong(token: str) -> None:
    async def body(stage: Stage) -> None:
        await stage.ask()
        assert await code_of(stage.desk.confirm_link(token)) == "bad_code"

    on_stage(body)
