"""The examples of both READMEs: every name they use is there, and they are of the language."""

import ast
import re
import subprocess
import textwrap
from pathlib import Path

import pytest
import warbler
from warbler import Admin, Calls, Client, Rest, Roster
from warbler.friends import Friends
from warbler.groups import Groups
from warbler.people import People
from warbler.ways import Ways

SDK = Path(__file__).parents[2] / "sdk"
PYTHON = re.findall(r"```python\n(.*?)```", (SDK / "python" / "README.md").read_text(), re.DOTALL)
SCRIPT = re.findall(r"```js\n(.*?)```", (SDK / "js" / "README.md").read_text(), re.DOTALL)
OBJECTS = {
    "client": Client,
    "client.calls": Calls,
    "rest": Rest,
    "rest.people": People,
    "rest.friends": Friends,
    "rest.groups": Groups,
    "rest.ways": Ways,
    "roster": Roster,
}


@pytest.mark.parametrize("example", PYTHON)
def test_every_name_and_method_of_the_python_examples_is_there(example: str) -> None:
    body = textwrap.indent(example, "    ")
    tree = ast.parse(f"async def example():\n{body}")
    compile(tree, "README.md", "exec")
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            assert node.module == "warbler"
            assert all(hasattr(warbler, alias.name) for alias in node.names)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and ast.unparse(node.func.value) in OBJECTS:
            assert hasattr(OBJECTS[ast.unparse(node.func.value)], node.func.attr), ast.unparse(node)


def test_the_table_of_modules_names_every_one_of_people() -> None:
    text = (SDK / "python" / "README.md").read_text()
    assert Admin.__module__.split(".")[-1] in text
    for name in re.findall(r"^\| (`.*?`) \|", text, re.MULTILINE):
        for module in re.findall(r"`(\w+)`", name):
            assert (SDK / "python" / "warbler" / f"{module}.py").exists(), module


def test_the_javascript_examples_hold_against_the_types(tmp_path: Path) -> None:
    """Method: each is a function's body; what it is not itself about is declared before it."""
    around = "declare const bo: { user: string }; declare const client: import('@warbler/sdk').Client; declare const someStore: never;\n"
    parts = []
    for number, example in enumerate(SCRIPT):
        imports = "\n".join(line for line in example.splitlines() if line.startswith("import") and '"ws"' not in line)
        rest = "\n".join(line for line in example.splitlines() if not line.startswith("import"))
        given = "declare const WebSocket: never; declare const someStore: never;\n" if number == 0 else around
        (tmp_path / f"example{number}.mts").write_text(f"{imports}\n{given}export async function example() {{\n{rest}\n}}\n")
        parts.append(f"example{number}.mts")
    (tmp_path / "tsconfig.json").write_text(
        '{"compilerOptions": {"noEmit": true, "strict": true, "target": "ES2022", "module": "ES2022", "moduleResolution": "bundler", '
        f'"lib": ["ES2022", "DOM"], "types": [], "paths": {{"@warbler/sdk": ["{SDK}/js/dist/index.d.ts"]}}}}, "files": {parts}}}'.replace(
            "'", '"'
        )
    )
    done = subprocess.run(
        [SDK / "js" / "node_modules" / ".bin" / "tsc", "-p", tmp_path], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stdout
