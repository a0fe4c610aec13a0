"""Worker processes on this machine: one run each, none of which can take another down.

Every worker has a pipe of its own and there is nothing that two of them share, no lock and no
queue: whatever becomes of one, at whatever moment, only its own run is lost. The workers import
this module and what a run needs, nothing else.
"""

import contextlib
import math
import multiprocessing
import os
import signal
import sys
import time
import traceback
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import connection, resource_tracker
from typing import Any

from study.children import SIGKILL, end_with_parent
from study.errors import StoreError
from study.records.config import RunConfig
from study.records.reuse import inspect
from study.records.store import RunStore, changed_at
from study.run import failed, run_safely

# Workers that end before their first run, one after the other, until there is no use in more.
FAILED_STARTS = 5
# How long a worker whose pipe is closed may take to end.
END_SECONDS = 5.0
# How often to look for workers that have ended without a word.
LOOK_SECONDS = 0.5


def run_cells(
    cells: Sequence[RunConfig],
    store: RunStore,
    *,
    workers: int | None = None,
    timeout: float | None = None,
) -> list[str]:
    """Run every cell and store a record for each.

    A worker that dies or exceeds ``timeout`` fails only its own cell and is replaced.

    Args:
        workers: processes, >= 1; None for one on each core.
        timeout: seconds for one run, > 0; None for no limit.

    Returns:
        What could not be stored, a message each.
    """
    pool = _Pool(cells, store, workers or available_cores(), timeout)
    try:
        pool.run()
    finally:
        pool.stop()
    return pool.unstored


def available_cores() -> int:
    """Cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class _Worker:
    """A process, this side's end of its pipe, and the cell that it runs, if any."""

    def __init__(self, folder: str) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_work, args=(theirs, folder), daemon=True)
        # starting the tracker lifts the block on Ctrl-C, so it has to run before
        if sys.platform != "win32":  # which has no tracker
            resource_tracker.ensure_running()
        with _no_interrupt():
            self.process.start()
        theirs.close()
        self.ready = False
        self.cell: RunConfig | None = None
        self.deadline = math.inf

    def kill(self) -> None:
        """End the process and whatever its runs have started, which is in its group."""
        assert self.process.pid is not None
        if sys.platform != "win32":  # which has no such groups
            with contextlib.suppress(OSError):  # not yet a group
                os.killpg(self.process.pid, SIGKILL)
        self.process.kill()


class _Pool:
    """Gives the cells to workers, one at a time each."""

    def __init__(
        self, cells: Sequence[RunConfig], store: RunStore, count: int, timeout: float | None
    ) -> None:
        self.unstored: list[str] = []
        self._waiting = deque(cells)
        self._store = store
        self._before = {cell.address: changed_at(store.path(cell.address)) for cell in cells}
        self._count = count
        self._timeout = timeout
        self._workers: list[_Worker] = []
        self._failed_starts = 0

    def run(self) -> None:
        """Run all cells."""
        while self._waiting or any(worker.cell for worker in self._workers):
            busy = sum(worker.cell is not None for worker in self._workers)
            while len(self._workers) < min(self._count, len(self._waiting) + busy):
                self._workers.append(_Worker(str(self._store.folder)))
            pipes: dict[object, _Worker] = {worker.pipe: worker for worker in self._workers}
            patience = min(worker.deadline for worker in self._workers) - time.monotonic()
            ends = [worker.pipe for worker in self._workers]
            for pipe in connection.wait(ends, min(max(patience, 0.0), LOOK_SECONDS)):
                self._hear(pipes[pipe])
            # What a run has started may hold a dead worker's pipe open, so that it stays silent.
            for worker in [w for w in self._workers if w.process.exitcode is not None]:
                if not worker.pipe.poll():
                    self._lose(worker, _last_words(worker.process.exitcode), 0.0)
            for worker in [w for w in self._workers if w.deadline <= time.monotonic()]:
                cause = f"the run took more than timeout={self._timeout} s"
                self._lose(worker, cause, self._timeout or 0.0)

    def stop(self) -> None:
        """End all workers, whatever they do."""
        for worker in self._workers:
            worker.kill()
        for worker in self._workers:
            worker.process.join()
            worker.pipe.close()
        self._workers.clear()

    def _hear(self, worker: _Worker) -> None:
        """Take a worker's message, or learn of its end, and give it the next cell."""
        try:
            message = worker.pipe.recv()
            self._failed_starts, worker.ready = 0, True
            worker.cell, worker.deadline = None, math.inf
            if message:
                self.unstored.append(message)
            if self._waiting:
                worker.pipe.send(self._waiting[0].to_dict())
                worker.cell = self._waiting.popleft()
                worker.deadline = time.monotonic() + (self._timeout or math.inf)
        except (EOFError, OSError):
            # not join(timeout): it waits for a pipe, which such a worker has closed as well
            deadline = time.monotonic() + END_SECONDS
            while worker.process.exitcode is None and time.monotonic() < deadline:
                time.sleep(0.01)
            worker.kill()  # it has lost its pipe, but goes on
            worker.process.join()
            self._lose(worker, _last_words(worker.process.exitcode), 0.0)

    def _lose(self, worker: _Worker, cause: str, seconds: float) -> None:
        """Store the failure of a worker's cell and let go of the worker."""
        self._workers.remove(worker)
        worker.kill()
        worker.process.join()
        worker.pipe.close()
        if not worker.ready:
            self._failed_starts += 1
            if self._failed_starts >= FAILED_STARTS:
                self.unstored += [f"{cell.address}: {cause}" for cell in self._waiting]
                self._waiting.clear()
        # The record may be there already: the worker died before it could say so.
        if worker.cell and not self._stored(worker.cell):
            try:
                self._store.write(failed(worker.cell, cause, seconds))
            except StoreError as error:
                self.unstored.append(str(error))

    def _stored(self, cell: RunConfig) -> bool:
        return changed_at(self._store.path(cell.address)) != self._before[cell.address]


