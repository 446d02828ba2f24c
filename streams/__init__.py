"""Faust processors: the conversation owner and the timeline projector."""
