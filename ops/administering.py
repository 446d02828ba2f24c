"""`warbler users|roles|api-keys|policies`: the administrator's interface from a terminal. An edge decides, and the log hears of it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import httpx
import typer
from rich.console import Console
from rich.table import Table

from ops.errors import OpsError
from ops.journey import URL_HELP, located
from ops.tables import put_table

TIMEOUT_S = 60.0
Url = Annotated[str | None, typer.Option(help=URL_HELP)]
Data = Annotated[Path | None, typer.Option(help="Folder of all data; default $WARBLER_DATA, else .warbler")]


def group(help_text: str) -> typer.Typer:
    return typer.Typer(no_args_is_help=True, add_completion=False, help=help_text)


users = group("List, make, freeze and delete users. Example: warbler users list --q ana")
roles = group("Define tenant roles and give them. Example: warbler roles set auditor 20 events.read decisions.read")
keys = group('Make and revoke API keys. Example: warbler api-keys make "shop backend" users.create tokens.mint')
policies = group("""Show and change the tenant's policies. Example: warbler policies set sign_up '{"open": false}'""")


def called(url: str | None, data: Path | None, method: str, path: str, body: Any = None, **query: Any) -> Any:
    """What the edge answers (None: nothing to say). Raises: OpsError with what it said."""
    address, admin_key = located(url, (data or Path(os.environ.get("WARBLER_DATA") or ".warbler")).absolute())
    params = {name: value for name, value in query.items() if value is not None}
    headers = {"Authorization": f"Bearer {admin_key}"}
    try:
        answer = httpx.request(method, f"{address}/v1/admin{path}", params=params, json=body, headers=headers, timeout=TIMEOUT_S)
        said = answer.json() if answer.content else None
    except (httpx.HTTPError, ValueError) as failed:
        raise OpsError(f"{address} does not answer: {failed}") from None
    if answer.is_success:
        return said
    raise OpsError(f"{said.get('code')}: {said.get('detail')}" if isinstance(said, dict) else f"HTTP {answer.status_code}")


def shown(rows: list[dict[str, Any]], *columns: str) -> None:
    table = Table(*columns)
    for row in rows:
        table.add_row(*(", ".join(value) if isinstance(value := row[column], list) else str(value) for column in columns))
    put_table(Console(soft_wrap=True), table)


def printed(value: Any) -> None:
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))


# ---- users


@users.command("list")
def list_users(
    q: Annotated[str | None, typer.Option(help="Name, or display name from a word on, begins so")] = None,
    state: Annotated[str | None, typer.Option(help="active, frozen, deactivated")] = None,
    after: Annotated[str, typer.Option(help="The `next` of the page before")] = "",
    url: Url = None,
    data: Data = None,
) -> None:
    """A page of users. Example: warbler users list --state frozen"""
    page = called(url, data, "GET", "/users", q=q, state=state, after=after, limit=200)
    shown(page["users"], "user", "name", "display_name", "user_kind", "state")
    if page["next"] is not None:
        typer.echo(f"more: --after '{page['next']}'")


@users.command("show")
def show_user(user: str, url: Url = None, data: Data = None) -> None:
    """Everything about one user. Example: warbler users show u-4f7…"""
    printed(called(url, data, "GET", f"/users/{quote(user, safe='')}"))


@users.command("make")
def make_users(names: list[str], url: Url = None, data: Data = None) -> None:
    """Make users without a password, and print a token of each. Example: warbler users make ana ben"""
    printed(called(url, data, "POST", "/users", {"users": [{"name": name} for name in names]}))


@users.command("import")
def import_users(file: Annotated[Path, typer.Argument(help="NDJSON, up to 10,000 lines")], url: Url = None, data: Data = None) -> None:
    """Make users in bulk; may be repeated. Example: warbler users import people.ndjson"""
    address, admin_key = located(url, (data or Path(os.environ.get("WARBLER_DATA") or ".warbler")).absolute())
    headers = {"Authorization": f"Bearer {admin_key}"}
    try:
        with httpx.stream(
            "POST", f"{address}/v1/admin/users/import", content=file.read_bytes(), headers=headers, timeout=TIMEOUT_S
        ) as answer:
            for line in answer.iter_lines():
                typer.echo(line)
    except (httpx.HTTPError, OSError) as failed:
        raise OpsError(f"the import was cut off, and may be repeated: {failed}") from None
    if not answer.is_success:
        raise typer.Exit(1)


