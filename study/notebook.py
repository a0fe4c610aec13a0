"""The study from Python, for notebooks: do one run, read all runs as pandas frames.

>>> from study.notebook import run, read, read_record
>>> for init in ("xavier", "he"):
...     record = run(f"init={init}", "activation=tanh", "num_epochs=5", store="mine")
>>> record.final["test_accuracy"]
>>> read("mine").runs[["init", "test_accuracy"]]
>>> read_record(record.address, "mine").history["test_accuracy"]

Of a study, one experiment at a time: others have networks of other sizes, or untrained ones.

>>> runs = read("runs", experiment="learning_rates").runs
>>> runs.groupby(["activation", "init", "lr"])["test_accuracy"].mean()
"""

from dataclasses import dataclass
from pathlib import Path

import hydra
import pandas as pd

from study.analysis.frames import stored_frames
from study.edge.schema import register, run_config
from study.errors import ConfigError, StoreError
from study.paths import conf_folder
from study.records.plan import read_plan
from study.records.record import RunRecord
from study.records.store import RunStore
from study.run import identify
from study.run import run as run_one


@dataclass(frozen=True)
class Frames:
    """Runs of a store; see ``study.analysis.frames`` for columns, units and dtypes.

    Attributes:
        runs: one row for each run.
        points: one row for each run and evaluation.
        layers: one row for each run, moment and layer.
    """

    runs: pd.DataFrame
    points: pd.DataFrame
    layers: pd.DataFrame


def run(*overrides: str, store: str | Path | None = None) -> RunRecord:
    """Do one run with the overrides of the command line and return its record.

    Args:
        overrides: e.g. ``"init=xavier"``, ``"lr=0.1"``; see ``python -m study --help``.
        store: folder to keep the record in; None keeps nothing.

    Raises:
        ConfigError, DataError: the configuration or the data set cannot be used.
        hydra.errors.HydraException: an override is none, or names what is not there.
    """
    register()
    with hydra.initialize_config_dir(str(conf_folder().resolve()), version_base="1.3"):
        config = run_config(hydra.compose("config", list(overrides)))
    record = run_one(identify(config))
    if store is not None:
        RunStore(store).write(record)
    return record


def read(
    store: str | Path = "runs", *, experiment: str | None = None, study: str | None = None
) -> Frames:
    """Read records of a store as tidy frames, all of them unless something is asked for.

    Args:
        experiment: only its runs; experiments differ in more than what they vary.
        study: only the runs of the study of this name; with ``experiment``, None for the last one.

    Raises:
        ConfigError: the study has no such experiment; names those it has.
        StoreError: a record is damaged or of another schema; names the file.
    """
    wanted = None
    if experiment is not None or study is not None:
        plan = read_plan(RunStore(store), study)
        wanted = plan.addresses
        if experiment is not None:
            if experiment not in plan.experiments:
                expected = f"an experiment of {plan.name}"
                raise ConfigError("experiment", expected, experiment, plan.experiments)
            wanted = plan.experiments[experiment]
    stored = RunStore(store).load(wanted)
    for error in stored.errors:
        raise error
    return Frames(*stored_frames(stored.runs))


def read_record(address: str, store: str | Path = "runs") -> RunRecord:
    """The whole record of one run, wherever in the store it is.

    Args:
        address: of the run, as in ``read(store).runs["address"]``.

    Raises:
        StoreError: there is none, or it is damaged or of another schema.
    """
    record = RunStore(store).read(address)
    if record is None:
        raise StoreError(f"no record of {address} in {store}")
    return record
