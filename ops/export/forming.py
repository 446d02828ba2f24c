"""From the files of records to the forms, one conversation after the other. Called by `ops.export.run`, in a thread of its own.

A conversation that was being written when a run was cut short is written anew: the same events give the same files. None of them is
flushed to the disk before all are there, because they are many; so after a restart of the machine all are written anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

import msgspec

from audit.bundle import records_path
from audit.leaf import parse_leaf
from log.port import Record
from ops.export import slack
from ops.export.choice import EVENTS
from ops.export.csv_form import csv_line
from ops.export.entries import Change, Entry, Person, Piece, Thread, target_of
from ops.export.forms import CSV, SLACK, forms_of
from ops.export.mail import address
from ops.export.names import file_name
from ops.export.times import iso
from ops.export.workbook import Row, Workbook
from schemas import events
from schemas.codec import decode_event
from schemas.events import Event
from schemas.values import ConversationKind

PEOPLE_CACHED = 10_000
COMMIT_CONVERSATIONS = 200
COMMIT_EVENTS = 20_000


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of a conversation that is done. `runs`: its seqs, first and last of each run without a hole."""

    conversation: str
    kind: ConversationKind
    public: bool
    title: str
    created_ms: int
    creator: str
    members: tuple[str, ...]
    events_count: int
    runs: tuple[tuple[int, int], ...]
    files_count: int


class People(Mapping[str, Person]):
    """Names from the workbook, where they fit memory or not."""

    def __init__(self, book: Workbook, domain: str) -> None:
        self._person = lru_cache(PEOPLE_CACHED)(lambda user: Person(user, book.name_of(user), address(user, domain)))

    def __getitem__(self, user: str) -> Person:
        return self._person(user)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


class Former:
    """`stopped`: asked between two conversations and every few thousand events; who answers yes gets no more."""

    def __init__(
        self, folder: Path, book: Workbook, formats: Iterable[str], domain: str, tick: Callable[[int], None], stopped: Callable[[], bool]
    ) -> None:
        self._folder, self._book, self._formats, self._domain = folder, book, tuple(formats), domain
        self._tick, self._stopped = tick, stopped
        self._people = People(book, domain)
        self._records = _Records(folder)

    def run(self) -> None:
        """Everything that is not done. Raises: Stopped, OSError, sqlite3.Error."""
        try:
            self._all()
            self._lists()
        finally:
            self._records.close()

    def _all(self) -> None:
        done: list[Summary] = []
        events_count = 0
        for conversation in self._book.conversations():
            if self._book.summary(conversation, Summary) is None:
                done.append(self._conversation(conversation))
                events_count += done[-1].events_count
            if len(done) >= COMMIT_CONVERSATIONS or events_count >= COMMIT_EVENTS:
                self._commit(done)
                done, events_count = [], 0
        self._commit(done)

    def _commit(self, done: list[Summary]) -> None:
        self._book.begin()
        for summary in done:
            self._book.put_summary(summary.conversation, summary)
        self._book.commit()

    def _conversation(self, conversation: str) -> Summary:
        thread = Thread(conversation, self._people)
        for value in self._book.context(conversation):
            event = decode_event(value)
            thread.announce(event)
            thread.fold(event)
        forms, telling = forms_of(self._formats, self._domain), _Telling()
        with _Writer(self._folder) as writer:
            for number, entry in enumerate(self._entries(conversation)):
                telling.add(entry.event, thread)
                for form in forms.values():
                    writer.write(form.feed(entry, thread))
                thread.fold(entry.event)
                if number % 1000 == 999:
                    self._step(1000)
            self._step(telling.count % 1000)
            for form in forms.values():
                writer.write(form.end(thread))
            return telling.summary(thread, writer.files_count)

    def _step(self, count: int) -> None:
        self._tick(count)
        if self._stopped():
            raise Stopped

    def _entries(self, conversation: str) -> Iterator[Entry]:
        changed = self._book.has_changes(conversation)
        for row in self._book.rows(conversation):
            record, event = self._records.at(row)
            if isinstance(event, events.MessageSent) and changed:
                found = (self._records.at(other)[1] for other in self._book.changes(conversation, event.seq))
                yield Entry(record, event, tuple(change for change in found if isinstance(change, Change)))
            else:
                target = target_of(event)
                yield Entry(record, event, orphan=target is not None and not self._book.has(conversation, target))

    # ---- what is about all conversations

    def _lists(self) -> None:
        with _Writer(self._folder) as writer:
            if SLACK in self._formats:
                for name in slack.LISTS:
                    writer.write(slack.array(f"slack/{name}.json", self._listed(name)))
                writer.write(slack.array("slack/users.json", (slack.user(self._people[user]) for user, _ in self._book.people())))
            if CSV in self._formats:
                writer.write(conversations_csv(self._book.summaries(Summary)))

    def _listed(self, name: str) -> Iterator[dict[str, object]]:
        for each in self._book.summaries(Summary):
            if slack.listed(each.kind, each.public) == name:
                yield slack.conversation(each.conversation, each.kind, each.title, each.created_ms, each.creator, each.members)


