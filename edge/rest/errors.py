"""Errors of the REST face: one exception, one body, one handler for ours and FastAPI's own."""

from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from edge.errors import BadRequest, TooBusy, detail_of
from edge.people.profile_rules import BadProfile
from edge.rest import models
from schemas.errors import WarblerError

LOGGER = structlog.get_logger("edge.rest")

# What any route may answer besides what it is for. A route that answers with another body under one of these says so itself.
RESPONSES: dict[int | str, dict[str, Any]] = {
    status: {"model": models.Problem, "description": about}
    for status, about in {
        400: "The request cannot be served as it is",
        401: "No token or key, or one that is not good (any more)",
        403: "Not allowed, or a step-up is needed",
        404: "There is no such thing, or none that the caller may know of",
        409: "It conflicts with what is there",
        413: "Longer than its limit",
        422: "The request is not what the documentation says",
        429: "Too many: wait for Retry-After",
        503: "The log or the rows cannot be reached: try again",
        504: "No answer in time: try again",
    }.items()
}


class Problem(WarblerError):
    """Answered as {"code", "detail", "retryable"} with this status."""

    def __init__(self, status: int, code: str, detail: str, retryable: bool = False, retry_after_ms: int = 0) -> None:
        super().__init__(detail)
        self.status, self.code, self.detail = status, code, detail
        self.retryable, self.retry_after_ms = retryable, retry_after_ms


def code_of(exc: WarblerError) -> str:
    """What the peer hears of it, and the log."""
    if isinstance(exc, Problem | BadRequest | BadProfile):
        return exc.code
    if isinstance(exc, TooBusy):
        return "busy"
    return "unavailable" if exc.retryable else "internal"


def _body(status: int, code: str, detail: str, retryable: bool, retry_after_ms: int = 0) -> JSONResponse:
    headers = {"Retry-After": str(-(-retry_after_ms // 1000))} if retry_after_ms else None
    return JSONResponse({"code": code, "detail": detail, "retryable": retryable}, status, headers)


async def on_problem(_: Request, exc: Exception) -> JSONResponse:
    assert isinstance(exc, Problem)
    return _body(exc.status, exc.code, exc.detail, exc.retryable, exc.retry_after_ms)


async def on_ours(request: Request, exc: Exception) -> JSONResponse:
    assert isinstance(exc, WarblerError)
    code, detail = code_of(exc), detail_of(exc)
    if code in ("unavailable", "internal"):
        LOGGER.warning("a call cannot be served", path=request.url.path, error=f"{type(exc).__name__}: {exc}")
    if isinstance(exc, TooBusy):
        return _body(503, code, detail, True, exc.retry_after_ms)
    if isinstance(exc, BadRequest):
        return _body(503 if exc.retryable else 400, code, detail, exc.retryable, exc.retry_after_ms)
    if isinstance(exc, BadProfile):
        return _body(422, code, detail, retryable=False)
    return _body(503 if exc.retryable else 500, code, detail, exc.retryable)


async def on_invalid(request: Request, exc: Exception) -> JSONResponse:
    assert isinstance(exc, RequestValidationError)
    told: Callable[[str], Awaitable[None]] | None = getattr(request.state, "tell_invalid", None)
    if told is not None:
        await told(f"{request.method} {request.scope['route'].path}")
    first = exc.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    return _body(422, "invalid", f"{where}: {first['msg']}", retryable=False)


async def on_http(_: Request, exc: Exception) -> JSONResponse:
    assert isinstance(exc, HTTPException)
    return _body(exc.status_code, "not_found" if exc.status_code == 404 else "http", str(exc.detail), retryable=False)


def install(app: FastAPI) -> None:
    app.add_exception_handler(Problem, on_problem)
    app.add_exception_handler(WarblerError, on_ours)
    app.add_exception_handler(RequestValidationError, on_invalid)
    app.add_exception_handler(HTTPException, on_http)
