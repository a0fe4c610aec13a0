"""Records as frames: columns, types, rows, and what diverged, failed and missing runs become."""

import copy
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from study.analysis.frames import (
    CONFIG_COLUMNS,
    HIDDEN_STATISTICS,
    LAYER_COLUMNS,
    POINT_COLUMNS,
    RUN_COLUMNS,
    WEIGHT_STATISTICS,
    Results,
    config_row,
    count_diverged,
    differing,
    layers_frame,
    points_frame,
    runs_frame,
)
from study.errors import MergedCellsError
from study.network.activations import ReLU
from study.network.initializers import VarianceScaling
from study.network.network import Network
from study.network.probes import layer_statistics
from study.network.streams import RngStreams
from study.records.config import RunConfig
from study.records.plan import StudyPlan
from study.records.record import METRICS, RunRecord

_INIT = "study.network.initializers"
HE = {"name": "he", "_target_": f"{_INIT}.VarianceScaling", "scale": 2.0, "mode": "fan_in"}
RELU = {"name": "relu", "_target_": "study.network.activations.ReLU"}
NORMAL = {"name": "normal", "_target_": f"{_INIT}.RandomNormal", "std": 0.01}


def record(
    seed: int = 0, *, status: Any = "completed", points: int = 3, layers: bool = True,
    init: dict[str, Any] = HE, **config: Any,
) -> RunRecord:  # fmt: skip
    """A run with test accuracy 0.6 + seed / 100, train 0.1 above it, and curves that count up."""
    length = {} if "num_steps" in config else {"num_epochs": 2}
    run = RunConfig(
        seed=seed, init=init, activation=RELU, **length, **config,
    )  # fmt: skip
    final = dict.fromkeys(METRICS, np.nan)
    if status == "completed":
        final |= {"test_accuracy": 0.6 + seed / 100, "train_accuracy": 0.7 + seed / 100}
    output = dict.fromkeys(WEIGHT_STATISTICS, 1.0) | {"layer": 2, "hidden": False}
    hidden = output | dict.fromkeys(HIDDEN_STATISTICS, 2.0) | {"layer": 1, "hidden": True}
    return RunRecord(
        address=run.address,
        config=run.to_dict(),
        status=status,
        diverged_at=7 if status == "diverged" else None,
        history={name: [10 * seed + i for i in range(points)] for name in POINT_COLUMNS},
        final=final,
        layers={"init": [hidden, output], "end": [hidden, output]} if layers else {},
        timing={"total": 2.0, "at": [0.5 * i for i in range(points)]},
        provenance={"data": {"num_classes": 4}},
    )


FRAMES = (runs_frame, points_frame, layers_frame)
MIXED = (
    record(0),
    record(1, status="diverged", points=1, layers=False, init=NORMAL, num_steps=5),
    record(2, status="failed", points=0, layers=False, batch_size="full"),
)


@pytest.mark.parametrize("build", FRAMES)
def test_columns_and_types_are_the_same_whatever_the_records(build):
    types = build(MIXED).dtypes
    for records in ([], MIXED[:1], MIXED[1:2], MIXED[2:]):
        assert build(records).dtypes.equals(types)
    assert list(types.index[: len(CONFIG_COLUMNS)]) == list(CONFIG_COLUMNS)


def test_types_are_the_documented_ones():
    runs, points, layers = (build(MIXED) for build in FRAMES)
    for column in ("seed", "width", "depth"):
        assert runs[column].dtype == np.int64
    for column in ("train_size", "num_epochs", "num_steps", "diverged_at"):
        assert runs[column].dtype == pd.Int64Dtype()
    for column in ("address", "data", "init", "activation", "batch_size", "status"):
        assert pd.api.types.is_string_dtype(runs[column])
    assert runs["batchnorm"].dtype == bool
    assert layers["is_hidden"].dtype == bool
    assert points["step"].dtype == points["samples_seen"].dtype == np.int64
    assert layers["layer"].dtype == np.int64
    numbers = [*METRICS, "chance", "gap", "total_seconds", "lr", "dropout", "init_std"]
    assert (runs[numbers].dtypes == np.float64).all()
    assert (layers[[*WEIGHT_STATISTICS, *HIDDEN_STATISTICS]].dtypes == np.float64).all()


