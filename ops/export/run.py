"""An export from its beginning to its seal: plan, gather, name, form, prove. Called by `ops.export.cli` and the bench.

Every step is noted in the workbook, so that the same call goes on after whatever ended the one before. The folder holds a bundle
(docs/audit.md) when this is over, and the workbook is gone.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import msgspec

from audit.bundle import MANIFEST, NOTE, BundleReader, BundleWriter
from audit.manifest import ConversationPart, Manifest, PartPart
from audit.ring import Ring
from audit.tree import gaps
from log.places import AtTime, End, Place, Start, place_of
from log.port import Log, Span
from log.spans import spans_of
from ops.export.choice import ADMIN, CALLS, EVENTS, Choice
from ops.export.errors import AnotherExport, NothingChosen, writing
from ops.export.forming import Former, Summary
from ops.export.forms import NDJSON
from ops.export.gathering import COMMIT_RECORDS, Gatherer, conversations_of
from ops.export.matters import matter_of
from ops.export.seals import Seals, readable_place
from ops.export.workbook import Part, Workbook
from schemas.partition import partition_of
from schemas.registry import SCHEMAS

NAMES_AT_ONCE = 200
Names = Callable[[Sequence[str]], Awaitable[Mapping[str, str]]]


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What the operator asked for, as written. `matter` empty: none."""

    conversations: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    matter: str = ""
    everything: bool = False
    begin: str = "start"
    until: str = "end"
    formats: tuple[str, ...] = (NDJSON,)
    domain: str

    def shown(self) -> dict[str, str]:
        """For the manifest."""
        said = {
            **{"conversations": " ".join(self.conversations), "users": " ".join(self.users), "matter": self.matter},
            **{"everything": "yes" if self.everything else "", "from": self.begin, "to": self.until},
            **{"formats": " ".join(self.formats), "mail domain": self.domain},
        }
        return {name: value for name, value in said.items() if value}


@dataclass(slots=True)
class Progress:
    """`step`: what is done now; `done` of `total` of it."""

    step: str = "plan"
    done: int = 0
    total: int | None = None

    def begin(self, step: str, total: int | None) -> None:
        self.step, self.done, self.total = step, 0, total

    def tick(self, count: int) -> None:
        self.done += count


@dataclass(frozen=True, slots=True)
class Plan:
    """`spans`: what is read. `begins`: where in them the range begins."""

    choice: Choice
    spans: tuple[Span, ...]
    begins: dict[tuple[str, int], int]
    made_at_ms: int


