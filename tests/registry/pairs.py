"""Pairs of schemas, drawn by chance from a seed: a writer's and one that is nearly the same, as people change schemas."""

from __future__ import annotations

import json
import random
from typing import Any

PRIMITIVES = ("null", "boolean", "int", "long", "float", "double", "bytes", "string")
DEFAULTS = dict(zip(PRIMITIVES, (None, True, 1, 2, 1.5, 2.5, "a", "b"), strict=True))
Source = Any


class Drawing:
    """One schema: names are defined before they are used, as the specification wants it."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._names: list[str] = []

    def type(self, depth: int) -> Source:
        kind = self._chance.random() if depth > 0 else 0.0
        if kind < 0.4:
            return self._chance.choice(PRIMITIVES)
        if kind < 0.5:
            return {"type": "array", "items": self.type(depth - 1)}
        if kind < 0.57:
            return {"type": "map", "values": self.type(depth - 1)}
        return self._union(depth) if kind < 0.72 else self._named(depth)

    def _union(self, depth: int) -> Source:
        branches: dict[str, Source] = {}
        for _ in range(self._chance.randint(1, 4)):
            branch = self.type(depth - 1)
            if not isinstance(branch, list):
                kind = branch if isinstance(branch, str) else branch.get("name", branch["type"])
                branches.setdefault(kind, branch)
            elif self._names:  # what it may have defined is not defined if it is left out
                return branch
        return list(branches.values())

    def _named(self, depth: int) -> Source:
        name = self._chance.choice("ABCD")
        if name in self._names:
            return self._chance.choice(PRIMITIVES)
        self._names.append(name)
        named: Source = {"name": name}
        if self._chance.random() < 0.2:
            named["aliases"] = [self._chance.choice("XYZ")]
        match self._chance.choice(("enum", "fixed", "record", "record")):
            case "enum":
                symbols = self._chance.sample("abcd", self._chance.randint(1, 4))
                default = {"default": symbols[0]} if self._chance.random() < 0.4 else {}
                return {"type": "enum", "symbols": symbols, **named, **default}
            case "fixed":
                return {"type": "fixed", "size": self._chance.randint(1, 2), **named}
        fields = [self._field(each, depth) for each in self._chance.sample("pqrs", self._chance.randint(0, 3))]
        return {"type": "record", "fields": fields, **named}

    def _field(self, name: str, depth: int) -> Source:
        made: Source = {"name": name, "type": self.type(depth - 1)}
        first = made["type"][0] if isinstance(made["type"], list) else made["type"]
        if self._chance.random() < 0.4 and isinstance(first, str):
            made["default"] = DEFAULTS[first]
        if self._chance.random() < 0.15:
            made["aliases"] = [self._chance.choice([each for each in "pqrs" if each != name])]
        return made


def changed(source: Source, chance: random.Random) -> Source:
    """The schema after one or two changes; perhaps none that is seen, perhaps no schema any more."""
    copy = json.loads(json.dumps(source))
    for _ in range(chance.randint(1, 2)):
        places = list(parts(copy))
        if not places:
            return chance.choice(PRIMITIVES)
        _change(chance.choice(places), chance)
    return copy


def _change(place: Source, chance: random.Random) -> None:
    if isinstance(place, list):
        if place and chance.random() < 0.5:
            place.pop()
        else:
            chance.shuffle(place)
        return
    for part in ("items", "values"):
        if isinstance(place.get(part), str):
            place[part] = chance.choice(PRIMITIVES)
    if place.get("fields") and chance.random() < 0.5:
        place["fields"].pop()
    if place.get("type") in PRIMITIVES:
        place["type"] = chance.choice(PRIMITIVES)
        place.pop("default", None)
    if "size" in place:
        place["size"] = 2
    if "name" in place and chance.random() < 0.2:
        place["name"] = chance.choice("ABX")


def parts(source: Source) -> Any:
    if isinstance(source, dict | list):
        yield source
        for each in source.values() if isinstance(source, dict) else source:
            yield from parts(each)


def drawn(seed: int, count: int) -> list[dict[str, Source]]:
    """Shape: `count` of {"reader", "writer"}, the same for the same seed."""
    chance = random.Random(seed)
    pairs = []
    for _ in range(count):
        one = Drawing(chance).type(4)
        two = changed(one, chance) if chance.random() < 0.8 else Drawing(chance).type(4)
        pairs.append({"reader": one, "writer": two} if chance.random() < 0.5 else {"reader": two, "writer": one})
    return pairs
