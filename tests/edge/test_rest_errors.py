"""What a caller of the REST interface hears of our errors."""

import asyncio
import json

import pytest
from starlette.requests import Request

from edge.errors import BadRequest, TooBusy
from edge.rest.errors import on_ours
from log.errors import LogUnavailable
from schemas.errors import WarblerError
from store.errors import StoreUnavailable

ROWS_AWAY, LOG_AWAY = "the rows cannot be reached: try again", "the log cannot be reached: try again"


@pytest.mark.parametrize(
    ("error", "status", "code", "detail", "retryable"),
    [
        (StoreUnavailable("WriteTimeout: code=1100 from 10.0.0.7"), 503, "unavailable", ROWS_AWAY, True),
        (LogUnavailable("no broker at 10.0.0.8"), 503, "unavailable", LOG_AWAY, True),
        (TooBusy(1_500), 503, "busy", "too many devices come at once", True),
        (BadRequest("behind", "the tables lag", 200), 503, "behind", "the tables lag", True),
        (BadRequest("not_member", "no member"), 400, "not_member", "no member", False),
    ],
)
def test_it_hears_nothing_of_our_servers(error: WarblerError, status: int, code: str, detail: str, retryable: bool) -> None:
    answer = asyncio.run(on_ours(Request({"type": "http", "path": "/v1/x", "headers": []}), error))
    assert (answer.status_code, json.loads(bytes(answer.body))) == (status, {"code": code, "detail": detail, "retryable": retryable})
