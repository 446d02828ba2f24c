"""The push worker's memory of alerts. They name no keyspace: the connection uses one."""

PUT_ALERTED = (
    "INSERT INTO push_alerts (user, subject, device, channel, to_seq, attempt, shown, at_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
    " USING TTL ? AND TIMESTAMP ?"
)
