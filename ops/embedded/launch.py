"""Runs as the first code of every child: ties its life to its parent's, then becomes the real program.

Called by ops.embedded.process as `python -I -S launch.py PARENT_PID PROGRAM ARGS...`; imports nothing of ours.
A `preexec_fn` would do the same but may deadlock in a parent with threads; exec keeps both the pid and the death signal.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # linux/prctl.h


def main(argv: list[str]) -> None:
    """Become `argv[1:]`, to be killed by the kernel when the process `argv[0]` dies."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
        # The parent may have died before prctl took effect: then nobody would ever send the signal.
        if os.getppid() != int(argv[0]):
            raise SystemExit(1)
    os.execvp(argv[1], argv[1:])


if __name__ == "__main__":
    main(sys.argv[1:])
