"""The statements, as text. They name no keyspace: the connection uses one.

Why each write carries the timestamp it does: docs/decisions/0003-projection-timestamps.md.
"""

# ---- reads of the timelines
EVENTS_FROM = "SELECT seq, value FROM events WHERE conversation = ? AND bucket = ? AND message = ? AND seq >= ? LIMIT ?"
MESSAGES_BEFORE = (
    "SELECT seq, value FROM events WHERE conversation = ? AND bucket = ? AND message = true AND seq < ?"
    " ORDER BY message DESC, seq DESC LIMIT ?"
)
CHANGES_BETWEEN = (
    "SELECT seq, edit, recalled, reactions FROM message_changes WHERE conversation = ? AND bucket = ? AND seq >= ? AND seq <= ?"
)
MESSAGE_AT = "SELECT seq, value FROM events WHERE conversation = ? AND bucket = ? AND message = true AND seq = ?"
MEMBERS_COUNT = "SELECT COUNT(*) FROM members WHERE conversation = ? AND active = true ALLOW FILTERING"
HEAD_SEQ = "SELECT DISTINCT head_seq FROM members WHERE conversation = ?"
_HEAD_COLUMNS = "conversation_kind, title, pair, head_seq, head_ordinal, active_at_ms, last, change_seq"
_MEMBER_COLUMNS = "conversation, user, conversation_kind, title, role, joined_seq, active, changed_seq, read_seq, read_ordinal"
HEADS = f"SELECT DISTINCT conversation, {_HEAD_COLUMNS} FROM members WHERE conversation IN ?"
RECENCIES = "SELECT DISTINCT conversation, head_seq, active_at_ms FROM members WHERE conversation IN ?"
MEMBER = f"SELECT {_MEMBER_COLUMNS} FROM members WHERE conversation = ? AND user = ?"
PLACES_AND_HEADS = f"SELECT {_MEMBER_COLUMNS}, {_HEAD_COLUMNS} FROM members WHERE conversation IN ? AND user = ?"
MEMBERS_AFTER = f"SELECT {_MEMBER_COLUMNS} FROM members WHERE conversation = ? AND user > ? LIMIT ?"
CONVERSATIONS_AFTER = "SELECT conversation, active, changed_seq FROM conversations WHERE user = ? AND conversation > ? LIMIT ?"
READ_MARKS = "SELECT user, read_seq, read_ordinal FROM members WHERE conversation = ?"
PROGRESS = "SELECT partition, next_offset FROM progress WHERE topic = ?"

# ---- reads of facts
_FACT_COLUMNS = "kind, key, active, value, changed_seq, ended_seq"
FACTS_AFTER = f"SELECT {_FACT_COLUMNS} FROM conversation_facts WHERE conversation = ? AND kind = ? AND key > ? LIMIT ?"
FACTS_BEFORE = (
    f"SELECT {_FACT_COLUMNS} FROM conversation_facts WHERE conversation = ? AND kind = ? AND key < ? ORDER BY kind DESC, key DESC LIMIT ?"
)
FACTS_NAMED = f"SELECT {_FACT_COLUMNS} FROM conversation_facts WHERE conversation = ? AND kind = ? AND key IN ?"
GROUP_FACTS = (
    f"SELECT {_FACT_COLUMNS} FROM conversation_facts"
    " WHERE conversation = ? AND kind IN ('all_muted', 'dissolved', 'role', 'settings') LIMIT ?"
)
FACT_ROWS = f"SELECT {_FACT_COLUMNS} FROM conversation_facts WHERE conversation = ?"
FACT_PARTITIONS = "SELECT DISTINCT conversation FROM conversation_facts"
PLACES_CHANGED = "SELECT user, changed_seq FROM members WHERE conversation = ? AND user IN ?"

# ---- reads of receipts
_RECEIPT_COLUMNS = "user, device, up_to_seq, up_to_ordinal, hidden, at_ms"
RECEIPTS_BETWEEN = f"SELECT {_RECEIPT_COLUMNS} FROM receipts WHERE conversation = ? AND state = ? AND user > ? AND user <= ? LIMIT ?"
RECEIPTS_AFTER = f"SELECT {_RECEIPT_COLUMNS} FROM receipts WHERE conversation = ? AND state = ? AND user > ? LIMIT ?"
OWN_READS_AFTER = "SELECT conversation, up_to_seq, up_to_ordinal FROM own_reads WHERE user = ? AND conversation > ? LIMIT ?"
UNREAD_MARKS_AFTER = "SELECT conversation, up_to_seq, at_ms FROM unread_marks WHERE user = ? AND conversation > ? LIMIT ?"

