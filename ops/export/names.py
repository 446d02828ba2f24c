"""Names of files: whatever an id holds, what comes of it stays in its folder, on every file system. Pure."""

from __future__ import annotations

import hashlib
import re

NAME_BYTES_LIMIT = 100
_PLAIN = re.compile(r"[a-z0-9][a-z0-9._-]*")
# Windows takes these for devices, with any ending.
_DEVICES = frozenset({"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10))})
_ENDINGS = {
    "application/json": "json",
    "application/pdf": "pdf",
    "application/zip": "zip",
    "audio/mpeg": "mp3",
    "audio/ogg": "ogg",
    "image/gif": "gif",
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/svg+xml": "svg",
    "image/webp": "webp",
    "text/csv": "csv",
    "text/html": "html",
    "text/markdown": "md",
    "text/plain": "txt",
    "video/mp4": "mp4",
}


def file_name(text: str) -> str:
    """The text as a file's name: itself where that is harmless everywhere, else what is left of it and a hash of the whole.

    Shape: different texts give different names, also where a file system does not tell upper case from lower.
    """
    if _PLAIN.fullmatch(text) and len(text) <= NAME_BYTES_LIMIT and text.split(".")[0] not in _DEVICES and not text.endswith("."):
        return text
    left = re.sub(r"[^a-z0-9_-]+", "-", text.lower())[:40].strip("-")
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:20]
    return f"{left or 'x'}~{digest}"


def ending(media_type: str) -> str:
    """Of the file that holds content of the type; `bin` for a type that is not known here."""
    return _ENDINGS.get(media_type.partition(";")[0].strip().lower(), "bin")
