"""What comes in of one leg: which track a packet is of, repetitions made whole, and what to say back to its sender."""

from collections.abc import Callable

from rtc.engines.embedded import rtcp, rtp
from rtc.engines.embedded.publishing import Published
from rtc.engines.embedded.reception import Reception
from rtc.engines.embedded.rtp import Packet
from rtc.engines.embedded.source import Source

SSRCS_LIMIT = 32
OWN_SSRC = 1  # of who only receives; nothing is ever sent with it


class Incoming:
    """One section that a leg sends on. `source`: what its packets are passed on as."""

    def __init__(self, section: Published) -> None:
        assert section.form is not None
        self.section = section
        self.form = section.form
        self.reception: Reception | None = None
        self.source: Source | None = None

    def stream(self, ssrc: int) -> Reception:
        """Its stream now; another SSRC than before is another stream."""
        if self.reception is None or self.reception.ssrc != ssrc:
            self.reception = Reception(ssrc, self.form.codec.clock_hz, asks=self.form.codec.kind == "video")
        return self.reception


class Reader:
    """The packets of one leg, by SSRC; an unknown one is known by its mid or, where only one section can be meant, by its type."""

    def __init__(self, deliver: Callable[[Incoming, Packet, Reception], None]) -> None:
        self._deliver = deliver
        self.incoming: dict[str, Incoming] = {}
        self._by_ssrc: dict[int, Incoming] = {}
        self._repairs: dict[int, int] = {}
        self._mid_extension = self._level_extension = 0
        self.unknown = 0

    def offered(self, sections: tuple[Published, ...]) -> None:
        """What the leg sends from now on. A section that was there goes on."""
        sending = [section for section in sections if section.form is not None and section.sends]
        before = self.incoming
        self.incoming = {}
        for section in sending:
            kept = before.get(section.mid)
            self.incoming[section.mid] = kept if kept is not None and kept.section == section else Incoming(section)
        self._by_ssrc = {ssrc: incoming for incoming in self.incoming.values() for ssrc in incoming.section.ssrcs}
        self._repairs = {rtx: ssrc for section in sending for rtx, ssrc in section.repairs.items()}
        self._mid_extension = next((section.mid_extension for section in sending if section.mid_extension), 0)
        self._level_extension = next((section.level_extension for section in sending if section.level_extension), 0)

    def took(self, data: bytes, now_ms: int) -> None:
        """Raises: ValueError for what is no packet."""
        packet = rtp.read(data, self._mid_extension, self._level_extension)
        repaired = self._repairs.get(packet.ssrc)
        incoming = self._by_ssrc.get(packet.ssrc if repaired is None else repaired) or self._learn(packet)
        if incoming is None:
            self.unknown += 1
            return
        form = incoming.form
        fresh = packet.payload_type == form.payload_type
        if not fresh:
            ssrc = repaired if repaired is not None else incoming.reception.ssrc if incoming.reception else 0
            if packet.payload_type != form.rtx_type or not ssrc or not rtp.unwrap_repair(packet, ssrc, form.payload_type):
                return
        reception = incoming.stream(packet.ssrc)
        if reception.add(packet.seq, packet.timestamp, len(data), now_ms, fresh):
            self._deliver(incoming, packet, reception)

    def _learn(self, packet: Packet) -> Incoming | None:
        found = self.incoming.get(packet.mid) if packet.mid else None
        if found is None:
            fit = [one for one in self.incoming.values() if packet.payload_type in (one.form.payload_type, one.form.rtx_type)]
            found = fit[0] if len(fit) == 1 else None
        if found is not None and packet.payload_type == found.form.payload_type and len(self._by_ssrc) < SSRCS_LIMIT:
            self._by_ssrc[packet.ssrc] = found
        return found

    def receptions(self) -> list[tuple[Incoming, Reception]]:
        return [(one, one.reception) for one in self.incoming.values() if one.reception is not None]

    def reports(self, now_ms: int) -> bytes:
        """What its sender hears about once a second. Shape: empty where nothing came yet."""
        reports = [reception.report(now_ms) for _, reception in self.receptions()]
        return rtcp.receiver_report(OWN_SSRC, reports[:31]) if reports else b""

    def requests(self, now_ms: int, again_ms: int) -> bytes:
        """Asks for what is missing."""
        asked = [(reception.ssrc, reception.to_ask(now_ms, again_ms)) for _, reception in self.receptions() if reception.asks]
        return b"".join(rtcp.nack(OWN_SSRC, ssrc, seqs) for ssrc, seqs in asked if seqs)

    def heard(self, report: rtcp.SenderReport, now_ms: int) -> None:
        for _, reception in self.receptions():
            if reception.ssrc == report.ssrc:
                reception.heard(report.ntp, report.timestamp, now_ms)
