"""The registry's HTTP face: the Confluent API on Starlette. Called by `registry.__main__`; decides nothing (`registry.changes` does)."""

import time
from collections.abc import Awaitable, Callable
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, generate_latest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from registry import changes, errors, requests, shown
from registry.book import Book
from registry.changes import Change
from registry.errors import Refusal
from registry.keeper import Keeper
from registry.settings import RegistrySettings

MEDIA = "application/vnd.schemaregistry.v1+json"
VERSION = "7.9.0"  # of the API that is spoken


class Answer(JSONResponse):
    media_type = MEDIA


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class Face:
    """The handlers. `key`: what who writes must know; empty asks nobody."""

    def __init__(self, keeper: Keeper, settings: RegistrySettings, key: str, cluster: str) -> None:
        self._keeper, self._settings, self._key, self._cluster = keeper, settings, key, cluster
        self.metrics = CollectorRegistry()
        self.answered = Counter("registry_answers", "Answers by status", ["status"], registry=self.metrics)

    @property
    def book(self) -> Book:
        """Raises: Refusal 50001 until all that was there at the start has been read: an answer from a part would be a lie."""
        if not self._keeper.ready:
            raise errors.unavailable("the registry still reads its topic")
        return self._keeper.book

    async def body(self, request: Request) -> bytes:
        """Raises: Refusal 413."""
        limit, got = self._settings.request_bytes_limit, b""
        async for part in request.stream():
            got += part
            if len(got) > limit:
                raise Refusal(413, 413, f"longer than {limit} bytes")
        return got

    async def change(self, request: Request, decide: Callable[[Book], Change]) -> Any:
        if self._key:
            requests.check_key(request.headers.get("authorization", ""), self._key)
        _ = self.book  # not before it is read
        return await self._keeper.change(decide)

    # Schemas by id

    async def root(self, _: Request) -> Response:
        return Answer({})

    async def types(self, _: Request) -> Response:
        return Answer(list(requests.KINDS))

    async def schemas(self, request: Request) -> Response:
        query = request.query_params
        deleted, latest = requests.says(query, "deleted"), requests.says(query, "latestOnly")
        found = shown.schemas_shown(self.book, query.get("subjectPrefix", ""), deleted=deleted, latest_only=latest)
        return Answer(requests.page(found, query))

    async def schema(self, request: Request) -> Response:
        last = requests.says(request.query_params, "fetchMaxId")
        return Answer(shown.schema_shown(self.book, id_in(request), with_last_id=last))

    async def schema_text(self, request: Request) -> Response:
        return Response(self.book.content(id_in(request))[0], media_type=MEDIA)

    async def schema_subjects(self, request: Request) -> Response:
        places = shown.places_shown(self.book, id_in(request), deleted=requests.says(request.query_params, "deleted"))
        return Answer(requests.page(sorted({each["subject"] for each in places}), request.query_params))

    async def schema_versions(self, request: Request) -> Response:
        places = shown.places_shown(self.book, id_in(request), deleted=requests.says(request.query_params, "deleted"))
        return Answer(requests.page(places, request.query_params))

    # Subjects and versions

    async def subjects(self, request: Request) -> Response:
        query = request.query_params
        prefix, only = requests.subject_of(query.get("subjectPrefix", "")), requests.says(query, "deletedOnly")
        names = self.book.names(prefix, deleted=only or requests.says(query, "deleted"))
        return Answer(requests.page([name for name in names if not only or not self.book.numbers(name)], query))

    async def versions(self, request: Request) -> Response:
        query, subject = request.query_params, subject_in(request)
        only = requests.says(query, "deletedOnly")
        numbers = self.book.numbers(subject, deleted=only or requests.says(query, "deleted"))
        if not numbers:
            raise errors.subject_not_found(subject)
        live = set(self.book.numbers(subject)) if only else set()
        return Answer(requests.page([number for number in numbers if number not in live], query))

    async def version(self, request: Request) -> Response:
        return Answer(shown.version_shown(self._version(request)))

    async def version_text(self, request: Request) -> Response:
        return Response(self._version(request).text, media_type=MEDIA)

    async def version_referring(self, request: Request) -> Response:
        found = self._version(request)
        return Answer(self.book.referring(found.subject, found.version))

    def _version(self, request: Request) -> Any:
        deleted = requests.says(request.query_params, "deleted")
        return self.book.version(subject_in(request), version_in(request), deleted=deleted)

    async def register(self, request: Request) -> Response:
        subject, asked = subject_in(request), requests.asked_schema(await self.body(request))
        made = await self.change(request, lambda book: changes.register(book, subject, asked, self._settings, now_ms()))
        return Answer(shown.registered_shown(made))

    async def lookup(self, request: Request) -> Response:
        subject, asked = subject_in(request), requests.asked_schema(await self.body(request))
        deleted = requests.says(request.query_params, "deleted")
        if not self.book.numbers(subject, deleted=deleted):
            raise errors.subject_not_found(subject)
        found = changes.lookup(self.book, subject, changes.read(self.book, asked)[1], deleted=deleted)
        if found is None:
            raise errors.schema_not_found()
        return Answer(shown.version_shown(found))

    async def delete_subject(self, request: Request) -> Response:
        subject, permanent = subject_in(request), requests.says(request.query_params, "permanent")
        return Answer(await self.change(request, lambda book: changes.delete_subject(book, subject, permanent=permanent, now_ms=now_ms())))

    async def delete_version(self, request: Request) -> Response:
        subject, number = subject_in(request), version_in(request)
        permanent = requests.says(request.query_params, "permanent")
        return Answer(
            await self.change(request, lambda book: changes.delete_version(book, subject, number, permanent=permanent, now_ms=now_ms()))
        )

    # Compatibility

    async def compatible_with(self, request: Request) -> Response:
        """With one version."""
        subject, number = subject_in(request), version_in(request)
        asked = requests.asked_schema(await self.body(request))
        return self._compared(request, subject, asked, [self.book.version(subject, number).version])

    async def compatible(self, request: Request) -> Response:
        """With those that its level names."""
        subject, asked = subject_in(request), requests.asked_schema(await self.body(request))
        return self._compared(request, subject, asked, self.book.numbers(subject))

    def _compared(self, request: Request, subject: str, asked: changes.Asked, numbers: list[int]) -> Response:
        schema, _ = changes.read(self.book, asked)
        found = self.book.breaches(subject, schema, changes.level_of(self.book, subject), numbers)
        told = {"messages": found} if requests.says(request.query_params, "verbose") else {}
        return Answer({"is_compatible": not found} | told)

    # Settings

    async def level(self, request: Request) -> Response:
        subject = subject_in(request)
        level = self.book.compatibility(subject)
        if level is None and not requests.says(request.query_params, "defaultToGlobal"):
            raise errors.no_compatibility(subject)
        return Answer({"compatibilityLevel": level or changes.level_of(self.book, subject)})

    async def set_level(self, request: Request) -> Response:
        subject, level = subject_in(request), requests.asked_level(await self.body(request))
        return Answer(await self.change(request, lambda book: changes.set_compatibility(book, subject, level, now_ms())))

    async def drop_level(self, request: Request) -> Response:
        subject = subject_in(request)
        return Answer(await self.change(request, lambda book: changes.drop_compatibility(book, subject, now_ms())))

    async def mode(self, request: Request) -> Response:
        subject = subject_in(request)
        mode = self.book.mode(subject)
        if mode is None and not requests.says(request.query_params, "defaultToGlobal"):
            raise errors.no_mode(subject)
        return Answer({"mode": mode or changes.mode_of(self.book, subject)})

    async def set_mode(self, request: Request) -> Response:
        subject, mode = subject_in(request), requests.asked_mode(await self.body(request))
        force = requests.says(request.query_params, "force")
        return Answer(await self.change(request, lambda book: changes.set_mode(book, subject, mode, force=force, now_ms=now_ms())))

    async def drop_mode(self, request: Request) -> Response:
        subject = subject_in(request)
        return Answer(await self.change(request, lambda book: changes.drop_mode(book, subject, now_ms())))

    # The rest

    async def contexts(self, _: Request) -> Response:
        return Answer(["."])

    async def cluster(self, _: Request) -> Response:
        return Answer({"scope": {"path": [], "clusters": {"kafka-cluster": self._cluster, "schema-registry-cluster": "warbler"}}})

    async def api_version(self, _: Request) -> Response:
        return Answer({"version": VERSION, "commitId": ""})

    async def measured(self, _: Request) -> Response:
        return Response(generate_latest(self.metrics), media_type=CONTENT_TYPE_LATEST)