def test_runs_have_one_row_each():
    runs = runs_frame(MIXED)
    assert list(runs.columns) == [*CONFIG_COLUMNS, *RUN_COLUMNS]
    assert runs["seed"].tolist() == [0, 1, 2]
    assert runs["status"].tolist() == ["completed", "diverged", "failed"]
    assert runs["init"].tolist() == ["he", "normal 0.01", "he"]
    assert runs["batch_size"].tolist() == ["100", "100", "full"]
    assert runs["gap"][0] == pytest.approx(0.1)
    assert runs["chance"].tolist() == [0.25] * 3
    assert runs["num_steps"].isna().tolist() == [True, False, True]
    assert runs["diverged_at"][1] == 7
    assert runs["init_std"].isna().tolist() == [True, False, True]
    assert runs["total_seconds"][0] == 2.0
    assert runs["setup_seconds"].isna().all()


def test_points_have_one_row_for_each_run_and_evaluation():
    points = points_frame([record(0), record(3)])
    assert points["seed"].tolist() == [0, 0, 0, 3, 3, 3]
    assert points["step"].tolist() == [0, 1, 2, 30, 31, 32]
    assert points["test_accuracy"].tolist() == [0, 1, 2, 30, 31, 32]
    assert points["seconds"].tolist() == [0, 0.5, 1] * 2
    assert points.index.tolist() == list(range(6))


def test_a_run_without_points_is_no_row_and_its_neighbours_keep_theirs():
    points = points_frame([record(0, points=0), record(1), record(2, points=0), record(3)])
    assert points["seed"].tolist() == [1, 1, 1, 3, 3, 3]
    assert points["step"].tolist() == [10, 11, 12, 30, 31, 32]


def test_a_curve_whose_columns_differ_in_length_is_refused():
    broken = record(0)
    broken.history["test_loss"] = [1.0]
    with pytest.raises(ValueError, match="test_loss"):
        points_frame([broken, record(1)])


def test_layers_have_one_row_for_each_run_moment_and_layer():
    layers = layers_frame([record(0), record(1, layers=False), record(2)])
    assert layers["seed"].tolist() == [0] * 4 + [2] * 4
    assert layers["moment"].tolist() == ["init", "init", "end", "end"] * 2
    assert layers["layer"].tolist() == [1, 2] * 4
    assert layers["distinct_units"].isna().tolist() == [False, True] * 4
    assert layers["weight_norm"].tolist() == [1.0] * 8


def test_the_columns_of_layers_are_what_the_probe_measures():
    rng = np.random.default_rng(0)
    network = Network.build(
        num_features=6,
        hidden=[5],
        num_classes=3,
        initializer=VarianceScaling(2.0, "fan_in"),
        activation=ReLU,
        batchnorm=False,
        dropout=0.0,
        streams=RngStreams.from_seed(0),
    )

    class Samples:
        images = rng.normal(size=(20, 6)).astype(np.float32)
        labels = rng.integers(3, size=20)

    rows = layer_statistics(network, Samples())
    assert set().union(*rows) == set(LAYER_COLUMNS) - {"moment", "is_hidden"} | {"hidden"}


def test_a_further_statistic_becomes_a_column():
    more = record(0)
    more.layers["end"][0] = more.layers["end"][0] | {"novel": 3.0}
    assert layers_frame([more, record(1)])["novel"].dropna().tolist() == [3.0]


def test_diverged_runs_stay_unknown_in_the_frame_and_count_at_chance():
    runs = runs_frame(MIXED)
    assert runs.loc[1, list(METRICS)].isna().all()
    counted = count_diverged(runs)
    assert counted["seed"].tolist() == [0, 1]  # the failed run is no outcome
    assert counted["test_accuracy"].tolist() == [0.6, 0.25]
    assert counted["train_accuracy"].tolist() == [0.7, 0.25]
    assert counted["gap"].tolist() == pytest.approx([0.1, 0.0])
    assert np.isnan(counted["test_loss"].iloc[1])
    assert runs.loc[1, list(METRICS)].isna().all()  # the frame that was given is as it was


