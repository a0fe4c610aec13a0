"""The command: ``python -m study`` for one run, ``python -m study -m`` for the study."""

import os
import sys
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from rich.console import Console
from rich.table import Table

from study.edge.schema import AppConfig, conf_folder, register
from study.errors import ConfigError, StudyError
from study.records.config import RunConfig
from study.records.record import METRICS, RunRecord
from study.records.store import RunStore
from study.run import check_data, run_safely


def run_config(config: DictConfig) -> RunConfig:
    """The part of the composed configuration that decides a run's result, validated.

    Raises:
        ConfigError: a value that cannot be used.
    """
    values = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
    assert isinstance(values, dict)
    for key in ("workers", "timeout"):
        if values[key] is not None and not values[key] > 0:
            raise ConfigError(key, "a number > 0 or null", values[key])
    chosen = RunConfig.from_dict({key: values[key] for key in RunConfig.__dataclass_fields__})
    chosen.validate()
    return chosen


def execute(config: DictConfig) -> None:
    """Do one run: store its record and, unless it is a job of a sweep, print its result."""
    alone = HydraConfig.get().mode != RunMode.MULTIRUN
    try:
        chosen = run_config(config)
        store = RunStore(config.store)
        store.check_writable()
        if alone:
            check_data(chosen)
    except StudyError as error:
        raise HydraException(str(error)) from None
    record = run_safely(chosen)
    path = store.write(record)
    if alone:
        show(record)
        print(f"record: {path}")
        if record.status == "failed":
            raise SystemExit(1)


def show(record: RunRecord) -> None:
    """Print a run's result as a short table, or what went wrong."""
    if record.status == "failed":
        print(f"the run failed:\n{record.error}", file=sys.stderr)
        return
    config = record.run_config
    table = Table(title=f"{config.init['name']} · {config.activation['name']} · {record.status}")
    for column in ("", "train", "test"):
        table.add_column(column, justify="right")
    for metric in ("loss", "accuracy"):
        values = [record.final[f"{split}_{metric}"] for split in ("train", "test")]
        table.add_row(metric, *(f"{value:.4f}" for value in values))
    assert len(METRICS) == 4
    if record.diverged_at is not None:
        table.caption = f"the loss was not finite at step {record.diverged_at}"
    Console().print(table)


def main() -> Any:
    """Entry point of the console script and of ``python -m study``."""
    register()
    # Hydra prints the whole application for --help; its name is in the configuration.
    os.environ.setdefault("COLUMNS", "100") if not sys.stdout.isatty() else None
    command = hydra.main(
        version_base="1.3", config_path=str(conf_folder().resolve()), config_name="config"
    )(execute)
    return command()


__all__ = ["AppConfig", "main"]
