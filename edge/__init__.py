"""WebSocket and HTTP nodes: they own sockets and publish commands; they never decide."""
