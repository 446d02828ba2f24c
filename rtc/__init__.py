"""Calls: the state machine and the media engine come with a later issue; nothing imports this yet."""