@dataclass(slots=True)
class Exporter:
    log: Log
    seals: Seals
    ring: Ring
    cluster: str
    maker: str
    clock_ms: Callable[[], int]
    names: Names | None
    boot: str  # of the machine, another one after each start of it
    progress: Progress = field(default_factory=Progress)
    sync: Callable[[], None] = os.sync
    commit_records: int = COMMIT_RECORDS

    async def run(self, asked: Asked, folder: Path) -> Manifest:
        """The manifest of the finished bundle.

        Raises: DiskFull, CannotWrite, AnotherExport, NothingChosen, NotSealed, BadPlace, BadRange, RangeGone, LogError; after all but
        AnotherExport and NothingChosen the same call goes on where this one ended.
        """
        with writing(folder), _workbook(asked, folder) as book:
            plan = await self._planned(asked, book)
            await self._gather(asked, plan, folder, book)
            # Acts of operators alone, this export's own among them, are about nothing that is there.
            if not any(part.mark.records_count for part in book.parts() if part.topic != ADMIN):
                book.remove()
                await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
                raise NothingChosen("nothing in the log is of what was chosen, in that range")
            await self._name(book)
            await self._form(asked, folder, book)
            manifest = await self._seal(asked, plan, folder, book)
            book.remove()
            return manifest

    # ---- plan

    async def _planned(self, asked: Asked, book: Workbook) -> Plan:
        self.progress.begin("plan", None)
        noted = book.note("plan")
        if noted is not None:
            return _unpacked(noted)
        try:
            plan = await self._plan(asked)
        except BaseException:
            book.remove()  # nothing was done yet, and what was asked for may have been a slip
            raise
        book.put_note("plan", _packed(plan))
        return plan

    async def _plan(self, asked: Asked) -> Plan:
        begin, until = place_of(asked.begin), place_of(asked.until)
        choice = Choice(
            everything=asked.everything, conversations=frozenset(asked.conversations), users=frozenset(asked.users), matter=asked.matter
        )
        if asked.matter:
            choice, begin, until = await self._matter(asked.matter, choice, begin, until)
        if choice.users:
            all_events = await spans_of(self.log, [EVENTS], Start(), End())
            self.progress.begin("find conversations", _length(all_events))
            found = await conversations_of(self.log, all_events, choice.users, self.progress.tick)
            choice = msgspec.structs.replace(choice, conversations=choice.conversations | found)
        spans, begins = await self._spans(choice, begin, until)
        return Plan(choice, spans, begins, self.clock_ms())

    async def _matter(self, name: str, choice: Choice, begin: Place, until: Place) -> tuple[Choice, Place, Place]:
        """The choice with what the matter is about. Its times count where none were given."""
        scope = (await matter_of(self.log, name)).scope
        everything = not scope.conversations and not scope.users
        choice = Choice(
            everything=choice.everything or everything,
            conversations=choice.conversations | frozenset(scope.conversations),
            users=choice.users | frozenset(scope.users),
            matter=name,
        )
        if isinstance(begin, Start) and scope.from_ms:
            begin, choice = AtTime(scope.from_ms), msgspec.structs.replace(choice, from_ms=scope.from_ms)
        if isinstance(until, End) and scope.until_ms:
            until, choice = AtTime(scope.until_ms), msgspec.structs.replace(choice, until_ms=scope.until_ms)
        return choice, begin, until

    async def _spans(self, choice: Choice, begin: Place, until: Place) -> tuple[tuple[Span, ...], dict[tuple[str, int], int]]:
        """What is read: of conversation-events all from the log's start on, because it says who was in a conversation in the range."""
        ranged = await spans_of(self.log, choice.topics, begin, until)
        if choice.timed:  # by when its events happened, which no offset tells
            places = Start() if choice.from_ms else begin, End() if choice.until_ms else until
            others = [span for span in ranged if span.topic != EVENTS]
            ranged = [*await spans_of(self.log, [EVENTS], *places), *others]
        counts = {topic: await self.log.partitions_count(topic) for topic in choice.topics}
        wanted = [span for span in ranged if _may_hold(span, choice, counts) and span.start_offset < span.end_offset]
        spans = []
        for span in wanted:
            first = await self.log.start_offset(span.topic, span.partition) if span.topic == EVENTS else span.start_offset
            spans.append(Span(span.topic, span.partition, first, span.end_offset))
        return tuple(spans), {(span.topic, span.partition): span.start_offset for span in wanted}

    # ---- gather, name, form

    async def _gather(self, asked: Asked, plan: Plan, folder: Path, book: Workbook) -> None:
        left = sum(span.end_offset - max(span.start_offset, _reached(book, span)) for span in plan.spans)
        self.progress.begin("gather", left)
        lines = NDJSON in asked.formats
        gatherer = Gatherer(folder, book, plan.choice, plan.begins, lines, self.progress.tick, self.commit_records)
        await gatherer.run(self.log, plan.spans, partial(readable_place, self.log, self.seals))

    async def _name(self, book: Workbook) -> None:
        self.progress.begin("name", None)
        if self.names is None or book.note("named") is not None:
            return
        last = ""
        while users := book.users_after(last, NAMES_AT_ONCE):
            found = await self.names(users)
            book.begin()
            book.put_names((user, found[user]) for user in users if user in found)
            book.commit()
            last = users[-1]
            self.progress.tick(len(users))
        book.put_note("named", "yes")

    async def _form(self, asked: Asked, folder: Path, book: Workbook) -> None:
        """In a thread, so that the progress is seen; whoever cancels this waits for at most a few thousand events."""
        formats = [name for name in asked.formats if name != NDJSON]
        self.progress.begin("form", book.rows_count())
        if book.note("boot") != self.boot:
            book.forget_summaries()
            book.put_note("boot", self.boot)
        stop = threading.Event()
        former = Former(folder, book, formats, asked.domain, self.progress.tick, stop.is_set)
        working = asyncio.create_task(asyncio.to_thread(former.run))
        try:
            await asyncio.shield(working)
        except asyncio.CancelledError:
            stop.set()
            await asyncio.gather(working, return_exceptions=True)
            raise
        await asyncio.to_thread(self.sync)

    # ---- seal

    async def _seal(self, asked: Asked, plan: Plan, folder: Path, book: Workbook) -> Manifest:
        self.progress.begin("prove", len(plan.spans))
        bundle = BundleWriter(folder)
        parts = []
        for part in book.parts():
            if part.mark.records_count:
                parts.append(await self._prove(bundle, part))
            self.progress.tick(1)
        bundle.schemas({schema_id: SCHEMAS[schema_id].source for schema_id in book.schema_ids() if schema_id in SCHEMAS})
        count = bundle.conversations(_runs(book))
        self.progress.begin("seal", None)
        for unfinished in (MANIFEST, NOTE):  # of a run that ended right here: they must not be listed
            (folder / f"{unfinished}.tmp").unlink(missing_ok=True)
        manifest = Manifest(self.clock_ms(), self.maker, self.cluster, asked.shown(), _counts(book), tuple(parts), count)
        return await asyncio.to_thread(bundle.seal, manifest, self.ring.signer, self.ring.rotations)

    async def _prove(self, bundle: BundleWriter, part: Part) -> PartPart:
        proof = await self.seals.proof(part.topic, part.partition, part.next_index)
        bundle.checkpoints(part.topic, part.partition, proof.notes)
        with bundle.records(part.topic, part.partition, part.mark) as records:
            said = records.part(proof.origin, proof.size)
        if not said.whole:
            indexes = _indexes(bundle, part)
            hashes = (proof.hashes.subtree(level, index) for level, index in gaps(indexes, proof.size))
            await asyncio.to_thread(bundle.gaps, part.topic, part.partition, hashes)
        return said


