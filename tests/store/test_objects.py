"""Objects in a folder, in memory, and through obstore: one law for all."""

from collections.abc import Callable
from pathlib import Path

import obstore.store
import pytest

from store.objects import FolderObjects, MemoryObjects, Objects, ObjectsUnavailable, StoredObjects, address_of, open_objects

KINDS: dict[str, Callable[[Path], Objects]] = {
    "folder": FolderObjects,
    "memory": lambda folder: MemoryObjects(),
    "obstore": lambda folder: StoredObjects(obstore.store.MemoryStore()),
    "obstore-folder": lambda folder: StoredObjects(obstore.store.LocalStore(folder)),
}


@pytest.mark.parametrize("kind", KINDS)
def test_an_object_is_what_was_put_last(tmp_path: Path, kind: str) -> None:
    objects = KINDS[kind](tmp_path)
    assert objects.get("a/b") is None
    objects.put("a/b", b"1")
    objects.put("a/b", b"22")
    objects.put("a/c", b"")
    assert (objects.get("a/b"), objects.get("a/c")) == (b"22", b"")


def test_a_folder_that_cannot_be_written_is_a_storage_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"a file, not a folder")
    objects = FolderObjects(tmp_path)
    with pytest.raises(ObjectsUnavailable):
        objects.put("a/b", b"1")
    with pytest.raises(ObjectsUnavailable):
        objects.get("a/b")


def test_obstore_answers_with_our_error(tmp_path: Path) -> None:
    store = StoredObjects(obstore.store.LocalStore(tmp_path))
    (tmp_path / "a").write_bytes(b"")
    with pytest.raises(ObjectsUnavailable):
        store.put("a/b", b"1")


def test_the_default_is_a_folder_beside_the_data(tmp_path: Path) -> None:
    folder = tmp_path / "with space"
    objects = open_objects(address_of({}, folder))
    objects.put("x", b"1")
    assert (folder / "objects" / "x").read_bytes() == b"1"
    assert address_of({"WARBLER_OBJECTS": "memory:///"}, folder) == "memory:///"
    assert isinstance(open_objects("memory:///"), StoredObjects)


def test_an_address_that_names_no_storage_is_refused() -> None:
    with pytest.raises(ValueError, match="WARBLER_OBJECTS='nonsense://x'"):
        open_objects("nonsense://x")
