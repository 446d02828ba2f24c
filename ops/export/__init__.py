"""`warbler export`: what the log holds about conversations, users and matters, in forms that others read, with proofs beside them."""
