"""`warbler show`: a conversation as it was at any time, folded from the log."""
