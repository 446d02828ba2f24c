"""Consumers' accounts in Kafka: a SCRAM credential each, and ACLs that let it read. Shell; the rules are in `ops.consumers.access`."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError, for_code
from aiokafka.protocol.admin import CreateAclsRequest, DeleteAclsRequest, DescribeAclsRequest

from log.clients import admin_client
from log.settings import LogSettings
from ops.consumers.access import Consumer, Grant, Kind, Pattern, consumers
from ops.consumers.protocol import SCRAM_SHA_512, AlterScramRequest, DescribeScramRequest
from ops.errors import OpsError

# The password is 32 random bytes, which no number of rounds could make harder to guess: the least that Kafka takes is enough.
ITERATIONS = 4_096
PRINCIPAL = "User:"
ANYWHERE = "*"
ANY, MATCH_ANY = 1, 1  # resource type, operation, permission; pattern
READ = 3
ALLOW = 3
SECURITY_DISABLED = 54
RESOURCE_NOT_FOUND = 91


class AccountsRefused(OpsError):
    """Kafka did not do what it was asked; the message is its own."""


class Accounts:
    """The accounts of one cluster, as its administrator sees them."""

    def __init__(self, admin: AIOKafkaAdminClient) -> None:
        self._admin = admin

    async def put(self, name: str, password: str, salt: bytes) -> None:
        """Give the account this password, in place of one that it had. Who is connected already stays so."""
        salted = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, ITERATIONS)
        await self._alter(AlterScramRequest(name, ITERATIONS, salt, salted))

    async def drop(self, name: str) -> None:
        """Take the grants away, which also stops who is connected, then the password."""
        request = DeleteAclsRequest(ANY, None, MATCH_ANY, PRINCIPAL + name, None, ANY, ANY)
        answer = await self._admin._send_request(request)
        for code, message, *_ in answer.filter_responses:
            _check(code, message)
        await self._alter(AlterScramRequest(name), RESOURCE_NOT_FOUND)

    async def permit(self, name: str, grants: Iterable[Grant]) -> None:
        for grant in grants:
            request = CreateAclsRequest(int(grant.kind), grant.name, int(grant.pattern), PRINCIPAL + name, ANYWHERE, READ, ALLOW)
            answer = await self._admin._send_request(request)
            for code, message in answer.creation_responses:
                _check(code, message)

    async def all(self) -> list[Consumer]:
        """Everybody with a credential, or with grants to read topics or join groups."""
        answer = await self._admin._send_request(DescribeAclsRequest(ANY, None, MATCH_ANY, None, None, ANY, ANY))
        _check(answer.error_code, answer.error_message)
        grants: dict[str, list[Grant]] = defaultdict(list)
        for kind, name, pattern, acls in answer.resources:
            for principal, _, operation, permission in acls:
                if (operation, permission) == (READ, ALLOW) and kind in {*Kind} and pattern in {*Pattern}:
                    grants[principal.removeprefix(PRINCIPAL)].append(Grant(Kind(kind), name, Pattern(pattern)))
        return consumers(grants, await self._named())

    async def _named(self) -> set[str]:
        answer = await self._admin._send_request(DescribeScramRequest())
        _check(answer.error_code, answer.error_message)
        return {user for user, _, _, infos, _ in answer.results if any(info[0] == SCRAM_SHA_512 for info in infos)}

    async def _alter(self, request: AlterScramRequest, harmless: int = 0) -> None:
        answer = await self._admin._send_request(request)
        for _, code, message, _ in answer.results:
            if code != harmless:
                _check(code, message)


def _check(code: int, message: str | None) -> None:
    if code == SECURITY_DISABLED:
        raise AccountsRefused("this Kafka has no authorizer (authorizer.class.name), so every client may read everything")
    if code:
        raise AccountsRefused(f"{for_code(code).__name__}: {message or ''}")


@asynccontextmanager
async def accounts(kafka: LogSettings) -> AsyncIterator[Accounts]:
    """Raises: AccountsRefused, also where the broker cannot be reached or knows none of these requests."""
    admin: Any = admin_client(kafka)
    try:
        await admin.start()
        yield Accounts(admin)
    except (KafkaError, OSError) as failed:
        raise AccountsRefused(f"Kafka at {kafka.kafka}: {type(failed).__name__}: {failed}") from failed
    finally:
        await admin.close()
