"""Tokens as they are kept: sealed for their place, found again under another key, and only those that their device still holds."""

import asyncio
from typing import Any, cast

from msgspec.structs import replace

from store.cassandra import Store
from store.push_claims import Change
from store.push_tables import TAG_BUCKETS, PushTables, settings_of, tag_bucket, token_ids
from store.pushing import PushSettings, PushToken
from store.sealing import Sealer
from tests.store.test_push_claims import Rows, at_once

OLD, NEW = b"o" * 32, b"n" * 32


def tables(rows: Rows, *secrets: bytes) -> PushTables:
    made = PushTables(cast(Store, None), Sealer(list(secrets)))
    made.rows = cast(Any, rows)
    return made


def token(user: str, text: str = "token-of-a-phone") -> PushToken:
    return PushToken(user, "phone", "fcm", "", text, "", "en", "l-1", 100)


class Told:
    def __init__(self) -> None:
        self.changes: list[Change] = []

    async def __call__(self, change: Change) -> None:
        self.changes.append(change)


def test_a_token_is_sealed_for_its_place_and_opened_there_alone() -> None:
    async def run() -> None:
        rows, told = Rows(at_once), Told()
        kept = tables(rows, OLD)
        row = await kept.register(token("ana"), told)
        assert b"token-of-a-phone" not in row.sealed
        opened = kept.opened(row)
        assert opened is not None
        assert (opened.token, opened.token_id) == ("token-of-a-phone", row.token_id)
        assert kept.opened(replace(row, user="ben")) is None  # a row that somebody copied
        assert tables(rows, NEW).opened(row) is None
        assert tables(rows, NEW, OLD).opened(row) == opened

    asyncio.run(run())


def test_a_token_of_an_older_key_is_found_and_moves() -> None:
    async def run() -> None:
        rows, told = Rows(at_once), Told()
        before = await tables(rows, OLD).register(token("ana"), told)
        after = await tables(rows, NEW, OLD).register(token("ben"), told)
        assert before.token_id != after.token_id
        assert [(row.user, row.token_id) for row in rows.tokens.values()] == [("ben", after.token_id)]
        assert [(change.user, change.state) for change in told.changes] == [("ana", "added"), ("ben", "added"), ("ana", "moved")]
        again = await tables(rows, NEW, OLD).register(token("ben"), told)
        assert (again, len(told.changes)) == (after, 3)

    asyncio.run(run())


def test_the_device_itself_registers_anew_under_a_new_key() -> None:
    async def run() -> None:
        rows, told = Rows(at_once), Told()
        await tables(rows, OLD).register(token("ana"), told)
        after = await tables(rows, NEW, OLD).register(token("ana"), told)
        assert [row.token_id for row in rows.tokens.values()] == [after.token_id]
        assert [change.state for change in told.changes] == ["added", "added"]

    asyncio.run(run())


def test_one_token_has_one_id_in_each_push_channel() -> None:
    sealer = Sealer([NEW, OLD])
    assert token_ids(sealer, "apns", "ab" * 32) == token_ids(sealer, "apns", "ab" * 32)
    assert token_ids(sealer, "apns", "ab" * 32) != token_ids(sealer, "apns_voip", "ab" * 32)
    assert token_ids(sealer, "apns", "ab" * 32)[1:] == token_ids(Sealer([OLD]), "apns", "ab" * 32)


def test_what_is_not_in_a_row_of_settings_is_the_default() -> None:
    assert settings_of((None,) * 9) == PushSettings()
    assert settings_of((*[None] * 3, [], *[None] * 5)) == PushSettings(quiet_lets=())
    row = ("Europe/Berlin", 1_320, 450, ["calls"], False, False, "last_used", "de", 7)
    assert settings_of(row) == PushSettings("Europe/Berlin", 1_320, 450, ("calls",), False, False, "last_used", "de", 7)


def test_users_are_spread_over_the_buckets_of_a_tag() -> None:
    assert {tag_bucket(f"u-{number}") for number in range(500)} == set(range(TAG_BUCKETS))
