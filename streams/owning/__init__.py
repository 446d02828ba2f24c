"""What every owner of a partition shares: deliveries in order, fenced appends, answers, take-over, snapshots, timers. See `lane`."""
