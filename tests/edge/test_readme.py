"""What README.md says about settings, commands and files is so."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest
from typer.main import get_command

from ops.cli import app

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
NAMED = r"`((?:schemas|log|store|streams|edge|ops|sdk|bench|tests|scripts|docs)/[\w./-]+\.\w+)(?::([\w.]+))?`"
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("**/*.md"))]


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_settings", ROOT / "docs" / "make_settings.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_tables_of_settings_are_those_of_the_classes() -> None:
    assert generator().written(README) == README, "run docs/make_settings.py"


def test_every_variable_and_its_default_stand_in_a_table() -> None:
    """Held without the text of the generator: a class or field that it forgot is seen."""
    rows = dict(re.findall(r"^\| `([A-Z0-9_]+)` \| `?([^`|]*?)`? \|", README, re.MULTILINE))
    wanted = {name: default for table in generator().variables().values() for name, default in table.items()}
    assert rows == wanted


def test_every_settings_class_has_its_table() -> None:
    named = {
        f"{path.relative_to(ROOT)}:{name}"
        for package in ("log", "store", "streams", "edge", "ops", "schemas", "rtc", "registry")
        for path in (ROOT / package).rglob("*.py")
        for name in re.findall(r"^class (\w*Settings|Rules)\b", path.read_text(), re.MULTILINE)
    }
    # what is not read from the environment by itself, and records and frames about the settings of a group
    derived = {"ops/settings.py:UpSettings", "streams/faust_consumer.py:FetchSettings", "schemas/values.py:GroupSettings"}
    derived |= {
        "schemas/commands.py:ChangeSettings",
        "edge/frames.py:ChangeSettings",
        "edge/frames.py:FrameSettings",
        "store/profiles.py:Settings",
        "edge/rest/models.py:NewSettings",
        "store/pushing.py:PushSettings",
        "edge/rest/push_models.py:Settings",
        "schemas/subjects.py:SubjectSettings",
    }
    tables = {settings.__name__ for settings, _, _ in generator().TABLES.values()}
    assert {each.split(":")[1] for each in named - derived} == tables


def test_every_command_stands_in_the_table_and_no_other() -> None:
    said = set(re.findall(r"^\| `warbler ([a-z-]+)", README, re.MULTILINE))
    command = get_command(app)
    known = set(command.list_commands(None))  # type: ignore[attr-defined]
    assert said == known


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_every_link_leads_to_a_file(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text())
    assert [link for link in links if "://" not in link and not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_every_file_and_function_that_is_named_exists(page: Path) -> None:
    """`edge/merge.py` must be a file; `edge/merge.py:page_of` must be defined there."""
    for path, name in re.findall(NAMED, page.read_text()):
        file = ROOT / path
        assert file.is_file(), path
        if name:
            last = name.rsplit(".", 1)[-1]
            defined = rf"(?:def|class|function|const)\s+{last}\b|^\s*{last}\s*[:=(]"
            assert re.search(defined, file.read_text(), re.MULTILINE), f"{path}:{name}"


def test_every_decision_stands_in_the_index_and_no_other() -> None:
    folder = ROOT / "docs" / "decisions"
    said = re.findall(r"^\| \[(\d{4})\]\((\1-[^)]+\.md)\)", (folder / "README.md").read_text(), re.MULTILINE)
    assert sorted(name for _, name in said) == sorted(path.name for path in folder.glob("0*.md"))
    assert len({number for number, _ in said}) == len(said)
