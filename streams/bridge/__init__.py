"""The bridge: events of our topics once more as CloudEvents, for systems that speak those."""
