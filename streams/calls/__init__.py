"""The owner of calls: the only writer of call-events. See `partition`."""
