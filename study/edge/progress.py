"""Progress of a sweep, read off the store, so that it works under every launcher."""

import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from types import TracebackType

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
)

from study.records.store import RunStore, changed_at

STATUS = re.compile(r'"status": "(\w+)"')
POLL_SECONDS = 0.3
# In a log: a line at most this often.
LINE_SECONDS = 30.0
# Share of the whole work that has to be done before it says how long the rest will take.
ENOUGH = 0.05


class StoreProgress:
    """Watches the store for records and shows how many there are.

    A bar on a terminal, a plain line now and then elsewhere. Use as a context manager around
    the launch. The time left is that of the work left, not of the runs: the longest start first.

    Args:
        costs: the expected work of each run, in any unit, by address.
        clock: seconds, from any moment on.
        on_failure: called with the address of each run that has failed, as soon as it is seen;
            mostly from another thread.
    """

    def __init__(
        self,
        store: RunStore,
        costs: Mapping[str, float],
        console: Console,
        clock: Callable[[], float] = time.monotonic,
        on_failure: Callable[[str], None] = lambda address: None,
    ) -> None:
        self._console = console
        self._clock = clock
        self._on_failure = on_failure
        self._costs = {store.path(address): cost for address, cost in costs.items()}
        self._paths = list(self._costs)
        self._before = {path: changed_at(path) for path in self._paths}
        self._waiting = set(self._paths)
        self.counts: Counter[str] = Counter()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._done = 0.0  # work
        self._all = sum(self._costs.values())
        self._started = self._last_line = clock()
        self._bar = Progress(
            TextColumn("runs"),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TextColumn("{task.fields[outcome]}"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[left]}"),
            console=console,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("runs", total=len(self._paths), outcome="", left="")

    def __enter__(self) -> "StoreProgress":
        self._bar.start()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()
        self._poll()
        self._bar.stop()

    def _watch(self) -> None:
        while not self._stop.wait(POLL_SECONDS):
            self._poll()
            due = self._clock() - self._last_line > LINE_SECONDS
            if due and not self._console.is_terminal:
                self._last_line = self._clock()
                self._console.print(self._line(), highlight=False)

    def _poll(self) -> None:
        for path in list(self._waiting):
            try:
                if changed_at(path) == self._before[path]:
                    continue
                status = STATUS.search(path.read_text(encoding="utf-8", errors="replace"))
            except OSError:
                continue
            self._waiting.discard(path)
            kind = status[1] if status else "damaged"
            self.counts[kind] += 1
            if kind in ("completed", "diverged"):
                self._done += self._costs[path]
            else:  # it took as long as it took, which says nothing of the others
                self._all -= self._costs[path]
            if kind == "failed":
                self._on_failure(path.stem)
        self._bar.update(
            self._task,
            completed=sum(self.counts.values()),
            outcome=self._outcome(),
            left=self._left(),
        )

    def _outcome(self) -> str:
        return f"{self.counts['diverged']} diverged, {self.counts['failed']} failed"

    def _line(self) -> str:
        done, total = sum(self.counts.values()), len(self._paths)
        elapsed = self._clock() - self._started
        said = (f"{done:,} of {total:,} runs", self._outcome(), f"{elapsed:.0f} s", self._left())
        return ", ".join(filter(None, said))

    def _left(self) -> str:
        seconds = self.seconds_left()
        return "" if seconds is None else f"about {seconds:.0f} s left"

    def seconds_left(self) -> float | None:
        """How long the rest will take, judged by the work that is done; None if that is little.

        Runs that have begun count as not done.
        """
        if not self._done or self._done < ENOUGH * self._all:
            return None
        elapsed = self._clock() - self._started
        return elapsed * (self._all - self._done) / self._done
