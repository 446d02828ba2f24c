"""Pushes from the server to an audience: their events become a schedule (`book`), what is due becomes push-requests (`runner`)."""
