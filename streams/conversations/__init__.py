"""Conversations: the pure core (decide, evolve, snapshots) and the shell that owns partitions of them."""