# ---- reads of `warbler verify timelines`: rows as they stand
HEAD_ROW = f"SELECT DISTINCT {_HEAD_COLUMNS} FROM members WHERE conversation = ?"
EVENT_ROWS = "SELECT seq, message, value FROM events WHERE conversation = ? AND bucket = ?"
CHANGE_ROWS = "SELECT seq, edit, recalled, reactions FROM message_changes WHERE conversation = ? AND bucket = ?"
CONVERSATION_ROW = "SELECT user, active, changed_seq FROM conversations WHERE user = ? AND conversation = ?"
EVENT_PARTITIONS = "SELECT DISTINCT conversation, bucket FROM events"
CHANGE_PARTITIONS = "SELECT DISTINCT conversation, bucket FROM message_changes"
MEMBER_PARTITIONS = "SELECT DISTINCT conversation FROM members"
CONVERSATION_KEYS = "SELECT user, conversation FROM conversations"

# ---- writes of the projector; the first parameters after USING TIMESTAMP, as CQL wants them
PUT_EVENT = "INSERT INTO events (conversation, bucket, message, seq, value) VALUES (?, ?, ?, ?, ?) USING TIMESTAMP ?"
PUT_EDIT = "UPDATE message_changes USING TIMESTAMP ? SET edit = ? WHERE conversation = ? AND bucket = ? AND seq = ?"
PUT_RECALL = "UPDATE message_changes USING TIMESTAMP ? SET recalled = true WHERE conversation = ? AND bucket = ? AND seq = ?"
PUT_REACTION = "UPDATE message_changes USING TIMESTAMP ? SET reactions[?] = ? WHERE conversation = ? AND bucket = ? AND seq = ?"
PUT_MESSAGE_HEAD = (
    "UPDATE members USING TIMESTAMP ? SET head_seq = ?, head_ordinal = ?, active_at_ms = ?, last = ?, read_seq = ?, read_ordinal = ?"
    " WHERE conversation = ? AND user = ?"
)
PUT_HEAD = "UPDATE members USING TIMESTAMP ? SET head_seq = ?, head_ordinal = ? WHERE conversation = ?"
PUT_ACTIVE = "UPDATE members USING TIMESTAMP ? SET active_at_ms = ? WHERE conversation = ?"
PUT_LAST = "UPDATE members USING TIMESTAMP ? SET last = ? WHERE conversation = ?"
PUT_CHANGED = "UPDATE members USING TIMESTAMP ? SET change_seq = ? WHERE conversation = ?"
PUT_TITLE = "UPDATE members USING TIMESTAMP ? SET title = ? WHERE conversation = ?"
PUT_KIND = "UPDATE members USING TIMESTAMP ? SET conversation_kind = ?, pair = ? WHERE conversation = ?"
PUT_JOINED = (
    "UPDATE members USING TIMESTAMP ? SET role = ?, joined_seq = ?, active = true, changed_seq = ? WHERE conversation = ? AND user = ?"
)
PUT_ROLE = "UPDATE members USING TIMESTAMP ? SET role = ?, active = true, changed_seq = ? WHERE conversation = ? AND user = ?"
PUT_GONE = "UPDATE members USING TIMESTAMP ? SET active = false, changed_seq = ? WHERE conversation = ? AND user = ?"
PUT_READ = "UPDATE members USING TIMESTAMP ? SET read_seq = ?, read_ordinal = ? WHERE conversation = ? AND user = ?"
_FACT_KEY = "WHERE conversation = ? AND kind = ? AND key = ?"
PUT_FACT = f"UPDATE conversation_facts USING TIMESTAMP ? SET active = true, value = ?, changed_seq = ? {_FACT_KEY}"
END_FACT = f"UPDATE conversation_facts USING TIMESTAMP ? SET active = false, changed_seq = ?, ended_seq = ? {_FACT_KEY}"
PUT_CONVERSATION = "INSERT INTO conversations (user, conversation, active, changed_seq) VALUES (?, ?, ?, ?) USING TIMESTAMP ?"
PUT_RECEIPT = (
    "INSERT INTO receipts (conversation, state, user, device, up_to_seq, up_to_ordinal, hidden, at_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
    " USING TIMESTAMP ?"
)
PUT_OWN_READ = "INSERT INTO own_reads (user, conversation, up_to_seq, up_to_ordinal) VALUES (?, ?, ?, ?) USING TIMESTAMP ?"
PUT_UNREAD_MARK = "INSERT INTO unread_marks (user, conversation, up_to_seq, at_ms) VALUES (?, ?, ?, ?) USING TIMESTAMP ?"
PUT_PROGRESS = "INSERT INTO progress (topic, partition, next_offset) VALUES (?, ?, ?) USING TIMESTAMP ?"

