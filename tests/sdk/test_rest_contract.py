"""Every REST call of both SDKs goes to a route that the edge has, with parameters and a body that it takes."""

import asyncio
import json
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from pydantic import BaseModel, TypeAdapter, ValidationError

from edge.node import Node
from edge.rest.app import make_app
from tests.sdk.rest_samples import Asked, everything_asked

JS = Path(__file__).parents[2] / "sdk" / "js"


def flat(routes: Iterable[Any]) -> Iterator[APIRoute]:
    """FastAPI keeps an included router as one route of the application."""
    for route in routes:
        if isinstance(route, APIRoute):
            yield route
        elif hasattr(route, "original_router"):
            assert route.include_context.prefix == ""
            yield from flat(route.original_router.routes)


ROUTES = list(flat(make_app(MagicMock(spec=Node), None).routes))


def route_of(asked: Asked) -> APIRoute | None:
    """The first that takes it, as the edge chooses."""
    return next((each for each in ROUTES if asked.method in (each.methods or ()) and each.path_regex.fullmatch(asked.path)), None)


def dependants(of: Dependant) -> Iterator[Dependant]:
    yield of
    for each in of.dependencies:
        yield from dependants(each)


def wrong_with(asked: Asked) -> list[str]:
    route = route_of(asked)
    if route is None:
        return [f"{asked.name}: the edge has no {asked.method} {asked.path}"]
    known = [each for needed in dependants(route.dependant) for each in needed.query_params]
    wrong = [f"{asked.name}: unknown parameter {name}" for name in asked.query.keys() - {each.alias for each in known}]
    wrong += [f"{asked.name}: {each.alias} is missing" for each in known if each.field_info.is_required() and each.alias not in asked.query]
    return wrong + wrong_body(asked, route)


def wrong_body(asked: Asked, route: APIRoute) -> list[str]:
    if route.body_field is None:
        return [f"{asked.name}: {asked.method} {route.path} takes no JSON, and gets {asked.body}"] if asked.body else []
    model = route.body_field.field_info.annotation
    assert model is not None
    try:
        TypeAdapter(model).validate_python(asked.body)
    except ValidationError as error:
        return [f"{asked.name}: {error.errors()[0]['loc']}: {error.errors()[0]['msg']}"]
    assert isinstance(model, type)
    assert issubclass(model, BaseModel)
    return [f"{asked.name}: the edge does not know {name}" for name in asked.body.keys() - model.model_fields.keys()]


def javascript() -> list[Asked]:
    said = subprocess.run(["node", str(JS / "test" / "rest-samples.mjs")], capture_output=True, text=True, check=True, timeout=60).stdout
    return [Asked(**each) for each in json.loads(said)]


PYTHON = asyncio.run(everything_asked())


@pytest.mark.parametrize("asked", PYTHON, ids=[f"{each.name}-{number}" for number, each in enumerate(PYTHON)])
def test_what_the_python_sdk_asks_the_edge_answers(asked: Asked) -> None:
    assert wrong_with(asked) == []


def test_what_the_javascript_sdk_asks_the_edge_answers() -> None:
    asked = javascript()
    assert len(asked) > 90
    assert [wrong for each in asked for wrong in wrong_with(each)] == []


def test_both_sdks_ask_the_same() -> None:
    def places(asked: list[Asked]) -> set[str]:
        return {f"{each.method} {route.path}" for each in asked if (route := route_of(each)) is not None}

    only_python = {"GET /v1/conversations", "GET /v1/conversations/{conversation}/events", "GET /v1/conversations/{conversation}/history"}
    only_python |= {"POST /v1/admin/users/import", "GET /v1/users/{user}/avatar"}  # a browser shows a picture by its address
    only_javascript = {"GET /v1/messages/{conversation}/{seq}/journey"}
    python, script = places(PYTHON), places(javascript())
    assert python - script == only_python
    assert script - python == only_javascript
