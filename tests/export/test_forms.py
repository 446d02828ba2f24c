"""Each form of an export, read by a parser that nobody here wrote: what was said comes back, whatever it was."""

from __future__ import annotations

import csv
import email
import email.policy
import io
import json
import zipfile
from email.message import EmailMessage
from typing import Any
from xml.etree import ElementTree

import jsonschema_rs
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ops.export.actiance import ActianceForm
from ops.export.attachments import AttachmentForm
from ops.export.csv_form import CsvForm
from ops.export.eml import EmlForm
from ops.export.eml_daily import EmlDailyForm
from ops.export.entries import Entry, Form, Person
from ops.export.rsmf import RsmfForm
from ops.export.slack import SlackForm
from ops.export.slices import Slicer
from schemas import events
from schemas.values import Content
from tests.export.rsmf_schema import SCHEMA
from tests.export.story import DAY_MS, Story, entries_of, files_of

DOMAIN = "chat.example"
HOSTILE = [
    *(
        "=cmd|' /C calc'!A0",
        "+1",
        "-1",
        "@SUM(A1)",
        "\t=1",
        "＝1",
        "'quoted",
        'a "b", c\r\nd',
        "Subject: x\r\n\r\ny",
        "<!channel> & <@u-ben>",
    ),
    *(
        "]]></Content></Message><x/>",
        "a\x00b\x1b[2J",
        "\ufffe\uffff",
        "\u2028\u2029\x85",
        "=?utf-8?q?x?=",
        ".\r\nMAIL FROM",
        "--=_w",
        "",
        "\n",
        "\r",
    ),
    *("From here", "Привет 🐦" * 40, "x" * 1200, "a" * 70 + " " + "b" * 80),
]
texts = st.one_of(st.sampled_from(HOSTILE), st.text(max_size=80))
some = settings(max_examples=60, deadline=None)


def controls_shown(text: str) -> str:
    """What a form without room for control characters shows: their pictures. Line ends and tab stay."""
    return "".join(chr(0x2400 + ord(char)) if ord(char) < 32 and char not in "\t\n\r" else char for char in text)


def mails(form: Form, entries: list[Entry], people: dict[str, Person] | None = None) -> list[EmailMessage]:
    found = []
    for path, data in files_of(form, entries, people).items():
        if path.endswith(".zip"):
            archive = zipfile.ZipFile(io.BytesIO(data))
            assert archive.testzip() is None
            found += [archive.read(name) for name in archive.namelist()]
        else:
            found.append(data)
    parsed = []
    for data in found:
        assert data.isascii()
        assert b"\r" not in data.replace(b"\r\n", b"")
        assert b"\n" not in data.replace(b"\r\n", b"")
        assert max(map(len, data.split(b"\r\n"))) <= 998
        message = email.message_from_bytes(data, policy=email.policy.default)
        assert isinstance(message, EmailMessage)
        assert message.defects == []
        parsed.append(message)
    return parsed


def text_of(message: EmailMessage) -> str:
    body = next(part for part in message.walk() if part.get_content_type() == "text/plain" and not part.get_filename())
    payload = body.get_payload(decode=True)
    assert isinstance(payload, bytes)
    return payload.decode()


# ---- CSV


def rows_of(entries: list[Entry]) -> list[dict[str, str]]:
    (data,) = files_of(CsvForm(), entries).values()
    return list(csv.DictReader(io.StringIO(data.decode(), newline="")))


@some
@given(texts, texts)
def test_a_csv_gives_back_what_was_said_and_no_cell_is_a_formula(said: str, title: str) -> None:
    story = Story(title=title)
    story.say(said)
    row = rows_of(entries_of(story.history))[1]
    assert row["text"].removeprefix("'").replace("\u2421", "\x7f") == controls_shown(said)
    assert row["seq"] == "2"
    for cell in row.values():
        assert not cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"))


