"""The notifier: what the members of a conversation should get, and what they got, told to their inboxes."""
