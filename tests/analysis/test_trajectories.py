"""Measurements at the points of the curves as frames: rows, columns, types."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from study.analysis.frames import CONFIG_COLUMNS, Results
from study.analysis.trajectories import MEASUREMENTS, trajectories
from study.network.probes import PROBES
from study.records.compaction import compact
from study.records.config import DataConfig, EvaluationConfig, RunConfig
from study.records.plan import StudyPlan
from study.records.record import RunRecord
from study.records.store import RunStore
from study.run import run

HE = {"name": "he", "_target_": "study.network.initializers.VarianceScaling", "scale": 2.0}
TANH = {"name": "tanh", "_target_": "study.network.activations.Tanh"}


def measured(**changes: Any) -> RunRecord:
    """A run of a few milliseconds."""
    given = RunConfig(
        data=DataConfig("gaussian"), train_size=200, hidden=[6, 5], init=HE, activation=TANH,
        num_epochs=2, evaluation=EvaluationConfig(points=2, train_samples=50, test_samples=50),
        measure=sorted(MEASUREMENTS),
    )  # fmt: skip
    return run(replace(given, **changes))


def results(*records: RunRecord) -> Results:
    addresses = [record.address for record in records]
    plan = StudyPlan(
        name="x", command="x", data="x", preset="x", selection=[], experiments={"a": addresses}
    )
    return Results(plan, {record.address: record for record in records})


def test_every_measurement_at_the_points_has_a_frame() -> None:
    named = {name for name, probe in PROBES.items() if "points" in probe.moments}
    assert named == MEASUREMENTS.keys()


@pytest.mark.parametrize("name", MEASUREMENTS)
def test_there_is_a_row_for_each_run_point_and_layer(name: str) -> None:
    records = [measured(), measured(seed=1, hidden=[4]), measured(seed=2, measure=[])]
    frame = trajectories(results(*records), "a", name)
    columns = ["step", "epoch", "layer", *MEASUREMENTS[name]]
    assert list(frame) == [*CONFIG_COLUMNS, *columns]
    rows = frame[["address", "step", "epoch", "layer"]].to_numpy().tolist()
    assert rows == [
        [record.address, step, step / 2, layer]
        for record, layers in zip(records, (2, 1), strict=False)
        for step in (0, 2, 4)
        for layer in range(1, layers + 1)
    ]
    assert [str(frame[column].dtype) for column in columns[:3]] == ["int64", "float64", "int64"]
    assert (frame.dtypes[list(MEASUREMENTS[name])] == "float64").all()
    assert np.isfinite(frame[list(MEASUREMENTS[name])]).all(axis=None)


def test_numbers_stand_in_the_rows_that_they_were_measured_for() -> None:
    record = measured()
    own = record.measurements["points"]
    frame = trajectories(results(record), "a", "unit_inputs")
    row = frame[(frame["step"] == 2) & (frame["layer"] == 2)].iloc[0]
    assert row[["p15", "p50", "p85"]].tolist() == own["unit_inputs"]["percentiles"][1, 1].tolist()
    assert (frame["p15"] < frame["p50"]).all()
    assert (frame["p50"] < frame["p85"]).all()
    frame = trajectories(results(record), "a", "gradients")
    last = frame[(frame["step"] == 4) & (frame["layer"] == 1)].iloc[0]
    assert last["gradient_norm"] == own["gradients"]["gradient_norm"][-1, 0]


@pytest.mark.parametrize("name", MEASUREMENTS)
def test_a_compacted_store_gives_the_same_frame(name: str, tmp_path: Path) -> None:
    records = [measured(), measured(seed=1, dtype="float64")]
    store, plan = RunStore(tmp_path), results(*records).plan
    for record in records:
        os.utime(store.write(record), (0, 0))  # those of the last seconds stay files
    assert compact(store, many=1) == 2
    frame = trajectories(Results(plan, RunStore(tmp_path).load().runs), "a", name)
    pd.testing.assert_frame_equal(frame, trajectories(results(*records), "a", name))


@pytest.mark.parametrize("name", MEASUREMENTS)
@pytest.mark.parametrize("given", [[], [{"measure": []}], [{"hidden": []}]], ids=str)
def test_without_anything_measured_there_are_the_columns_and_no_rows(
    given: list[dict[str, Any]], name: str
) -> None:
    found = results(*(measured(**changes) for changes in given))
    frame = trajectories(found, "a", name)
    assert len(frame) == 0
    assert frame.dtypes["layer"] == "int64"
    assert frame.dtypes[MEASUREMENTS[name][0]] == "float64"
