"""Jobs of many cells: what a lost one costs, and what comes back from where there is no store."""

import os
import pickle
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from ray_nodes import UNSHARE, Nodes
from starter import own_chapter, processes_with, wait_until
from starting import Command

from study.edge import cluster
from study.edge.cluster import Batch, Outcome, keep_returned, run_on_cluster
from study.errors import ConfigError
from study.records.config import DataConfig, EvaluationConfig, RunConfig
from study.records.record import RunRecord
from study.records.store import RunStore
from study.run import run

pytestmark = pytest.mark.xdist_group("cluster")


def cell(seed: int = 0) -> RunConfig:
    return RunConfig(
        seed=seed,
        data=DataConfig("gaussian"),
        hidden=[4],
        init={"name": "he", "_target_": "study.network.initializers.VarianceScaling", "scale": 2.0},
        activation={"name": "relu", "_target_": "study.network.activations.ReLU"},
        num_epochs=0,
        evaluation=EvaluationConfig(points=1),
    )


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    (tmp_path / "runs" / "plans").mkdir(parents=True)
    return RunStore(tmp_path / "runs")


def batch(cells: Sequence[RunConfig], store: RunStore, mark: Path) -> Batch:
    """As it arrives on a node."""
    plain = [config.to_dict() for config in cells]
    sent = Batch(plain, cluster._conditions(cells), str(store.folder), str(mark), 1, None)
    arrived = pickle.loads(pickle.dumps(sent))  # noqa: S301 - our own
    assert isinstance(arrived, Batch)
    return arrived


# -- a job


