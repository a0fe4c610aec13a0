"""The command: ``python -m study`` for one run, ``python -m study -m`` for the study."""

import os
import sys
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import CompactHydraException
from hydra.types import RunMode
from omegaconf import DictConfig
from rich.console import Console
from rich.table import Table

from study.edge.arguments import EXPLAINABLE, as_choices, check_arguments, explained
from study.edge.schema import check_execution, register, run_config
from study.endings import quiet_endings
from study.errors import ConfigError, StudyError
from study.paths import conf_folder
from study.records.cells import label
from study.records.config import RunConfig
from study.records.record import RunRecord
from study.records.reuse import NEW, inspect, keep_measurements
from study.records.store import RunStore
from study.run import check_data, identify, run_safely

FULL_ERROR = "HYDRA_FULL_ERROR"  # asks Hydra for tracebacks


def execute(config: DictConfig) -> str | None:
    """Do one run: store its record and, unless it is a job of a sweep, print its result.

    Alone, a run that is stored already and still stands is shown and not repeated. A job returns
    the record's text, which the sweep stores if the job's store is another machine's.
    """
    alone = HydraConfig.get().mode != RunMode.MULTIRUN
    try:
        check_execution(config)
        if alone and config.claim is not None:
            raise ConfigError(
                "claim", "null in a single run; with -m, the name of a claim", config.claim
            )
        chosen = run_config(config)
        if alone:  # a sweep has done it for its jobs
            chosen = identify(chosen)
        store = RunStore(config.store)
        if config.dry_run:
            reason, _ = inspect(store, chosen)
            where = store.where(chosen.address)
            print(f"to run: 1 ({reason})" if reason else f"already stored: {where}")
            return None
        if alone and _show_stored(store, chosen):
            return None
        store.check_writable()
        if alone:
            check_data(chosen)
        record = run_safely(chosen)
        path = store.write(record)
    except StudyError as error:
        if not alone:  # the launcher carries it to the sweep
            raise CompactHydraException(str(error)) from None
        print(error, file=sys.stderr)
        raise SystemExit(1) from None
    if not alone:
        return record.to_json()
    show(record)
    print(f"record: {path}")
    if record.status == "failed":
        raise SystemExit(1)
    return None


def _show_stored(store: RunStore, config: RunConfig) -> bool:
    """Show the stored record of ``config`` if it stands; say why not if there is one."""
    reason, record = inspect(store, config)
    if record is not None:
        keep_measurements(config, record)
        if reason is None:
            show(record)
            print(f"already stored: {store.where(record.address)}")
    if reason not in (None, NEW):
        print(f"run again: {reason}", file=sys.stderr)
    return reason is None


def show(record: RunRecord) -> None:
    """Print a run's result as a short table, or what went wrong."""
    if record.status == "failed":
        print(f"the run failed:\n{record.error}", file=sys.stderr)
        return
    config = record.run_config
    print(f"{label(config.init)} · {label(config.activation)} · {record.status}")
    table = Table()
    for column in ("", "train", "test"):
        table.add_column(column, justify="right")
    for metric in ("loss", "accuracy"):
        values = [record.final[f"{split}_{metric}"] for split in ("train", "test")]
        table.add_row(metric, *(f"{value:.4f}" for value in values))
    Console().print(table)
    if record.diverged_at is not None:
        print(f"the loss was not finite at step {record.diverged_at}")


def main() -> Any:
    """What ``study.__main__`` starts, once it has been imported."""
    register()
    if not sys.stdout.isatty():
        os.environ.setdefault("COLUMNS", "100")  # rich would break lines at 80 in a log
    asked = os.environ.get(FULL_ERROR) == "1"
    try:
        check_arguments(sys.argv[1:])
    except StudyError as error:
        print(error, file=sys.stderr)
        raise SystemExit(1) from None
    sys.argv[1:] = as_choices(sys.argv[1:])
    os.environ[FULL_ERROR] = "1"  # Hydra lets its errors out, instead of printing them
    command = hydra.main(
        version_base="1.3", config_path=str(conf_folder().resolve()), config_name="config"
    )(execute)
    try:
        with quiet_endings():
            return command()
    except EXPLAINABLE as error:
        if asked:
            raise
        print(explained(error), file=sys.stderr)
        raise SystemExit(1) from None
