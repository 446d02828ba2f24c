"""Calls' media through Janus: rooms of its VideoRoom plugin, over its WebSocket API."""
