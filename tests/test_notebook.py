"""The study from Python."""

from pathlib import Path

import pandas as pd
import pytest
from hydra.errors import HydraException

from study.errors import ConfigError, StoreError
from study.notebook import read, read_record, run
from study.records.plan import StudyPlan
from study.records.store import RunStore

TINY = ("data=gaussian", "hidden=[5]", "num_epochs=1", "evaluation.points=2")


def test_one_run_and_its_frames(tmp_path: Path) -> None:
    record = run(*TINY, "init=xavier", "activation=tanh", store=tmp_path)
    assert record.status == "completed"
    assert run(*TINY, "init=normal", "init.std=0.5", "seed=1", store=tmp_path).config["seed"] == 1
    frames = read(tmp_path)
    assert set(frames.runs["init"]) == {"xavier", "normal 0.5"}
    assert len(frames.runs) == 2
    assert len(frames.points) == 4
    assert len(frames.layers) == 2 * 2 * 2
    for frame in (frames.runs, frames.points, frames.layers):
        assert isinstance(frame, pd.DataFrame)
        assert {"init", "activation", "seed"} <= set(frame.columns)


def test_without_a_store_nothing_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run(*TINY)
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_used_is_refused() -> None:
    with pytest.raises(ConfigError, match="dropout"):
        run(*TINY, "dropout=1")
    with pytest.raises(HydraException, match="hee"):
        run("init=hee")
    with pytest.raises(HydraException, match="colour"):
        run("colour=red")


def test_a_whole_record_is_found_by_its_address(tmp_path: Path) -> None:
    record = run(*TINY, store=tmp_path)
    assert read_record(record.address, tmp_path).result_digest() == record.result_digest()
    with pytest.raises(StoreError, match="no record of 0000"):
        read_record("0" * 20, tmp_path)


def test_an_experiment_of_a_study_is_read_alone(tmp_path: Path) -> None:
    records = {
        epochs: run(*TINY[:2], f"num_epochs={epochs}", "evaluation.points=2", store=tmp_path)
        for epochs in (0, 1, 2)
    }
    experiments = {"untrained": [records[0].address], "trained": [records[1].address]}
    for name in ("first", "last"):
        StudyPlan(name, "", "gaussian", "default", experiments=experiments).write(
            RunStore(tmp_path)
        )
        experiments = experiments | {"longer": [records[2].address]}
    assert len(read(tmp_path).runs) == 3
    assert list(read(tmp_path, experiment="trained").runs["num_epochs"]) == [1]
    assert list(read(tmp_path, experiment="longer").runs["num_epochs"]) == [2]
    assert sorted(read(tmp_path, study="first").runs["num_epochs"]) == [0, 1]
    with pytest.raises(ConfigError, match=r"an experiment of first.*'longer'.*trained"):
        read(tmp_path, experiment="longer", study="first")
    with pytest.raises(StoreError, match=r"no study called 'second'.*first, last"):
        read(tmp_path, study="second")


def test_an_empty_store_gives_empty_frames(tmp_path: Path) -> None:
    assert len(read(tmp_path / "nothing").runs) == 0


def test_a_damaged_record_is_named(tmp_path: Path) -> None:
    path = RunStore(tmp_path).write(run(*TINY))
    path.write_text("{}")
    with pytest.raises(StoreError, match=path.name):
        read(tmp_path)
