"""``python leash.py PARENT_PID COMMAND...``: run a command that does not outlive its parent.

A supervisor that is killed cannot stop its children any more; without this they would keep ports, files and
the engine's state. On Linux the kernel is asked to kill the command with its parent, and this program becomes
the command. Elsewhere it stays and looks: when the parent is gone, it kills the whole process group.

Imports nothing of ours: it runs before anything else and must start in milliseconds.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time

PR_SET_PDEATHSIG = 1
LOOK_S = 0.5


def become(parent: int, command: list[str]) -> None:
    """Linux. The request survives ``exec``; the parent may already have gone before it was made."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() == parent:
        os.execvp(command[0], command)  # noqa: S606  # to run a command is what this program is for


def guard(parent: int, command: list[str]) -> int:
    """Any Unix. Signals to the group reach the command itself; this program only waits for its end."""
    for stop in (signal.SIGTERM, signal.SIGINT):
        signal.signal(stop, lambda *_: None)  # a handler, not SIG_IGN: that one the command would inherit
    child = subprocess.Popen(command)  # noqa: S603  # as above, it runs what it was given
    while child.poll() is None:
        if os.getppid() != parent:
            os.killpg(0, signal.SIGKILL)
        time.sleep(LOOK_S)
    return child.returncode if child.returncode >= 0 else 128 - child.returncode


def main(arguments: list[str]) -> int:
    parent, command = int(arguments[0]), arguments[1:]
    if sys.platform != "linux":
        return guard(parent, command)
    try:
        become(parent, command)
    except OSError as refusal:
        sys.stderr.write(f"{command[0]} cannot be run ({refusal.strerror})\n")
    return 127


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
