"""Sealers and witnesses: a Merkle tree for each topic-partition, its signed checkpoints, and a second opinion."""
