"""Whether data written with one schema can be read with another, and which versions a new one is held against. Pure.

The rules are those of Avro's schema resolution as its Java library checks them (`SchemaCompatibility`), which the tests run beside it on a
table and on schemas drawn by chance: docs/decisions/0035.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, assert_never, get_args

from registry.avro import Array, Enum, Field, Fixed, Map, Named, Primitive, Record, Schema, Type, Union, kind_of

Level = Literal["NONE", "BACKWARD", "BACKWARD_TRANSITIVE", "FORWARD", "FORWARD_TRANSITIVE", "FULL", "FULL_TRANSITIVE"]
LEVELS: tuple[str, ...] = get_args(Level)
# reader -> writers whose values it takes, besides its own kind
PROMOTED = {
    "long": {"int"},
    "float": {"int", "long"},
    "double": {"int", "long", "float"},
    "bytes": {"string"},
    "string": {"bytes"},
}
FLAWS_LIMIT = 20  # of one comparison that are told; a person mends the first ones and asks again


@dataclass(frozen=True, slots=True)
class Flaw:
    """One reason why a reader cannot read what a writer wrote. `path`: where in the reader's schema."""

    kind: str
    path: str
    about: str

    def __str__(self) -> str:
        return f"{{errorType:'{self.kind}', description:'{self.about}', additionalInfo:'{self.path}'}}"


def flaws(reader: Schema, writer: Schema) -> list[Flaw]:
    """Shape: empty if every value of the writer can be read; at most FLAWS_LIMIT."""
    found = _Comparing().compare(reader.type, writer.type, "")
    return [flaw for _, flaw in zip(range(FLAWS_LIMIT), found, strict=False)]


def against(level: str, new: Schema, versions: list[tuple[int, Schema]]) -> list[str]:
    """Why the new schema breaks what the level promises, in words; empty if it does not. `versions`: those that live, oldest first."""
    if level == "NONE":
        return []
    held = versions if level.endswith("_TRANSITIVE") else versions[-1:]
    told = []
    for number, old in reversed(held):
        found = []
        if level.startswith(("BACKWARD", "FULL")):
            found += [str(flaw) for flaw in flaws(new, old)]
        if level.startswith(("FORWARD", "FULL")):
            found += [str(flaw) for flaw in flaws(old, new)]
        if found:
            told += [*found, f"{{oldSchemaVersion: {number}}}", f"{{oldSchema: '{old.text}'}}", f"{{compatibility: '{level}'}}"]
    return told


class _Comparing:
    """One comparison: which pairs of records are being compared or were, so that a type that contains itself ends."""

    def __init__(self) -> None:
        self._seen: set[tuple[int, int]] = set()

    def compare(self, reader: Type, writer: Type, path: str) -> Iterator[Flaw]:
        match reader, writer:
            case _, Union(branches=branches):
                yield from self._of_union(reader, branches, path)
            case Union(branches=branches), _:
                if not any(self._reads(branch, writer) for branch in branches):
                    yield Flaw("MISSING_UNION_BRANCH", path or "/", f"the union has no branch for {kind_of(writer)}")
            case Primitive(name=ours), Primitive(name=theirs):
                if theirs != ours and theirs not in PROMOTED.get(ours, ()):
                    yield mismatch(reader, writer, path)
            case Array(items=ours), Array(items=theirs):
                yield from self.compare(ours, theirs, f"{path}/items")
            case Map(values=ours), Map(values=theirs):
                yield from self.compare(ours, theirs, f"{path}/values")
            case (Fixed(), Fixed()) | (Enum(), Enum()) | (Record(), Record()):
                assert isinstance(reader, Named)
                assert isinstance(writer, Named)
                yield from self._of_named(reader, writer, path)
            case _:
                yield mismatch(reader, writer, path)

    def _of_union(self, reader: Type, branches: tuple[Type, ...], path: str) -> Iterator[Flaw]:
        """Every branch of the writer must be readable."""
        for branch in branches:
            yield from self.compare(reader, branch, path)

    def _reads(self, reader: Type, writer: Type) -> bool:
        """As a trial: what it saw does not count if it fails."""
        trial = _Comparing()
        trial._seen = set(self._seen)
        return next(trial.compare(reader, writer, ""), None) is None

    def _of_named(self, reader: Named, writer: Named, path: str) -> Iterator[Flaw]:
        if not same_name(reader, writer):
            yield Flaw("NAME_MISMATCH", f"{path}/name", f"{writer.fullname} was renamed {reader.fullname} without an alias")
        match reader, writer:
            case Fixed(), Fixed():
                if reader.size != writer.size:
                    yield Flaw("FIXED_SIZE_MISMATCH", f"{path}/size", f"{reader.fullname} has {reader.size} bytes, and had {writer.size}")
            case Enum(), Enum():
                lost = [symbol for symbol in writer.symbols if symbol not in reader.symbols]
                if lost and reader.default is None:
                    yield Flaw("MISSING_ENUM_SYMBOLS", f"{path}/symbols", f"{reader.fullname} lacks {', '.join(lost)} and has no default")
            case Record(), Record():
                yield from self._of_records(reader, writer, path)

    def _of_records(self, reader: Record, writer: Record, path: str) -> Iterator[Flaw]:
        pair = (id(reader), id(writer))
        if pair in self._seen:
            return
        self._seen.add(pair)
        for number, field in enumerate(reader.fields):
            where = f"{path}/fields/{number}"
            match written(writer, field):
                case [theirs]:
                    yield from self.compare(field.type, theirs.type, f"{where}/type")
                case [] if not field.has_default:
                    about = f"the field {field.name} has no default, and the writer does not write it"
                    yield Flaw("READER_FIELD_MISSING_DEFAULT_VALUE", where, about)
                case [_, *_] as several:
                    names = ", ".join(each.name for each in several)
                    yield Flaw("READER_FIELD_AMBIGUOUS", where, f"the field {field.name} may be any of {names} by its aliases")


def written(writer: Record, field: Field) -> list[Field]:
    """The writer's fields that the reader's may take: those of its name and of its aliases."""
    by_name = {each.name: each for each in writer.fields}
    return [by_name[name] for name in dict.fromkeys((field.name, *field.aliases)) if name in by_name]


def same_name(reader: Named, writer: Named) -> bool:
    """By the name without its namespace, as the specification has it; or the reader knows the writer's full name as an alias."""
    return reader.fullname.rpartition(".")[2] == writer.fullname.rpartition(".")[2] or writer.fullname in reader.aliases


def mismatch(reader: Type, writer: Type, path: str) -> Flaw:
    return Flaw("TYPE_MISMATCH", path or "/", f"the reader has {word_of(reader)}, the writer {word_of(writer)}")


def word_of(found: Type) -> str:
    """The kind of a type, with its name if it has one."""
    match found:
        case Primitive() | Array() | Map() | Union():
            return kind_of(found)
        case Fixed() | Enum() | Record():
            return f"{type(found).__name__.lower()} {found.fullname}"
        case _:
            assert_never(found)