class Stopped(Exception):
    """Somebody asked to stop; everything done is kept."""


def conversations_csv(summaries: Iterable[Summary]) -> Iterator[Piece]:
    path = "csv/conversations.csv"
    columns = ("conversation", "kind", "title", "created", "creator", "members_count", "events_count", "first_seq", "last_seq", "file")
    yield Piece(path, csv_line(columns))
    for each in summaries:
        created = iso(each.created_ms) if each.created_ms else ""
        seqs = (each.runs[0][0], each.runs[-1][1])
        file = f"{file_name(each.conversation)}.csv"
        yield Piece(
            path,
            csv_line((each.conversation, each.kind, each.title, created, each.creator, len(each.members), each.events_count, *seqs, file)),
        )


class _Telling:
    """What is noted of a conversation while it goes by."""

    def __init__(self) -> None:
        self.count = 0
        self._created: events.ConversationCreated | None = None
        self._runs: list[list[int]] = []

    def add(self, event: Event, thread: Thread) -> None:
        if not self.count:
            thread.announce(event)
        if isinstance(event, events.ConversationCreated):
            self._created = event
        self.count += 1
        if self._runs and event.seq == self._runs[-1][1] + 1:
            self._runs[-1][1] = event.seq
        else:
            self._runs.append([event.seq, event.seq])

    def summary(self, thread: Thread, files_count: int) -> Summary:
        return Summary(
            conversation=thread.conversation_id,
            kind=thread.kind,
            public=thread.public,
            title=thread.title,
            created_ms=self._created.at_ms if self._created is not None else 0,
            creator=self._created.user if self._created is not None else "",
            members=tuple(thread.members),
            events_count=self.count,
            runs=tuple((first, last) for first, last in self._runs),
            files_count=files_count,
        )


class _Records:
    """Single records out of the bundle's files."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[int, BinaryIO] = {}

    def at(self, row: Row) -> tuple[Record, Event]:
        file = self._files.get(row.partition)
        if file is None:
            file = self._files[row.partition] = (self._folder / records_path(EVENTS, row.partition)).open("rb")
        file.seek(row.at)
        leaf = parse_leaf(file.read(row.length))
        headers = tuple((name, value or b"") for name, value in leaf.headers)
        record = Record(EVENTS, row.partition, leaf.offset, leaf.timestamp_ms, leaf.key, leaf.value, headers)
        return record, decode_event(leaf.value)

    def close(self) -> None:
        for file in self._files.values():
            file.close()


class _Writer:
    """Pieces into files; a file's first piece begins it anew. Several files may be open: one of each form."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._open: dict[str, tuple[str, BinaryIO]] = {}  # by the form, which is the first part of a path
        self.files_count = 0

    def write(self, pieces: Iterable[Piece]) -> None:
        for piece in pieces:
            self._file(piece.path).write(piece.data)

    def _file(self, path: str) -> BinaryIO:
        form = path.partition("/")[0]
        there = self._open.get(form)
        if there is not None and there[0] == path:
            return there[1]
        if there is not None:
            there[1].close()
        target = self._folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        self._open[form] = (path, target.open("wb"))
        self.files_count += 1
        return self._open[form][1]

    def __enter__(self) -> _Writer:
        return self

    def __exit__(self, *raised: object) -> None:
        for _, file in self._open.values():
            file.close()
