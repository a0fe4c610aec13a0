"""Progress of the drawing: a bar on a terminal, a line now and then in a log."""

import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from rich.console import Console
from rich.progress import track

# In a log: a line at most this often.
LINE_SECONDS = 5.0

T = TypeVar("T")


def counted(
    items: Iterable[T],
    total: int,
    console: Console | None,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[T]:
    """``items``, one by one, while ``console`` shows how many figures have been drawn.

    Args:
        total: how many there are.
        console: None for silence.
        clock: seconds, from any moment on.
    """
    if console is None or not total:
        yield from items
        return
    if console.is_terminal:
        yield from track(items, "drawing", total, console=console, transient=True)
        return
    started = last = clock()
    console.print(f"drawing {total:,} figure{'s' * (total != 1)}")
    for done, item in enumerate(items, 1):
        yield item  # and when the next one is asked for, this one is drawn
        now = clock()
        if done == total or now - last >= LINE_SECONDS:
            last = now
            console.print(f"{done:,} of {total:,} figures drawn, {now - started:.0f} s")
