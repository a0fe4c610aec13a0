"""The exact tier: what it keeps of a run, and what it says of another one."""

import math
import re
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from builders_gate import RULES, baseline, config, diverged, exact, failed, record, records

from study.edge.gate import ExactCells, exact_cells
from study.errors import ConfigError
from study.gate.baseline_text import from_text, to_text
from study.gate.compare import check
from study.gate.exact import changed_runs, trace
from study.gate.names import flatten
from study.gate.result import CheckResult
from study.network.probes import PROBES
from study.paths import conf_folder
from study.records.config import RunConfig
from study.records.record import RunRecord

# Where data lie and what they are called decides no bit; idx has no files here.
NO_OPTION = {"data.root", "data.label", "data.checksum", "measure"}


@pytest.fixture(scope="module")
def cells() -> ExactCells:
    return exact_cells()


def runs() -> list[RunRecord]:
    """Runs with a curve of three points and measurements."""
    found = records(seeds=2)
    for run in found:
        run.history = {"step": [0, 7, 14], "train_loss": [2.3, 1.5, 1.0 + run.config["seed"]]}
        run.layers = {"init": [{"layer": 1}], "end": [{"layer": 1, "weight_norm": 2.0}]}
    return found


def compared(change: Callable[[RunRecord], Any], **now: Any) -> CheckResult:
    """What is said of runs of which the third is changed."""
    before = replace(baseline(), exact=exact(runs()))
    other = runs()
    changed = change(other[2])
    if isinstance(changed, RunRecord):
        other[2] = changed
    return check(before, [], RULES, exact=replace(exact(other), **now))


# -- the cells


@pytest.mark.parametrize("key", sorted(flatten(RunConfig().to_dict()).keys() - NO_OPTION))
def test_every_option_of_a_run_has_cells_that_differ_in_it(cells: ExactCells, key: str) -> None:
    values = {str(flatten(each.to_dict())[key]) for each in cells.configs.values()}
    assert len(values) > 1, f"add a cell with another {key} to conf/gate/exact.yaml"


def test_every_scheme_activation_and_probe_has_a_cell(cells: ExactCells) -> None:
    configs = cells.configs.values()
    for group in ("init", "activation"):
        files = {path.stem for path in (conf_folder() / group).glob("*.yaml")}
        assert {getattr(each, group)["name"] for each in configs} == files
    assert {name for each in configs for name in each.measure} == set(PROBES)
    assert {field.name for field in fields(RunConfig)} >= {"lr", "dropout"}


def test_a_cheap_cell_has_more_than_ten_seeds_and_both_lengths_are_counted(
    cells: ExactCells,
) -> None:
    seeds = {cells.configs[address].seed for address in cells.names["plain"]}
    assert seeds == set(range(14))
    assert any(each.seed > 2**32 for each in cells.configs.values())
    lengths = {(each.num_epochs is None, each.num_steps is None) for each in cells.configs.values()}
    assert lengths == {(True, False), (False, True)}


