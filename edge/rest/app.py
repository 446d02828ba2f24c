"""The node's HTTP application: REST, the WebSocket, liveness, metrics, and the demo page."""

from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import FileResponse
from fastapi.staticfiles import StaticFiles
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket

from edge import frames
from edge.clocks import mono_ms
from edge.closing import UNKNOWN_SUBPROTOCOL
from edge.connection import Connection
from edge.node import Node
from edge.rest import (
    accounts,
    calls,
    codes,
    commands,
    conversations,
    errors,
    factors,
    friends,
    groups,
    messages,
    passkeys,
    privacy,
    profiles,
    providers,
    push,
    sign_ins,
)
from edge.rest.admin import factors as admin_factors
from edge.rest.admin import importing, looking, making, pushes, retention, tenancy, webhooks
from edge.rest.admin import users as admin_users
from edge.wire import EXTENSION, WireProtocol

SDK = Path(__file__).parents[2] / "sdk" / "js"
POLICY = "default-src 'self'; connect-src 'self' ws: wss:; img-src 'self' data: blob:; base-uri 'none'; frame-ancestors 'none'"


def make_app(node: Node, admin_key: str | None) -> FastAPI:
    about = "REST face of an edge node. Messages travel over the WebSocket /v1/socket."
    app = FastAPI(title="Warbler", version="1", description=about, responses=errors.RESPONSES)
    app.state.node, app.state.admin_key = node, admin_key
    errors.install(app)
    app.include_router(accounts.router, tags=["accounts"])
    app.include_router(accounts.well_known, tags=["accounts"])
    app.include_router(sign_ins.router, tags=["accounts"])
    for way in (codes.router, providers.router, passkeys.router, factors.router):
        app.include_router(way, tags=["ways in"])
    app.include_router(conversations.router, tags=["conversations"])
    app.include_router(calls.router, tags=["calls"])
    app.include_router(commands.router, tags=["commands"])
    app.include_router(groups.router, tags=["groups"])
    app.include_router(messages.router, tags=["messages"])
    app.include_router(privacy.router, tags=["privacy"])
    app.include_router(push.router, tags=["push"])
    app.include_router(friends.router, tags=["friends"])
    app.include_router(profiles.router, tags=["profiles"])
    people = (importing.router, making.router, admin_users.router, admin_factors.router, tenancy.router)
    for router in (*people, looking.router, pushes.router, retention.router, webhooks.router):
        app.include_router(router, tags=["administration"])
    app.router.routes.append(WebSocketRoute("/v1/socket", socket))
    app.add_api_route("/live", live, include_in_schema=False)
    app.add_api_route("/metrics", metrics, include_in_schema=False)
    _serve_page(app)
    return app


def _serve_page(app: FastAPI) -> None:
    page, built = SDK / "page", SDK / "dist"
    if page.is_dir():
        app.add_api_route(
            "/", lambda: FileResponse(page / "index.html", headers={"Content-Security-Policy": POLICY}), include_in_schema=False
        )
        # above /page: a service worker's scope is where it is served, and that of pushes is the whole page
        app.add_api_route("/push-worker.js", lambda: FileResponse(page / "push-worker.js"), include_in_schema=False)
        app.mount("/page", StaticFiles(directory=page), name="page")
    if built.is_dir():
        app.mount("/sdk", StaticFiles(directory=built), name="sdk")


async def socket(websocket: WebSocket) -> None:
    """One device. Its frames do not come through here: see `edge.wire`."""
    protocol = websocket.scope["extensions"][EXTENSION]
    assert isinstance(protocol, WireProtocol)
    node: Node = websocket.app.state.node
    codec = next((name for name in websocket.scope["subprotocols"] if name in (frames.SUBPROTOCOL_JSON, frames.SUBPROTOCOL_MSGPACK)), None)
    if codec is None:
        await websocket.accept()
        protocol.close_with(UNKNOWN_SUBPROTOCOL)
        return
    connection = Connection(node, protocol, codec, websocket.query_params.get("ticket", ""))
    protocol.receiver = connection
    await websocket.accept(subprotocol=codec)
    host = websocket.client.host if websocket.client is not None else ""
    if wait_ms := node.address_buckets.of(host, mono_ms()).take(mono_ms()):
        connection.busy("too many connections come from this address", wait_ms)
    await connection.over.wait()


async def live(request: Request) -> dict[str, Any]:
    """Progress, not only life: a supervisor restarts a node whose `progress` stands still while it is not idle."""
    node: Node = request.app.state.node
    return {
        "ok": True,
        "progress": node.feed.records,
        "idle": node.feed_lag == 0,
        "detail": {
            "node": node.name,
            "draining": node.draining,
            "sessions": len(node.hub.sessions),
            "feed_lag": node.feed_lag,
            "unprojected_bytes": node.recent.used_bytes,
            "publishing_bytes": node.publisher.used_bytes,
        },
    }


async def metrics() -> Response:
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
