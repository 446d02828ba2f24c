"""The statements about what expired. A row of `expired` follows from one event of `retention-events`, so it may be written again."""

# A content's row has its seq as its timestamp, so this deletes what was written and is written again; and with a timestamp beyond every
# seq also the changes that a message gets after it expired (docs/decisions/0042-retention.md).
DROP_MESSAGES = "DELETE FROM events USING TIMESTAMP ? WHERE conversation = ? AND bucket = ? AND message = true AND seq >= ? AND seq < ?"
DROP_EDIT = "DELETE FROM events USING TIMESTAMP ? WHERE conversation = ? AND bucket = ? AND message = false AND seq = ?"
DROP_CHANGES = "DELETE FROM message_changes USING TIMESTAMP ? WHERE conversation = ? AND bucket = ? AND seq >= ? AND seq < ?"
DROP_LAST = "DELETE last FROM members USING TIMESTAMP ? WHERE conversation = ?"
PUT_EXPIRED = "INSERT INTO expired (conversation, from_seq, before_seq) VALUES (?, ?, ?) USING TIMESTAMP ?"
EXPIRED_AFTER = "SELECT from_seq, before_seq FROM expired WHERE conversation = ? AND from_seq > ? LIMIT ?"
KINDS = "SELECT DISTINCT conversation, conversation_kind, head_seq FROM members WHERE conversation IN ?"