def subject_in(request: Request) -> str:
    """The path's subject; "" where it names none, which means all."""
    return requests.subject_of(request.path_params.get("subject", ""))


def version_in(request: Request) -> int | None:
    return requests.version_of(request.path_params["version"])


def id_in(request: Request) -> int:
    return requests.id_of(request.path_params["id"])


Handler = Callable[[Request], Awaitable[Response]]


def routes(face: Face) -> list[Route]:
    subject, version = "/subjects/{subject}", "/subjects/{subject}/versions/{version}"
    table: list[tuple[str, str, Handler]] = [
        ("GET", "/", face.root),
        ("GET", "/schemas", face.schemas),
        ("GET", "/schemas/types", face.types),
        ("GET", "/schemas/ids/{id}", face.schema),
        ("GET", "/schemas/ids/{id}/schema", face.schema_text),
        ("GET", "/schemas/ids/{id}/subjects", face.schema_subjects),
        ("GET", "/schemas/ids/{id}/versions", face.schema_versions),
        ("GET", "/subjects", face.subjects),
        ("POST", subject, face.lookup),
        ("DELETE", subject, face.delete_subject),
        ("GET", f"{subject}/versions", face.versions),
        ("POST", f"{subject}/versions", face.register),
        ("GET", version, face.version),
        ("DELETE", version, face.delete_version),
        ("GET", f"{version}/schema", face.version_text),
        ("GET", f"{version}/referencedby", face.version_referring),
        ("POST", f"/compatibility{subject}/versions", face.compatible),
        ("POST", f"/compatibility{version}", face.compatible_with),
        ("GET", "/contexts", face.contexts),
        ("GET", "/v1/metadata/id", face.cluster),
        ("GET", "/v1/metadata/version", face.api_version),
        ("GET", "/metrics", face.measured),
    ]
    for place in ("", "/{subject}"):
        table += [("GET", f"/config{place}", face.level), ("PUT", f"/config{place}", face.set_level)]
        table += [("DELETE", f"/config{place}", face.drop_level), ("DELETE", f"/mode{place}", face.drop_mode)]
        table += [("GET", f"/mode{place}", face.mode), ("PUT", f"/mode{place}", face.set_mode)]
    return [Route(path, handler, methods=[method]) for method, path, handler in table]


