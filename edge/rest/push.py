"""Push over HTTP: tokens of devices, what a user wants, what became of its pushes, and a device's word that one arrived."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request

from edge.clocks import mono_ms
from edge.errors import PushRefused
from edge.people.push_labels import BadLabel, labels_of, relabel
from edge.people.push_results import newest
from edge.rest import push_models as models
from edge.rest.access import AnyNode, Caller, SignedInCaller, address_of
from edge.rest.errors import Problem
from store.group_rows import Pushing
from store.sign_ins import NO_SIGN_IN

STATUS_OF = {"push_off": 503, "unknown_channel": 404, "bad_push_token": 422, "too_many": 409, "signed_out": 401}
RESULTS_LIMIT = 200
router = APIRouter(prefix="/v1")
ChannelPath = Annotated[str, Path(min_length=1, max_length=32)]
DeviceQuery = Annotated[str, Query(max_length=128, description="As in the session's hello; empty: the one that signed in")]


def problem_of(bad: PushRefused) -> Problem:
    return Problem(STATUS_OF.get(bad.code, 400), bad.code, bad.detail)


async def device_of(caller: Caller, named: str) -> str:
    """Which device calls. Raises: Problem 422 no_device where neither the call nor the sign-in says so."""
    device = named or await _signed_in_device(caller)
    if not device:
        raise Problem(422, "no_device", "the sign-in names no device: say which one it is")
    return device


async def _signed_in_device(caller: Caller) -> str:
    if caller.grant.sign_in == NO_SIGN_IN:
        return ""
    found = await caller.node.tables.sign_ins.get(caller.user, caller.grant.sign_in)
    return found.device if found is not None else ""


@router.get("/push/channels")
async def channels(node: AnyNode) -> models.OpenChannels:
    """Which push channels devices may be registered for here."""
    keys = {"webpush": node.push.application_server_key}
    return models.OpenChannels(
        channels=[models.OpenChannel(channel=name, application_server_key=keys.get(name)) for name in node.push.channels]
    )


@router.get("/me/push")
async def mine(caller: SignedInCaller, device: DeviceQuery = "") -> models.MyPush:
    """Settings, labels and devices. Never the tokens themselves."""
    this, tables = device or await _signed_in_device(caller), caller.node.push.tables
    labels = await tables.labels(caller.user)
    devices = [
        models.PushDevice(
            device=row.device,
            channel=row.channel,
            app=row.app,
            locale=row.locale,
            registered_at_ms=row.registered_at_ms,
            this_device=row.device == this,
        )
        for row in await tables.held(caller.user)
    ]
    return models.MyPush(
        settings=models.Settings.of(await tables.settings(caller.user)),
        labels=models.Labels(tags=list(labels.tags), alias=labels.alias),
        devices=devices,
    )


@router.put("/me/push/tokens/{channel}")
async def register(channel: ChannelPath, body: models.NewToken, caller: SignedInCaller) -> models.TakenToken:
    """The token is this device's and nobody else's from now on; the one before of this device and push channel is gone.

    The same again changes nothing, so an app registers at every start. It goes when the sign-in ends.
    """
    device = await device_of(caller, body.device)
    try:
        row = await caller.node.push.register(caller.grant, device, channel, body.token, body.app, body.locale)
    except PushRefused as bad:
        raise problem_of(bad) from None
    return models.TakenToken(channel=channel, token_id=row.token_id)


@router.delete("/me/push/tokens/{channel}", status_code=204)
async def remove(channel: ChannelPath, caller: SignedInCaller, device: DeviceQuery = "") -> None:
    """The device gets no pushes through this push channel any more."""
    await caller.node.push.remove(caller.user, await device_of(caller, device), channel)


@router.put("/me/push/settings")
async def set_settings(body: models.Settings, caller: SignedInCaller) -> models.Settings:
    """What is not said stays as it is. Holds for every push that is decided from now on."""
    before = models.Settings.of(await caller.node.push.tables.settings(caller.user))
    wanted = before.model_copy(update={name: getattr(body, name) for name in body.model_fields_set})
    return models.Settings.of(await caller.node.push.change_settings(caller.user, wanted.chosen()))


@router.put("/me/push/labels")
async def set_labels(body: models.Labels, caller: SignedInCaller) -> models.Labels:
    """All of them at once. They stand in a row, never in the log."""
    try:
        labels = labels_of(body.tags, body.alias)
    except BadLabel as bad:
        raise Problem(422, "bad_label", str(bad)) from None
    await relabel(caller.node, caller.user, labels, caller.user)
    return models.Labels(tags=list(labels.tags), alias=labels.alias)


@router.get("/me/push/mode")
async def mode(caller: SignedInCaller) -> models.Mode:
    """What holds everywhere; a conversation's own mode comes first."""
    chosen = await caller.node.push.mode_everywhere(caller.user)
    return models.Mode(mode=chosen.mode, until_ms=chosen.until_ms)


@router.put("/me/push/mode")
async def set_mode(body: models.Mode, caller: SignedInCaller) -> models.Mode:
    await caller.node.push.change_mode(caller.user, "", Pushing(body.mode, body.until_ms))
    return body


@router.get("/me/push/results")
async def results(caller: SignedInCaller, limit: Annotated[int, Query(ge=1, le=RESULTS_LIMIT)] = 50) -> models.Results:
    """What became of the user's pushes, the newest first, from the end of the log: of a busy day perhaps only the last hours."""
    found = await newest(caller.node.log, caller.user, lambda _: True, limit)
    return models.Results(results=[models.Result.of(each) for each in found])


@router.post("/push/received", status_code=204)
async def received(body: models.Received, node: AnyNode, request: Request) -> None:
    """A device's word that a push arrived: the ticket that came with it stands for a token, and says only this."""
    now_mono_ms = mono_ms()
    if wait_ms := node.push.tickets_asked.of(address_of(request), now_mono_ms).take(now_mono_ms):
        raise Problem(429, "too_many", "too many tickets from this address", True, wait_ms)
    try:
        await node.push.received(body.ticket)
    except PushRefused as bad:
        raise problem_of(bad) from None
