"""The statements about people beside their accounts: administration and profiles. They name no keyspace: the connection uses one."""

# ---- administration; the timestamps are `at_ms` of the event that says so
_KEY_COLUMNS = "key_id, name, secret_hash, scopes, maker, maker_kind, made_at_ms, expires_at_ms, revoked_at_ms, used_at_ms"
TENANT_ROLES = "SELECT role, definition, WRITETIME(definition), dropped_at_ms FROM tenant_roles WHERE tenant = ?"
PUT_TENANT_ROLE = "INSERT INTO tenant_roles (tenant, role, definition) VALUES (?, ?, ?) USING TIMESTAMP ?"
DROP_TENANT_ROLE = "UPDATE tenant_roles USING TIMESTAMP ? SET definition = ?, dropped_at_ms = ? WHERE tenant = ? AND role = ?"
HOLDER = "SELECT user, role, given_at_ms FROM role_holders WHERE tenant = ? AND user = ?"
HOLDERS = "SELECT user, role, given_at_ms FROM role_holders WHERE tenant = ?"
PUT_HOLDER = "INSERT INTO role_holders (tenant, user, role, given_at_ms) VALUES (?, ?, ?, ?) USING TIMESTAMP ?"
KEYS = f"SELECT {_KEY_COLUMNS} FROM api_keys WHERE tenant = ?"
KEY = f"SELECT {_KEY_COLUMNS} FROM api_keys WHERE tenant = ? AND key_id = ?"
PUT_KEY = (
    "INSERT INTO api_keys (tenant, key_id, name, secret_hash, scopes, maker, maker_kind, made_at_ms, expires_at_ms)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) USING TIMESTAMP ?"
)
PUT_KEY_FACTS = (
    "UPDATE api_keys USING TIMESTAMP ? SET scopes = ?, maker = ?, maker_kind = ?, made_at_ms = ?, expires_at_ms = ?"
    " WHERE tenant = ? AND key_id = ?"
)
REVOKE_KEY = "UPDATE api_keys USING TIMESTAMP ? SET revoked_at_ms = ? WHERE tenant = ? AND key_id = ?"
NOTE_KEY_USE = "UPDATE api_keys USING TIMESTAMP ? SET used_at_ms = ? WHERE tenant = ? AND key_id = ?"
POLICIES = "SELECT policy, value, WRITETIME(value) FROM policies WHERE tenant = ?"
PUT_POLICY = "INSERT INTO policies (tenant, policy, value) VALUES (?, ?, ?) USING TIMESTAMP ?"

# ---- profiles and settings: lightweight transactions on the version, so none of these carries a timestamp
PROFILE = "SELECT display_name, about, avatar, fields, version FROM profiles WHERE user = ?"
ADD_PROFILE = "INSERT INTO profiles (user, display_name, about, avatar, fields, version) VALUES (?, ?, ?, ?, ?, ?) IF NOT EXISTS"
CHANGE_PROFILE = "UPDATE profiles SET display_name = ?, about = ?, avatar = ?, fields = ?, version = ? WHERE user = ? IF version = ?"
DELETE_PROFILE = "DELETE FROM profiles WHERE user = ? IF EXISTS"
PUT_AVATAR = "INSERT INTO avatars (user, avatar, media_type, image) VALUES (?, ?, ?, ?)"
AVATAR = "SELECT avatar, media_type, image FROM avatars WHERE user = ?"
DELETE_AVATAR = "DELETE FROM avatars WHERE user = ?"
USER_SETTINGS = "SELECT settings, version FROM user_settings WHERE user = ?"
ADD_USER_SETTINGS = "INSERT INTO user_settings (user, settings, version) VALUES (?, ?, ?) IF NOT EXISTS"
CHANGE_USER_SETTINGS = "UPDATE user_settings SET settings = ?, version = ? WHERE user = ? IF version = ?"
DELETE_USER_SETTINGS = "DELETE FROM user_settings WHERE user = ? IF EXISTS"

# ---- the index of names
FOUND_AFTER = "SELECT term, user FROM found_by WHERE head = ? AND (term, user) > (?, ?) AND (term) < (?) LIMIT ?"
PUT_FOUND = "INSERT INTO found_by (head, term, user) VALUES (?, ?, ?)"
DELETE_FOUND = "DELETE FROM found_by WHERE head = ? AND term = ? AND user = ?"