def _indexes(bundle: BundleWriter, part: Part) -> Iterator[int]:
    return (index for index, _ in BundleReader(bundle.folder).leaves(part.topic, part.partition))


def _counts(book: Workbook) -> dict[str, int]:
    parts = book.parts()
    return {
        "read": sum(part.read for part in parts),
        "records": sum(part.mark.records_count for part in parts),
        "events": book.rows_count(),
        "damaged": sum(part.damaged for part in parts),
        "conversations": sum(1 for _ in book.summaries(Summary)),
        "files": sum(summary.files_count for summary in book.summaries(Summary)),
        "holes": sum(len(summary.runs) - 1 for summary in book.summaries(Summary)),
    }


def _runs(book: Workbook) -> Iterator[ConversationPart]:
    for summary in book.summaries(Summary):
        for first, last in summary.runs:
            yield ConversationPart(summary.conversation, first, last)


def _may_hold(span: Span, choice: Choice, counts: Mapping[str, int]) -> bool:
    """Whether the partition can hold something chosen: a conversation has one partition in each of its topics."""
    if choice.everything or span.topic not in (EVENTS, CALLS):
        return True
    count = counts[span.topic]
    return any(
        partition_of(conversation.encode("utf-8", "surrogateescape"), count) == span.partition for conversation in choice.conversations
    )


def _reached(book: Workbook, span: Span) -> int:
    part = book.part(span.topic, span.partition)
    return part.next_offset if part is not None else 0


def _length(spans: Sequence[Span]) -> int:
    return sum(span.end_offset - span.start_offset for span in spans)


def _packed(plan: Plan) -> str:
    begins = [(topic, partition, offset) for (topic, partition), offset in plan.begins.items()]
    return msgspec.json.encode((plan.choice, plan.spans, begins, plan.made_at_ms)).decode()


def _unpacked(text: str) -> Plan:
    kind = tuple[Choice, tuple[Span, ...], list[tuple[str, int, int]], int]
    choice, spans, begins, made_at_ms = msgspec.json.decode(text, type=kind)
    return Plan(choice, spans, {(topic, partition): offset for topic, partition, offset in begins}, made_at_ms)


@contextmanager
def _workbook(asked: Asked, folder: Path) -> Iterator[Workbook]:
    """The workbook of this export. Raises: AnotherExport where the folder is of something else."""
    path = folder.parent / f".{folder.name}.export"
    if not path.exists() and folder.exists() and any(folder.iterdir()):
        what = "has a finished export" if (folder / MANIFEST).exists() else "is not empty"
        raise AnotherExport(f"{folder} {what}; name another folder with --out")
    book = Workbook(path)
    try:
        said = msgspec.json.encode(asked).decode()
        if (book.note("asked") or said) != said:
            raise AnotherExport(f"{folder} was begun as an export of something else: {book.note('asked')}; name another folder with --out")
        book.put_note("asked", said)
        yield book
    finally:
        book.close()