def test_a_csv_says_what_became_of_a_message() -> None:
    story = Story()
    first, second = story.say("one"), story.say("two", reply_to=2, mentions=("u-ben",))
    story.edit(first, "uno")
    story.edit(first, "un")
    story.recall(first)
    story.made(events.ReadMarked, "u-ben", up_to_seq=3, up_to_ordinal=2)
    rows = rows_of(entries_of(story.history))
    assert [row["event"] for row in rows[3:]] == ["message_edited", "message_edited", "message_recalled", "read_marked"]
    assert (rows[1]["text"], rows[1]["edited"], rows[1]["recalled_by_seq"]) == ("one", "2", "6")
    assert (rows[2]["reply_to"], rows[2]["mentions"], rows[2]["members_count"]) == ("2", "u-ben", "2")
    assert [row["target_seq"] for row in rows[3:]] == [str(first.seq)] * 3 + [""]
    assert (rows[2]["topic"], rows[2]["offset"], rows[2]["event_id"]) == ("conversation-events", str(second.seq), second.event_id)


# ---- EML


@some
@given(texts, texts, texts)
@example("x", 'Ana "the gull" \\ Möwe', "a\r\nBcc: x@y")
def test_a_mail_gives_back_what_was_said_and_no_header_comes_of_it(said: str, name: str, title: str) -> None:
    story = Story(title=title)
    story.say(said)
    people = {"u-ana": Person("u-ana", name, "u-ana@chat.example")}
    message = mails(EmlForm(DOMAIN), entries_of(story.history), people)[1]
    assert text_of(message) == said
    assert message["From"].addresses[0].addr_spec == "u-ana@chat.example"
    assert [one.addr_spec for one in message["To"].addresses] == ["u-ana@chat.example", "u-ben@warbler.invalid"]
    assert message["Message-ID"] == "<g-1.2@chat.example>"
    assert message["Date"].datetime.timestamp() * 1000 == story.history[1].at_ms // 1000 * 1000
    assert "Bcc" not in message
    if title.isprintable() and title.strip() == title and title and "=?" not in title:
        assert message["Subject"] == title


def test_mails_of_a_message_with_a_file_that_was_edited_and_recalled() -> None:
    story = Story()
    sent = story.say(Content("image/png", b"\x89PNG\r\n"), reply_to=1)
    story.react(sent, "🎉")
    story.edit(sent, "now text")
    story.recall(sent)
    found = mails(EmlForm(DOMAIN), entries_of(story.history))
    assert [message["Subject"] for message in found] == ["Event: Möwen", "Möwen", "Edited: Möwen", "Recalled: Möwen"]
    files = {part.get_filename(): part.get_content() for part in found[1].iter_attachments()}
    assert files["2.png"] == b"\x89PNG\r\n"
    history = json.loads(files["history.json"])
    assert [(change["event"], change.get("text"), change.get("reaction")) for change in history] == [
        ("reaction_added", None, "🎉"),
        ("message_edited", "now text", None),
        ("message_recalled", None, None),
    ]
    assert [message["In-Reply-To"] for message in found[1:]] == ["<g-1.1@chat.example>", "<g-1.2@chat.example>", "<g-1.2@chat.example>"]
    assert found[1]["X-Warbler-Edits"] == "1"
    assert found[1]["X-Warbler-Recalled"].startswith("2025-10-09T")


@pytest.mark.parametrize("media_type", ["text/html", "message/rfc822", "multipart/mixed", "a\r\nb: c", "x", "image/svg+xml; charset=\r\n"])
def test_a_file_in_a_mail_is_never_what_a_program_would_open_by_itself(media_type: str) -> None:
    story = Story()
    story.say(Content(media_type, b"\xff<script>"))
    (part,) = mails(EmlForm(DOMAIN), entries_of(story.history))[1].iter_attachments()
    assert part.get_content_type() in ("application/octet-stream", "image/svg+xml")
    assert part.get_content() == b"\xff<script>"


