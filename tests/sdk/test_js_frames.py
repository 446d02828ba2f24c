"""The JavaScript SDK's frames are those of the edge: src/frames.ts is what sdk/js/generate.py writes now."""

import subprocess
import sys
from pathlib import Path
from typing import get_args

from edge import frames

JS = Path(__file__).parents[2] / "sdk" / "js"


def test_the_typescript_frames_are_those_of_the_edge() -> None:
    made = subprocess.run([sys.executable, str(JS / "generate.py"), "--print"], capture_output=True, text=True, check=True).stdout
    assert (JS / "src" / "frames.ts").read_text() == made, "run: python sdk/js/generate.py"


def test_every_frame_is_in_the_typescript_unions() -> None:
    source = (JS / "src" / "frames.ts").read_text()
    for union in (frames.FromDevice, frames.FromEdge):
        for frame in get_args(union):
            tag = frame.__struct_config__.tag
            assert f'readonly type: "{tag}";' in source
            assert f"  | {frame.__name__}" in source
