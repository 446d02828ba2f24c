"""The inbox: who is there, what reached whom, and what is done where it did not."""
