"""Runs as the first code of every child: ties its life to its parent's, then becomes the real program.

Called by ops.embedded.process as `python -I -S launch.py PARENT_PID NICENESS PROGRAM ARGS...`; imports nothing of ours.
A `preexec_fn` would do the same but may deadlock in a parent with threads; exec keeps both the pid and the death signal.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # linux/prctl.h


def step_back(niceness: int) -> None:
    """Let others go first. Each child has a session of its own, and with autogroups it is the session's niceness that counts (sched(7))."""
    os.nice(niceness)
    try:
        with open("/proc/self/autogroup", "w") as autogroup:
            autogroup.write(str(niceness))
    except OSError:  # a kernel without autogroups: then the process's own niceness is what counts
        pass


def main(argv: list[str]) -> None:
    """Become `argv[2:]` with the niceness `argv[1]`, to be killed by the kernel when the process `argv[0]` dies."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
        # The parent may have died before prctl took effect: then nobody would ever send the signal.
        if os.getppid() != int(argv[0]):
            raise SystemExit(1)
    if niceness := int(argv[1]):
        step_back(niceness)
    os.execvp(argv[2], argv[2:])


if __name__ == "__main__":
    main(sys.argv[1:])
