"""Statements for many users at once, all of them reads. They name no keyspace: the connection uses one."""

from store.cql import _HEAD_COLUMNS, _MEMBER_COLUMNS
from store.cql_push import _SETTINGS_COLUMNS, _TOKEN_COLUMNS

TOKENS_OF = f"SELECT {_TOKEN_COLUMNS} FROM push_tokens WHERE user IN ?"
HOLDERS_OF = "SELECT channel, token_id, user, device, at_ms FROM push_holders WHERE channel = ? AND token_id IN ?"
SETTINGS_OF = f"SELECT user, {_SETTINGS_COLUMNS} FROM push_settings WHERE user IN ?"
STATES_OF = "SELECT user, state FROM account_states WHERE user IN ?"
MODES_OF_MANY = "SELECT user, conversation, mode, until_ms, at_ms FROM push_modes WHERE user IN ? AND conversation IN ?"
ALERTED_OF = "SELECT user, subject, device, channel, to_seq, attempt, shown, at_ms FROM push_alerts WHERE user IN ? AND subject IN ?"
PLACES_OF = f"SELECT {_MEMBER_COLUMNS}, {_HEAD_COLUMNS} FROM members WHERE conversation = ? AND user IN ?"
# Every state that says that a device has it; `previewed` says only that a push was shown.
HOLDS_OF = (
    "SELECT conversation, user, up_to_seq FROM receipts WHERE conversation = ? AND state IN ('delivered', 'read', 'played') AND user IN ?"
)
OWN_READS_OF = "SELECT user, conversation, up_to_seq, up_to_ordinal FROM own_reads WHERE user IN ? AND conversation IN ?"
# of a user's whole list, in the order of conversations
LISTED_OF = "SELECT user, conversation, active FROM conversations WHERE user IN ? AND conversation > ?"
READS_OF = "SELECT user, conversation, up_to_seq, up_to_ordinal FROM own_reads WHERE user IN ? AND conversation > ?"
MARKED_OF = "SELECT user, conversation, up_to_seq FROM unread_marks WHERE user IN ? AND conversation > ?"
CHOSEN_OF = "SELECT user, conversation, mode, until_ms FROM push_modes WHERE user IN ? AND conversation >= ?"
