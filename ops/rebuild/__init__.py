"""`warbler rebuild`: a projection is built again beside the live one from the log, compared with it, and switched to by a pointer."""
