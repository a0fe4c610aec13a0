"""Jobs on a cluster: batches of cells, each run by worker processes of whichever node takes it.

``hydra/launcher`` says where jobs go and what they get: ``ray``, ``submitit_slurm`` or
``submitit_local``. They are handed in here and not by the launchers themselves, which start one
job for each cell, wait for all of them in order and give up at the first that is lost.
"""

import contextlib
import math
import os
import platform
import re
import tempfile
import time
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from study import data
from study.edge.pool import run_cells
from study.errors import ConfigError, StudyError
from study.records.config import RunConfig
from study.records.provenance import code_fingerprint, libraries
from study.records.record import RecordError, RunRecord
from study.records.reuse import LIBRARIES, inspect
from study.records.store import RunStore

# Cells of a job, for each of its workers: a job takes seconds to start, a lost one is done again.
CELLS_PER_WORKER = 25
# Slurm's arrays have at most 1,001 jobs unless it is set up otherwise.
MOST_JOBS = 1000
# How often to ask what has become of the jobs.
POLL_SECONDS = 0.5

Settings = Mapping[str, Any]
"""The composed ``hydra.launcher``."""


@dataclass(frozen=True)
class Outcome:
    """What a job sends back.

    Attributes:
        problems: what could not be run or stored, a message each.
        records: the texts of the records, where the job could not see the store.
    """

    problems: list[str]
    records: list[str]


