"""The push worker's own statements: its memory of alerts, and what it looks at before a push. They name no keyspace."""

ALERTED = "SELECT device, channel, to_seq, attempt, shown, at_ms FROM push_alerts WHERE user = ? AND subject = ?"
PUT_ALERTED = (
    "INSERT INTO push_alerts (user, subject, device, channel, to_seq, attempt, shown, at_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
    " USING TTL ? AND TIMESTAMP ?"
)
# Every state that says that a device has it; `previewed` says only that a push was shown.
HOLDS = "SELECT up_to_seq FROM receipts WHERE conversation = ? AND state IN ('delivered', 'read', 'played') AND user = ?"
OWN_READ = "SELECT up_to_seq, up_to_ordinal FROM own_reads WHERE user = ? AND conversation = ?"
MODES_OF = "SELECT conversation, mode, until_ms FROM push_modes WHERE user = ?"
