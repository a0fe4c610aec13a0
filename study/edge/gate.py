"""The gate's runs: composed from ``conf/chapter/gate``, run in this machine's workers."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode
from rich.console import Console

from study.edge.arguments import as_choices
from study.edge.planning import Planned, plan_study
from study.edge.pool import run_cells
from study.edge.progress import StoreProgress
from study.edge.running import check_all_data, cost
from study.edge.schema import register
from study.errors import StudyError
from study.gate.rules import EXPERIMENT
from study.paths import conf_folder
from study.records.config import RunConfig
from study.records.record import RunRecord
from study.records.store import RunStore

TIMEOUT = 60.0  # seconds; a run takes a fraction of one


def gate_cells() -> dict[str, RunConfig]:
    """The configurations of the gate's runs, by address."""
    return planned([f"experiment={EXPERIMENT}"]).cells


def planned(words: Sequence[str]) -> Planned:
    """What ``python -m study -m`` with these ``words`` would run.

    Args:
        words: overrides, as on the command line.

    Raises:
        ConfigError: a value cannot be used, or nothing is left to run.
    """
    register()
    with initialize_config_dir(str(conf_folder().resolve()), version_base="1.3"):
        loader = GlobalHydra.instance().config_loader()
        chosen = as_choices(words)
        config = loader.load_configuration("config", chosen, run_mode=RunMode.MULTIRUN)
        return plan_study(config, chosen, loader)


def run_gate(
    cells: Mapping[str, RunConfig], folder: Path, *, workers: int | None, console: Console
) -> None:
    """Run all ``cells`` and keep their records in ``folder``.

    Raises:
        DataError, StoreError: the data are not there, or records cannot be written.
    """
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(variable, "1")  # the workers inherit it; see study.__main__
    store = RunStore(folder)
    store.check_writable()
    check_all_data(cells.values())
    # the slow ones first; a run on full batches takes three times as long as any other
    order = sorted(cells, key=lambda address: cells[address].batch_size != "full")
    with StoreProgress(store, {a: cost(cells[a]) for a in order}, console):
        problems = run_cells(
            [cells[address] for address in order], store, workers=workers, timeout=TIMEOUT
        )
    if problems:
        raise StudyError("not stored: " + "; ".join(problems[:3]))


def read_records(
    folder: Path, addresses: Mapping[str, object] | set[str]
) -> tuple[list[RunRecord], list[str]]:
    """The records of ``addresses`` that are in ``folder``; and what is wrong with others."""
    store = RunStore(folder)
    records, problems = [], []
    for address in sorted(addresses):
        try:
            record = store.read(address)
        except StudyError as error:
            problems.append(str(error))
            continue
        if record is not None:
            records.append(record)
    return records, problems