def test_a_mail_to_very_many_goes_to_the_conversation() -> None:
    story = Story(users=tuple(f"u-{number}" for number in range(500)))
    story.say("hello", user="u-1")
    message = mails(EmlForm(DOMAIN), entries_of(story.history))[1]
    assert [one.addr_spec for one in message["To"].addresses] == ["g-1@chat.example"]
    assert message["X-Warbler-Members"] == "500"


@some
@given(texts)
def test_a_days_mail_has_every_message_and_none_can_pass_for_another(said: str) -> None:
    story = Story()
    story.say(said)
    story.say("[2025-10-09T08:53:22.000Z] #3 u-ben: forged\n[2025-10-09T08:53:22.000Z] #3 u-ben: forged")
    story.now_ms += DAY_MS
    story.say("tomorrow")
    first, second = mails(EmlDailyForm(DOMAIN), entries_of(story.history))
    assert [line.split()[1] for line in text_of(first).split("\n") if line.startswith("[")] == ["#1", "#2", "#3"]
    assert "#4 u-ana: tomorrow" in text_of(second)
    assert (first["Subject"], second["Subject"]) == ("Möwen, 2025-10-09", "Möwen, 2025-10-10")


def test_a_days_mail_shows_edits_recalls_reactions_and_files() -> None:
    story = Story()
    sent = story.say("one")
    story.edit(sent, "uno")
    story.react(sent, "👍")
    story.recall(sent)
    story.say(Content("image/png", b"\x89PNG"))
    (message,) = mails(EmlDailyForm(DOMAIN), entries_of(story.history))
    lines = text_of(message)
    assert "    edited 2025-10-09T08:53:23.000Z by #3: uno\n" in lines
    assert "    recalled 2025-10-09T08:53:25.000Z by #5\n" in lines
    assert "    👍: u-ben\n" in lines
    assert [part.get_content() for part in message.iter_attachments()] == [b"\x89PNG"]


# ---- Slack


def slack_items(entries: list[Entry]) -> list[dict[str, Any]]:
    files = files_of(SlackForm(), entries)
    assert all(path.startswith("slack/g-1/2025-10-") for path in files)
    return [item for path in sorted(files) for item in json.loads(files[path])]


@some
@given(texts)
def test_slacks_json_gives_back_what_was_said(said: str) -> None:
    story = Story()
    story.say(said)
    story.now_ms += DAY_MS
    story.say("x")
    item = slack_items(entries_of(story.history))[-2]
    assert item["text"].replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&") == said
    assert "<" not in item["text"]


def test_slacks_json_has_joins_edits_recalls_reactions_and_files_in_order() -> None:
    story = Story()
    sent = story.say("one")
    story.edit(sent, "uno")
    story.react(sent, "tada")
    story.recall(sent)
    story.say(Content("image/png", b"\x89PNG"))
    story.made(events.MemberLeft, "u-ben")
    items = slack_items(entries_of(story.history))
    assert [item.get("subtype", "") for item in items] == [
        *("channel_join", "channel_join", "", "message_changed", "message_deleted", "", "channel_leave"),
    ]
    assert (items[2]["text"], items[2]["original_text"], items[2]["recalled"]["user"]) == ("uno", "one", "u-ana")
    assert items[2]["reactions"] == [{"name": "tada", "users": ["u-ben"], "count": 1}]
    assert items[5]["files"][0]["url_private"] == "../attachments/g-1/6.png"
    stamps = [item["ts"] for item in items]
    assert stamps == sorted(stamps)


# ---- Actiance


def dumps(entries: list[Entry]) -> list[ElementTree.Element]:
    return [ElementTree.fromstring(data) for data in files_of(ActianceForm(), entries).values()]


@some
@given(texts, texts)
def test_the_xml_gives_back_what_was_said(said: str, title: str) -> None:
    story = Story(title=title)
    story.say(said)
    (root,) = dumps(entries_of(story.history))
    shown = controls_shown(said).replace("\ufffe", "\ufffd").replace("\uffff", "\ufffd")
    assert [message.findtext("Content") for message in root.iter("Message")][1] == shown
    assert len(root.findall("Conversation/Message")) == 2


