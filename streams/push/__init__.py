"""Reaching users whose apps are closed: push-requests into sends, through the channels of the vendors, and what became of each."""
