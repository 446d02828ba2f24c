"""Before-hooks: somebody else's say on a command before it is published. Called by `edge.node`; docs/hooks.md."""