def test_validation_results_are_columns_and_unknown_without_validation_samples():
    found = record(0, valid_size=50)
    found.final |= {"valid_accuracy": 0.65, "valid_loss": 1.5}
    lost = record(1, status="diverged", valid_size=50)
    without = [record(2), record(3, status="diverged")]
    for one in without:
        for name in ("valid_loss", "valid_accuracy"):
            del one.history[name]
    runs = runs_frame([found, lost, *without])
    assert runs["valid_size"].tolist() == [50, 50, 0, 0]
    np.testing.assert_array_equal(runs["valid_accuracy"], [0.65, np.nan, np.nan, np.nan])
    np.testing.assert_array_equal(runs["valid_loss"], [1.5, np.nan, np.nan, np.nan])
    counted = count_diverged(runs)
    np.testing.assert_array_equal(counted["valid_accuracy"], [0.65, 0.25, np.nan, np.nan])
    points = points_frame([found, without[0]])
    np.testing.assert_array_equal(points["valid_accuracy"], [0, 1, 2, np.nan, np.nan, np.nan])


def test_width_and_depth_come_from_the_hidden_layers():
    assert config_row(record(hidden=[30, 20]))["width"] == 30
    assert config_row(record(hidden=[30, 20]))["depth"] == 2
    assert config_row(record(hidden=[]))["width"] == 0


def test_the_label_of_the_data_stands_for_its_name():
    assert config_row(record())["data"] == "mnist5k"
    labelled = record()
    labelled.config["data"] |= {"name": "idx", "label": "fashion"}
    assert config_row(labelled)["data"] == "fashion"


@pytest.fixture
def results() -> Results:
    stored = {each.address: each for each in (record(0), record(1, status="failed"))}
    first, second = stored
    experiments = {"a": [second, "not stored", first], "b": ["not stored"], "c": [second]}
    return Results(StudyPlan("n", "c", "d", "p", experiments=experiments), stored)


def test_results_keep_the_order_of_the_plan_and_count_what_is_missing(results):
    assert results.runs("a")["seed"].tolist() == [1, 0]
    assert results.missing("a") == 1
    assert results.missing("b") == 1
    assert results.missing("unknown") == 0


def test_an_experiment_is_there_when_one_run_did_not_fail(results):
    assert results.has("a")
    assert not results.has("b")
    assert not results.has("c")
    assert not results.has("a", "c")


@pytest.mark.parametrize("frame", ["runs", "points", "layers"])
def test_frames_of_an_experiment_without_records_are_empty(results, frame):
    empty = getattr(results, frame)("b")
    assert empty.empty
    assert "seed" in empty.columns


@pytest.mark.parametrize("frame", ["runs", "points", "layers"])
def test_runs_of_an_experiment_with_settings_say_which_and_which_arm(results, frame):
    first, second = results.plan.experiments["a"][2], results.plan.experiments["a"][0]
    drawn = {"axes": ["depth", "init.std"], "settings": [[4, 2, None], [5, 3, 0.1]],
             "arms": ["off", "on"], "cells": {first: [4, "on"], second: [5, "off"]},
             "further": [], "named": {"lecture": -1}}  # fmt: skip
    found = Results(replace(results.plan, maps={"a": drawn}), results.records)
    placed = getattr(found, frame)("a")
    where = {first: (4, "on"), second: (5, "off")}
    assert len(placed)
    for row in placed.itertuples():
        assert (row.setting, row.arm) == where[row.address]
    assert placed["setting"].dtype == "int64"
    assert "setting" not in getattr(found, frame)("c")
    assert "setting" not in found.runs()
    settings = found.settings("a")
    assert settings["setting"].tolist() == [4, 5]
    assert settings["depth"].tolist() == [2, 3]
    assert settings["init.std"].isna().tolist() == [True, False]
    assert found.named("a") == {-1: "lecture"}


