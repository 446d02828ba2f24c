"""UnifiedPush: Web Push to a push server that the user chose, for phones without a vendor's services.

The server may stand anywhere, also where only we can reach it: every address is checked after its name was resolved, redirects are not
followed, and its answers turn nothing off. Source: UnifiedPush specifications (server, "SSRF"; AND_3.0.0: encryption as in RFC 8291).
"""

import ipaddress

from streams.push.channels.answers import looks_like
from streams.push.channels.guarded import GuardedTransport, IpNetwork
from streams.push.channels.http import Answer, PushHttp, tls_context
from streams.push.channels.port import Traits
from streams.push.channels.subscription import Subscription
from streams.push.channels.vapid import good_subject
from streams.push.channels.webpush import WebPushChannel, WebPushForm
from streams.push.config import Section

TRAITS = Traits(4_000, withdraws=True, badges=True, in_flight_limit=100)  # SERV 1.0.1: 4000; a Web Push server takes 4096


class UnifiedPushForm(WebPushForm, frozen=True, kw_only=True):
    """`hosts`: no others; empty: all. `networks`: of addresses that would be refused, those that may be sent to: 10.1.2.0/24."""

    hosts: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()


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


class UnifiedPushChannel(WebPushChannel):
    """One VAPID key at whatever push servers users have."""

    name = "unifiedpush"

    def __init__(self, section: Section, form: UnifiedPushForm, networks: tuple[IpNetwork, ...]) -> None:
        super().__init__(section, form, TRAITS)
        self.networks = networks

    def connections(self) -> PushHttp:
        in_flight = self.traits.in_flight_limit
        transport = GuardedTransport(self.networks, in_flight, tls_context(False))
        return PushHttp(timeout_ms=self.form.timeout_ms, in_flight_limit=in_flight, transport=transport)

    def refusal(self, subscription: Subscription) -> str | None:
        """What is not named in `hosts` is refused only where `hosts` names some; addresses are checked when they are known."""
        return super().refusal(subscription) if self.form.hosts else None

    def took(self, answer: Answer) -> bool:
        """Any 2xx (ntfy: 200 with its own JSON), but no page."""
        return 200 <= answer.status < 300 and looks_like(answer.body) != "html"
