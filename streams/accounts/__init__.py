"""What account-events and admin-events come to in rows. See `streams.accounts.projector`."""
