"""Worker processes: what one of them does to itself, it does to nothing else."""

import os
import random
import signal
import threading
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from starter import path_with, wait_until
from starting import HERE

from study.edge import pool
from study.edge.pool import run_cells
from study.records.config import DataConfig, EvaluationConfig, RunConfig
from study.records.record import RunRecord
from study.records.store import RunStore
from study.run import run


@pytest.fixture(autouse=True)
def schemes_importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", path_with(HERE))


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path / "runs")


def cell(how: str = "well", seed: int = 0, **changes: object) -> RunConfig:
    init = {"name": "misbehave", "_target_": "misbehave.Misbehave", "how": how}
    return replace(
        RunConfig(
            seed=seed,
            data=DataConfig("gaussian"),
            hidden=[4],
            init=init,
            activation={"name": "relu", "_target_": "study.network.activations.ReLU"},
            num_epochs=0,
            evaluation=EvaluationConfig(points=1),
        ),
        **changes,
    )


def read(store: RunStore, config: RunConfig) -> RunRecord:
    found = store.read(config.address)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("raise", "RuntimeError: the scheme is broken"),
        ("exit", "the worker process ended with exit code 7"),
        ("kill", "the worker process was killed by signal 9"),
        ("hang", "the run took more than timeout=6.0 s"),
        ("leave", "the run called for an exit (3)"),
    ],
)
def test_a_bad_run_fails_alone_and_its_record_says_why(
    store: RunStore, how: str, message: str
) -> None:
    good = [cell(seed=seed) for seed in range(6)]
    bad = cell(how)
    cells = [*good[:3], bad, *good[3:]]
    assert run_cells(cells, store, workers=2, timeout=6.0 if how == "hang" else None) == []
    assert [read(store, config).status for config in good] == ["completed"] * 6
    failed = read(store, bad)
    assert failed.status == "failed"
    assert message in (failed.error or "")
    assert failed.config == bad.to_dict()


def test_workers_that_are_killed_at_any_moment_lose_only_their_own_run(store: RunStore) -> None:
    """Nothing finished is lost, nothing half-written is read; another sweep completes the rest."""
    cells = [cell(seed=seed, hidden=[200] * 3) for seed in range(40)]
    stop = threading.Event()
    killed = 0

    def kill_some() -> None:
        nonlocal killed
        rng = random.Random(0)
        while not stop.wait(rng.uniform(0.2, 0.6)):
            workers = _children()
            # on a busy machine all are hit before they are ready; at one more the pool gives up
            if workers and killed < pool.FAILED_STARTS - 1:
                os.kill(rng.choice(workers), signal.SIGKILL)
                killed += 1

    killer = threading.Thread(target=kill_some)
    killer.start()
    try:
        assert run_cells(cells, store, workers=2) == []
    finally:
        stop.set()
        killer.join()
    records = [read(store, config) for config in cells]
    failed = [record for record in records if record.status == "failed"]
    assert len(failed) <= killed
    assert all("killed by signal 9" in (record.error or "") for record in failed)
    assert {record.status for record in records} <= {"completed", "failed"}


def _children() -> list[int]:
    """Workers of this process: its children, but for multiprocessing's own helper."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if (
                entry.name.isdigit()
                and f"\nPPid:\t{os.getpid()}\n" in (entry / "status").read_text()
            ):
                command = (entry / "cmdline").read_bytes()
                if b"spawn_main" in command:
                    found.append(int(entry.name))
        except OSError:
            continue
    return found


def test_what_a_run_has_started_ends_with_its_worker(store: RunStore, tmp_path: Path) -> None:
    given = cell("start")
    given.init["touch"] = str(tmp_path / "pid")
    assert run_cells([given], store, workers=1) == []
    assert "exit code 7" in (read(store, given).error or "")
    left = Path("/proc", (tmp_path / "pid").read_text(), "cmdline")
    assert wait_until(lambda: not (left.exists() and left.read_bytes()), 5)  # gone, or a zombie


def test_a_worker_that_dies_after_storing_its_record_has_lost_nothing(store: RunStore) -> None:
    given = cell()
    whole = pool._Pool([given], store, 1, None)

    class Dead:
        """Stored its record, and was killed before it could say so."""

        cell, ready = given, True
        process = pipe = SimpleNamespace(join=lambda: None, close=lambda: None)

        def kill(self) -> None:
            pass

    whole._workers.append(Dead())  # type: ignore[arg-type]
    store.write(run(given))
    whole._lose(whole._workers[0], "killed", 0.0)
    assert read(store, given).status == "completed"


def test_workers_that_cannot_even_start_are_given_up(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONHOME", "/nowhere")
    cells = [cell(seed=seed) for seed in range(3)]
    messages = run_cells(cells, store, workers=2)
    assert [message.split(":")[0] for message in messages] == [c.address for c in cells]
    assert all("exit code" in message for message in messages)


def test_what_cannot_be_stored_is_reported(store: RunStore) -> None:
    cells = [cell(seed=seed) for seed in range(4)]
    blocked = cells[1].address
    store.check_writable()
    (store.folder / blocked[:2]).write_text("in the way")
    others = [config for config in cells if config.address[:2] != blocked[:2]]
    (message,) = run_cells(cells, store, workers=1)
    assert blocked in message
    assert "cannot be written" in message
    assert [read(store, config).status for config in others] == ["completed"] * len(others)


def test_a_dead_workers_record_that_cannot_be_stored_is_reported(store: RunStore) -> None:
    bad = cell("exit")
    store.check_writable()
    (store.folder / bad.address[:2]).write_text("in the way")
    (message,) = run_cells([bad], store, workers=1)
    assert bad.address in message


def test_no_cells_are_no_work(store: RunStore) -> None:
    assert run_cells([], store) == []


def test_no_worker_outlives_the_pool(store: RunStore) -> None:
    run_cells([cell(seed=seed) for seed in range(3)], store, workers=2)
    assert wait_until(lambda: not _children())


def test_an_interrupted_pool_ends_at_once(
    store: RunStore, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    begun = tmp_path / "begun"
    hanging = cell("hang")
    hanging.init["touch"] = str(begun)

    wait = pool.connection.wait

    def interrupt(pipes: Any, timeout: Any) -> Any:
        if wait_until(begun.exists, 0.2):
            raise KeyboardInterrupt
        return wait(pipes, 0.1)

    monkeypatch.setattr(pool.connection, "wait", interrupt)
    with pytest.raises(KeyboardInterrupt):
        run_cells([hanging, cell("hang", seed=1)], store, workers=1)
    assert wait_until(lambda: not _children())
    assert list(store.addresses()) == []
