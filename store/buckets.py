"""Which partition an event lies in, and which ones a read walks through. Pure.

Shape: seq is dense from 1, so the buckets of a conversation are 0..bucket_of(head seq), though one may be empty where records were damaged.
"""

from collections.abc import Iterator

from store.schema import BUCKET_SEQS

WAVE_BUCKETS_LIMIT = 16  # how many buckets are read at once at most


def bucket_of(seq: int) -> int:
    return seq // BUCKET_SEQS


def upwards(bucket: int, last: int) -> Iterator[range]:
    """Waves of buckets up to `last`: 1, 2, 4 … so that a gap is crossed fast and a page costs one read."""
    size = 1
    while bucket <= last:
        yield range(bucket, min(bucket + size, last + 1))
        bucket, size = bucket + size, min(size * 2, WAVE_BUCKETS_LIMIT)


def downwards(before_seq: int) -> Iterator[range]:
    """Waves of buckets, newest first, from that of the seq before `before_seq` down to 0."""
    bucket, size = bucket_of(before_seq - 1), 1
    while bucket >= 0:
        lowest = max(bucket - size + 1, 0)
        yield range(bucket, lowest - 1, -1)
        bucket, size = lowest - 1, min(size * 2, WAVE_BUCKETS_LIMIT)
