"""Initial schemes that do to their process what a run must not do to the others."""

import ctypes
import itertools
import mmap
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np


def _raise() -> None:
    raise RuntimeError("the scheme is broken\nin two lines [bold]and a tag[/bold]")


def _raise_what_no_handler_expects() -> None:
    class Strange(BaseException):
        pass

    raise Strange("not even an Exception")


def _raise_without_a_message() -> None:
    raise ValueError


def _raise_what_cannot_be_shown() -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no words")

    raise Mute


def _recur() -> None:
    _recur()


def _exit() -> None:
    os._exit(7)


def _abort() -> None:
    os.abort()


def _segfault() -> None:
    ctypes.string_at(0)


def _leave_somebody_with_the_pipe() -> None:
    if os.fork() == 0:
        time.sleep(20)
        os._exit(0)
    os._exit(7)


def _close_everything() -> None:
    os.closerange(3, 1024)
    time.sleep(600)


def _hang() -> None:
    time.sleep(600)


def _hang_without_letting_go() -> None:
    sum(itertools.repeat(1))  # in C, with the interpreter's lock


def _hang_and_ignore_everything() -> None:
    for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}:
        signal.signal(number, signal.SIG_IGN)
    time.sleep(600)


def _stop() -> None:
    os.kill(os.getpid(), signal.SIGSTOP)


def _want_more_than_there_is() -> None:
    np.ones(1 << 46)


def _eat_memory() -> None:
    """All that a limit, as of a shell or a container, leaves to this process."""
    import resource

    used = int(open("/proc/self/statm").read().split()[0]) * mmap.PAGESIZE  # noqa: PTH123, SIM115
    resource.setrlimit(resource.RLIMIT_AS, (used + (64 << 20), resource.RLIM_INFINITY))
    eaten = []
    while True:
        eaten.append(np.ones(1 << 17))


def _be_killed_for_memory() -> None:
    os.kill(os.getpid(), signal.SIGKILL)  # as the kernel does


def _print_a_lot() -> None:
    os.write(1, b"x" * 200_000)
    print("y" * 200_000, file=sys.stderr)
    raise RuntimeError("after many words")


def _start_others() -> None:
    subprocess.Popen(["sleep", "3"])
    raise RuntimeError("others are still there")


def _say_too_much() -> None:
    raise RuntimeError("x" * 2_000_000)


HOW: dict[str, Callable[[], None]] = {
    name.lstrip("_").replace("_", " "): function
    for name, function in list(globals().items())
    if name.startswith("_") and not name.startswith("__") and callable(function)
}


@dataclass(frozen=True)
class Bad:
    """Draws zeros, after it has done what ``how`` says."""

    how: str

    def sample(self, rng: np.random.Generator, fan_in: int, fan_out: int) -> Any:
        HOW[self.how]()
        return np.zeros((fan_in, fan_out))
