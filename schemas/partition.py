"""Which partition a key belongs to: the same for every topic, process and language."""

import zlib


def partition_of(key: bytes, partitions_count: int) -> int:
    """The partition of a key: CRC-32 of its bytes, modulo the count.

    Source: librdkafka's `consistent` partitioner, so that other producers can reach the same partition by a setting.
    """
    return zlib.crc32(key) % partitions_count
