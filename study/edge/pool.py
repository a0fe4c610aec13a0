"""Worker processes on this machine: one run each, none of which can take another down.

The workers import this module and what a run needs, nothing else.
"""

import multiprocessing
import os
import signal
import threading
from collections.abc import Sequence
from concurrent.futures import TimeoutError as RunTimeout
from concurrent.futures import as_completed
from typing import Any

from pebble import ProcessExpired, ProcessPool

from study.errors import StoreError
from study.records.config import RunConfig
from study.records.store import RunStore
from study.run import failed, run_safely


def run_and_store(values: dict[str, Any], folder: str) -> None:
    """Run one configuration and store its record."""
    RunStore(folder).write(run_safely(RunConfig.from_dict(values)))


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
    count = min(workers or available_cores(), max(len(cells), 1))
    before = {cell.address: _changed_at(store, cell.address) for cell in cells}
    unstored: list[str] = []
    pool = ProcessPool(
        max_workers=count,
        initializer=_start_worker,
        context=multiprocessing.get_context("spawn"),
    )
    try:
        futures: dict[Any, RunConfig] = {
            pool.schedule(
                run_and_store, args=[cell.to_dict(), str(store.folder)], timeout=timeout
            ): cell
            for cell in cells
        }
        for future in as_completed(futures):
            cell, seconds = futures[future], 0.0
            try:
                future.result()
                continue
            except RunTimeout:
                cause, seconds = f"the run took more than timeout={timeout} s", timeout or 0.0
            except ProcessExpired as error:
                cause = _last_words(error.exitcode)
            except Exception as error:
                unstored.append(str(error))
                continue
            if _changed_at(store, cell.address) != before[cell.address]:
                continue  # it had stored its record already
            try:
                store.write(failed(cell, cause, seconds))
            except StoreError as error:
                unstored.append(str(error))
        pool.close()
    except BaseException:
        pool.stop()
        raise
    finally:
        pool.join()
    return unstored


def available_cores() -> int:
    """Cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _changed_at(store: RunStore, address: str) -> int | None:
    try:
        return store.path(address).stat().st_mtime_ns
    except OSError:
        return None


def _last_words(exitcode: int | None) -> str:
    if exitcode is not None and exitcode < 0:
        return f"the worker process was killed by signal {-exitcode} (out of memory?)"
    return f"the worker process ended with exit code {exitcode}"


def _start_worker() -> None:
    """Leave Ctrl-C to the parent, and end with it even if it is killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()

    def follow() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=follow, daemon=True).start()


def launch(launcher: Any, job_overrides: Sequence[Sequence[str]]) -> list[Any]:
    """Hydra's launcher interface, for any sweeper: compose each job and run them all."""
    from hydra.core.utils import JobReturn, JobStatus
    from hydra.errors import HydraException

    from study.edge.schema import run_config

    load = launcher.hydra_context.config_loader.load_sweep_config
    try:
        cells = [run_config(load(launcher.config, list(words))) for words in job_overrides]
    except ValueError as error:
        raise HydraException(str(error)) from None
    store = RunStore(launcher.config.store)
    unstored = run_cells(cells, store, workers=launcher.workers, timeout=launcher.timeout)
    if unstored:
        raise HydraException("\n".join(unstored))
    return [JobReturn(overrides=list(words), status=JobStatus.COMPLETED) for words in job_overrides]
