"""The parts of the style that a machine can see: sizes, excepts, docstrings. A test a rule; what breaks it is named by file."""

import ast
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent
FOLDERS = ("schemas", "log", "store", "audit", "streams", "edge", "rtc", "registry", "ops", "sdk/python/warbler", "bench", "tests")
PRODUCT = FOLDERS[:-2]

FUNCTION_LINES_LIMIT = 70
MODULE_LINES_LIMIT = 400
# these may only shrink. core: one device's whole protocol is one state machine; frames: the protocol's data, one class after another
LONGER = {"sdk/python/warbler/core.py": 430, "sdk/python/warbler/frames.py": 810, "edge/frames.py": 800, "edge/call_frames.py": 460}
LONGER["sdk/python/warbler/call_frames.py"] = 460

SOURCES = {str(path.relative_to(ROOT)): path.read_text() for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))}


@cache
def tree_of(file: str) -> ast.Module:
    return ast.parse(SOURCES[file])


def found(broken: Callable[[str], Iterable[str]], files: Iterable[str] = SOURCES) -> Mapping[str, list[str]]:
    """By file, what breaks the rule there; without the files where nothing does."""
    return {file: breaches for file in files if (breaches := list(broken(file)))}


def long_functions(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno is not None:
            lines = node.end_lineno - node.lineno + 1
            if lines > FUNCTION_LINES_LIMIT:
                yield f"{node.name}: {lines} lines"


def unreasoned_excepts(source: str, tree: ast.Module) -> Iterator[str]:
    """Handlers that keep everything they catch, and do not say why on the line of the except or the one after."""
    lines = source.splitlines()
    for node in ast.walk(tree):
        if isinstance(node, ast.ExceptHandler) and catches_everything(node.type) and not raises_again(node):
            near = lines[node.lineno - 1 : node.lineno + 1]
            if not any("#" in line and said(line.split("#", 1)[1]) for line in near):
                yield f"line {node.lineno}: {lines[node.lineno - 1].strip()}"


def catches_everything(caught: ast.expr | None) -> bool:
    if caught is None:
        return True
    parts = caught.elts if isinstance(caught, ast.Tuple) else [caught]
    return any(isinstance(part, ast.Name) and part.id in ("Exception", "BaseException") for part in parts)


def raises_again(handler: ast.ExceptHandler) -> bool:
    """Whether it only cleans up: its last statement lets the exception go on."""
    last = handler.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None


def said(comment: str) -> bool:
    """Whether the comment is more than a word for the linter."""
    return len([word for word in comment.replace("noqa: BLE001", "").split() if word.isalpha()]) >= 3


def test_no_function_is_longer_than_a_screen() -> None:
    assert found(lambda file: long_functions(tree_of(file))) == {}


def test_no_module_is_longer_than_ten_minutes_reading() -> None:
    tests = 200  # more lines for them: tables of cases grow long, and nobody reads them from top to bottom
    lines = {file: len(source.splitlines()) for file, source in SOURCES.items()}
    limits = {file: LONGER.get(file, MODULE_LINES_LIMIT + tests * file.startswith("tests/")) for file in SOURCES}
    assert {file: count for file, count in lines.items() if count > limits[file]} == {}


def test_who_catches_everything_says_why() -> None:
    assert found(lambda file: unreasoned_excepts(SOURCES[file], tree_of(file))) == {}


def test_a_module_says_what_it_is_for() -> None:
    product = [file for file in SOURCES if file.startswith(tuple(f"{part}/" for part in PRODUCT))]
    assert [file for file in product if not ast.get_docstring(tree_of(file))] == []


def test_nothing_is_left_to_do_later() -> None:
    marks = ("TO" + "DO", "FIX" + "ME", "X" + "XX")  # in two pieces, or this line would be found
    assert found(lambda file: (mark for mark in marks if mark in SOURCES[file])) == {}


def excepts_of(source: str) -> Iterator[str]:
    return unreasoned_excepts(source, ast.parse(source))


def test_the_checks_find_what_they_are_for() -> None:
    assert list(long_functions(ast.parse("def f():\n" + "    x = 1\n" * 70))) == ["f: 71 lines"]
    assert list(long_functions(ast.parse("def f():\n" + "    x = 1\n" * 69))) == []
    assert len(list(excepts_of("try:\n    f()\nexcept Exception:\n    pass"))) == 1
    assert len(list(excepts_of("try:\n    f()\nexcept:\n    pass"))) == 1
    assert len(list(excepts_of("try:\n    f()\nexcept (OSError, BaseException):  # noqa: BLE001\n    pass"))) == 1
    assert list(excepts_of("try:\n    f()\nexcept Exception:  # the caller of a hook must survive it\n    pass")) == []
    assert list(excepts_of("try:\n    f()\nexcept ValueError:\n    pass")) == []
    assert list(excepts_of("try:\n    f()\nexcept BaseException:\n    g()\n    raise")) == []
    assert len(list(excepts_of("try:\n    f()\nexcept Exception:\n    raise ValueError"))) == 1
