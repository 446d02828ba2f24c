"""Calls at the edge: commands filled in and published, rings, signals. The call itself is decided by its conversation's owner."""
