"""Running: which cells a store lacks, and how the sweep's launcher brings them into it."""

import _thread
import contextlib
import itertools
import logging
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any

from hydra.core.utils import JobStatus
from omegaconf import DictConfig
from rich.console import Console

from study.edge.cluster import is_cluster, keep_returned, run_on_cluster
from study.edge.progress import StoreProgress
from study.edge.schema import plain
from study.errors import ConfigError, StoreError
from study.records.compaction import COMPACTING, compact
from study.records.config import RunConfig, hydra_string, overrides
from study.records.record import NEWER, RunRecord
from study.records.reuse import FAILED, NEW, keep_measurements, stale
from study.records.runs import Runs
from study.records.store import RunStore
from study.run import check_data

log = logging.getLogger(__name__)


@dataclass
class Stock:
    """What the store has of a study.

    Attributes:
        runs: those that do not stand are left out, failed ones not.
        reasons: why a cell has to be run, by address.
        unreadable: the files whose record cannot be used, and why.
    """

    runs: Runs = field(default_factory=Runs)
    reasons: dict[str, str] = field(default_factory=dict)
    unreadable: list[str] = field(default_factory=list)


class FailedFast(Exception):
    """With ``fail_fast=true`` a run has failed: nothing more is to be run."""


class Runner:
    """Brings cells into the store.

    Args:
        config: the composed configuration of the multirun.
        launcher: the launcher that Hydra instantiated.
        console: shows the progress.

    Attributes:
        store: where records go.
        runs: what it has of all cells so far.
        problems: what went wrong besides the runs themselves.
        wanted, stored: how many cells there were so far, and how many of them are stored.
        on_failure: called with the record of each run that fails, when it does.
    """

    def __init__(self, config: DictConfig, launcher: Any, console: Console) -> None:
        self.store = RunStore(config.store)
        self.console = console
        self.runs = Runs()
        self.problems: list[str] = []
        self.wanted = self.stored = 0
        self.on_failure: Callable[[RunRecord], None] = lambda record: None
        self._stopped = False
        self._config = config
        self._launcher = launcher

    def look_up(self, cells: Mapping[str, RunConfig]) -> Stock:
        """What the store has of ``cells``; checks the data of those that have to be run.

        Raises:
            StudyError: they cannot be run.
        """
        stock = take_stock(self.store, cells)
        check_all_data(cells[address] for address in stock.reasons)
        return stock

    def run(self, cells: Mapping[str, RunConfig], stock: Stock) -> None:
        """Run those of ``cells`` that are not in ``stock``, the result of looking them up.

        Raises:
            StudyError: a newer version has written into the store meanwhile.
            KeyboardInterrupt: ``stored`` says how many there are.
            FailedFast: the same, after the first failure.
        """
        pending = sorted(stock.reasons, key=lambda address: cost(cells[address]), reverse=True)
        self.wanted += len(cells)
        self.stored += len(cells) - len(pending)
        self.runs |= stock.runs
        if pending:
            costs = {address: cost(cells[address]) for address in pending}
            progress = StoreProgress(self.store, costs, self.console, on_failure=self._note_failure)
            try:
                with progress, _interruptible() if self._config.fail_fast else nullcontext():
                    waiting = [cells[address] for address in pending]
                    self.problems += _launch(self._launcher, waiting, self.store, self._config)
            except KeyboardInterrupt:
                if not self._stopped:
                    raise
            finally:
                self.stored += progress.counts["completed"] + progress.counts["diverged"]
            if self._stopped:
                raise FailedFast
        compact(self.store, announce=lambda count: self.console.print(COMPACTING.format(count)))
        after = take_stock(self.store, {address: cells[address] for address in pending})
        self.runs |= after.runs
        self.problems += [
            f"{address}: not replaced, {reason}"
            for address, reason in after.reasons.items()
            if reason not in (NEW, FAILED)
        ]

    def _note_failure(self, address: str) -> None:
        """Tell of a run that has failed; with ``fail_fast`` stop the launcher as Ctrl-C would."""
        with contextlib.suppress(StoreError):  # what cannot be read is named at the end
            record = self.store.read(address)
            if record is not None:
                self.on_failure(record)
        if not self._config.fail_fast or self._stopped:
            return
        self._stopped = True
        main = threading.main_thread()
        if threading.current_thread() is main or main.ident is None:
            return  # the launcher has ended
        if sys.platform == "win32":
            _thread.interrupt_main()
        else:
            signal.pthread_kill(main.ident, signal.SIGINT)  # ends its waiting, too


