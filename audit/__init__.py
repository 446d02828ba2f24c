"""Proofs that the log is what it was: leaves, Merkle trees, signed checkpoints, bundles; and their check, which runs alone."""
