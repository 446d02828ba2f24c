"""The statements about pushes: tokens, who holds them, settings, labels. They name no keyspace: the connection uses one."""

# ---- tokens and holders: lightweight transactions only, so none of these carries a timestamp of ours
_TOKEN_COLUMNS = "user, device, channel, token_id, sealed, app, locale, sign_in, registered_at_ms"
TOKENS = f"SELECT {_TOKEN_COLUMNS} FROM push_tokens WHERE user = ?"
TOKEN = f"SELECT {_TOKEN_COLUMNS} FROM push_tokens WHERE user = ? AND device = ? AND channel = ?"
SWAP_TOKEN = (
    "UPDATE push_tokens SET token_id = ?, sealed = ?, app = ?, locale = ?, sign_in = ?, registered_at_ms = ?"
    " WHERE user = ? AND device = ? AND channel = ? IF token_id = ? AND registered_at_ms = ?"
)
DROP_TOKEN = "DELETE FROM push_tokens WHERE user = ? AND device = ? AND channel = ? IF token_id = ? AND registered_at_ms <= ?"
USERS_WITH_TOKENS = "SELECT DISTINCT user, token(user) FROM push_tokens WHERE token(user) > ? LIMIT ?"
HOLDER = "SELECT user, device, at_ms FROM push_holders WHERE channel = ? AND token_id = ?"
SWAP_HOLDER = (
    "UPDATE push_holders SET user = ?, device = ?, at_ms = ? WHERE channel = ? AND token_id = ? IF user = ? AND device = ? AND at_ms = ?"
)
FREE_HOLDER = (
    "UPDATE push_holders USING TTL ? SET user = '', device = '', at_ms = ?"
    " WHERE channel = ? AND token_id = ? IF user = ? AND device = ? AND at_ms <= ?"
)

# ---- settings and labels; the timestamps are `at_ms` of the event that says so
_SETTINGS_COLUMNS = "time_zone, quiet_from_min, quiet_until_min, quiet_lets, content_shown, badge, alert_on, locale, at_ms"
SETTINGS = f"SELECT {_SETTINGS_COLUMNS} FROM push_settings WHERE user = ?"
PUT_SETTINGS = f"INSERT INTO push_settings (user, {_SETTINGS_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) USING TIMESTAMP ?"
DROP_SETTINGS = "DELETE FROM push_settings USING TIMESTAMP ? WHERE user = ?"
LABELS = "SELECT tags, alias FROM push_labels WHERE user = ?"
PUT_LABELS = "INSERT INTO push_labels (user, tags, alias) VALUES (?, ?, ?) USING TIMESTAMP ?"
DROP_LABELS = "DELETE FROM push_labels USING TIMESTAMP ? WHERE user = ?"
PUT_TAG = "INSERT INTO push_tags (tenant, tag, bucket, user) VALUES (?, ?, ?, ?) USING TIMESTAMP ?"
DROP_TAG = "DELETE FROM push_tags USING TIMESTAMP ? WHERE tenant = ? AND tag = ? AND bucket = ? AND user = ?"
TAGGED_AFTER = "SELECT user FROM push_tags WHERE tenant = ? AND tag = ? AND bucket = ? AND user > ? LIMIT ?"
PUT_ALIAS = "INSERT INTO push_aliases (tenant, alias, user) VALUES (?, ?, ?) USING TIMESTAMP ?"
DROP_ALIAS = "DELETE FROM push_aliases USING TIMESTAMP ? WHERE tenant = ? AND alias = ? AND user = ?"
ALIASED_AFTER = "SELECT user FROM push_aliases WHERE tenant = ? AND alias = ? AND user > ? LIMIT ?"
