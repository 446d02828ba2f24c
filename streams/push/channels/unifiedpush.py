"""UnifiedPush: Web Push to a push server that the user chose, for phones without a vendor's services.

The server may stand anywhere, also where only we can reach it: every address is checked after its name was resolved, redirects are not
followed, and its answers turn nothing off. Source: UnifiedPush specifications (server, "SSRF"; AND_3.0.0: encryption as in RFC 8291).
"""

import asyncio
import ipaddress
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Annotated

from msgspec import Meta

from log.web.addresses import IpNetwork
from log.web.guarded import GuardedBackend
from streams.push.alert import Alert
from streams.push.breaker import Breaker, is_fault
from streams.push.channels.answers import looks_like
from streams.push.channels.http import Answer, PushHttp, tls_context_with
from streams.push.channels.port import Outcome, Refused, Traits
from streams.push.channels.subscription import Subscription
from streams.push.channels.vapid import good_subject
from streams.push.channels.webpush import WebPushChannel, WebPushForm
from streams.push.config import Section

# SERV 1.0.1: 4000 bytes; a Web Push server takes 4096.
TRAITS = Traits(4_000, withdraws=True, badges=True, in_flight_limit=200, one_service=False)
SERVERS_LIMIT = 10_000
BUSY_WAIT_MS = 5_000


class UnifiedPushForm(WebPushForm, frozen=True, kw_only=True):
    """`hosts`: no others; empty: all. `networks`: of addresses that would be refused, those that may be sent to: 10.1.2.0/24.

    `server_in_flight_limit`: of one push server, so that one that hangs leaves room for the others. `ca_file`: authorities in PEM that
    are trusted besides the public ones, for push servers of a company's own.
    """

    hosts: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    ca_file: str = ""
    server_in_flight_limit: Annotated[int, Meta(ge=1)] = 20


def from_section(section: Section) -> "UnifiedPushChannel":
    """Raises: BadPushConfig."""
    form = section.read(UnifiedPushForm)
    if form.subject and not good_subject(form.subject):
        raise section.bad(f"`subject` must be mailto: or https: with a real host: {form.subject}")
    if form.proxy:
        raise section.bad("`proxy` would resolve the names itself, and nothing would be checked")
    try:
        networks = tuple(ipaddress.ip_network(network) for network in form.networks)
    except ValueError as bad:
        raise section.bad(f"`networks`: {bad}") from None
    return UnifiedPushChannel(section, form, networks)


@dataclass(slots=True)
class Server:
    """One push server that some users chose."""

    breaker: Breaker = field(default_factory=Breaker)
    in_flight: int = 0


class Servers:
    """By origin. Those least asked lately are forgotten, unless they are being asked."""

    def __init__(self) -> None:
        self.known: OrderedDict[str, Server] = OrderedDict()

    def of(self, origin: str) -> Server:
        server = self.known.setdefault(origin, Server())
        self.known.move_to_end(origin)
        if len(self.known) > SERVERS_LIMIT:
            idle = next((name for name, one in self.known.items() if one.in_flight == 0 and name != origin), None)
            if idle is not None:
                del self.known[idle]
        return server


class UnifiedPushChannel(WebPushChannel):
    """One VAPID key at whatever push servers users have."""

    name = "unifiedpush"

    def __init__(self, section: Section, form: UnifiedPushForm, networks: tuple[IpNetwork, ...]) -> None:
        super().__init__(section, form, TRAITS)
        self.networks = networks
        self.servers = Servers()
        self.server_in_flight_limit = form.server_in_flight_limit
        self.ca_file = section.file.parent / form.ca_file if form.ca_file else None

    def connections(self) -> PushHttp:
        in_flight, guard = self.traits.in_flight_limit, GuardedBackend(self.networks)
        tls = tls_context_with(self.ca_file) if self.ca_file else None
        return PushHttp(timeout_ms=self.form.timeout_ms, in_flight_limit=in_flight, tls=tls, backend=guard)

    async def post(self, subscription: Subscription, alert: Alert, now_ms: int, bytes_limit: int) -> Outcome:
        """As Web Push does, but what is wrong with one server holds up its own users alone."""
        server, clock = self.servers.of(subscription.origin), asyncio.get_running_loop()
        if server.in_flight >= self.server_in_flight_limit:
            return Refused("retry", 0, "server_busy", BUSY_WAIT_MS)
        if not server.breaker.ask(clock.time() * 1000):
            return Refused("retry", 0, "server_down", max(BUSY_WAIT_MS, server.breaker.opens_in_ms(clock.time() * 1000)))
        server.in_flight += 1
        try:
            outcome = await super().post(subscription, alert, now_ms, bytes_limit)
        except BaseException:
            server.breaker.give_back()
            raise
        finally:
            server.in_flight -= 1
        server.breaker.tell(is_fault(outcome), clock.time() * 1000)
        return outcome

    def refusal(self, subscription: Subscription) -> str | None:
        """What is not named in `hosts` is refused only where `hosts` names some; addresses are checked when they are known."""
        return super().refusal(subscription) if self.form.hosts else None

    def took(self, answer: Answer) -> bool:
        """Any 2xx (ntfy: 200 with its own JSON), but no page."""
        return 200 <= answer.status < 300 and looks_like(answer.body) != "html"
