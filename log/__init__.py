"""The append-only log as a port, with an aiokafka adapter and an in-memory one."""
