"""POST /v1/admin/users/import: NDJSON in, NDJSON out."""

import dataclasses
import json
from collections.abc import AsyncIterator

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse

from edge.people.import_lines import LINE_BYTES_LIMIT, LINES_LIMIT
from edge.people.importing import imported
from edge.rest.admin.acting import Act, Admin, Administrator, Call
from edge.rest.errors import Problem

router = APIRouter(prefix="/v1/admin/users")
BODY_BYTES_LIMIT = 16 << 20
NDJSON = "application/x-ndjson"
LINES = {"schema": {"type": "string", "description": "One JSON object a line"}}
BODY = {"required": True, "content": {NDJSON: LINES, "text/plain": LINES}}  # whatever the type says, it is read as lines
ANSWER = {"content": {NDJSON: {"schema": {"type": "string"}}}, "description": "One outcome a line, in their order; then a line `total`"}


@router.post("/import", response_class=StreamingResponse, openapi_extra={"requestBody": BODY}, responses={200: ANSWER})
async def import_users(request: Request, admin: Admin) -> StreamingResponse:
    """Users in bulk, at most 10,000 lines a call; may be repeated. A line: `{"name": "ana", "email": "", "phone": "", "password_hash": "",
    "kind": "person", "profile": {"display_name": "", "about": "", "fields": {}}}`, all but the name optional; hashes are argon2id.

    Addresses and numbers are taken as they come: who imports them vouches for them. The answer is streamed, an outcome a line.
    """
    lines = await lines_of(request)

    act = Act("users.import", "users.create", detail={"lines": len(lines)}, changes=True)
    call = await admin.begin(act)
    return StreamingResponse(_outcomes(admin, call, act, lines), media_type=NDJSON)


async def lines_of(request: Request) -> list[bytes]:
    """Raises: Problem 413."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_BYTES_LIMIT:
            raise Problem(413, "too_long", f"at most {BODY_BYTES_LIMIT} bytes a call, and {LINE_BYTES_LIMIT} a line")
    lines = [line for line in bytes(body).split(b"\n") if line.strip()]
    if len(lines) > LINES_LIMIT:
        raise Problem(413, "too_long", f"at most {LINES_LIMIT} lines a call")
    return lines


async def _outcomes(admin: Administrator, call: Call, act: Act, lines: list[bytes]) -> AsyncIterator[bytes]:
    counts = {"made": 0, "exists": 0, "refused": 0, "failed": 0}
    async for outcome in imported(admin.node, admin.actor.id, lines):
        counts[outcome["outcome"]] += 1
        yield _line(outcome)
    await admin.tell(call, dataclasses.replace(act, detail={**act.detail, **counts}), "done")
    yield _line({"outcome": "total", **counts, "left": len(lines) - sum(counts.values())})


def _line(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode() + b"\n"
