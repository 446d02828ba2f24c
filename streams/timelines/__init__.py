"""The timeline projector: conversation-events and receipts into the tables of `store/`."""