def test_columns_that_are_asked_for_are_those_of_the_whole_frame(results):
    points, layers = results.points("a"), results.layers("a")
    wanted = ["seed", "status", "step", "test_accuracy"]
    columns = ["address", *wanted]
    pd.testing.assert_frame_equal(results.points("a", wanted), points[columns])
    wanted = ["seed", "layer", "is_hidden", "weight_norm"]
    columns = ["address", "seed", "moment", *wanted[1:]]
    pd.testing.assert_frame_equal(results.layers("a", wanted), layers[columns])
    (first, *_) = layers["address"]
    some = layers[layers["address"] == first].reset_index(drop=True)
    pd.testing.assert_frame_equal(results.layers("a", wanted, frozenset([first])), some[columns])
    assert list(results.layers("a", wanted, frozenset()).columns) == columns


def test_the_frame_of_runs_looks_at_each_once():
    pd.testing.assert_frame_equal(runs_frame(iter(MIXED)), runs_frame(MIXED))


def test_the_experiments_of_a_run_are_named_in_the_order_of_the_plan(results):
    found = results.by_experiment()
    first, second = results.plan.experiments["a"][2], results.plan.experiments["a"][0]
    names = dict(zip(found["address"], found["experiments"], strict=True))
    assert names == {first: "a", second: "a c"}


def test_measured_gives_the_runs_that_have_the_probe(results):
    results.of("a")[1].measurements["end"] = {"weights": {"ranks": [1]}}
    ((config, result),) = results.measured("a", "weights")
    assert (config["seed"], result) == (0, {"ranks": [1]})
    assert list(results.measured("a", "weights", "init")) == []
    own = config["address"]
    ((_, ranks),) = results.measured("a", "weights", of=lambda found: found["ranks"], among={own})
    assert ranks == [1]
    assert list(results.measured("a", "weights", among={"another"})) == []


def test_runs_that_differ_in_more_than_the_seed_are_named_unless_taken_apart():
    records = [
        record(seed, lr=lr, hidden=hidden)
        for seed, lr, hidden in ((0, 0.01, [100]), (1, 0.1, [100]), (2, 0.1, [100, 50]))
    ]
    plan = StudyPlan(
        "name", "command", "data", "preset", experiments={"e": [r.address for r in records]}
    )
    results = Results(plan, {each.address: each for each in records})
    results.check_cells("e", ["lr", "hidden"])
    results.check_cells("none", [])
    with pytest.raises(MergedCellsError, match=r"e: its runs .* lr \(0.01, 0.1\)") as one:
        results.check_cells("e", [])
    assert one.value.differing == {"hidden": ["1×100", "100-50"], "lr": [0.01, 0.1]}
    assert one.value.overrides == ["hidden=[100]", "lr=0.01"]
    assert str(copy.copy(one.value)) == str(one.value)
    with pytest.raises(MergedCellsError) as two:
        results.check_cells("e", ["lr", "width"])
    assert list(two.value.differing) == ["hidden"]


def test_what_has_no_effect_differs_only_with_what_takes_it_away():
    cells = runs_frame([record(), record(dropout=0.2)])
    assert list(differing(cells, [])) == ["dropout"]
    scaled = runs_frame([record(dropout=0.2), record(dropout=0.2, dropout_scaling="evaluation")])
    assert list(differing(scaled, ["dropout"])) == ["dropout_scaling"]


def test_a_bound_differs_from_none_and_what_has_no_effect_from_nothing() -> None:
    cells = runs_frame([record(), record(max_norm=2.0)])
    assert list(differing(cells, ["dropout"])) == ["max_norm"]
    assert list(differing(cells, [])) == ["max_norm"]
    cells = runs_frame([record(), record(lr_schedule="step")])
    assert list(differing(cells, [])) == ["lr_schedule"]
    cells = runs_frame([record(), record(output_init=NORMAL)])
    assert list(differing(cells, [])) == ["output_init"]
