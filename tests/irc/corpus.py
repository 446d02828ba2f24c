"""The recorded corpus, where this machine has it: WARBLER_SHARED_DATA, or a folder beside the checkout."""

import os
from pathlib import Path

import pytest

FOLDER = Path(os.environ.get("WARBLER_SHARED_DATA") or Path(__file__).parents[3] / "shared" / "data")
ARCHIVE = FOLDER / "irc" / "ubuntu-irc.tar.xz"
needs_corpus = pytest.mark.skipif(not ARCHIVE.exists(), reason=f"the IRC corpus is not at {ARCHIVE} (WARBLER_SHARED_DATA names its folder)")