# ---- ties and rosters: of ties the timestamp is the seq, of a roster's version the version itself
TIE = "SELECT friends, asked_by, text, since_seq, blocks, refusals FROM ties WHERE conversation = ?"
TIE_ROWS = "SELECT conversation, friends, asked_by, text, since_seq, blocks, refusals FROM ties"
PUT_TIE = "INSERT INTO ties (conversation, friends, asked_by, text, since_seq) VALUES (?, ?, ?, ?, ?) USING TIMESTAMP ?"
PUT_BLOCK = "UPDATE ties USING TIMESTAMP ? SET blocks[?] = ? WHERE conversation = ?"
PUT_REFUSAL = "UPDATE ties USING TIMESTAMP ? SET refusals[?] = ? WHERE conversation = ?"
_ROSTER_COLUMNS = "other, relation, text, seq, blocked, blocked_seq, version, changed_at_ms"
ROSTER_AFTER = f"SELECT {_ROSTER_COLUMNS} FROM rosters WHERE user = ? AND other > ? LIMIT ?"
# filtering within the one partition of the user: Cassandra walks through its rows, at most a few ten thousand small ones
ROSTER_SINCE = f"SELECT {_ROSTER_COLUMNS} FROM rosters WHERE user = ? AND other > ? AND version > ? LIMIT ? ALLOW FILTERING"
ROSTER_ROW = f"SELECT {_ROSTER_COLUMNS} FROM rosters WHERE user = ? AND other = ?"
ROSTER_ROWS = f"SELECT user, {_ROSTER_COLUMNS} FROM rosters"
PUT_RELATION = "INSERT INTO rosters (user, other, relation, text, seq) VALUES (?, ?, ?, ?, ?) USING TIMESTAMP ?"
PUT_BLOCKED = "INSERT INTO rosters (user, other, blocked, blocked_seq) VALUES (?, ?, ?, ?) USING TIMESTAMP ?"
PUT_ROSTER_VERSION = "INSERT INTO rosters (user, other, version, changed_at_ms) VALUES (?, ?, ?, ?) USING TIMESTAMP ?"
_JOINING_COLUMNS = "way, conversation, state, by_user, reason, seq, at_ms"
JOININGS = f"SELECT {_JOINING_COLUMNS} FROM joinings WHERE user = ? LIMIT ?"
JOINING_ROWS = f"SELECT user, {_JOINING_COLUMNS} FROM joinings"
PUT_JOINING = f"INSERT INTO joinings (user, {_JOINING_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?) USING TIMESTAMP ?"
NOTES_AFTER = "SELECT other, alias, tags FROM roster_notes WHERE user = ? AND other > ? LIMIT ?"
NOTES_BETWEEN = "SELECT other, alias, tags FROM roster_notes WHERE user = ? AND other > ? AND other <= ? LIMIT ?"
NOTE = "SELECT other, alias, tags FROM roster_notes WHERE user = ? AND other = ?"
DELETE_NOTES = "DELETE FROM roster_notes USING TIMESTAMP ? WHERE user = ?"
PUT_NOTE = "INSERT INTO roster_notes (user, other, alias, tags) VALUES (?, ?, ?, ?) USING TIMESTAMP ?"
# ---- groups: what the log does not hold, and where public groups are found
PUBLIC_FROM = "SELECT word, conversation FROM public_groups WHERE prefix = ? AND (word, conversation) > (?, ?) AND (word) < (?) LIMIT ?"
PUT_PUBLIC = "INSERT INTO public_groups (prefix, word, conversation) VALUES (?, ?, ?)"
ADD_NICKNAME = "INSERT INTO nicknames (conversation, user, nickname_id, nickname) VALUES (?, ?, ?, ?) IF NOT EXISTS USING TTL ?"
KEEP_NICKNAME = "UPDATE nicknames USING TTL 0 SET nickname = ? WHERE conversation = ? AND user = ? AND nickname_id = ? IF EXISTS"
DROP_NICKNAME = "DELETE FROM nicknames WHERE conversation = ? AND user = ? AND nickname_id = ? IF EXISTS"
DROP_NICKNAMES = "DELETE FROM nicknames WHERE conversation = ? AND user = ?"
NICKNAMES = "SELECT user, nickname FROM nicknames WHERE conversation = ? AND (user, nickname_id) IN ?"
PUT_PUSH_MODE = "INSERT INTO push_modes (user, conversation, mode, until_ms, at_ms) VALUES (?, ?, ?, ?, ?) USING TIMESTAMP ?"
PUSH_MODE = "SELECT mode, until_ms, at_ms FROM push_modes WHERE user = ? AND conversation = ?"

