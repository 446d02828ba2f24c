"""The `warbler` command: up, doctor, status, import, verify, dead letters."""
