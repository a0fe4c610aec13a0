"""Further learning rates: chosen by what is stored, the same after any interruption."""

import csv
import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from builders_records import config, record
from starter import PATIENCE, own_chapter, wait_until
from starting import Command

from study.analysis.frames import Results
from study.edge.rates import further_rates
from study.records.config import RunConfig
from study.records.plan import StudyPlan, read_plan
from study.records.record import RunRecord
from study.records.runs import Runs

BELOW, ABOVE = [0.03, 0.01], [1.0, 3.0]


class Stored:
    """A map of one setting and arm, with validation accuracies (or a status) by rate."""

    def __init__(self, by_rate: dict[float, float | str], missing: tuple[float, ...] = ()) -> None:
        self.cells: dict[str, RunConfig] = {}
        records: dict[str, RunRecord] = {}
        for rate, valid in by_rate.items():
            run = config(lr=rate, valid_size=100)
            self.cells[run.address] = run
            ok = not isinstance(valid, str)
            final = {"train_accuracy": 0.9, "test_accuracy": 0.8, "valid_accuracy": valid}
            status = "completed" if ok else valid
            if rate not in missing:
                records[run.address] = record(run, final=final if ok else {}, status=status)
        places = {address: [0, "a"] for address in self.cells}
        entry = {"axes": [], "settings": [[0]], "arms": ["a"], "cells": places}
        entry |= {"further": [[0, "a", BELOW, ABOVE]], "named": {}}
        experiments = {"e": list(self.cells)}
        self.plan = StudyPlan("n", "c", "d", "p", experiments=experiments, maps={"e": entry})
        self.runs = Runs.of(records)

    def next(self) -> float | None:
        found = further_rates(self.plan, self.cells, self.runs)
        if not found:
            return None
        (((place, run),),) = (group.items() for group in found.values())
        assert place == (0, "a")
        assert replace(run, lr=0.1).address == config(lr=0.1, valid_size=100).address
        return run.lr


@pytest.mark.parametrize(
    ("by_rate", "expected"),
    [
        ({0.1: 0.5, 0.2: 0.6, 0.3: 0.5}, None),  # the best is inside
        ({0.1: 0.7, 0.2: 0.6, 0.3: 0.5}, 0.03),
        ({0.1: 0.5, 0.2: 0.6, 0.3: 0.7}, 1.0),
        ({0.1: 0.5, 0.3: 0.7, 1.0: 0.8}, 3.0),  # one step after the other
        ({0.1: 0.5, 0.3: 0.7, 1.0: 0.6}, None),
        ({0.3: 0.5, 1.0: 0.7, 3.0: 0.9}, None),  # the steps are used up
        ({0.01: 0.9, 0.03: 0.7, 0.1: 0.6}, None),
        ({0.1: 0.7, 0.2: 0.7, 0.3: 0.7}, None),  # a plateau has its middle inside
        ({0.1: "diverged", 0.2: "diverged", 0.3: "diverged"}, None),
        ({0.1: 0.05, 0.2: "diverged", 0.3: 0.05}, None),  # counts at chance, which is 0.1
        ({0.1: 0.3, 0.2: "diverged", 0.3: "diverged"}, 0.03),
        ({0.1: 0.7, 0.2: 0.6, 0.3: "failed"}, None),  # it may be the best one
    ],
)
def test_the_next_rate_follows_from_where_the_best_one_is(
    by_rate: dict[float, Any], expected: float | None
) -> None:
    assert Stored(by_rate).next() == expected


def test_an_arm_of_which_a_run_is_missing_waits() -> None:
    assert Stored({0.1: 0.7, 0.2: 0.6, 0.3: 0.5}, missing=(0.3,)).next() is None
    assert Stored({0.1: 0.7, 0.2: 0.6, 0.3: 0.5}).next() == 0.03


def test_an_arm_without_declared_steps_stays() -> None:
    stored = Stored({0.1: 0.7, 0.2: 0.6})
    stored.plan.maps["e"]["further"] = []
    assert stored.next() is None


# -- from the command line

TINY = """
experiments:
  tiny:
    fixed:
      width: 10
      valid_size: 200
      num_steps: 60
      evaluation.points: 1
    settings:
      count: ${oc.select:study.settings.tiny,3}
      axes:
        train_size: {log: [200, 1000], integer: true}
        activation: {choice: [relu, tanh]}
        depth: {uniform: [1, 2], integer: true}
    arms:
      plain: {lr: {values: [0.03, 0.1], below: [0.01], above: [0.3, 1]}}
      normed: {batchnorm: true, lr: {values: [0.03, 0.1], above: [0.3, 1, 3]}}
"""


def asked(folder: Path, text: str = TINY) -> list[str]:
    known = own_chapter(folder / "conf", text)
    return ["-m", known, "experiment=tiny", "workers=2", "report.name=x"]


