"""Webhooks: who is told of which event (`message`), when (`plan`), by whom it is done (`pump`), and which there are (`keeper`)."""
