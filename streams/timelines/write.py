"""One write of the projector, as a value. Pure."""

from typing import Any, NamedTuple


class Write(NamedTuple):
    """One statement of `store.cql` with its values."""

    statement: str
    values: tuple[Any, ...]
