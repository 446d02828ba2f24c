"""What is kept outside the log: Cassandra tables and queries."""
