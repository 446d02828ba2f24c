"""Objects by name, in a folder or in any object storage that obstore speaks to: WARBLER_OBJECTS.

Used by the sealers for tiles and checkpoints, and by whoever proves something. obstore is imported where an address
needs it: a folder does not.
"""

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

from schemas.errors import WarblerError

OBJECTS_VARIABLE = "WARBLER_OBJECTS"
FOLDER = "objects"


class ObjectsUnavailable(WarblerError):
    """The storage did not answer, is full, or refused."""

    retryable = True


class Objects(Protocol):
    def get(self, name: str) -> bytes | None:
        """The whole object; None if there is none. Raises: ObjectsUnavailable. Blocks: on the storage, without the event loop."""
        ...

    def put(self, name: str, data: bytes) -> None:
        """The object is there, whole, when this returns. Raises: ObjectsUnavailable. Blocks: as `get`."""
        ...


class FolderObjects:
    """In a folder, each object a file that is there whole or not at all, also after a power failure."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, name: str) -> bytes | None:
        try:
            return (self._folder / name).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as exc:
            raise ObjectsUnavailable(f"{name}: {exc}") from exc

    def put(self, name: str, data: bytes) -> None:
        path = self._folder / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            writing = path.with_name(f"{path.name}.{os.getpid()}.tmp")
            with writing.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            writing.replace(path)
        except OSError as exc:
            raise ObjectsUnavailable(f"{name}: {exc}") from exc


class StoredObjects:
    """Through obstore."""

    def __init__(self, store: Any) -> None:
        self._store = store

    def get(self, name: str) -> bytes | None:
        try:
            return bytes(self._store.get(name).bytes())
        except FileNotFoundError:
            return None
        except Exception as exc:  # obstore's errors have no root of their own below Exception
            raise ObjectsUnavailable(f"{name}: {exc}") from exc

    def put(self, name: str, data: bytes) -> None:
        try:
            self._store.put(name, data)
        except Exception as exc:  # obstore's errors have no root of their own below Exception
            raise ObjectsUnavailable(f"{name}: {exc}") from exc


class MemoryObjects:
    """For tests."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}

    def get(self, name: str) -> bytes | None:
        return self.objects.get(name)

    def put(self, name: str, data: bytes) -> None:
        self.objects[name] = data


def address_of(env: Mapping[str, str], data: Path) -> str:
    """WARBLER_OBJECTS, else the folder `objects` in the data folder."""
    return env.get(OBJECTS_VARIABLE) or (data.absolute() / FOLDER).as_uri()


def open_objects(address: str) -> Objects:
    """Raises: ValueError for an address that names no storage."""
    if address.startswith("file://"):
        return FolderObjects(Path(unquote(urlsplit(address).path)))
    import obstore.store

    try:
        return StoredObjects(obstore.store.from_url(address))
    except Exception as exc:  # obstore's errors have no root of their own below Exception
        raise ValueError(f"{OBJECTS_VARIABLE}={address!r}: {exc}") from exc


async def get(objects: Objects, name: str) -> bytes | None:
    return await asyncio.to_thread(objects.get, name)


async def put(objects: Objects, name: str, data: bytes) -> None:
    await asyncio.to_thread(objects.put, name, data)
