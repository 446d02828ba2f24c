"""An Avro schema's text as a tree of types with its names resolved, and its canonical text. Pure.

A reader and a writer are compared on these trees (`registry.compatibility`). Stricter than fastavro, as strict as Avro's own Java parser:
what that refuses must not become a schema here. Source: Avro 1.12 specification.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from registry.errors import BadSchema

PRIMITIVES = frozenset({"null", "boolean", "int", "long", "float", "double", "bytes", "string"})
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
DEPTH_LIMIT = 64  # types within types: far more than a person writes, far less than Python's stack
BITS = {"int": 31, "long": 63}


@dataclass(frozen=True, slots=True, eq=False)
class Primitive:
    name: str


@dataclass(frozen=True, slots=True, eq=False)
class Array:
    items: "Type"


@dataclass(frozen=True, slots=True, eq=False)
class Map:
    values: "Type"


@dataclass(frozen=True, slots=True, eq=False)
class Union:
    branches: tuple["Type", ...]


@dataclass(frozen=True, slots=True, eq=False)
class Fixed:
    fullname: str
    aliases: frozenset[str]
    size: int


@dataclass(frozen=True, slots=True, eq=False)
class Enum:
    fullname: str
    aliases: frozenset[str]
    symbols: tuple[str, ...]
    default: str | None


@dataclass(frozen=True, slots=True, eq=False)
class Field:
    name: str
    aliases: tuple[str, ...]
    type: "Type"
    has_default: bool


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """Its fields are filled in after it was named, because they may contain it."""

    fullname: str
    aliases: frozenset[str]
    fields: list[Field] = field(default_factory=list)


Named = Fixed | Enum | Record
Type = Primitive | Array | Map | Union | Named


@dataclass(frozen=True, slots=True)
class Schema:
    """A parsed schema: its type, the types that it names itself, and its text as the registry keeps and compares it."""

    type: Type
    names: Mapping[str, Named]
    text: str


def parse(text: str, given: Mapping[str, Named]) -> Schema:
    """The schema of this text, which may use the `given` types by their full names. Raises: BadSchema."""
    try:
        return _parsed(json.loads(text, parse_constant=_no_constant), given)
    except RecursionError:
        raise BadSchema("too many brackets within each other") from None
    except ValueError as exc:
        if text.strip() in PRIMITIVES:  # Avro's own parser takes a bare name too
            return Schema(Primitive(text.strip()), {}, json.dumps(text.strip()))
        raise BadSchema(f"not JSON: {exc}") from None


def _parsed(source: Any, given: Mapping[str, Named]) -> Schema:
    reading = _Reading(dict(given))
    found = reading.type(source, "", 0)
    return Schema(found, {name: each for name, each in reading.names.items() if name not in given}, canonical(source))


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def canonical(source: Any) -> str:
    """The same text for every way to write the same schema: order of attributes, white space, `{"type": "int"}` for `"int"`."""
    return json.dumps(_plain(source), separators=(",", ":"), ensure_ascii=False)


ORDER = {name: place for place, name in enumerate(("type", "name", "namespace", "doc", "symbols", "items", "values", "size", "fields"))}


def _plain(source: Any) -> Any:
    if isinstance(source, list):
        return [_plain(each) for each in source]
    if not isinstance(source, dict):
        return source
    if source.keys() == {"type"} and (isinstance(source["type"], list | dict) or source["type"] in PRIMITIVES):
        return _plain(source["type"])
    names = sorted(source, key=lambda name: (ORDER.get(name, len(ORDER)), name))
    # a default is a value, in which "type" means nothing
    return {name: source[name] if name == "default" else _plain(source[name]) for name in names}


class _Reading:
    """One parse: the names known so far."""

    def __init__(self, names: dict[str, Named]) -> None:
        self.names = names
        self._given = frozenset(names)

    def type(self, source: Any, namespace: str, depth: int) -> Type:
        if depth > DEPTH_LIMIT:
            raise BadSchema(f"deeper than {DEPTH_LIMIT} types within each other")
        match source:
            case str():
                return Primitive(source) if source in PRIMITIVES else self._known(source, namespace)
            case list():
                return self._union(source, namespace, depth)
            case {"type": str() as kind}:
                return self._of_kind(kind, source, namespace, depth)
            case {"type": list() | dict() as inner}:
                return self.type(inner, namespace, depth + 1)
        raise BadSchema(f"no type: {_short(source)}")

    def _known(self, name: str, namespace: str) -> Named:
        fullname = name if "." in name or not namespace else f"{namespace}.{name}"
        found = self.names.get(fullname)
        if found is None:
            raise BadSchema(f"unknown type {name}")
        return found

    def _union(self, sources: list[Any], namespace: str, depth: int) -> Union:
        branches = tuple(self.type(each, namespace, depth + 1) for each in sources)
        if any(isinstance(each, Union) for each in branches):
            raise BadSchema("a union directly within a union")
        kinds = [kind_of(each) for each in branches]
        if twice := sorted({kind for kind in kinds if kinds.count(kind) > 1}):
            raise BadSchema(f"{', '.join(twice)} twice in a union")
        return Union(branches)

    def _of_kind(self, kind: str, source: dict[str, Any], namespace: str, depth: int) -> Type:
        match kind:
            case "record" | "error":
                return self._record(source, namespace, depth)
            case "enum":
                return self._enum(source, namespace)
            case "fixed":
                return self._fixed(source, namespace)
            case "array":
                return Array(self.type(_part(source, "items"), namespace, depth + 1))
            case "map":
                return Map(self.type(_part(source, "values"), namespace, depth + 1))
        return self.type(kind, namespace, depth + 1)

    def _record(self, source: dict[str, Any], namespace: str, depth: int) -> Record:
        fullname, aliases = self._name(source, namespace)
        record = self._named(fullname, Record(fullname, aliases))
        assert isinstance(record, Record)
        sources = _part(source, "fields")
        if not isinstance(sources, list):
            raise BadSchema(f"{fullname}: fields must be a list")
        for each in sources:
            record.fields.append(self._field(each, fullname, depth))
        names = [each.name for each in record.fields]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise BadSchema(f"{fullname}: field {', '.join(twice)} twice")
        return record

    def _field(self, source: Any, record: str, depth: int) -> Field:
        if not isinstance(source, dict) or not isinstance(source.get("name"), str):
            raise BadSchema(f"{record}: a field without a name: {_short(source)}")
        name = _checked(source["name"])
        found = self.type(_part(source, "type"), record.rpartition(".")[0], depth + 1)
        if "default" in source and not fits(source["default"], found):
            raise BadSchema(f"{record}.{name}: the default {_short(source['default'])} is no {kind_of(found)}")
        if source.get("order", "ascending") not in ("ascending", "descending", "ignore"):
            raise BadSchema(f"{record}.{name}: order {_short(source['order'])}")
        return Field(name, _texts(source, "aliases"), found, "default" in source)

    def _enum(self, source: dict[str, Any], namespace: str) -> Enum:
        fullname, aliases = self._name(source, namespace)
        symbols = _texts(source, "symbols")
        if "symbols" not in source or len(set(symbols)) < len(symbols):
            raise BadSchema(f"{fullname}: symbols must be a list without doubles")
        for symbol in symbols:
            _checked(symbol)
        default = source.get("default")
        if default is not None and default not in symbols:
            raise BadSchema(f"{fullname}: the default {_short(default)} is none of its symbols")
        found = self._named(fullname, Enum(fullname, aliases, symbols, default))
        assert isinstance(found, Enum)
        return found

    def _fixed(self, source: dict[str, Any], namespace: str) -> Fixed:
        fullname, aliases = self._name(source, namespace)
        size = _part(source, "size")
        if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size < 1 << 31:
            raise BadSchema(f"{fullname}: size {_short(size)}")
        found = self._named(fullname, Fixed(fullname, aliases, size))
        assert isinstance(found, Fixed)
        return found

    def _name(self, source: dict[str, Any], namespace: str) -> tuple[str, frozenset[str]]:
        """The full name of what is defined, and those of its aliases."""
        name = _part(source, "name")
        own = source.get("namespace", namespace)
        if not isinstance(name, str) or not isinstance(own, str):
            raise BadSchema(f"no name: {_short(name)}")
        fullname = name if "." in name or not own else f"{own}.{name}"
        for part in fullname.split("."):
            _checked(part)
        space = fullname.rpartition(".")[0]
        aliases = (alias if "." in alias or not space else f"{space}.{alias}" for alias in _texts(source, "aliases"))
        return fullname, frozenset(aliases)

    def _named(self, fullname: str, found: Named) -> Named:
        if fullname in self.names or fullname in PRIMITIVES:
            raise BadSchema(f"{fullname} is defined twice" if fullname not in self._given else f"{fullname} is defined by a reference")
        self.names[fullname] = found
        return found


def kind_of(found: Type) -> str:
    """What a branch of a union is told by: the name of a primitive or a named type, else its kind."""
    match found:
        case Primitive(name=name):
            return name
        case Array():
            return "array"
        case Map():
            return "map"
        case Union():
            return "union"
        case Fixed() | Enum() | Record():
            return found.fullname


def fits(value: Any, found: Type) -> bool:
    """Whether a JSON value may be the default of a field of this type; in a union, of any branch (Avro 1.12)."""
    match found:
        case Primitive(name=name):
            return _fits_primitive(value, name)
        case Array(items=items):
            return isinstance(value, list) and all(fits(each, items) for each in value)
        case Map(values=values):
            return isinstance(value, dict) and all(fits(each, values) for each in value.values())
        case Union(branches=branches):
            return any(fits(value, branch) for branch in branches)
        case Fixed():
            return isinstance(value, str)
        case Enum(symbols=symbols):
            return value in symbols
        case Record(fields=fields):
            return isinstance(value, dict) and all(
                fits(value[each.name], each.type) if each.name in value else each.has_default for each in fields
            )


def _fits_primitive(value: Any, name: str) -> bool:
    match name:
        case "null":
            return value is None
        case "boolean":
            return isinstance(value, bool)
        case "int" | "long":
            return isinstance(value, int) and not isinstance(value, bool) and -(1 << BITS[name]) <= value < 1 << BITS[name]
        case "float" | "double":
            return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, str)


def _part(source: Mapping[str, Any], name: str) -> Any:
    if name not in source:
        raise BadSchema(f"no {name} in {_short(source)}")
    return source[name]


def _texts(source: Mapping[str, Any], name: str) -> tuple[str, ...]:
    found = source.get(name) or []
    if not isinstance(found, Sequence) or isinstance(found, str) or not all(isinstance(each, str) for each in found):
        raise BadSchema(f"{name} must be a list of texts: {_short(found)}")
    return tuple(found)


def _checked(name: str) -> str:
    if not NAME.match(name):
        raise BadSchema(f"illegal name {_short(name)}")
    return name


def _short(source: Any) -> str:
    return json.dumps(source)[:80]