# ---- presence; its timestamp is `at_ms`, which the inbox lets only grow
PRESENCE = "SELECT state, status, last_seen_ms, at_ms FROM presence WHERE user = ?"
PUT_PRESENCE = "INSERT INTO presence (user, state, status, last_seen_ms, at_ms) VALUES (?, ?, ?, ?, ?) USING TIMESTAMP ?"

# ---- accounts. Identifiers, families and tickets are LWTs and carry no timestamp of ours. An identifier is an UPDATE and never an
# INSERT, whose row marker would outlive the columns' TTL.
_SET_IDENTIFIER = "SET user = ?, shown = ?, identifier_id = ?, verified_at_ms = ? WHERE kind = ? AND key = ?"
HOLD_IDENTIFIER = f"UPDATE identifiers USING TTL ? {_SET_IDENTIFIER} IF user = NULL"
KEEP_IDENTIFIER = f"UPDATE identifiers {_SET_IDENTIFIER} IF user = ?"
RETIRE_IDENTIFIER = f"UPDATE identifiers USING TTL ? {_SET_IDENTIFIER} IF user = ?"
FREE_IDENTIFIER = "DELETE FROM identifiers WHERE kind = ? AND key = ? IF user = ?"
IDENTIFIER = "SELECT user, shown, identifier_id, verified_at_ms FROM identifiers WHERE kind = ? AND key = ?"
PUT_USER_IDENTIFIER = "INSERT INTO user_identifiers (user, identifier_id, kind, key, shown, verified_at_ms) VALUES (?, ?, ?, ?, ?, ?)"
DROP_USER_IDENTIFIER = "DELETE FROM user_identifiers WHERE user = ? AND identifier_id = ?"
DROP_USER_IDENTIFIERS = "DELETE FROM user_identifiers WHERE user = ?"
USER_IDENTIFIERS = "SELECT identifier_id, kind, key, shown, verified_at_ms FROM user_identifiers WHERE user = ?"
PUT_USER = "INSERT INTO users (user, name, password_hash, created_at_ms) VALUES (?, ?, ?, ?)"
PUT_PASSWORD = "UPDATE users SET password_hash = ? WHERE user = ?"
PUT_NAME = "UPDATE users SET name = ? WHERE user = ?"
DROP_USER = "DELETE FROM users WHERE user = ?"
USER = "SELECT user, name, password_hash, created_at_ms FROM users WHERE user = ?"
USERS_FIRST = "SELECT user, name FROM users LIMIT ?"
USERS_AFTER = "SELECT user, name FROM users WHERE token(user) > token(?) LIMIT ?"
USER_NAME = "SELECT user, name FROM users WHERE user = ?"
ACCOUNT_STATE = "SELECT user_kind, state, reason, changed_by, at_ms FROM account_states WHERE user = ?"

