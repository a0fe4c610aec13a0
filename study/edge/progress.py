"""Progress of a sweep, read off the store, so that it works under every launcher."""

import re
import threading
import time
from collections import Counter
from collections.abc import Sequence
from types import TracebackType

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from study.records.store import RunStore, changed_at

STATUS = re.compile(r'"status": "(\w+)"')
POLL_SECONDS = 0.3
# In a log: a line at most this often.
LINE_SECONDS = 30.0


class StoreProgress:
    """Watches the store for the records of ``addresses`` and shows how many there are.

    A bar on a terminal, a plain line now and then elsewhere. Use as a context manager around
    the launch.
    """

    def __init__(self, store: RunStore, addresses: Sequence[str], console: Console) -> None:
        self._console = console
        self._paths = [store.path(address) for address in addresses]
        self._before = {path: changed_at(path) for path in self._paths}
        self._waiting = set(self._paths)
        self.counts: Counter[str] = Counter()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._started = self._last_line = time.monotonic()
        self._bar = Progress(
            TextColumn("runs"),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TextColumn("{task.fields[outcome]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("runs", total=len(self._paths), outcome="")

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
            due = time.monotonic() - self._last_line > LINE_SECONDS
            if due and not self._console.is_terminal:
                self._last_line = time.monotonic()
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
            self.counts[status[1] if status else "damaged"] += 1
        self._bar.update(self._task, completed=sum(self.counts.values()), outcome=self._outcome())

    def _outcome(self) -> str:
        return f"{self.counts['diverged']} diverged, {self.counts['failed']} failed"

    def _line(self) -> str:
        done, total = sum(self.counts.values()), len(self._paths)
        elapsed = time.monotonic() - self._started
        left = f", about {elapsed / done * (total - done):.0f} s left" if done else ""
        return f"{done:,} of {total:,} runs, {self._outcome()}, {elapsed:.0f} s{left}"
