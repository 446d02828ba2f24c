"""One real Kafka and one real Cassandra as child JVMs on loopback, for `warbler up`, the tests and the bench."""