def test_a_cell_that_is_another_one_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "exact.yaml"
    path.write_text("fixed: {num_epochs: 1}\ncells: {a: {lr: 0.1}, b: {lr: 0.1}}\n")
    with pytest.raises(ConfigError, match="b: expected another run than 'a'"):
        exact_cells(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("cells: {}", "just the keys fixed, cells"),
        ("fixed: {}\ncells: {a: 1}", "a: expected a mapping"),
        ("fixed: {}\ncells: {a: {seeds: 0}}", "a: seeds: expected an integer >= 1, got 0"),
        ("fixed: {}\ncells: {a: {colour: 1}}", "colour"),
        ("fixed: {}\ncells: {a: {measure: [nothing]}}", "nothing"),
    ],
)
def test_a_wrong_cell_is_named(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "exact.yaml"
    path.write_text(text)
    with pytest.raises(Exception, match=re.escape(message)):
        exact_cells(path)


# -- where runs part


def test_the_same_runs_pass() -> None:
    result = compared(lambda run: None)
    assert (result.outcome, result.exact, result.exact_identical) == ("pass", 6, 6)


@pytest.mark.parametrize(
    ("change", "first"),
    [
        (lambda run: run.layers["init"][0].update(layer=2), "before the first step"),
        (
            lambda run: run.history["train_loss"].__setitem__(0, 2.4),
            "before the first step, on the curve",
        ),
        (lambda run: run.history["train_loss"].__setitem__(1, math.nextafter(1.5, 2)), "at step 7"),
        (lambda run: run.history["step"].__setitem__(2, 15), "at step 14"),
        (lambda run: run.final.update(test_loss=0.9), "in the final metrics"),
        (lambda run: run.layers["end"][0].update(layer=2), "in what is measured at the end"),
    ],
)
def test_a_change_is_placed_in_the_run(change: Callable[[RunRecord], Any], first: str) -> None:
    result = compared(change)
    assert (result.outcome, result.exit_code) == ("results changed", 5)
    (found,) = result.changes
    assert (found.cell, found.seed, found.first) == ("xavier 0", 0, first)


def test_how_far_it_moved_is_said_with_units() -> None:
    def move(run: RunRecord) -> None:
        run.final |= {"test_accuracy": 0.75, "test_loss": 9.0}

    (found,) = compared(move).changes
    assert re.fullmatch(r"test accuracy \d\d\.\d\d % → 75\.00 % \(−\d\.\d\d points\)", found.size)
    (found,) = compared(lambda run: run.final.update(train_loss=0.125)).changes
    assert re.fullmatch(r"train loss 0\.\d+ → 0\.125 \(−\d\.\de−01\)", found.size)


def test_a_run_that_diverges_now_is_told_as_that() -> None:
    (found,) = compared(diverged).changes
    assert found.size == "completed → diverged"


def test_the_earliest_change_comes_first() -> None:
    other = runs()
    other[0].final["test_loss"] = 3.0
    other[3].layers["init"][0]["layer"] = 2
    other[5].history["train_loss"][1] = 1.0
    found = changed_runs(exact(runs()), exact(other))
    assert [each.cell for each in found] == ["xavier 0", "he 0.2", "he 0"]


def test_where_the_arithmetic_is_another_one_bits_say_nothing() -> None:
    result = compared(lambda run: run.final.update(test_loss=0.9), arithmetic="b" * 16)
    assert (result.outcome, list(result.changes)) == ("pass", [])
    assert "another arithmetic" in (result.silent or "")


def test_a_run_that_fails_or_is_missing_has_no_result() -> None:
    result = compared(lambda run: failed(run, "Traceback\nValueError: broken"))
    assert (result.outcome, result.exit_code) == ("runs failed", 2)
    (failure,) = result.failures
    assert (failure.cell, failure.seed, failure.why) == ("xavier 0", 0, "ValueError: broken")


def test_other_settings_of_a_cell_are_named() -> None:
    before = replace(baseline(), exact=exact(runs()))
    now = exact(runs())
    cells = {name: dict(own) for name, own in now.cells.items()}
    cells["he 0"]["init.scale"] = 1.0
    traces = {key: replace(own, digest="0") for key, own in now.traces.items()}
    result = check(before, [], RULES, exact=replace(now, cells=cells, traces=traces))
    assert "cells of the exact tier: init.scale 2 → 1 (he 0)" in result.study
    gone = replace(now, cells={}, traces={})
    assert check(before, [], RULES, exact=gone).exit_code == 5


def test_what_is_new_is_said_and_changes_nothing() -> None:
    before = replace(baseline(), exact=exact(runs()[:4]))
    now = exact(runs())
    now = replace(now, claims={"D1": "d" * 16, "Z9": "1"}, study=before.exact.study)
    result = check(before, [], RULES, exact=now)
    assert result.outcome == "pass"
    assert list(result.remarks) == [
        "cells of the exact tier not in the baseline: he 0.2",
        "claims of the study not in the baseline: Z9",
    ]


def test_a_trace_reads_back_from_the_baseline() -> None:
    given = [*runs()[:5], diverged(runs()[5])]
    before = replace(baseline(), exact=exact(given))
    again = from_text(to_text(before)).exact
    assert changed_runs(before.exact, again) == []
    assert again.traces.keys() == before.exact.traces.keys()
    assert again.traces["he 0.2", 1].status == "diverged"
    assert again.study == before.exact.study
    assert again.cells == before.exact.cells


def test_an_option_that_came_later_changes_nothing_as_long_as_it_is_off() -> None:
    """As a new field of RunConfig would: the baseline does not have the key."""
    before, now = exact(runs()), exact(runs())
    older = {
        name: {key: value for key, value in own.items() if key != "dropout_scaling"}
        for name, own in before.cells.items()
    }
    assert check(
        replace(baseline(), exact=replace(before, cells=older)), [], RULES, exact=now
    ).exit_code == 0  # fmt: skip


def test_a_trace_of_a_run_without_training_has_no_curve() -> None:
    run = record(config())
    run.history = {}
    assert trace(run, "x").curve == {}