@dataclass(frozen=True)
class Batch:
    """A job: it is sent to a node, called there, and returns an ``Outcome``.

    Attributes:
        cells: configurations, as plain containers.
        conditions: what their results depend on besides; see ``_conditions``.
        store: absolute path of the store on the machine that sweeps.
        mark: a file there; a node that sees it shares the store.
        workers: processes of the job.
        timeout: seconds for one run; None for no limit.
    """

    cells: list[dict[str, Any]]
    conditions: dict[str, str]
    store: str
    mark: str
    workers: int
    timeout: float | None

    def __call__(self) -> Outcome:
        for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
            os.environ[variable] = "1"  # the workers inherit it; see study.__main__
        cells = [RunConfig.from_dict(cell) for cell in self.cells]
        refusal = self._refusal(cells)
        if refusal:
            return Outcome([f"{cell.address}: {refusal}" for cell in cells], [])
        if Path(self.mark).exists():
            store = RunStore(self.store)
            # a job that a lost node has begun is started again on another one
            cells = [cell for cell in cells if inspect(store, cell)[0] is not None]
            return Outcome(self._run(cells, store), [])
        with tempfile.TemporaryDirectory(prefix="study-") as folder:
            store = RunStore(folder)
            problems = self._run(cells, store)
            paths = (store.path(cell.address) for cell in cells)
            return Outcome(problems, [store.read_text(path) for path in paths if path.exists()])

    def checkpoint(self) -> Any:
        """What Slurm starts in place of a job that it has to stop: the same job once more."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)

    def _run(self, cells: Sequence[RunConfig], store: RunStore) -> list[str]:
        return run_cells(cells, store, workers=self.workers, timeout=self.timeout)

    def _refusal(self, cells: Sequence[RunConfig]) -> str | None:
        """Why this node would not give the results that the sweep wants; None if it would."""
        try:
            here = _conditions(cells)
        except StudyError as error:
            return f"{platform.node()}: {error}"
        for key, wanted in self.conditions.items():
            if here.get(key) != wanted:
                return (
                    f"{platform.node()}: {key} is {here.get(key)}, but {wanted} where the sweep "
                    "was started; install the same versions on all nodes"
                )
        return None


def is_cluster(settings: Settings) -> bool:
    """Whether ``hydra.launcher`` is one for which jobs are handed in here."""
    return settings["_target_"] in SCHEDULERS


def run_on_cluster(
    settings: Settings,
    cells: Sequence[RunConfig],
    store: RunStore,
    *,
    workers: int | None,
    timeout: float | None,
    cells_per_job: int | None,
) -> list[str]:
    """Run every cell in a job of the cluster; its record is in the store afterwards.

    A job that is lost loses only those of its cells that had no record yet (without a shared
    folder all of its cells). If this process is interrupted, the jobs are cancelled.

    Args:
        settings: the composed ``hydra.launcher``.
        cells: the longest first.
        workers: processes of a job; None for one on each of the cores that it asks for.
        timeout: seconds for one run; None for no limit.
        cells_per_job: None for 25 for each worker, or more if that made over 1,000 jobs.

    Returns:
        What could not be run or stored, a message each.
    """
    scheduler = SCHEDULERS[settings["_target_"]](settings, workers)
    size = cells_per_job or max(
        CELLS_PER_WORKER * scheduler.workers, math.ceil(len(cells) / MOST_JOBS)
    )
    count = math.ceil(len(cells) / size)
    groups = [cells[i::count] for i in range(count)]  # dealt like cards: each gets as long ones
    folder = store.folder.absolute()
    problems: list[str] = []
    # the name is that of an abandoned file, should this process be killed
    with tempfile.NamedTemporaryFile(prefix=".", suffix=".tmp", dir=folder / "plans") as mark:
        batches = [
            Batch(
                [cell.to_dict() for cell in group],
                _conditions(group),
                str(folder),
                mark.name,
                scheduler.workers,
                timeout,
            )
            for group in groups
        ]
        with contextlib.closing(scheduler.outcomes(batches)) as outcomes:
            for i, outcome in outcomes:
                by_address = {cell.address: cell for cell in groups[i]}
                if isinstance(outcome, Outcome):
                    problems += outcome.problems
                    problems += keep_returned(outcome.records, store, by_address)
                else:
                    problems += [
                        f"{address}: its job was lost ({_reason(outcome)})"
                        for address, cell in by_address.items()
                        if inspect(store, cell, address)[0] is not None
                    ]
    return problems


def keep_returned(
    texts: Sequence[str], store: RunStore, wanted: Mapping[str, RunConfig]
) -> list[str]:
    """Store the records that jobs have sent back, where the store has none that stands.

    Args:
        texts: as ``RunRecord.to_json`` wrote them.
        wanted: the cells they may be of, by address.

    Returns:
        What was refused or could not be stored, a message each.
    """
    problems = []
    for text in texts:
        try:
            record = RunRecord.from_json(text)
            if record.address not in wanted:
                raise RecordError(f"a job sent the record of {record.address}, which nobody wanted")
            if inspect(store, wanted[record.address], record.address)[0] is not None:
                store.write(record)
        except StudyError as error:
            problems.append(str(error))
    return problems


def _conditions(cells: Sequence[RunConfig]) -> dict[str, str]:
    """What the results of ``cells`` depend on besides their configurations, by name."""
    found = {f"the version of {key.partition('_')[0]}": libraries()[key] for key in LIBRARIES}
    for cell in cells:
        targets = tuple(sorted(str(choice["_target_"]) for choice in (cell.init, cell.activation)))
        found[f"the code of {' and '.join(targets)}"] = code_fingerprint(targets)
        if cell.data.name != "gaussian":  # drawn, from code
            checksum = data.checksum(cell.data.name, root=cell.data.root)
            found[f"the checksum of data={cell.data.name}"] = checksum
    return found


Outcomes = Generator[tuple[int, Outcome | Exception], None, None]
"""The number and the outcome of each batch, as they come."""


class _Ray:
    """Tasks of a Ray cluster: the one at ``ray.init.address``, or one made for the sweep."""

    def __init__(self, settings: Settings, workers: int | None) -> None:
        self._init = {"log_to_driver": False, "logging_level": "ERROR"} | settings["ray"]["init"]
        self._options = {"num_cpus": workers or 1} | settings["ray"]["remote"]
        self.workers = workers or max(1, int(self._options["num_cpus"]))

    def outcomes(self, batches: Sequence[Batch]) -> Outcomes:
        """Run all ``batches``; what is left when nobody listens any more is cancelled."""
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # it would report to its makers
        import ray

        ray.init(**self._init)
        waiting: dict[Any, int] = {}
        try:
            run = ray.remote(**self._options)(_call)
            waiting = {run.remote(batch): i for i, batch in enumerate(batches)}
            while waiting:
                done, _ = ray.wait(list(waiting), timeout=POLL_SECONDS)
                for reference in done:
                    i = waiting.pop(reference)
                    try:
                        outcome = ray.get(reference)
                    except Exception as error:
                        outcome = error
                    yield i, outcome
        finally:
            for reference in waiting:
                ray.cancel(reference, force=True)
            ray.shutdown()


class _Submitit:
    """Jobs of Slurm, one array of them, or processes that submitit starts on this machine."""

    def __init__(self, settings: Settings, workers: int | None) -> None:
        self._cluster = SUBMITIT[settings["_target_"]]
        self._parameters = {key: settings[key] for key in settings if key != "_target_"}
        for key in ("nodes", "tasks_per_node"):
            if self._parameters[key] != 1:
                received = self._parameters[key]
                raise ConfigError(
                    f"hydra.launcher.{key}", "1: more jobs, not larger ones", received
                )
        self.workers = workers or self._parameters["cpus_per_task"] or 1
        self._parameters["cpus_per_task"] = self._parameters["cpus_per_task"] or self.workers

    def outcomes(self, batches: Sequence[Batch]) -> Outcomes:
        """Run all ``batches``; what is left when nobody listens any more is cancelled."""
        import submitit
        from hydra_plugins.hydra_submitit_launcher.config import BaseQueueConf

        common = BaseQueueConf.__dataclass_fields__
        given = {
            key if key in common else f"{self._cluster}_{key}": value
            for key, value in self._parameters.items()
        }
        folder = given.pop("submitit_folder")
        resubmit = f"{self._cluster}_max_num_timeout"
        first = {resubmit: given.pop(resubmit)} if resubmit in given else {}
        executor = submitit.AutoExecutor(folder=folder, cluster=self._cluster, **first)
        executor.update_parameters(**given)
        waiting: dict[int, Any] = {}
        try:
            with executor.batch():  # the batch itself is what is called: it has checkpoint()
                jobs = [executor.submit(batch) for batch in batches]
            waiting = dict(enumerate(jobs))
            while waiting:
                done = [i for i, job in waiting.items() if job.done()]
                for i in done:
                    job = waiting.pop(i)
                    try:
                        outcome = job.result()
                    except Exception as error:
                        outcome = error
                    yield i, outcome
                if not done:
                    time.sleep(POLL_SECONDS)
        finally:
            for job in waiting.values():
                job.cancel(check=False)


def _call(batch: Batch) -> Outcome:
    return batch()


def _reason(error: Exception) -> str:
    """The line of a lost job's error that says what happened."""
    text = str(error).strip() or repr(error)
    named: list[str] = re.findall(r"^\w[\w.]*(?:Error|Exception|Interrupt): .+", text, re.MULTILINE)
    return named[-1] if named else text.splitlines()[0]


SUBMITIT = {
    "hydra_plugins.hydra_submitit_launcher.submitit_launcher.LocalLauncher": "local",
    "hydra_plugins.hydra_submitit_launcher.submitit_launcher.SlurmLauncher": "slurm",
}
SCHEDULERS: dict[str, type[_Ray] | type[_Submitit]] = {
    "hydra_plugins.hydra_ray_launcher.ray_launcher.RayLauncher": _Ray,
    **dict.fromkeys(SUBMITIT, _Submitit),
}
