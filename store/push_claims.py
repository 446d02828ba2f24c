"""Who has a push token: claimed, moved from whoever had it, given up. Called by `store.push_tables`, over the rows of `store.push_rows`.

Rules. The event comes first, then the holder, then the rows. The holder's row decides, by compare-and-set: of two who claim one token
the later has it. Whoever wrote its own row looks at the holder once more, and takes the row back where it was moved meanwhile; so
does the projector that reads `moved`. What is removed is removed up to a time: a registration that came later stays.
"""

from collections.abc import Awaitable, Callable
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from store.errors import StoreUnavailable
from store.push_rows import Holder, TokenRow, TokenRows

TRIES = 16  # of a claim whose token others claim at the same moment

TokenState = Literal["added", "moved", "removed"]


class Change(Struct, frozen=True):
    """What is about to happen to a device's token."""

    user: str
    device: str
    channel: str
    token_id: str
    state: TokenState
    sign_in: str
    at_ms: int


Tell = Callable[[Change], Awaitable[None]]


class TokenContended(StoreUnavailable):
    """So many claim this token, or register at this device, that none of our tries came through."""


async def claim(rows: TokenRows, wanted: TokenRow, tell: Tell) -> TokenRow:
    """The device has the token; nobody else has it. What it registered instead, if it did so at this very moment.

    `wanted.registered_at_ms` is now; what stands may be a little later, so that it is after what was there. `tell` puts the change
    into the log before it is made. Raises: StoreUnavailable, and what `tell` raises. Delivery: safe to repeat; the same again changes
    nothing and tells nothing.
    """
    place = wanted.channel, wanted.token_id
    for tried in range(TRIES):
        seen, own = await rows.holder(*place), await rows.row(wanted.user, wanted.device, wanted.channel)
        stands = own is not None and seen == Holder(own.user, own.device, own.registered_at_ms)
        if not tried and own is not None and stands and is_same(own, wanted):
            return own
        row = replace(wanted, registered_at_ms=time_of(wanted.registered_at_ms, seen, own))
        moved = seen if seen is not None and seen.user and (seen.user, seen.device) != (row.user, row.device) else None
        if moved is not None:
            await tell(Change(moved.user, moved.device, *place, "moved", "", row.registered_at_ms))
        await tell(Change(row.user, row.device, *place, "added", row.sign_in, row.registered_at_ms))
        wanted = row  # what was told has to come true: a further try is not earlier, and not left out
        if not await rows.swap_holder(*place, seen, Holder(row.user, row.device, row.registered_at_ms)):
            continue
        if moved is not None:
            await rows.drop_row(moved.user, moved.device, *place, row.registered_at_ms)
        if await _placed(rows, own, row):
            return row
    raise TokenContended("this token is claimed by many at once: try again")


async def _placed(rows: TokenRows, own: TokenRow | None, row: TokenRow) -> bool:
    """Writes the device's row, and takes it back if the token is another's by now. False: the device's row changed meanwhile."""
    if not await rows.swap_row(own, row):
        return False
    if own is not None and own.token_id != row.token_id:
        await rows.free_holder(own.channel, own.token_id, own.user, own.device, own.registered_at_ms)
    if await rows.holder(row.channel, row.token_id) != Holder(row.user, row.device, row.registered_at_ms):
        await rows.drop_row(row.user, row.device, row.channel, row.token_id, row.registered_at_ms)
    return True


async def give_up(rows: TokenRows, user: str, device: str, channel: str, token_id: str, up_to_ms: int) -> None:
    """Neither row nor holder of it is left, but for what was registered after `up_to_ms`. Raises: StoreUnavailable. Safe to repeat."""
    # the holder first: a claim under way that writes its row after we looked finds that it is not the holder any more
    await rows.free_holder(channel, token_id, user, device, up_to_ms)
    await rows.drop_row(user, device, channel, token_id, up_to_ms)


def is_same(own: TokenRow, wanted: TokenRow) -> bool:
    """Whether what stands needs no change. The sealed bytes differ with every sealing."""
    return replace(wanted, sealed=own.sealed, registered_at_ms=own.registered_at_ms) == own


def time_of(now_ms: int, seen: Holder | None, own: TokenRow | None) -> int:
    """After everything that it takes the place of, whatever another node's clock says."""
    return max(now_ms, seen.at_ms + 1 if seen is not None else 0, own.registered_at_ms + 1 if own is not None else 0)
