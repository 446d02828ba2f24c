"""Errors of the REST face: one exception, one body, one handler for ours and FastAPI's own."""

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from edge.errors import BadRequest, TooBusy
from schemas.errors import WarblerError


class Problem(WarblerError):
    """Answered as {"code", "detail", "retryable"} with this status."""

    def __init__(self, status: int, code: str, detail: str, retryable: bool = False, retry_after_ms: int = 0) -> None:
        super().__init__(detail)
        self.status, self.code, self.detail = status, code, detail
        self.retryable, self.retry_after_ms = retryable, retry_after_ms


def _body(status: int, code: str, detail: str, retryable: bool, retry_after_ms: int = 0) -> JSONResponse:
    headers = {"Retry-After": str(-(-retry_after_ms // 1000))} if retry_after_ms else None
    return JSONResponse({"code": code, "detail": detail, "retryable": retryable}, status, headers)


async def on_problem(_: Request, exc: Exception) -> JSONResponse:
    assert isinstance(exc, Problem)
    return _body(exc.status, exc.code, exc.detail, exc.retryable, exc.retry_after_ms)


async def on_ours(_: Request, exc: Exception) -> JSONResponse:
    assert isinstance(exc, WarblerError)
    if isinstance(exc, TooBusy):
        return _body(503, "busy", str(exc), True, exc.retry_after_ms)
    if isinstance(exc, BadRequest):
        return _body(503 if exc.retryable else 400, exc.code, exc.detail, exc.retryable, exc.retry_after_ms)
    return _body(503 if exc.retryable else 500, "unavailable" if exc.retryable else "internal", str(exc), exc.retryable)


async def on_invalid(_: Request, exc: Exception) -> JSONResponse:
    assert isinstance(exc, RequestValidationError)
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
