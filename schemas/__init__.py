"""What crosses a process boundary: events, commands, topics, their Avro records and examples. Imports none of ours."""
