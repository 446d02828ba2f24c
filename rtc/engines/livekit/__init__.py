"""Calls' media through LiveKit: its rooms over Twirp, its tickets to devices, its webhooks as claims."""
