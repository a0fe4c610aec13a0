"""Running: which cells a store lacks, and how the sweep's launcher brings them into it."""

import itertools
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hydra.core.utils import JobStatus
from omegaconf import DictConfig
from rich.console import Console

from study.edge.cluster import is_cluster, keep_returned, run_on_cluster
from study.edge.progress import StoreProgress
from study.edge.schema import plain
from study.records.compaction import COMPACTING, compact
from study.records.config import RunConfig, hydra_string, overrides
from study.records.record import NEWER
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
    """

    def __init__(self, config: DictConfig, launcher: Any, console: Console) -> None:
        self.store = RunStore(config.store)
        self.console = console
        self.runs = Runs()
        self.problems: list[str] = []
        self.wanted = self.stored = 0
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
        """
        pending = sorted(stock.reasons, key=lambda address: cost(cells[address]), reverse=True)
        self.wanted += len(cells)
        self.stored += len(cells) - len(pending)
        self.runs |= stock.runs
        if pending:
            costs = {address: cost(cells[address]) for address in pending}
            progress = StoreProgress(self.store, costs, self.console)
            try:
                with progress:
                    waiting = [cells[address] for address in pending]
                    self.problems += _launch(self._launcher, waiting, self.store, self._config)
            finally:
                self.stored += progress.counts["completed"] + progress.counts["diverged"]
        compact(self.store, announce=lambda count: self.console.print(COMPACTING.format(count)))
        after = take_stock(self.store, {address: cells[address] for address in pending})
        self.runs |= after.runs
        self.problems += [
            f"{address}: not replaced, {reason}"
            for address, reason in after.reasons.items()
            if reason not in (NEW, FAILED)
        ]


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
    """Load each data set once and check that every cell finds the samples it wants."""
    seen = set()
    for cell in cells:
        # the Gaussian probe is another sample for each seed, always of the same size
        key = (cell.data.name, cell.data.root, cell.train_size, str(cell.batch_size))
        if key not in seen:
            seen.add(key)
            check_data(cell)


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
