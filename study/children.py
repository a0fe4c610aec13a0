"""Processes that this one starts, and that end with it."""

import contextlib
import ctypes
import multiprocessing
import os
import sys
import threading

SIGKILL = 9  # on all systems that have signals
# From <linux/prctl.h>.
PR_SET_PDEATHSIG = 1


def end_with_parent() -> None:
    """In a child: from here on it ends with the process that started it, even if that is killed.

    Linux kills it, also while its work never lets a thread run. Elsewhere a thread waits for the
    parent's end, which takes that the child was spawned: a forked one holds the pipe open itself.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, SIGKILL)
    parent = multiprocessing.parent_process()
    if parent is None:
        return
    if hasattr(os, "getppid") and os.getppid() != parent.pid:
        os._exit(1)  # it has ended before Linux was asked

    def follow() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()
