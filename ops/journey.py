"""`warbler journey`: what became of a message, as an edge tells it to the administrator."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer
from rich.console import Console
from rich.table import Table

from ops import statefile
from ops.errors import OpsError

TIMEOUT_S = 30.0
URL_HELP = "An edge's address; default: the one that `warbler up` runs here. Then WARBLER_ADMIN_KEY names the file of its key."


def journey(
    conversation: Annotated[str, typer.Argument(help="The conversation's id")],
    seq: Annotated[int, typer.Argument(min=1, help="The message's seq")],
    url: Annotated[str | None, typer.Option(help=URL_HELP)] = None,
    data: Annotated[Path | None, typer.Option(help="Folder of all data; default $WARBLER_DATA, else .warbler")] = None,
) -> None:
    """Tell when a message was received, accepted, committed, projected, fanned out, pushed, delivered, read and played."""
    address, admin_key = located(url, (data or Path(os.environ.get("WARBLER_DATA") or ".warbler")).absolute())
    show(fetched(address, admin_key, conversation, seq), Console(soft_wrap=True))


def located(url: str | None, data: Path) -> tuple[str, str]:
    """An edge's address and the administrator's key. Raises: NotRunning, OpsError."""
    if url is None:
        state = statefile.read(data)
        return state.page.rstrip("/"), Path(state.admin_key).read_text().strip()
    key_file = os.environ.get("WARBLER_ADMIN_KEY")
    if not key_file:
        raise OpsError("WARBLER_ADMIN_KEY must name the file of the administrator's key")
    return url.rstrip("/"), Path(key_file).read_text().strip()


def fetched(address: str, admin_key: str, conversation: str, seq: int) -> dict[str, Any]:
    """The edge's answer. Raises: OpsError with what the edge said."""
    headers = {"Authorization": f"Bearer {admin_key}"}
    try:
        answer = httpx.get(f"{address}/v1/messages/{conversation}/{seq}/journey", headers=headers, timeout=TIMEOUT_S)
        body: dict[str, Any] = answer.json()
    except (httpx.HTTPError, ValueError) as failed:
        raise OpsError(f"{address} does not answer: {failed}") from None
    if answer.status_code != 200:
        raise OpsError(f"{body.get('code')}: {body.get('detail')}")
    return body


def show(journey: dict[str, Any], console: Console) -> None:
    """The steps as a table; times in milliseconds after the edge had received the message."""
    console.print(
        f"{journey['conversation']} seq {journey['seq']} by {journey['user']} on {journey['device']}, command {journey['command_id']}",
        highlight=False,
        markup=False,
    )
    table = Table("step", "after ms", "at ms", "who", "")
    began = next((step["at_ms"] for step in journey["steps"] if step["at_ms"] is not None), None)
    for step in journey["steps"]:
        table.add_row(step["step"], _after(step, began), str(step["at_ms"] or ""), _who(step), _said(step))
    console.print(table)
    if journey["members_more"]:
        console.print(f"only the first {journey['members']} members were looked at", style="yellow")
    for note in journey["notes"]:
        console.print(note, style="yellow", markup=False)


def _after(step: dict[str, Any], began: int | None) -> str:
    if step["at_ms"] is None or began is None:
        return ""
    return f"{'<= ' if step['by_then'] else ''}{step['at_ms'] - began}"


def _who(step: dict[str, Any]) -> str:
    return " ".join(step[name] for name in ("node", "user", "device") if step[name])


def _said(step: dict[str, Any]) -> str:
    """What became of a push, and why; or why the time is not known."""
    by = f"by {step['channel']}" if step.get("channel") else None
    outcome, why = step.get("outcome"), step["why"]
    return " ".join(filter(None, (outcome, by, f"({why})" if outcome and why else why)))
