"""What an edge counts, served at /metrics."""

from prometheus_client import Counter, Gauge, Histogram

SESSIONS = Gauge("edge_sessions", "Live sessions of this node")
ADMISSIONS = Counter("edge_admissions", "Hellos by how they were let in", ["how"])
COMMANDS = Counter("edge_commands", "Commands published")
PAUSES = Counter("edge_pauses", "Times a socket was not read because its commands waited for the log")
REJECTS = Counter("edge_rejects", "Commands refused by this node", ["code"])
CODES = Counter("edge_codes", "Codes that people asked for, by what became of them", ["kind", "outcome"])
DELIVERIES = Counter("edge_deliveries", "Event frames written to sessions")
REWRITTEN = Counter("edge_rewritten", "Events written once more because they were not acknowledged")
RUNGS = Counter("edge_outbox", "Frames that a slow session was not written, and resyncs it was told", ["rung"])
CLOSES = Counter("edge_closes", "Sessions closed by this node", ["code"])
ADMIN_REFUSED = Counter("edge_admin_refused", "Calls of the administrator's interface by nobody of ours", ["code"])
POISON = Counter("edge_poison", "Records that could not be decoded", ["topic"])
PUBLISH_MS = Histogram("edge_publish_ms", "A produce request, milliseconds", buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256, 1024, 4096))
HOOKS = Counter("edge_hooks", "What hooks said of commands", ["hook", "outcome"])
HOOK_MS = Histogram(
    "edge_hook_ms", "A hook's answer, milliseconds", ["hook"], buckets=(2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000)
)
FEED_RECORDS = Counter("edge_feed_records", "Records read from the log", ["topic"])
CALL_FRAMES = Counter("edge_call_frames", "Rings, stops and other frames about calls written to sessions", ["frame"])
