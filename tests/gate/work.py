"""Counts of work: what a test compares instead of seconds, which differ on every machine."""

import contextlib
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pytest

import study

PACKAGE = str(Path(study.__file__).parent)


@contextlib.contextmanager
def products() -> Iterator[Counter[tuple[tuple[int, ...], tuple[int, ...]]]]:
    """Shapes of both sides of every product that is computed meanwhile, and how many of them."""
    found: Counter[tuple[tuple[int, ...], tuple[int, ...]]] = Counter()
    with pytest.MonkeyPatch.context() as patch:
        for name in ("dot", "matmul", "inner", "einsum", "tensordot"):
            function = getattr(np, name)

            def counted(a: Any, b: Any, *args: Any, function: Any = function, **more: Any) -> Any:
                found[np.shape(a), np.shape(b)] += 1
                return function(a, b, *args, **more)

            patch.setattr(np, name, counted)
        yield found


@contextlib.contextmanager
def calls() -> Iterator[Counter[str]]:
    """How often each function of this project is called meanwhile, by its qualified name."""
    found: Counter[str] = Counter()

    def count(frame: FrameType, event: str, _: Any) -> None:
        code = frame.f_code
        if event == "call" and code.co_filename.startswith(PACKAGE):
            found[code.co_qualname] += 1

    sys.setprofile(count)
    try:
        yield found
    finally:
        sys.setprofile(None)


@contextlib.contextmanager
def opened(folder: Path) -> Iterator[Counter[str]]:
    """How often each file below ``folder`` is opened meanwhile, by whatever means of Python."""
    found: Counter[str] = Counter()
    active = True

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if active and event == "open" and str(arguments[0]).startswith(str(folder)):
            found[str(arguments[0])] += 1

    sys.addaudithook(hook)  # stays for ever, silent
    try:
        yield found
    finally:
        active = False


@contextlib.contextmanager
def no_sleep() -> Iterator[None]:
    """Waiting fails: a run has nothing to wait for."""
    with pytest.MonkeyPatch.context() as patch:

        def sleep(seconds: float) -> None:
            pytest.fail(f"something sleeps for {seconds} s")

        patch.setattr(time, "sleep", sleep)
        yield
