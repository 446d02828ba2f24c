"""`warbler consumers`: accounts with which other systems read our topics, and nothing else."""