def _moved(user: str, move: str, reason: str, url: str | None, data: Path | None) -> None:
    called(url, data, "POST", f"/users/{quote(user, safe='')}/{move}", {"reason": reason})


Reason = Annotated[str, typer.Option(help="Stands in the log for ever: nothing personal")]


@users.command()
def freeze(user: str, reason: Reason = "", url: Url = None, data: Data = None) -> None:
    """Close a user's sessions and every way in. Example: warbler users freeze u-4f7… --reason spam"""
    _moved(user, "freeze", reason, url, data)


@users.command()
def unfreeze(user: str, reason: Reason = "", url: Url = None, data: Data = None) -> None:
    """Let a frozen user in again. Example: warbler users unfreeze u-4f7…"""
    _moved(user, "unfreeze", reason, url, data)


@users.command("delete")
def delete_user(
    user: str, yes: Annotated[bool, typer.Option("--yes", help="Do not ask")] = False, url: Url = None, data: Data = None
) -> None:
    """Delete a user for good. Example: warbler users delete u-4f7… --yes"""
    if not yes:
        typer.confirm(f"Delete {user} for good?", abort=True)
    called(url, data, "DELETE", f"/users/{quote(user, safe='')}")


# ---- roles


@roles.command("list")
def list_roles(url: Url = None, data: Data = None) -> None:
    """Roles, who holds one, and what each permission is. Example: warbler roles list"""
    found = called(url, data, "GET", "/roles")
    shown(found["roles"], "role", "level", "permissions")
    shown(found["holders"], "user", "role")
    shown([{"permission": name, "lets one": what} for name, what in found["permissions"].items()], "permission", "lets one")


@roles.command("set")
def set_role(
    role: str, level: int, permissions: Annotated[list[str] | None, typer.Argument()] = None, url: Url = None, data: Data = None
) -> None:
    """Define a role, or change it. Example: warbler roles set auditor 20 events.read decisions.read"""
    called(url, data, "PUT", f"/roles/{quote(role, safe='')}", {"level": level, "permissions": permissions or []})


@roles.command("drop")
def drop_role(role: str, url: Url = None, data: Data = None) -> None:
    """Who holds it is a plain user from now on. Example: warbler roles drop auditor"""
    called(url, data, "DELETE", f"/roles/{quote(role, safe='')}")


@roles.command("give")
def give_role(user: str, role: str, url: Url = None, data: Data = None) -> None:
    """Give a user a role; `user` takes it away. Example: warbler roles give u-4f7… support"""
    called(url, data, "PUT", f"/users/{quote(user, safe='')}/role", {"role": role})


# ---- keys


@keys.command("list")
def list_keys(url: Url = None, data: Data = None) -> None:
    """All keys, the newest first. Example: warbler api-keys list"""
    shown(called(url, data, "GET", "/keys")["keys"], "id", "name", "scopes", "maker", "expires_at_ms", "revoked_at_ms", "used_at_ms")


@keys.command("make")
def make_key(
    name: str,
    scopes: list[str],
    days: Annotated[float | None, typer.Option(help="How long it lives; without it until it is revoked")] = None,
    url: Url = None,
    data: Data = None,
) -> None:
    """Make a key and print it, once. Example: warbler api-keys make backend users.create tokens.mint --days 365"""
    ttl_ms = None if days is None else round(days * 86_400_000)
    printed(called(url, data, "POST", "/keys", {"name": name, "scopes": scopes, "ttl_ms": ttl_ms}))


@keys.command("revoke")
def revoke_key(key: str, url: Url = None, data: Data = None) -> None:
    """Dead on every node at once. Example: warbler api-keys revoke wk-0f3a…"""
    called(url, data, "DELETE", f"/keys/{quote(key, safe='')}")


# ---- policies


@policies.command("list")
def list_policies(url: Url = None, data: Data = None) -> None:
    """What holds now, defaults included. Example: warbler policies list"""
    printed(called(url, data, "GET", "/policies")["policies"])


@policies.command("set")
def set_policy(policy: str, value: Annotated[str, typer.Argument(help="JSON")], url: Url = None, data: Data = None) -> None:
    """Replace a policy as a whole. Example: warbler policies set passwords '{"chars_min": 12}'"""
    try:
        given = json.loads(value)
    except ValueError as bad:
        raise OpsError(f"not JSON: {bad}") from None
    printed(called(url, data, "PUT", f"/policies/{quote(policy, safe='')}", {"value": given})["value"])
