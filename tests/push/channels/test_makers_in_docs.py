"""The example in docs/push.md is one that works, and its table says what the push channels can do."""

import re
from pathlib import Path

import pytest
import yaml

from streams.push.config import make_channels, parse_config

PAGE = (Path(__file__).parents[3] / "docs" / "push.md").read_text(encoding="utf-8").split("## Phone makers")[1].split("\n## ")[0]
MAKERS = ("huawei", "honor", "xiaomi", "oppo", "vivo", "meizu")


def test_the_example_configures_every_maker() -> None:
    found = re.search(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert found is not None
    channels = make_channels(parse_config(yaml.safe_load(found[1]), {}))
    assert sorted(channels) == sorted((maker, "") for maker in MAKERS)


@pytest.mark.parametrize("maker", MAKERS)
def test_the_table_says_what_each_can_do(maker: str) -> None:
    found = re.search(rf"^\| {maker} \|(.*)\|$", PAGE, re.MULTILINE)
    example = re.search(rf"^{maker}: .*$", PAGE, re.MULTILINE)
    assert found is not None
    assert example is not None
    cells = [cell.strip() for cell in found[1].split("|")]
    traits = make_channels(parse_config(yaml.safe_load(example[0]), {}))[maker, ""].traits
    assert (cells[5] == "yes") == traits.badges
    assert (cells[6] != "no") == traits.withdraws
