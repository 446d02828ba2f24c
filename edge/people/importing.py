"""Users in bulk: lines in, outcomes out, in their order. Called by `edge.rest.admin`.

Repeating a call changes nothing: a name that is there keeps its user. One that a call of the same administrator made and that nobody
signed in to yet gets what a call that was cut off owed it; no other account is touched, or who may make users could take one over.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Any

from edge.errors import detail_of
from edge.people.identifiers import email_key, phone_key
from edge.people.import_lines import BadLine, ImportLine, addresses, runs
from edge.people.profiles import ProfileChange
from edge.people.registering import NewAccount, Taken, add_identifier, name_identifier, new_identifier, register
from edge.rest.errors import Problem
from schemas.errors import WarblerError
from store.accounts import Account

if TYPE_CHECKING:
    from edge.node import Node

AT_ONCE = 16
Outcome = dict[str, Any]


async def imported(node: "Node", by: str, lines: Sequence[bytes]) -> AsyncIterator[Outcome]:
    """An outcome a line: {line, outcome: made | exists | refused | failed, user?, code?, detail?}; after a `failed` none follows."""
    for run in runs(lines, AT_ONCE):
        for outcome in await asyncio.gather(*(_one(node, by, number, line) for number, line in run)):
            yield outcome
            if outcome["outcome"] == "failed":
                return


async def _one(node: "Node", by: str, number: int, line: ImportLine | BadLine) -> Outcome:
    outcome: Outcome = {"line": number}
    try:
        if isinstance(line, BadLine):
            raise line
        account, made = await _account(node, by, line)
        outcome["user"] = account.user
        if made or await _owed(node, by, account):
            await _complete(node, account, line)
        return outcome | {"outcome": "made" if made else "exists"}
    except (BadLine, Problem) as exc:
        failed = isinstance(exc, Problem) and exc.retryable
        return outcome | {"outcome": "failed" if failed else "refused", "code": exc.code, "detail": exc.detail}
    except WarblerError as exc:
        return outcome | {"outcome": "failed", "code": "unavailable", "detail": detail_of(exc)}


async def _free(node: "Node", line: ImportLine) -> None:
    """Raises: Taken, before there is an account that would lack what belongs to another user."""
    for kind, key in addresses(line):
        if (holder := await node.accounts.user_of(kind, key)) is not None:
            raise Taken(kind, holder)


async def _account(node: "Node", by: str, line: ImportLine) -> tuple[Account, bool]:
    identifier = name_identifier(line.name)
    try:
        if await node.accounts.user_of("name", identifier.key) is None:
            await _free(node, line)
        return await register(node, NewAccount(identifier, identifier.shown, line.kind, by=by)), True
    except Taken as taken:
        account = await node.accounts.by_id(taken.holder) if taken.kind == "name" and taken.holder else None
        if account is None:
            raise
        return account, False


async def _owed(node: "Node", by: str, account: Account) -> bool:
    """Whether it may be completed: this administrator made it, nothing happened to it since, and nobody was ever in it."""
    state = await node.accounts.state_of(account.user)
    if state is None or state.state != "active" or state.changed_by != by or account.password_hash is not None:
        return False
    if (await node.tenancy.role_of_user(account.user)).level:
        return False
    return not await node.tables.sign_ins.of_user(account.user)


async def _complete(node: "Node", account: Account, line: ImportLine) -> None:
    """Raises: Taken for an address or a number that is another user's; what stands before it is done."""
    has = {(each.kind, each.key) for each in await node.accounts.identifiers_of(account.user)}
    if line.email and ("email", email_key(line.email)[0]) not in has:
        await add_identifier(node, account.user, new_identifier("email", email_key(line.email)))
    if line.phone and ("phone", phone_key(line.phone)[0]) not in has:
        await add_identifier(node, account.user, new_identifier("phone", phone_key(line.phone)))
    profile = line.profile
    if profile.display_name or profile.about or profile.fields:
        change = ProfileChange(profile.display_name, profile.about, None, profile.fields)
        if (await node.profiles.get(account.user)).version == 0:
            await node.profiles.change(account.user, change)
    # last: with it, the account is complete, and a repeat leaves it alone
    if line.password_hash:
        await node.accounts.put_password(account.user, line.password_hash)