def _work(pipe: connection.Connection, folder: str) -> None:
    """A worker's life: run what the pipe brings until it is closed."""
    _follow_parent()
    store = RunStore(folder)
    pipe.send(None)  # ready
    while True:
        try:
            config = RunConfig.from_dict(pipe.recv())
        except EOFError:
            return
        pipe.send(_run_and_store(config, store))


def _run_and_store(config: RunConfig, store: RunStore) -> str | None:
    """Run one configuration and store its record; return what went wrong with storing it."""
    try:
        record = run_safely(config)
    except SystemExit as error:
        record = failed(config, f"the run called for an exit ({error.code})", 0.0)
    except BaseException:  # a run's own; Ctrl-C is not for workers
        record = failed(config, traceback.format_exc(), 0.0)
    try:
        # another sweep may have it already
        if record.status != "failed" or inspect(store, config)[0] is not None:
            store.write(record)
    except Exception as error:  # its cell is named, the others go on
        return f"{config.address}: {error}"
    return None


def _follow_parent() -> None:
    """Leave Ctrl-C to the parent, and end with it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(os, "setpgid"):
        os.setpgid(0, 0)  # a group, with what runs start: see _Worker.kill
    end_with_parent()


@contextmanager
def _no_interrupt() -> Iterator[None]:
    """Hold Ctrl-C back, also from the process that is started meanwhile, as long as it lives."""
    if sys.platform == "win32":
        yield
    else:
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _last_words(exitcode: int | None) -> str:
    if exitcode is None or exitcode >= 0:
        return f"the worker process ended with exit code {exitcode}"
    number = -exitcode
    if number == SIGKILL:
        return f"the worker process was killed by signal {number} (out of memory?)"
    return f"the worker process was killed by signal {number} ({signal.strsignal(number)})"


def launch(launcher: Any, job_overrides: Sequence[Sequence[str]]) -> list[Any]:
    """Hydra's launcher interface, for any sweeper: compose each job and run them all."""
    from hydra.core.utils import JobReturn, JobStatus
    from hydra.errors import CompactHydraException

    from study.edge.schema import run_config

    load = launcher.hydra_context.config_loader.load_sweep_config
    try:
        cells = [run_config(load(launcher.config, list(words))) for words in job_overrides]
    except ValueError as error:
        raise CompactHydraException(str(error)) from None
    store = RunStore(launcher.config.store)
    unstored = run_cells(cells, store, workers=launcher.workers, timeout=launcher.timeout)
    if unstored:
        raise CompactHydraException("\n".join(unstored))
    return [JobReturn(overrides=list(words), status=JobStatus.COMPLETED) for words in job_overrides]
