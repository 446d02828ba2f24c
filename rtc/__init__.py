"""Calls: the pure core, from a command to its events. Who runs it comes later (`streams/calls`); nothing here touches the world."""
