"""The vendors' channels, each behind `port.PushChannel`, with its table of answers as data in `tables/`."""
