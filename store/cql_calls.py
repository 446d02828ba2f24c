"""The statements about ended calls; the timestamps are the call's end. They name no keyspace: the connection uses one."""

from store.call_rows import CallTable

OWNERS: dict[CallTable, str] = {"calls_by_user": "user", "calls_by_conversation": "conversation"}
PUT: dict[CallTable, str] = {
    table: f"INSERT INTO {table} ({owner}, month, ended_at_ms, call, value) VALUES (?, ?, ?, ?, ?) USING TIMESTAMP ?"
    for table, owner in OWNERS.items()
}
BEFORE: dict[CallTable, str] = {
    table: f"SELECT value FROM {table} WHERE {owner} = ? AND month = ? AND (ended_at_ms, call) < (?, ?) LIMIT ?"
    for table, owner in OWNERS.items()
}
ALL: dict[CallTable, str] = {table: f"SELECT {owner}, month, ended_at_ms, call, value FROM {table}" for table, owner in OWNERS.items()}
PUT_MONTH = "INSERT INTO call_months (owner, month) VALUES (?, ?) USING TIMESTAMP ?"
MONTHS_UP_TO = "SELECT month FROM call_months WHERE owner = ? AND month <= ? LIMIT ?"
DROP_OF_USER = "DELETE FROM calls_by_user USING TIMESTAMP ? WHERE user = ? AND month = ?"
DROP_MONTHS = "DELETE FROM call_months USING TIMESTAMP ? WHERE owner = ?"
