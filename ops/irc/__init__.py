"""`warbler import irc`: recorded IRC channels become conversations, line by line, through real WebSockets.

parse (line -> value) and plan (lines -> commands, who does what) are pure; run, verify and cli perform.
"""
