"""HTTP to places outside: connections, a guard before our own network, and one way to post. Called by pushes, webhooks and hooks."""