def test_a_job_that_sees_the_store_puts_its_records_there(store: RunStore, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    mark.touch()
    cells = [cell(seed) for seed in range(3)]
    store.write(run(cells[0]))
    before = store.path(cells[0].address).stat().st_mtime_ns
    assert batch(cells, store, mark)() == Outcome([], [])
    assert set(store.addresses()) == {config.address for config in cells}
    assert store.path(cells[0].address).stat().st_mtime_ns == before, "it stood already"


def test_a_job_that_does_not_see_the_store_sends_its_records(
    store: RunStore, tmp_path: Path
) -> None:
    cells = [cell(seed) for seed in range(2)]
    outcome = batch(cells, store, tmp_path / "elsewhere")()
    assert list(store.addresses()) == []
    found = [RunRecord.from_json(text) for text in outcome.records]
    assert [record.address for record in found] == [config.address for config in cells]
    assert [r.result_digest() for r in found] == [run(config).result_digest() for config in cells]


def test_a_node_with_other_code_is_refused(store: RunStore, tmp_path: Path) -> None:
    sent = batch([cell()], store, tmp_path)
    key = next(key for key in sent.conditions if key.startswith("the code"))
    old = replace(sent, conditions=sent.conditions | {key: "0123"})
    (problem,) = old().problems
    assert cell().address in problem
    assert "ReLU" in problem
    assert "is 0123 where" not in problem
    assert "but 0123 where the sweep was started" in problem
    assert list(store.addresses()) == []


def test_a_node_without_the_data_is_refused(store: RunStore, tmp_path: Path) -> None:
    sent = batch([cell()], store, tmp_path)
    away = [sent.cells[0] | {"data": {"name": "idx", "root": "/nowhere", "label": "x"}}]
    (problem,) = replace(sent, cells=away)().problems
    assert "'/nowhere'" in problem


# -- what the jobs send back


def test_records_that_come_back_are_checked(store: RunStore) -> None:
    record, stale = run(cell(0)), run(cell(1))
    store.write(replace(stale, status="failed", error="x"))
    wanted = {config.address: config for config in (cell(0), cell(1))}
    damaged = record.to_json().replace("completed", "diverged")
    problems = keep_returned(
        [damaged, run(cell(2)).to_json(), record.to_json(), stale.to_json()], store, wanted
    )
    assert len(problems) == 2
    assert "damaged" in problems[0]
    assert f"{cell(2).address}, which nobody wanted" in problems[1]
    found = [store.read(config.address) for config in (cell(0), cell(1))]
    assert [r and r.status for r in found] == ["completed", "completed"]


def test_a_record_that_stands_is_not_replaced_by_one_that_comes_back(store: RunStore) -> None:
    good = run(cell())
    path = store.write(good)
    before = path.read_bytes()
    failed = replace(good, status="failed", error="x")
    assert keep_returned([failed.to_json()], store, {good.address: cell()}) == []
    assert path.read_bytes() == before


class Here:
    """A scheduler whose jobs run in this process; the one numbered ``lost`` is lost."""

    workers = 1
    lost: int | None = None
    sizes: list[int]

    def __init__(self, settings: Any, workers: int | None) -> None:
        type(self).sizes = []

    def outcomes(self, batches: Sequence[Batch]) -> cluster.Outcomes:
        for i, sent in enumerate(batches):
            self.sizes.append(len(sent.cells))
            # without starting a process: what is tried is what the sweep makes of the outcome
            texts = [run(RunConfig.from_dict(values)).to_json() for values in sent.cells]
            yield i, RuntimeError("node down\nmore") if i == self.lost else Outcome([], texts)


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> type[Here]:
    monkeypatch.setitem(cluster.SCHEDULERS, "here", Here)  # type: ignore[arg-type]
    monkeypatch.setattr(Here, "lost", None)
    return Here


def sweep(cells: Sequence[RunConfig], store: RunStore, size: int | None) -> list[str]:
    return run_on_cluster(
        {"_target_": "here"}, cells, store, workers=None, timeout=None, cells_per_job=size
    )


def test_cells_are_dealt_to_jobs(store: RunStore, here: type[Here]) -> None:
    cells = [cell(seed) for seed in range(7)]
    assert sweep(cells, store, 3) == []
    assert here.sizes == [3, 2, 2]
    assert set(store.addresses()) == {config.address for config in cells}
    assert list((store.folder / "plans").iterdir()) == [], "the mark has gone"


def test_there_are_as_many_jobs_as_an_array_may_have(
    store: RunStore, here: type[Here], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "MOST_JOBS", 2)
    monkeypatch.setattr(cluster, "CELLS_PER_WORKER", 1)
    assert sweep([cell(seed) for seed in range(5)], store, None) == []
    assert here.sizes == [3, 2]


def test_a_lost_job_loses_only_what_has_no_record(
    store: RunStore, here: type[Here], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(here, "lost", 1)
    cells = [cell(seed) for seed in range(6)]
    store.write(run(cells[1]))  # the lost job's first
    problems = sweep(cells, store, 3)
    lost = {cells[3].address, cells[5].address}
    assert problems == [
        f"{config.address}: its job was lost (node down)"
        for config in cells
        if config.address in lost
    ]
    assert set(store.addresses()) == {c.address for c in cells} - lost


def test_the_reason_of_a_lost_job_is_one_line() -> None:
    trace = "Job failed during processing with trace:\nTraceback …\nModuleNotFoundError: No study\n"
    assert cluster._reason(RuntimeError(trace)) == "ModuleNotFoundError: No study"
    assert cluster._reason(RuntimeError("gone\nsee the log")) == "gone"
    assert cluster._reason(KeyError()) == "KeyError()"


def test_a_job_of_several_nodes_is_refused() -> None:
    (slurm,) = (key for key, name in cluster.SUBMITIT.items() if name == "slurm")
    settings = {"_target_": slurm, "nodes": 2, "tasks_per_node": 1, "cpus_per_task": None}
    with pytest.raises(ConfigError, match=r"hydra\.launcher\.nodes: expected 1"):
        cluster.SCHEDULERS[slurm](settings, None)


# -- the command

TINY = """\
experiments:
  tiny:
    fixed: {hidden: [100, 100], num_epochs: 60, evaluation.points: 3, evaluation.test_samples: 200}
    axes:
      init: [he, xavier]
      seed: [0, 1, 2, 3, 4, 5, 6, 7]
"""
RUNS = 16


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """The words of a sweep of 16 runs that no figure wants, of half a second each."""
    known = own_chapter(tmp_path_factory.mktemp("conf"), TINY)
    words = (known, "experiment=tiny", "report.name=tiny")
    return ("-m", *words, "data=gaussian")


@pytest.fixture(scope="module")
def expected(tiny: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The results of the default launcher."""
    alone = Command(tmp_path_factory.mktemp("alone"))
    done = alone(*tiny)
    assert done.returncode == 0, done.stderr
    assert len(alone.digests()) == RUNS
    return alone.digests()


def have(module: str, extra: str) -> None:
    """Skip where the launcher is missing; CI has to have it."""
    if find_spec(f"hydra_plugins.{module}") is None:
        message = f"needs pip install 'study[{extra}]'"
        if os.environ.get("CI"):
            pytest.fail(f"CI has to have it: {message}")
        pytest.skip(message)


def assert_resumes(command: Command, words: Sequence[str], expected: dict[str, str]) -> None:
    """What is stored stays, the same command does the rest, and the results are the pool's."""
    stored = command.digests()
    assert len(stored) < RUNS
    assert stored.items() <= expected.items()
    again = command.afresh(*words)
    assert again.returncode == 0, again.stderr
    assert f"{len(stored)} stored, {RUNS - len(stored)} to run" in again.stderr
    assert command.digests() == expected


@pytest.fixture
def submitit() -> tuple[str, ...]:
    have("hydra_submitit_launcher", "slurm")
    return ("hydra/launcher=submitit_local", "cells_per_job=8")


def test_a_submitit_job_is_killed_and_the_sweep_resumed(
    command: Command, tiny: tuple[str, ...], submitit: tuple[str, ...], expected: dict[str, str]
) -> None:
    words = (*tiny, *submitit)
    process = command.start(*words)
    assert wait_until(lambda: len(command.records()) >= 3, 120)
    jobs = [pid for pid in command.alive() if "submitit.core._submit" in words_of(pid)]
    assert len(jobs) == 2
    os.kill(jobs[0], signal.SIGKILL)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "its job was lost" in err
    left = RUNS - len(command.records())
    assert 0 < left <= 8, "the other job goes on to its end"
    assert f"{left} missing" in err
    assert_resumes(command, words, expected)
    assert not command.alive(), "orphans"


def test_control_c_leaves_no_submitit_jobs(
    command: Command, tiny: tuple[str, ...], submitit: tuple[str, ...]
) -> None:
    process = command.start(*tiny, *submitit, "num_epochs=1000000")
    assert wait_until(lambda: any("spawn_main" in words_of(pid) for pid in command.alive()), 120)
    os.kill(process.pid, signal.SIGINT)  # from outside: the jobs have to be told
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "run again to continue" in err  # and the traceback of submitit's own process
    assert wait_until(lambda: not command.alive(), 20), "orphans"


def words_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""


@pytest.fixture(scope="module")
def apart(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that is not shared with the node ``far``."""
    return tmp_path_factory.mktemp("apart")


@pytest.fixture(scope="module")
def nodes(apart: Path) -> Iterator[Nodes]:
    """A head and two nodes of one core each."""
    have("hydra_ray_launcher", "ray")
    if subprocess.run([*UNSHARE, "true"], capture_output=True).returncode:
        message = "the user must be allowed to make a namespace of mounts (man unshare)"
        if os.environ.get("CI"):
            pytest.fail(f"CI has to have it: {message}")
        pytest.skip(message)
    with tempfile.TemporaryDirectory(prefix="ray-") as folder:
        nodes = Nodes(Path(folder))
        try:
            nodes.start_head()
            nodes.start("near")
            nodes.start("far", hidden=apart)
            yield nodes
        finally:
            nodes.stop()


@pytest.fixture
def on_ray(nodes: Nodes, monkeypatch: pytest.MonkeyPatch) -> tuple[str, ...]:
    for key, value in nodes.environment.items():
        monkeypatch.setenv(key, value)
    return ("hydra/launcher=ray", f"hydra.launcher.ray.init.address={nodes.address}")


def only(node: str) -> str:
    return f"+hydra.launcher.ray.remote.resources={{{node}: 1}}"


def test_records_come_back_from_a_node_that_does_not_share_the_store(
    apart: Path, tiny: tuple[str, ...], on_ray: tuple[str, ...], expected: dict[str, str]
) -> None:
    command = Command(apart)
    done = command(*tiny, *on_ray, only("far"), "cells_per_job=8", "num_epochs=60")
    assert done.returncode == 0, done.stderr
    assert command.digests() == expected


def test_control_c_leaves_nothing_running_on_a_node(
    command: Command, nodes: Nodes, tiny: tuple[str, ...], on_ray: tuple[str, ...]
) -> None:
    process = command.start(*tiny, *on_ray, only("far"), "num_epochs=1000000")
    assert wait_until(lambda: nodes.runs_on("far"), 120)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "run again to continue" in err
    assert "Traceback" not in err
    assert wait_until(lambda: not nodes.runs_on("far"), 20)
    assert not processes_with(command.mark)


def test_a_ray_node_is_killed_and_the_sweep_resumed(
    command: Command,
    nodes: Nodes,
    tiny: tuple[str, ...],
    on_ray: tuple[str, ...],
    expected: dict[str, str],
) -> None:
    """Last: the node does not come back."""
    words = (*tiny, *on_ray, "cells_per_job=8")
    process = command.start(*words, "+hydra.launcher.ray.remote.max_retries=0")
    assert wait_until(lambda: len(command.records()) >= 3, 120)
    assert nodes.runs_on("near")
    nodes.kill("near")
    _, err = process.communicate(timeout=120)
    assert process.returncode == 1, err
    assert "its job was lost" in err
    left = RUNS - len(command.records())
    assert 0 < left <= 8, "the other node goes on to its end"
    assert f"{left} missing" in err
    assert_resumes(command, words, expected)
