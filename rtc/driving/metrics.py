"""What an engine's process counts, on GET /metrics."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

REGISTRY = CollectorRegistry()
ROOMS = Gauge("rtc_rooms", "Rooms", registry=REGISTRY)
PARTICIPANTS = Gauge("rtc_participants", "Legs that are connected to the engine", registry=REGISTRY)
TICKETS = Counter("rtc_tickets", "Tickets given", registry=REGISTRY)
SIGNALS = Counter("rtc_signals", "Signals from devices and to them", ("direction",), registry=REGISTRY)
REFUSED = Counter("rtc_signals_refused", "Signals of devices that were refused", ("code",), registry=REGISTRY)
COMMANDS = Counter("rtc_commands", "Reports, leases and switches published", ("kind",), registry=REGISTRY)
COMMANDS_REFUSED = Counter("rtc_commands_refused", "Those that the owner of calls refused", ("code",), registry=REGISTRY)
RECONCILED = Counter("rtc_reconciled", "What was missing and found by asking the engine", ("what",), registry=REGISTRY)
UNAVAILABLE = Counter("rtc_engine_unavailable", "Calls that the engine did not answer", registry=REGISTRY)
FAULTS = Counter("rtc_engine_faults", "Errors that the engine should not have let out", registry=REGISTRY)
LINE_GAPS = Counter("rtc_line_gaps", "Conversations whose calls could not be followed", registry=REGISTRY)
UNDECODABLE = Counter("rtc_undecodable", "Records that were not understood", ("topic",), registry=REGISTRY)
WORK_MS = Histogram(
    "rtc_engine_work_ms",
    "How long the engine took for one thing, milliseconds",
    ("what",),
    buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 4096),
    registry=REGISTRY,
)
