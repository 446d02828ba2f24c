"""Lines to values to steps. The samples are made up; the whole corpus is parsed where it is there."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.irc.errors import BadInput
from ops.irc.files import Log, log_of, read_logs
from ops.irc.parse import (
    Action,
    ChannelNotice,
    Join,
    Leave,
    Line,
    Message,
    Mode,
    NickChange,
    NotIrc,
    Other,
    Topic,
    parse_line,
    render,
)
from ops.irc.plan import OWNER, Add, Depart, Plan, Say, Step, plain, plan_of, step_bits, user_name
from tests.irc.corpus import ARCHIVE, needs_corpus

SAMPLES: dict[str, Line] = {
    "[10:01] <ana> hello <b> you": Message("10:01", "ana", "hello <b> you"),
    "[10:01] <ana>": Message("10:01", "ana", None),
    "[10:01] <ana> ": Message("10:01", "ana", ""),
    "[10:01] <a[b] c>  two blanks": Message("10:01", "a[b] c", " two blanks"),
    "[10:02]  * ana waves": Action("10:02", "ana", "waves"),
    "[10:02]  * ana": Action("10:02", "ana", None),
    "=== ana waves at ben": Action(None, "ana", "waves at ben"),
    "=== a[b] c waves": Action(None, "a[b] c", "waves"),
    "=== ana has left the building": Action(None, "ana", "has left the building"),
    "[10:03] -ana:#tea- listen": ChannelNotice("10:03", "ana", "#tea", "listen"),
    "=== ana has joined #tea": Join("ana", "#tea"),
    "=== a[b] c has joined #tea": Join("a[b] c", "#tea"),
    '=== ana has left #tea ["bye"] ': Leave("ana", "#tea", ' ["bye"] '),
    "=== ana has left #tea": Leave("ana", "#tea", ""),
    "=== ana is now known as ben": NickChange("ana", "ben"),
    "=== mode/#tea [+o ana]  by ben": Mode("ben", "mode/#tea [+o ana]  by ben"),
    "=== ..[topic/#tea:ana] : tea: at [five]": Topic("ana", "#tea", "tea: at [five]"),
    "=== netjoined: here -> there": Other(None, "netjoined: here -> there"),
    "[10:04] (ana/#tea) odd": Other("10:04", "(ana/#tea) odd"),
}


@pytest.mark.parametrize("text", SAMPLES)
def test_each_form_of_line_is_known_and_kept(text: str) -> None:
    assert parse_line(text) == SAMPLES[text]
    assert render(SAMPLES[text]) == text


@pytest.mark.parametrize("text", ["", "hello", "===", "[10:01]", "[1:01] <ana> x", "x" * 9_000, "[10:01] <ana> " + "é" * 4_200])
def test_what_is_no_irc_line_is_said_to_be_none(text: str) -> None:
    assert isinstance(parse_line(text), NotIrc)


@given(st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"]), max_size=60), st.sampled_from(["[10:01] ", "=== ", ""]))
def test_whatever_is_taken_can_be_written_back(text: str, head: str) -> None:
    line = parse_line(head + text)
    assert isinstance(line, NotIrc) or render(line) == head + text


def plan(*texts: str) -> Plan:
    return plan_of(log_of(Path("tea.log"), "tea.log", "\n".join(texts).encode()).lines)


def test_every_line_is_one_step_in_file_order() -> None:
    made = plan(
        "[10:01] <ana> hello",
        "=== ben has joined #tea",
        "[10:02] <ben> hi",
        "=== ben has left #tea []",
        "=== ana is now known as ann",
        "[10:03] <ann>",
    )
    assert made.first_members == ("ana", "ann")
    assert made.steps == (
        Step(1, "ana", Say("text/plain; at=10:01", "hello"), "10:01"),
        Step(2, OWNER, Add("ben"), None),
        Step(3, "ben", Say("text/plain; at=10:02", "hi"), "10:02"),
        Step(4, "ben", Depart(), None),
        Step(5, "ana", Say("text/plain; irc=nick", "ann"), None),
        Step(6, "ann", Say("text/plain; at=10:03; irc=empty", "(empty)"), "10:03"),
    )


def test_who_comes_back_unseen_is_let_in_by_a_step_that_no_line_asked_for() -> None:
    made = plan("[10:01] <ana> hello", "=== ana has left #tea []", "[10:02] <ana> still here", "=== ana has joined #tea")
    assert [(step.line_number, step.actor, type(step.body)) for step in made.steps] == [
        (1, "ana", Say),
        (2, "ana", Depart),
        (0, OWNER, Add),
        (3, "ana", Say),
        (4, "ana", Say),
    ]


def test_a_crowd_that_was_there_before_is_let_in_step_by_step() -> None:
    made = plan(*(f"[10:01] <n{number}> x" for number in range(450)))
    assert len(made.first_members) == 400
    assert [step.line_number for step in made.steps[:50]] == [0] * 50
    assert [step.line_number for step in made.steps[50:]] == list(range(1, 451))


@given(st.text(min_size=1, max_size=90), st.text(min_size=1, max_size=90))
def test_names_are_allowed_and_tell_nicks_apart(nick: str, other: str) -> None:
    nick, other = plain(nick), plain(other)
    name = user_name("irc", nick)
    assert 1 <= len(name.encode()) <= 64
    assert all(character.isascii() and (character.isalnum() or character in "._-|[]{}^`\\") for character in name)
    assert (user_name("irc", other).casefold() == name.casefold()) == (nick == other)


def test_a_nick_is_the_same_however_it_is_written() -> None:
    made = plan("[10:01] <Ana> x", "[10:02] <aNA> y", "[10:03] <B n> z")
    assert made.nicks == {"ana", "bn"}


def test_a_step_is_known_by_its_place_in_its_file_and_import() -> None:
    bits = {step_bits(run, digest, index) for run in "ab" for digest in "cd" for index in range(-1, 100)}
    assert len(bits) == 404
    assert all(0 <= one < 2**74 for one in bits)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "is empty"),
        (b" \n\n", "is empty"),
        (b"\x89PNG\r\n\x1a\n\0\0\0", "is a binary file"),
        (b"dear diary,\n", "no line of an IRC log"),
    ],
)
def test_a_file_that_is_no_log_is_refused_with_its_name(tmp_path: Path, data: bytes, why: str) -> None:
    path = tmp_path / "x.log"
    path.write_bytes(data)
    with pytest.raises(BadInput, match=why) as caught:
        read_logs([path])
    assert str(path) in str(caught.value)


def test_a_missing_file_a_folder_and_a_broken_archive_are_refused(tmp_path: Path) -> None:
    broken = tmp_path / "x.tar.xz"
    broken.write_bytes(b"no archive")
    for path in (tmp_path / "nothing.log", tmp_path, broken):
        with pytest.raises(BadInput):
            read_logs([path])


def test_strange_lines_are_named_and_the_others_kept(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    path.write_bytes(b"[10:01] <ana> \xe9t\xe9\r\nwhat is this\n[10:02] <ben> \xc3\xa9\n")
    [log] = read_logs([path])
    assert [numbered.line for numbered in log.lines] == [Message("10:01", "ana", "été"), Message("10:02", "ben", "é")]
    assert [(number, line.text) for number, line in log.strange] == [(2, "what is this")]


@pytest.fixture(scope="module")
def corpus() -> list[Log]:
    return read_logs([ARCHIVE])


@needs_corpus
def test_every_line_of_the_corpus_is_understood(corpus: list[Log]) -> None:
    assert len(corpus) == 153
    assert sum(len(log.lines) for log in corpus) == 220_463
    assert not [log.name for log in corpus if log.strange]
    kinds = [type(numbered.line) for log in corpus for numbered in log.lines]
    assert kinds.count(Message) > 196_000
    assert kinds.count(Join) > 15_800
    assert kinds.count(Leave) == 2_586
    assert kinds.count(Other) < 10


@needs_corpus
def test_the_corpus_is_planned_line_by_line(corpus: list[Log]) -> None:
    for log in corpus:
        made = plan_of(log.lines)
        assert [step.line_number for step in made.steps if step.line_number] == [numbered.number for numbered in log.lines]
        members = set(made.first_members)
        for step in made.steps:
            assert step.actor == OWNER or step.actor in members
            if isinstance(step.body, Add):
                assert step.body.nick not in members
                members.add(step.body.nick)
            elif isinstance(step.body, Depart):
                members.discard(step.actor)