@pytest.fixture
def words(tmp_path: Path) -> list[str]:
    return asked(tmp_path)


def table(command: Command) -> Any:
    """The report's table of runs, without their times."""
    (path,) = command.folder.glob("reports/x/runs.csv")
    plan = read_plan(command.store, "x")
    frame = Results(plan, command.store.load(plan.addresses).runs).runs("tiny")
    assert len(path.read_text().splitlines()) == 1 + len(frame)
    return frame[["address", "setting", "arm", "lr", "valid_accuracy", "test_accuracy"]]


def test_an_interrupted_and_extended_map_has_every_run_of_the_whole_one(
    command: Command, words: list[str]
) -> None:
    whole = command(*words, "store=other", "+study.settings.tiny=5")
    assert whole.returncode == 0, whole.stderr
    assert "further rates 1: tiny, " in whole.stderr
    rounds = whole.stderr.count("further rates")
    (folder,) = command.folder.glob("reports/x")
    expected = (folder / "runs.csv").read_bytes()

    process = command.start(*words, "workers=1")
    assert wait_until(lambda: len(command.records()) >= 14)  # in the first further round
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=PATIENCE)
    assert "Traceback" not in err
    before = command.digests()
    few = command(*words)
    assert few.returncode == 0, few.stderr
    three = command.digests()
    assert before.items() <= three.items()
    some = table(command)
    assert set(some["setting"]) == {0, 1, 2}

    more = command(*words, "+study.settings.tiny=5")
    assert more.returncode == 0, more.stderr
    assert more.stderr.count("further rates") == rounds
    assert three.items() <= command.digests().items()
    every = table(command)
    assert len(every) == len(command.records())
    kept = every[every["setting"] < 3].sort_values(["setting", "arm", "lr"], ignore_index=True)
    assert kept.equals(some.sort_values(["setting", "arm", "lr"], ignore_index=True))
    assert _without_seconds(expected) == _without_seconds((folder / "runs.csv").read_bytes())

    # asked again, nothing runs; the report alone finds the same runs
    again = command(*words, "+study.settings.tiny=5")
    assert again.returncode == 0, again.stderr
    assert "to run" not in again.stderr
    assert table(command).equals(every)


def _without_seconds(text: bytes) -> list[list[str]]:
    rows = list(csv.reader(text.decode().splitlines()))
    kept = [i for i, name in enumerate(rows[0]) if not name.endswith("_seconds")]
    return [[row[i] for i in kept] for row in rows]


def test_what_would_run_names_the_further_rates_there_may_be(
    command: Command, words: list[str]
) -> None:
    done = command(*words, "dry_run=true")
    assert done.returncode == 0, done.stderr
    said = "tiny: 12 cells, 0 stored, 12 to run; at most 18 further learning rates"
    assert said in done.stdout
    assert not command.store.folder.exists()


def test_the_command_line_selects_among_settings_and_rates(
    command: Command, words: list[str]
) -> None:
    done = command(*words, "lr=0.1", "batchnorm=true", "num_steps=5")
    assert done.returncode == 0, done.stderr
    assert "further" not in done.stderr
    frame = table(command)
    assert frame[["setting", "arm", "lr"]].values.tolist() == [[i, "normed", 0.1] for i in range(3)]
    plan = read_plan(command.store, "x")
    assert plan.is_part
    assert plan.maps["tiny"]["arms"] == ["normed"]


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        (
            "{log: [200, 1000], integer: true}",
            "{log: [5, 1], integer: true}",
            (
                "experiment tiny: settings.axes.train_size.log: expected two integers,"
                " 0 < low < high, got [5, 1]"
            ),
        ),
        (
            "train_size: {log",
            "train_sise: {log",
            "experiment tiny: train_sise: expected a key of the configuration, got 'train_sise'",
        ),
        (
            "train_size: {log: [200, 1000], integer: true}",
            "dropout: {uniform: [1, 5]}",
            "experiment tiny: dropout: expected a number in [0, 1), got",
        ),
        (
            "valid_size: 200",
            "valid_size: 0",
            (
                "experiment tiny: valid_size: expected an integer >= 1, because rates are chosen on"
                " validation samples, got 0"
            ),
        ),
        (
            "count: ${oc.select:study.settings.tiny,3}",
            "count: 200000",
            "max_cells: expected at least 800,000, the cells of experiment tiny, got 100000",
        ),
    ],
)
def test_what_cannot_be_used_ends_the_command_with_one_line(
    command: Command, tmp_path: Path, before: str, after: str, message: str
) -> None:
    assert TINY.count(before) == 1
    done = command(*asked(tmp_path, TINY.replace(before, after)))
    assert done.returncode == 1
    assert done.stderr.startswith(message), done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not command.store.folder.exists()
