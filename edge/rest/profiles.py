"""What users show of themselves, their settings, and how they find each other."""

import json
from collections.abc import Iterable
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from edge.clocks import mono_ms
from edge.node import Node
from edge.people import profile_rules as rules
from edge.people.profiles import Found, Place, ProfileChange
from edge.rest import models
from edge.rest.access import AnyNode, Given, SignedInCaller, caller_of
from edge.rest.errors import Problem
from store.profiles import Profile

router = APIRouter(prefix="/v1")
SEARCH_PAGE_LIMIT = 50
# `ref` is told to those only who may read the profile, so it can stand in an <img>; and it never names another image
FOR_EVER, FOR_NOW = "private, max-age=31536000, immutable", "private, no-cache"


class ProfileBody(BaseModel):
    display_name: str
    about: str
    avatar: str = Field(description="Empty: none; else the `ref` under which the image is got")
    fields: dict[str, str]
    version: int


class ProfilePatch(BaseModel):
    """What is not given stays as it is. Fields are replaced as a whole."""

    display_name: str | None = Field(default=None, max_length=256)
    about: str | None = Field(default=None, max_length=1_024)
    avatar: str | None = Field(default=None, max_length=0, description="Empty takes the image away")
    fields: dict[str, str] | None = Field(default=None, max_length=32)
    version: int | None = Field(default=None, ge=0, lt=2**53, description="The change is refused unless the profile has it")


class PublicProfile(BaseModel):
    user: str
    name: str
    display_name: str
    about: str
    avatar: str
    fields: dict[str, str]


class FoundUsers(BaseModel):
    users: list[PublicProfile]
    next: str | None


class SettingsBody(BaseModel):
    settings: dict[str, Any]
    version: int = Field(ge=0, lt=2**53, description="In a request: of the settings that these shall replace; 0: the first ones")


def profile_body(profile: Profile) -> ProfileBody:
    return ProfileBody(**{name: getattr(profile, name) for name in ProfileBody.model_fields})


def change_of(body: ProfilePatch) -> ProfileChange:
    return ProfileChange(body.display_name, body.about, body.avatar, body.fields, body.version)


def public(found: Found) -> PublicProfile:
    shown = found.profile
    return PublicProfile(
        user=found.user, name=found.name, display_name=shown.display_name, about=shown.about, avatar=shown.avatar, fields=shown.fields
    )


@router.get("/me/profile")
async def own_profile(caller: SignedInCaller) -> ProfileBody:
    return profile_body(await caller.node.profiles.get(caller.user))


@router.patch("/me/profile")
async def change_own_profile(body: ProfilePatch, caller: SignedInCaller) -> ProfileBody:
    return profile_body(await caller.node.profiles.change(caller.user, change_of(body)))


@router.put("/me/avatar", openapi_extra={"requestBody": {"required": True, "content": {"image/*": {"schema": {"type": "string"}}}}})
async def put_own_avatar(request: Request, caller: SignedInCaller) -> ProfileBody:
    """The body is the image: PNG, JPEG or WebP, at most 64 KiB. What it is, its bytes say and not its header."""
    image = b""
    async for chunk in request.stream():
        image += chunk
        if len(image) > rules.AVATAR_BYTES_LIMIT:
            raise Problem(413, "too_long", f"an image has at most {rules.AVATAR_BYTES_LIMIT} bytes")
    return profile_body(await caller.node.profiles.put_avatar(caller.user, image))


@router.get(
    "/users/{user}/avatar",
    response_class=Response,
    responses={200: {"content": {kind: {} for kind in ("image/png", "image/jpeg", "image/webp")}, "description": "The image"}},
)
async def avatar(user: models.UserPath, node: AnyNode, given: Given, ref: Annotated[str, Query(max_length=64)] = "") -> Response:
    """With `ref`, as it stands in the profile, nothing else is needed, so that it can be the source of an image; else an access token."""
    if not ref:
        await caller_of(node, given)
    found = await node.profiles.tables.avatar(user)
    profile = await node.profiles.get(user)
    if found is None or not profile.avatar or profile.avatar != found.avatar or ref not in ("", found.avatar):
        raise Problem(404, "no_avatar", "there is no such image")
    headers = {
        "Cache-Control": FOR_EVER if ref else FOR_NOW,
        "ETag": f'"{found.avatar}"',
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; sandbox",
    }
    return Response(found.image, media_type=found.media_type, headers=headers)


@router.get("/me/settings")
async def own_settings(caller: SignedInCaller) -> SettingsBody:
    found = await caller.node.profiles.tables.settings(caller.user)
    return SettingsBody(settings=json.loads(found.text), version=found.version)


@router.put("/me/settings")
async def put_own_settings(body: SettingsBody, caller: SignedInCaller) -> SettingsBody:
    """Any JSON object that the app wants its user to have on every device. Of two devices at once, one is told `stale`."""
    text = json.dumps(body.settings, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    if len(text.encode("utf-8", "surrogatepass")) > rules.SETTINGS_BYTES_LIMIT or has_surrogates(text):
        raise Problem(422, "bad_settings", f"at most {rules.SETTINGS_BYTES_LIMIT} bytes of UTF-8")
    put = await caller.node.profiles.put_settings(caller.user, text, body.version)
    return SettingsBody(settings=body.settings, version=put.version)


def has_surrogates(text: str) -> bool:
    """Half a character: JSON can write it, UTF-8 cannot."""
    return any("\ud800" <= character <= "\udfff" for character in text)


@router.get("/users/search")
async def search(
    q: Annotated[str, Query(min_length=1, max_length=64)],
    caller: SignedInCaller,
    after: Annotated[str, Query(max_length=256)] = "",
    limit: Annotated[int, Query(ge=1, le=SEARCH_PAGE_LIMIT)] = 20,
) -> FoundUsers:
    """Users whose name, or display name from one of its words on, begins so. Only those who want to be found, and are there."""
    node = caller.node
    if not node.tenancy.policies.directory.search:
        raise Problem(403, "not_allowed", "this tenant's users are not searched")
    if wait_ms := node.search_buckets.of(caller.user, mono_ms()).take(mono_ms()):
        raise Problem(429, "rate_limited", "too many searches", True, wait_ms)

    async def findable(users: Iterable[str]) -> frozenset[str]:
        return await may_be_found(node, users)

    found, following = await node.profiles.search(q, read_place(after), limit, findable)
    return FoundUsers(users=[public(each) for each in found], next=None if following is None else place_text(following))


async def may_be_found(node: Node, users: Iterable[str]) -> frozenset[str]:
    """Those who are active and did not switch it off. Raises: StoreUnavailable."""
    wanted = frozenset(users)
    privacies = await node.privacies.of(wanted)
    return frozenset(user for user in await active(node, wanted) if (chosen := privacies.get(user)) is None or chosen.searchable)


async def active(node: Node, users: Iterable[str]) -> list[str]:
    states = await node.accounts.states_of(users)
    return [user for user, state in states.items() if state.state == "active"]


def place_text(place: Place) -> str:
    return f"{place[1]} {place[0]}"


def read_place(text: str) -> Place:
    """What `place_text` made; anything else is a place as well, and finds what comes after it."""
    user, _, term = text.partition(" ")
    return term, user


@router.get("/users/{user}")
async def user_profile(user: models.UserPath, caller: SignedInCaller) -> PublicProfile:
    node: Node = caller.node
    name = (await node.accounts.by_ids([user])).get(user)
    if name is None:
        raise Problem(404, "unknown_user", "there is no such user")
    return public(Found(user, name, await node.profiles.get(user)))