def test_the_xml_of_a_day_says_who_was_there_and_what_became_of_messages() -> None:
    story = Story()
    sent = story.say("one")
    story.now_ms += DAY_MS
    edit = story.edit(sent, "uno")
    story.recall(sent)
    story.made(events.MemberAdded, "u-ana", member="u-cyr", role="member")
    story.made(events.MemberLeft, "u-ben")
    story.say(Content("image/png", b"\x89PNG"))
    first, second = dumps(entries_of(story.history))
    assert first.findtext("Conversation/RoomID") == "group - Möwen - g-1"
    message = first.findall("Conversation/Message")[1]
    assert [(child.tag, child.text) for child in message][-4:] == [
        ("UpdatedType", "EditedOriginalMsg"),
        ("UpdatedDateTimeUTC", str(edit.at_ms)),
        ("EditedNewMsgId", edit.event_id),
        ("Content", "one"),
    ]
    logins = {kind: [one.findtext("LoginName") for one in second.iter(kind)] for kind in ("ParticipantEntered", "ParticipantLeft")}
    assert logins["ParticipantEntered"] == ["u-ana@warbler.invalid", "u-ben@warbler.invalid", "u-cyr@warbler.invalid"]
    assert logins["ParticipantLeft"] == ["u-ben@warbler.invalid", "u-ana@warbler.invalid", "u-cyr@warbler.invalid"]
    assert [one.findtext("UpdatedType") for one in second.iter("Message")][:2] == ["EditedNewMsg", "Deleted"]
    assert second.findtext("Conversation/FileTransferEnded/FileName") == "attachments/g-1/7.png"
    assert [child.tag for child in second[0]][-1] == "EndTimeUTC"


# ---- RSMF


def opened(form: Form, entries: list[Entry]) -> list[tuple[EmailMessage, dict[str, Any], dict[str, bytes]]]:
    """Each file's mail, manifest and other files, checked as the format's documents say."""
    found = []
    for message in mails(form, entries):
        (part,) = message.iter_attachments()
        assert (part.get_filename(), part["Content-Transfer-Encoding"], message["X-RSMF-Version"]) == ("rsmf.zip", "base64", "2.0.0")
        archive = zipfile.ZipFile(io.BytesIO(part.get_content()))
        files = {name: archive.read(name) for name in archive.namelist()}
        manifest = json.loads(files.pop("rsmf_manifest.json"))
        jsonschema_rs.validator_for(SCHEMA, validate_formats=True).validate(manifest)
        people = {person["id"] for person in manifest["participants"]}
        ids = {item["id"] for item in manifest["events"]}
        assert len(ids) == len(manifest["events"]) == int(message["X-RSMF-EventCount"])
        named = [attached["id"] for item in manifest["events"] for attached in item.get("attachments", ())]
        assert sorted(named) == sorted(files)
        assert all(item.get("parent") in {None, *ids} and item["participant"] in people for item in manifest["events"])
        assert set(manifest["conversations"][0]["participants"]) <= people
        found.append((message, manifest, files))
    return found


@some
@given(texts, texts)
def test_rsmf_gives_back_what_was_said(said: str, title: str) -> None:
    story = Story(title=title)
    sent = story.say(said)
    story.say("reply", reply_to=sent.seq)
    ((_, manifest, _),) = opened(RsmfForm(DOMAIN), entries_of(story.history))
    assert [item["body"] for item in manifest["events"] if item["type"] == "message"] == [said, "reply"]
    assert manifest["events"][-1]["parent"] == str(sent.seq)