def make_app(face: Face, live: Callable[[], dict[str, Any]]) -> ASGIApp:
    """`live`: what GET /live answers; 503 where its `ok` is false."""

    async def on_refusal(_: Request, exc: Exception) -> Response:
        assert isinstance(exc, Refusal)
        head = {"WWW-Authenticate": 'Basic realm="registry"'} if exc.status == 401 else None
        return Answer({"error_code": exc.code, "message": exc.message}, exc.status, head)

    async def on_http(_: Request, exc: Exception) -> Response:
        assert isinstance(exc, HTTPException)
        return Answer({"error_code": exc.status_code, "message": f"HTTP {exc.status_code} {exc.detail}"}, exc.status_code, exc.headers)

    async def on_fault(_: Request, exc: Exception) -> Response:
        return Answer({"error_code": 50001, "message": f"Error in the registry: {type(exc).__name__}"}, 500)

    async def alive(_: Request) -> Response:
        report = live()
        return JSONResponse(report, 200 if report["ok"] else 503)

    app = Starlette(
        routes=[*merged(routes(face)), Route("/live", alive)],
        exception_handlers={Refusal: on_refusal, HTTPException: on_http, Exception: on_fault},
    )
    return counted(encoded_paths(app), face.answered)


def merged(given: list[Route]) -> list[Route]:
    """One route a path, or Starlette would answer 405 for a method whose route comes later."""
    by_path: dict[str, dict[str, Any]] = {}
    for route in given:
        by_path.setdefault(route.path, {}).update(dict.fromkeys(route.methods or (), route.endpoint))

    def chosen(handlers: dict[str, Any]) -> Handler:
        async def handle(request: Request) -> Response:
            found: Response = await handlers[request.method](request)
            return found

        return handle

    return [Route(path, chosen(handlers), methods=list(handlers)) for path, handlers in by_path.items()]


def encoded_paths(app: ASGIApp) -> ASGIApp:
    """Routes by the path as it was sent: a subject may hold a slash, which clients send as %2F."""

    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope.get("raw_path"):
            path = scope["raw_path"].decode("latin-1")
            scope = {**scope, "path": path.rstrip("/") or "/"}
        await app(scope, receive, send)

    return inner


def counted(app: ASGIApp, counter: Counter) -> ASGIApp:
    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        async def sending(message: Any) -> None:
            if message["type"] == "http.response.start":
                counter.labels(str(message["status"])).inc()
            await send(message)

        await app(scope, receive, sending)

    return inner
