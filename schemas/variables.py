"""Settings as every process reads them: one field of a settings class is one environment variable. Pure; the environment is an argument."""

import dataclasses
from collections.abc import Collection, Mapping
from typing import Any


def between(default: int, least: int, most: int) -> int:
    """The default of a field that `check_between` holds to these bounds."""
    found: int = dataclasses.field(default=default, metadata={"least": least, "most": most})
    return found


def check_between(settings: Any, prefix: str) -> None:
    """Raises: ValueError that names the variable of a field that is out of its bounds."""
    for each in dataclasses.fields(settings):
        if not each.metadata:
            continue
        value, least, most = getattr(settings, each.name), each.metadata["least"], each.metadata["most"]
        if not least <= value <= most:
            raise ValueError(f"{prefix}{each.name.upper()}={value}: {least} to {most}")


def values_of(settings: type[Any], prefix: str, env: Mapping[str, str], without: Collection[str] = ()) -> dict[str, Any]:
    """The fields that the environment names, but for those in `without`: texts as they are, all others whole numbers.

    Raises: ValueError that names the variable.
    """
    values: dict[str, str | int] = {}
    for each in dataclasses.fields(settings):
        variable = f"{prefix}{each.name.upper()}"
        if variable not in env or each.name in without:
            continue
        try:
            values[each.name] = env[variable] if isinstance(each.default, str) else int(env[variable])
        except ValueError:
            raise ValueError(f"{variable}={env[variable]!r}: a whole number is needed") from None
    return values
