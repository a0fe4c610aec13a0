"""Worker processes on this machine: one run each, none of which can take another down."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Sequence
from concurrent.futures import TimeoutError as RunTimeout
from concurrent.futures import as_completed
from typing import Any

from omegaconf import OmegaConf
from pebble import ProcessExpired, ProcessPool

from study.errors import ConfigError
from study.records.config import RunConfig
from study.records.store import RunStore
from study.run import failed, run_safely


def run_and_store(values: dict[str, Any], folder: str) -> str:
    """Run one configuration, store its record and return its status."""
    config = RunConfig.from_dict(values)
    record = run_safely(config)
    RunStore(folder).write(record)
    return record.status


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
        timeout: seconds for one run; None for no limit.

    Returns:
        What could not be stored, a message each.
    """
    count = min(workers or available_cores(), max(len(cells), 1))
    unstored: list[str] = []
    pool = ProcessPool(
        max_workers=count,
        initializer=_start_worker,
        context=multiprocessing.get_context("spawn"),
    )
    try:
        futures = {
            pool.schedule(
                run_and_store, args=[config.to_dict(), str(store.folder)], timeout=timeout
            ): config
            for config in cells
        }
        for future in as_completed(futures):
            config = futures[future]
            try:
                future.result()
            except RunTimeout:
                cause = f"the run took more than timeout={timeout} s"
                store.write(failed(config, cause, timeout or 0.0))
            except ProcessExpired as error:
                cause = f"the worker process ended with exit code {error.exitcode}"
                store.write(failed(config, cause, 0.0))
            except OSError as error:
                unstored.append(f"{config.address}: {error}")
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

    load = launcher.hydra_context.config_loader.load_sweep_config
    cells = []
    for overrides in job_overrides:
        values = OmegaConf.to_container(load(launcher.config, list(overrides)), resolve=True)
        assert isinstance(values, dict)
        cells.append(
            RunConfig.from_dict({key: values[key] for key in RunConfig.__dataclass_fields__})
        )
    for config in cells:
        config.validate()
    store = RunStore(launcher.config.store)
    unstored = run_cells(cells, store, workers=launcher.workers, timeout=launcher.timeout)
    if unstored:
        raise ConfigError("store", "a folder that takes the records", unstored)
    return [
        JobReturn(overrides=list(overrides), status=JobStatus.COMPLETED)
        for overrides in job_overrides
    ]
