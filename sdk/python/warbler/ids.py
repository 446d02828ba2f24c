"""Command ids: UUIDv7 in canonical text form. Pure; time and chance are arguments."""

RANDOM_BITS = 74


def uuid7(ms: int, random_bits: int) -> str:
    """Shape: 48 bits of `ms`, version 7, the low 74 bits of `random_bits`. Source: RFC 9562 section 5.7."""
    high = (ms & 0xFFFF_FFFF_FFFF) << 16 | 0x7000 | (random_bits >> 62) & 0xFFF
    low = 0b10 << 62 | random_bits & 0x3FFF_FFFF_FFFF_FFFF
    text = f"{high << 64 | low:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def random_bits_of(uuid_text: str) -> int:
    """The 74 bits that `uuid7` was given."""
    value = int(uuid_text.replace("-", ""), 16)
    return (value >> 64 & 0xFFF) << 62 | value & 0x3FFF_FFFF_FFFF_FFFF


def ms_of(uuid_text: str) -> int:
    return int(uuid_text.replace("-", ""), 16) >> 80