@contextmanager
def _interruptible() -> Iterator[None]:
    """Let SIGINT end what this thread waits for, also where it is ignored, as shells have it in
    the background."""
    before = signal.getsignal(signal.SIGINT)
    if before != signal.SIG_IGN:
        yield
        return
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def take_stock(store: RunStore, cells: Mapping[str, RunConfig]) -> Stock:
    """Look up every cell in the store.

    A cell that is to be run again will measure what its stored record has measured, too.

    Raises:
        ConfigError, DataError: a data set cannot be found.
        RecordError: a record is a newer version's, which this one must not replace.
    """
    found = store.load(cells)
    for error in found.errors:
        if error.reason == NEWER:
            raise error
    stock = Stock(unreadable=[str(error) for error in found.segments])
    standing = []
    for address, cell in cells.items():
        if address in found.unusable:
            log.warning("%s", found.unusable[address])
            stock.reasons[address] = found.unusable[address].reason
            stock.unreadable.append(f"{store.path(address)}: {stock.reasons[address]}")
        elif address not in found.runs:
            stock.reasons[address] = NEW
        else:
            record = found.runs[address]
            reason = stale(record, cell)
            if reason is not None:
                stock.reasons[address] = reason
                keep_measurements(cell, record)
            if reason in (None, FAILED):
                standing.append(address)
    stock.runs = found.runs.only(standing)
    return stock


def check_all_data(cells: Iterable[RunConfig]) -> None:
    """Load each data set once and check that every cell finds the samples it wants.

    Raises:
        ConfigError, DataError: one does not; of several data sets it is named.
    """
    by_set: dict[tuple[str, str | None], dict[tuple[int | None, str], RunConfig]] = {}
    for cell in cells:
        # the Gaussian probe is another sample for each seed, always of the same size
        own = by_set.setdefault((cell.data.name, cell.data.root), {})
        own.setdefault((cell.train_size, str(cell.batch_size)), cell)
    for (name, _), own in by_set.items():
        for cell in own.values():
            try:
                check_data(cell)
            except ConfigError as error:
                if len(by_set) == 1:
                    raise
                raise error.at(f"data set {cell.data.label or name}: {error.key}") from None


def cost(config: RunConfig) -> float:
    """Rough work of a run; the longest start first, so that no worker is left with one."""
    widths = [784, *config.hidden, 10]
    products = sum(a * b for a, b in itertools.pairwise(widths))
    samples = config.train_size or 4000
    batch = samples if isinstance(config.batch_size, str) else config.batch_size
    epochs = config.num_epochs if config.num_epochs is not None else 0
    steps = config.num_steps if config.num_steps is not None else epochs * samples / batch
    return steps * (products * batch + 5e6) + 1e8 * len(config.measure)


def _launch(
    launcher: Any, cells: Sequence[RunConfig], store: RunStore, config: DictConfig
) -> list[str]:
    """Run the cells; return what went wrong besides the runs themselves."""
    try:
        if hasattr(launcher, "run_cells"):  # the study's own: the cells are composed already
            problems: list[str] = launcher.run_cells(cells, store)
            return problems
        settings = plain(config.hydra, "launcher")
        if is_cluster(settings):
            return run_on_cluster(
                settings,
                cells,
                store,
                workers=config.workers,
                timeout=config.timeout,
                cells_per_job=config.cells_per_job,
            )
        execution = [f"store={hydra_string(config.store)}"]
        jobs = launcher.launch([[*overrides(cell), *execution] for cell in cells], 0)
    except Exception as error:  # a launcher that gave up: what it stored still counts
        return [f"the launcher stopped: {error}"]
    problems = [str(job._return_value) for job in jobs if job.status == JobStatus.FAILED]
    texts = [job.return_value for job in jobs if job.status == JobStatus.COMPLETED]
    return problems + keep_returned(texts, store, {cell.address: cell for cell in cells})