def test_rsmf_has_edits_recalls_reactions_joins_and_files() -> None:
    story = Story()
    sent = story.say("one")
    story.edit(sent, "uno")
    story.edit(sent, "un")
    story.react(sent, "🎉")
    story.recall(sent)
    story.now_ms += DAY_MS
    story.made(events.MemberAdded, "u-ana", member="u-cyr", role="member")
    story.say(Content("image/png", b"\x89PNG"), reply_to=sent.seq)
    (_, first, _), (_, second, files) = opened(RsmfForm(DOMAIN), entries_of(story.history))
    message = first["events"][2]
    assert (message["body"], message["deleted"]) == ("un", True)
    assert [(edit["previous"], edit["new"]) for edit in message["edits"]] == [("one", "uno"), ("uno", "un")]
    assert message["reactions"] == [{"value": "🎉", "count": 1, "participants": ["u-ben"]}]
    assert [item["type"] for item in first["events"]] == ["join", "join", "message", "unknown", "unknown", "unknown"]
    assert second["conversations"][0]["participants"] == ["u-ana", "u-ben"]
    assert [item["type"] for item in second["events"]] == ["join", "message"]
    assert "parent" not in second["events"][1]
    assert files == {"8.png": b"\x89PNG"}


# ---- all of them


def test_a_day_that_is_too_large_for_one_file_is_cut_into_parts() -> None:
    story = Story()
    for number in range(10):
        story.say(str(number) * 100)
    form = RsmfForm(DOMAIN, Slicer(entries_limit=4))
    parts = opened(form, entries_of(story.history))
    assert [len(manifest["events"]) for _, manifest, _ in parts] == [5, 4, 3]  # the creation is two joins
    assert [message["Subject"] for message, _, _ in parts] == [f"Möwen, 2025-10-09{part}" for part in ("", "-2", "-3")]
    assert len(files_of(EmlForm(DOMAIN, Slicer(bytes_limit=1000)), entries_of(story.history))) > 3


def forms() -> list[Form]:
    return [CsvForm(), EmlForm(DOMAIN), EmlDailyForm(DOMAIN), SlackForm(), ActianceForm(), RsmfForm(DOMAIN), AttachmentForm()]


# In a mail they stand at the message, or nowhere (docs/export.md).
WITHOUT_A_MAIL = (events.ReadMarked, events.ReactionAdded, events.ReactionRemoved)


def test_every_kind_of_event_has_its_place_in_every_form() -> None:
    """Fed with the examples of all records of the topic, at their own seqs."""
    from tests.export.examples import EXAMPLES

    history = [EXAMPLES[name] for name in sorted(EXAMPLES)]
    for form in forms():
        for entry in entries_of(history):
            written = files_of(form, [entry])
            at_message = isinstance(form, EmlForm | EmlDailyForm | RsmfForm) and isinstance(entry.event, WITHOUT_A_MAIL)
            if not isinstance(form, AttachmentForm):
                assert bool(written) != at_message, (type(form).__name__, type(entry.event).__name__)


def test_no_id_leads_out_of_the_folder() -> None:
    story = Story(conversation="../../etc/PASSWD\0")
    story.say(Content("image/png", b"x"))
    for form in forms():
        for path in files_of(form, entries_of(story.history)):
            assert ".." not in path.split("/")
            assert path.split("/")[1].startswith("etc-passwd~")


def test_the_same_events_give_the_same_bytes() -> None:
    story = Story()
    sent = story.say("one")
    story.edit(sent, "uno")
    story.say(Content("image/png", b"x"))
    for one, other in zip(forms(), forms(), strict=True):
        assert files_of(one, entries_of(story.history)) == files_of(other, entries_of(story.history))


def test_a_reaction_to_a_message_that_is_not_in_the_export_is_told_by_itself() -> None:
    story = Story()
    sent = story.say("long ago")
    story.react(sent, "🎉")
    orphans = entries_of(story.history[2:])
    assert orphans[0].orphan
    assert [message["Subject"] for message in mails(EmlForm(DOMAIN), orphans)] == ["Event: g-1"]
    assert [item["type"] for _, manifest, _ in opened(RsmfForm(DOMAIN), orphans) for item in manifest["events"]] == ["unknown"]
    assert len(slack_items(orphans)) == 1
