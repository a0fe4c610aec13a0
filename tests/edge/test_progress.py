"""Progress is read off the store, whoever writes it."""

import io
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from study.edge import progress as module
from study.edge.progress import StoreProgress
from study.records.config import RunConfig
from study.records.record import RunRecord, Status
from study.records.store import RunStore


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path)


def record(seed: int, status: Status) -> RunRecord:
    config = RunConfig(seed=seed, num_epochs=1)
    config.data.label = '"status": "failed"'  # it must not be taken for the run's
    return RunRecord(config.address, config.to_dict(), status)


def console(terminal: bool = False) -> Console:
    return Console(file=io.StringIO(), force_terminal=terminal, width=100)


def text(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize("terminal", [False, True])
def test_what_is_stored_meanwhile_is_counted_by_status(store: RunStore, terminal: bool) -> None:
    records = [
        record(seed, status)
        for seed, status in enumerate(("completed", "completed", "diverged", "failed", "failed"))
    ]
    store.write(records[0])
    store.write(records[3])
    shown = console(terminal)
    with StoreProgress(store, {item.address: 1.0 for item in records}, shown) as progress:
        for item in records[1:3]:
            store.write(item)
        store.write(replace(records[3], status="completed"))  # run again
    assert progress.counts == {"completed": 2, "diverged": 1}
    if terminal:
        assert "3/5" in text(shown)
        assert "1 diverged, 0 failed" in text(shown)


def test_a_log_gets_a_line_now_and_then(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(module, "LINE_SECONDS", 0.03)
    records = [record(seed, "completed") for seed in range(1000, 1003)]
    shown = console()
    with StoreProgress(store, {item.address: 1.0 for item in records}, shown) as progress:
        store.write(records[0])
        while "1 of 3 runs" not in text(shown):
            progress._stop.wait(0.01)
    assert "1 of 3 runs, 0 diverged, 0 failed" in text(shown)
    assert "s left" in text(shown)


def test_a_log_of_a_short_sweep_has_no_lines(store: RunStore) -> None:
    shown = console()
    with StoreProgress(store, {}, shown):
        pass
    assert text(shown) == ""


def test_a_file_that_is_no_record_is_counted_as_damaged(store: RunStore) -> None:
    path = store.path(record(0, "completed").address)
    with StoreProgress(store, {path.stem: 1.0}, console()) as progress:
        path.parent.mkdir()
        path.write_bytes(b"\xff\x00")
    assert progress.counts == {"damaged": 1}


def test_a_failure_is_told_once_and_when_it_is_seen(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "POLL_SECONDS", 0.01)
    records = [record(0, "completed"), record(1, "failed"), record(2, "diverged")]
    costs = {item.address: 1.0 for item in records}
    told: list[str] = []
    with StoreProgress(store, costs, console(), on_failure=told.append) as progress:
        for item in records[:2]:
            store.write(item)
        while not told:
            progress._stop.wait(0.01)
        store.write(records[2])
    assert told == [records[1].address]


def test_the_time_left_is_that_of_the_work_left(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The longest runs start first: by their number it began at five times the truth."""
    monkeypatch.setattr(module, "POLL_SECONDS", 1e9)  # it is looked at by hand
    now = 0.0
    records = [record(seed, "completed") for seed in range(20)]
    records[1] = replace(records[1], status="failed")
    work = [60.0, 1000.0, *[2.0] * 18]
    costs = {item.address: cost for item, cost in zip(records, work, strict=True)}
    with StoreProgress(store, costs, console(), clock=lambda: now) as progress:

        def left(seconds: float, *stored: RunRecord) -> float | None:
            nonlocal now
            now = seconds
            for item in stored:
                store.write(item)
            progress._poll()
            return progress.seconds_left()

        assert left(1.0) is None
        assert left(2.0, records[2]) is None  # 2 of 1,096
        assert left(3.0, records[1]) is None  # what failed at once is no work: 2 of 96
        assert left(31.0, records[0]) == 17.0  # 62 done, 34 left
        assert left(40.0) == pytest.approx(40 * 34 / 62)  # nothing more is done
        assert left(48.0, *records[3:]) == 0.0
