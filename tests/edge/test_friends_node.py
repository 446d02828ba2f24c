"""Friends on a whole node, the log in memory: notes come back as frames, commands leave completed, typing stays with who may hear it."""

import asyncio

from edge import frames
from log.memory import MemoryLog
from log.port import Entry
from schemas import commands
from schemas.accounts import RosterChanged, RosterNoted
from schemas.codec import decode, decode_command, decode_roster_event, encode
from schemas.ids import direct_conversation_id
from schemas.partition import partition_of
from schemas.records import TypingSignalled
from store.privacy import Privacy
from store.rosters import Note, TieRow
from store.ties import Tie
from tests.edge.builders import ANA, BEN, command_id, record, sent
from tests.edge.nodes import Stage, on_a_node, until

DIRECT = direct_conversation_id(ANA, BEN)


async def published(stage: Stage, topic: str, count: int) -> list[bytes]:
    while len(values := await stage.published(topic)) < count:  # noqa: ASYNC110  the memory's topic is asked again
        await asyncio.sleep(0.01)
    return values


def test_a_note_is_in_the_log_and_told_to_every_session_of_its_user() -> None:
    async def body(stage: Stage) -> None:
        (_, phone), (_, laptop), (_, ben) = await stage.session(), await stage.session(device="laptop"), await stage.session(BEN)
        await stage.node.friends.note(ANA, BEN, Note("Benny", ("x",)))
        await until(lambda: bool(phone.frames and laptop.frames))
        (told,) = phone.frames
        assert isinstance(told, frames.Roster)
        assert [(each.user, each.alias, each.tags, each.relation) for each in told.entries] == [(BEN, "Benny", ("x",), "none")]
        assert (laptop.frames, ben.frames) == ([told], [])
        (noted,) = await stage.published("rosters")
        assert isinstance(decode_roster_event(noted), RosterNoted)
        assert b"Benny" not in noted  # personal: in a row only
        page = await stage.node.friends.page(ANA, "", "")
        assert (page.entries, page.version, page.full) == (told.entries, told.version, True)
        assert (await stage.node.friends.page(ANA, told.version, "")).entries == ()

    on_a_node(body)


def test_a_request_leaves_with_what_the_other_chose_and_what_follows_it_stays_behind() -> None:
    async def body(stage: Stage) -> None:
        await stage.node.tables.privacy.put(BEN, Privacy(True, "everyone", 1, "friends", "question"))
        session, _ = await stage.session()
        stage.say(session, frames.RequestFriend(id=command_id(1), conversation="", member=BEN, text="hi"))
        content = frames.DeviceContent(text="hello")
        stage.say(session, frames.SendMessage(id=command_id(2), conversation=DIRECT, content=content))
        request, message = map(decode_command, await published(stage, "conversation-commands", 2))
        assert isinstance(request, commands.RequestFriend)
        assert (request.conversation_id, request.refuse_strangers, request.taken) == (DIRECT, (BEN,), "question")
        assert isinstance(message, commands.SendMessage)

    on_a_node(body)


def test_typing_is_not_told_to_who_blocks_and_is_to_others() -> None:
    async def body(stage: Stage) -> None:
        session, _ = await stage.session()
        stage.node.hub.join(session, DIRECT)
        record_of_it = record(sent(1, user=ANA, conversation=DIRECT), 0)
        stage.node.recent.add(0, 10**6, DIRECT, record_of_it.value or b"")  # there is such a conversation
        ties = stage.node.friends.ties._table._memory.ties  # type: ignore[attr-defined]  # the tables in memory
        ties[DIRECT] = TieRow(Tie(blocked_by=(BEN,)), {BEN: 2}, {})
        stage.say(session, frames.Typing(DIRECT, True))
        await asyncio.sleep(0.1)
        ties[DIRECT] = TieRow(Tie(), {BEN: -3}, {})
        stage.say(session, frames.Typing(DIRECT, False))
        (value,) = await published(stage, "signals", 1)
        assert not decode(value, TypingSignalled).typing

    on_a_node(body)


def test_a_node_that_starts_reads_what_the_projector_has_not_written() -> None:
    log = MemoryLog()
    common = {"tenant": "default", "user": ANA, "at_ms": 7, "conversation_id": DIRECT, "seq": 3}
    told = RosterChanged(**common, other=BEN, relation="friends")  # type: ignore[arg-type]

    async def before() -> None:
        partition = partition_of(ANA.encode(), await log.partitions_count("rosters"))
        await log.publish("rosters", partition, [Entry(ANA.encode(), encode("rosters", told), 7)])

    asyncio.run(before())

    async def body(stage: Stage) -> None:
        page = await stage.node.friends.page(ANA, "", "")
        assert [(each.user, each.relation) for each in page.entries] == [(BEN, "friends")]
        assert page.version.endswith(":1")

    on_a_node(body, log)