# ---- what account-events come to; the timestamp is the event's `at_ms`, so whoever writes it writes the same
PUT_REGISTERED = (
    "UPDATE account_states USING TIMESTAMP ? SET user_kind = ?, state = 'active', reason = '', changed_by = ?, at_ms = ? WHERE user = ?"
)
PUT_STATE = "UPDATE account_states USING TIMESTAMP ? SET state = ?, reason = ?, changed_by = ?, at_ms = ? WHERE user = ?"
PUT_SIGN_IN = (
    "UPDATE sign_ins USING TIMESTAMP ? AND TTL ? SET device = ?, platform = ?, method = ?, factors = ?, remembered = ?, opened_at_ms = ?,"
    " expires_at_ms = ?, proved_at_ms = ? WHERE user = ? AND sign_in = ?"
)
PUT_PROVED = "UPDATE sign_ins USING TIMESTAMP ? AND TTL ? SET proved_at_ms = ? WHERE user = ? AND sign_in = ?"
PUT_SIGN_IN_ENDED = (
    "UPDATE sign_ins USING TIMESTAMP ? AND TTL ? SET ended_reason = ?, ended_by = ?, ended_at_ms = ? WHERE user = ? AND sign_in = ?"
)
PUT_REVOKED_TOKEN = "INSERT INTO revoked_tokens (token_id, user, expires_at_ms) VALUES (?, ?, ?) USING TTL ?"
_SIGN_IN_COLUMNS = (
    "sign_in, device, platform, method, factors, remembered, opened_at_ms, expires_at_ms, proved_at_ms, ended_reason, ended_by,"
    " ended_at_ms, device_name, seen_at_ms"
)
SIGN_INS = f"SELECT {_SIGN_IN_COLUMNS} FROM sign_ins WHERE user = ?"
SIGN_IN = f"SELECT {_SIGN_IN_COLUMNS} FROM sign_ins WHERE user = ? AND sign_in = ?"
PUT_DEVICE_NAME = "UPDATE sign_ins USING TTL ? SET device_name = ? WHERE user = ? AND sign_in = ?"
PUT_SEEN = "UPDATE sign_ins USING TTL ? SET seen_at_ms = ? WHERE user = ? AND sign_in = ?"
REVOKED_TOKEN = "SELECT user FROM revoked_tokens WHERE token_id = ?"
ADD_FAMILY = (
    "INSERT INTO families (sign_in, user, token_hash, used, expires_at_ms, ends_at_ms, revoked) VALUES (?, ?, ?, ?, ?, ?, false)"
    " IF NOT EXISTS USING TTL ?"
)
ROTATE_FAMILY = (
    "UPDATE families USING TTL ? SET user = ?, token_hash = ?, used = ?, expires_at_ms = ?, ends_at_ms = ?, revoked = false"
    " WHERE sign_in = ? IF token_hash = ? AND revoked = false"
)
REVOKE_FAMILY = "UPDATE families USING TTL ? SET revoked = true WHERE sign_in = ? IF EXISTS"
FAMILY = "SELECT user, token_hash, used, expires_at_ms, ends_at_ms, revoked FROM families WHERE sign_in = ?"
USE_TICKET = "INSERT INTO used_tickets (ticket_id) VALUES (?) IF NOT EXISTS USING TTL ?"

# ---- privacy
_PRIVACY_COLUMNS = "receipts, presence, at_ms, strangers, friend_requests, friend_question, searchable"
PUT_PRIVACY = f"INSERT INTO privacy (user, {_PRIVACY_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?) USING TIMESTAMP ?"
DELETE_PRIVACY = "DELETE FROM privacy USING TIMESTAMP ? WHERE user = ?"
PRIVACY = f"SELECT {_PRIVACY_COLUMNS} FROM privacy WHERE user = ?"

# ---- ways in
SLIP = "SELECT value, version FROM slips WHERE key = ?"
SWAP_SLIP = "UPDATE slips USING TTL ? SET value = ?, version = ? WHERE key = ? IF version = ?"
PUT_FACTOR = (
    "INSERT INTO factors (user, factor, factor_kind, name, sealed, state, added_at_ms)"
    " VALUES (?, ?, ?, ?, ?, 'pending', ?) USING TIMESTAMP ?"
)
PUT_FACTOR_STATE = "UPDATE factors USING TIMESTAMP ? SET factor_kind = ?, state = ? WHERE user = ? AND factor = ?"
WIPE_FACTOR = "DELETE name, sealed FROM factors USING TIMESTAMP ? WHERE user = ? AND factor = ?"
FACTORS = "SELECT factor, factor_kind, name, sealed, state, added_at_ms FROM factors WHERE user = ?"

# ---- the epoch
EPOCH = "SELECT epoch FROM epochs WHERE name = ?"
ADD_EPOCH = "INSERT INTO epochs (name, epoch) VALUES ('log', ?) IF NOT EXISTS"
PUT_CLUSTER = "INSERT INTO epochs (name, epoch) VALUES ('cluster', ?)"
CHANGE_EPOCH = "UPDATE epochs SET epoch = ? WHERE name = 'log' IF epoch = ?"
