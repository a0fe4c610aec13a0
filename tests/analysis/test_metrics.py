"""Metrics of runs with known numbers, and the documentation of all of them."""

import math
from pathlib import Path
from typing import Any

import builders_claims as make
import numpy as np
import pytest

from study.analysis.curves import GapCurve, accuracy_curves, gaps_at_equal_accuracy
from study.analysis.frames import CONFIG_COLUMNS
from study.analysis.metrics import METRICS, REQUIRED, measure
from study.records.record import RunRecord

DOCS = Path(__file__).parents[2] / "docs" / "claims.md"


def values(name: str, *records: RunRecord, **options: Any) -> list[float]:
    """The metric of each record; None where it has no row."""
    frame = measure(make.results(records), "e", name, options)
    found = dict(zip(frame["address"], frame["value"], strict=True))
    return [found.get(record.address) for record in records]


def near(expected: float) -> Any:
    return pytest.approx(expected, nan_ok=True)


EXAMPLES = {"column": "gradient_norm", "layer": 1, "level": 0.5, "of": None, "batch_size": 10}


@pytest.mark.parametrize("name", METRICS)
def test_every_metric_has_its_columns_also_without_any_run(name: str):
    options = {
        key: option.choices[0] if option.choices else EXAMPLES[key]
        for key, option in METRICS[name].options.items()
        if option.default is REQUIRED
    }
    failed = make.run(1, status="failed")
    for records in ([], [failed], [make.run(0), make.run(2, status="diverged"), failed]):
        frame = measure(make.results(records, missing=1), "e", name, options)
        assert list(frame.columns[: len(CONFIG_COLUMNS)]) == list(CONFIG_COLUMNS)
        assert {"status", "value"} <= set(frame.columns)
        assert failed.address not in set(frame["address"])


def test_every_metric_and_option_is_documented():
    text = DOCS.read_text(encoding="utf-8")
    for name, metric in METRICS.items():
        assert f"`{name}`" in text or f"`{name} " in text, name
        for option in metric.options:
            assert f"`{option}`" in text, (name, option)


# --- final metrics ------------------------------------------------------------------------------


def test_final_metrics_count_diverged_runs_at_chance():
    done, lost = make.run(0, train=0.9, test=0.7), make.run(1, status="diverged")
    assert values("train_accuracy", done, lost) == [0.9, 0.1]
    assert values("gap", done, lost) == [near(0.2), 0.0]
    assert values("diverged", done, lost) == [0.0, 1.0]
    assert values("test_loss", done, lost) == [0.5, near(math.nan)]
    assert values("total_seconds", done) == [2.0]


def test_validation_metrics_are_those_of_runs_that_hold_samples_out():
    found, lost = make.run(0, valid_size=50), make.run(1, valid_size=50, status="diverged")
    found.final |= {"valid_accuracy": 0.65, "valid_loss": 1.5}
    without = make.run(2, status="diverged")
    assert values("valid_accuracy", found, lost, without) == [0.65, 0.1, near(math.nan)]
    assert values("valid_loss", found, lost, without) == [1.5, near(math.nan), near(math.nan)]


def test_rank_is_the_share_of_cells_that_are_better_with_the_same_seed():
    cells = {0.01: 0.9, 0.02: 0.8, 0.03: 0.8, 0.04: 0.1}
    records = [make.run(s, lr=lr, test=a + 0.01 * s) for s in (0, 1) for lr, a in cells.items()]
    assert values("rank", *records) == [0.0, 0.25, 0.25, 0.75] * 2
    losses = [make.run(0, lr=lr, loss=a) for lr, a in cells.items()]
    assert values("rank", *losses, of="test_loss") == [0.75, 0.25, 0.25, 0.0]


def test_a_seed_that_lacks_a_cell_has_no_ranks():
    records = [make.run(s, lr=lr, test=0.5 + lr) for s in (0, 1) for lr in (0.01, 0.02, 0.03)]
    assert values("rank", *records[:-1]) == [near(2 / 3), near(1 / 3), 0.0, None, None]


# --- learning curves ----------------------------------------------------------------------------

RISING = (0.1, 0.4, 0.6, 0.85, 0.95)


def test_a_level_is_reached_at_the_first_evaluation_there():
    run = make.run(0, train=RISING, test=RISING)
    assert values("epochs_to", run, level=0.6) == [2.0]
    assert values("updates_to", run, level=0.61) == [30.0]
    assert values("samples_to", run, level=0.61) == [3000.0]
    assert values("seconds_to", run, level=0.61) == [near(0.3)]
    assert values("epochs_to", run, level=0.05) == [0.0]
    assert values("epochs_to", run, level=0.5, column="train_loss") == [0.0]


def test_what_never_gets_there_took_longer_than_it_was_trained():
    slow = make.run(0, train=RISING, test=RISING)
    lost = make.run(1, train=RISING, test=RISING, status="diverged", diverged_at=35)
    assert values("epochs_to", slow, lost, level=0.96) == [4.1, 4.1]
    assert values("updates_to", slow, lost, level=0.96) == [41, 41]
    assert values("samples_to", slow, lost, level=0.96) == [4100, 4100]
    # one second for the 40 steps of the one, for the 35 steps of the other
    assert values("seconds_to", slow, lost, level=0.96) == [near(41 / 40), near(41 / 35)]
    frame = measure(make.results([slow, lost]), "e", "epochs_to", {"level": 0.5})
    assert frame["value"].tolist() == [2.0, 4.1]  # diverged: never, whatever it had reached
    assert frame["censored"].tolist() == [False, True]


def test_full_batches_and_steps_that_are_no_whole_epochs():
    full = make.run(0, batch_size="full", train=[0.1, 0.2], test=[0.1, 0.2])
    assert values("samples_to", full, level=0.9) == [2000]
    steps = make.run(0, num_epochs=None, num_steps=25, train=[0.1, 0.2], test=[0.1, 0.2])
    assert values("samples_to", steps, level=0.9) == [2600]
    assert values("epochs_to", steps, level=0.9) == [near(2.6)]


def test_mean_of_the_curve_is_high_for_what_learns_fast():
    fast = make.run(0, train=(0.0, 1.0, 1.0), test=(0.0, 0.5, 0.5))
    slow = make.run(1, train=(0.0, 0.0, 1.0), test=(0.0, 0.5, 0.5))
    lost = make.run(2, train=(0.0, 0.3, 1.0), test=(0.0, 0.5, 0.5), status="diverged")
    assert values("curve_mean", fast, slow, lost) == [0.75, 0.25, near(0.075)]
    assert values("curve_mean", fast, column="test_accuracy") == [0.375]


def test_curves_of_diverged_runs_go_on_at_chance():
    lost = make.run(1, train=RISING, test=RISING, status="diverged", diverged_at=20)
    records = [make.run(0, train=RISING, test=RISING), lost, make.run(2, status="failed")]
    curves = accuracy_curves(make.results(records), "e")
    own = curves[curves["address"] == lost.address]
    assert own["train_accuracy"].tolist() == [0.1, 0.4, 0.1, 0.1, 0.1]
    assert own["epoch"].tolist() == [0, 1, 2, 3, 4]
    assert set(curves["seed"]) == {0, 1}


def test_gap_at_equal_training_accuracy():
    of_all = (np.array([0.1, 0.5, 0.7, 0.1, 0.6, 0.9]), np.array([0.0, 0.1, 0.2, 0.0, 0.3, 0.6]))
    slow, fast = GapCurve(of_all, 0, 3), GapCurve(of_all, 3, 6)
    # Both reach 0.7: the one at its end, the other a third of the way from 0.6 to 0.9.
    assert gaps_at_equal_accuracy(slow, fast) == (near(0.2), near(0.4))
    assert gaps_at_equal_accuracy(fast, slow) == (near(0.4), near(0.2))
    assert slow.at(0.05) == 0.0
    assert math.isnan(slow.at(0.8))


def test_a_smaller_gap_by_under_fitting_alone_is_none_at_equal_training_accuracy():
    train, test = (0.1, 0.5, 0.7, 1.0), (0.1, 0.45, 0.6, 0.75)
    records = [
        run
        for seed in range(6)
        for run in (
            make.run(seed, train=train, test=test, weight_decay=0.0),
            # stops half-way: its gap is smaller, because it has learned less
            make.run(seed, train=(*train[:3], 0.7), test=(*test[:3], 0.6), weight_decay=0.1),
        )
    ]
    part = make.part(metric="gap", direction="less")
    assert make.finding(part, records).verdict == "supported"
    equal = make.finding(make.part(metric="gap_at_equal_train", direction="less"), records)
    assert equal.verdict == "no_effect"
    assert equal.effect.mean == pytest.approx(0)
    assert equal.treatment.mean == pytest.approx(0.1)


# --- layers -------------------------------------------------------------------------------------


def layered(seed: int = 0, **columns: list[float]) -> RunRecord:
    """A run whose last row is the output layer."""
    depth = len(next(iter(columns.values())))
    rows = [
        {"layer": number + 1, "hidden": number < depth - 1}
        | {name: column[number] for name, column in columns.items()}
        for number in range(depth)
    ]
    return make.run(seed, layers={"init": rows, "end": []})


def test_statistics_of_layers():
    run = layered(gradient_norm=[1.0, 2.0, 8.0, math.nan])

    def value(**options: Any) -> float:
        return values("layer", run, column="gradient_norm", moment="init", **options)[0]

    assert value(layer=1) == 1.0
    assert value(layer="last") == value(layer="max") == 8.0
    assert value(layer="min") == 1.0
    assert value(layer="mean") == near(11 / 3)
    assert value(layer=1, relative_to="last") == 0.125
    assert value(layer=3, minus=2) == 6.0
    assert math.isnan(value(layer=4))
    assert math.isnan(value(layer=9))


def test_what_one_hidden_layer_lacks_is_not_hidden_by_the_others():
    run = layered(activation_skew=[1.0, math.nan, 3.0, math.nan])
    options = {"column": "activation_skew", "moment": "init"}
    assert values("layer", run, layer="mean", **options) == [near(math.nan)]


def test_networks_of_different_depth_have_each_their_last_layer():
    three = layered(units=[3.0, 2.0, 1.0])
    two = layered(1, units=[5.0, 1.0])
    found = values("layer", three, two, column="units", moment="init", layer="last")
    assert found == [2.0, 5.0]


def test_all_weights_together():
    run = layered(
        weight_norm=[3.0, 4.0], weight_mean_square=[0.9, 0.16], weight_kurtosis=[2.0, 3.0],
        weight_max=[1.0, 2.0],
    )  # fmt: skip

    def value(column: str) -> float:
        return values("layer", run, column=column, moment="init", layer="all")[0]

    assert value("weight_norm") == 5.0
    assert value("weight_mean_square") == near(25 / 110)  # 10 and 100 weights
    assert value("weight_kurtosis") == near(320 / 110)
    assert value("weight_max") == 2.0


def test_what_each_layer_does_to_a_statistic():
    run = layered(gradient_norm=[1.0, 2.0, 4.0, math.nan])
    options = {"column": "gradient_norm", "moment": "init"}
    assert values("layer_slope", run, **options) == [near(math.log(2))]
    assert values("layer_factor", run, **options) == [near(2.0)]
    assert values("layer_factor_down", run, **options) == [near(0.5)]
    zero = layered(gradient_norm=[0.0, 2.0, 4.0, math.nan])
    assert values("layer_slope", zero, **options) == [near(math.nan)]
    # of networks that differ in depth each has its own layers
    deeper = layered(1, gradient_norm=[1.0, 3.0, 9.0, 27.0, 81.0, math.nan])
    assert values("layer_factor", run, deeper, **options) == [near(2.0), near(3.0)]


def test_how_far_the_input_of_a_unit_wanders_in_training():
    # points × layers × (15th percentile, median, 85th percentile); the first point is the start
    first = [[-9.0, 9.0, 9.0], [-1.0, 0.0, 1.0], [0.0, 3.0, 3.0]]
    last = [[-1.0, 0.0, 1.0], [-1.0, 0.0, 1.0], [-1.0, 0.0, 1.0]]
    percentiles = np.stack([first, last], axis=1)
    run = make.run(measurements={"points": {"unit_inputs": {"percentiles": percentiles}}})
    # the median goes from 0 to 3; the distribution is 2 and 3 wide
    assert values("input_drift", run, layer=1) == [near(3 / 2.5)]
    assert values("input_drift", run, layer="last") == [0.0]
    flat = make.run(1, measurements={"points": {"unit_inputs": {"percentiles": 0 * percentiles}}})
    assert values("input_drift", flat, layer=1) == [near(math.nan)]


# --- measurements -------------------------------------------------------------------------------


def measured(name: str, result: dict[str, Any]) -> RunRecord:
    return make.run(0, measurements={"end": {name: result}})


def test_shares_and_widths_of_histograms():
    edges = np.linspace(0, 1, 5)
    one = {"counts": np.array([10, 20, 0, 0]), "edges": edges, "below": 0, "above": 10}
    two = {"counts": np.array([5, 5, 5, 5]), "edges": edges, "below": 0, "above": 0}
    run = measured("histograms", {"activation": [one, two]})

    def value(**options: Any) -> float:
        return values("histogram", run, of="activation", **options)[0]

    assert value(layer=1, low=0, high=0.25) == 0.25
    assert value(layer=1, high=0.25) == 0.25
    assert value(layer=1, low=0.5) == 0.25  # the values above the bins
    assert value(layer="mean", low=0.0, high=0.5) == near((0.75 + 0.5) / 2)
    assert value(layer="last", low=0.0, high=0.5, relative_to=1) == near(0.5 / 0.75)
    assert value(layer="last", statistic="width") == near(1.0)
    assert value(layer=1, statistic="width") == near(3 * 2 ** (-2 / 3) / 4)  # exp(entropy of 1/3)
    assert math.isnan(value(layer=1, low=0.3, high=0.4))  # no whole bin


def test_losses_by_size():
    result = {"sizes": np.array([10, 100, 1000]), "means": np.full((3, 20), 2.0)}
    run = measured("loss_by_size", result)
    assert values("loss_growth", run, of="mean") == [1.0]
    assert values("loss_growth", run, of="sum") == [near(100.0)]
    assert values("loss_slope", run, of="mean") == [near(0.0)]
    assert values("loss_slope", run, of="sum") == [near(1.0)]


def test_noise_of_mini_batches():
    rng = np.random.default_rng(0)
    sizes, total = np.array([1, 10, 100, 1000]), 1000
    sd = 1 / np.sqrt(sizes) * np.sqrt((total - sizes) / (total - 1))
    unit = rng.standard_normal(500)
    unit = (unit - unit.mean()) / unit.std(ddof=1)
    result = {
        "batch_sizes": sizes,
        "losses": 2.0 + sd[:, np.newaxis] * unit + 0.02,
        "cosines": np.array([[0.1, 0.3, np.nan]] * 4),
        "full_loss": 2.0,
        "population": total,
    }
    run = measured("minibatch_noise", result)
    assert values("minibatch_slope", run) == [near(-0.5)]  # the full batch has no noise
    assert values("minibatch_bias", run, batch_size=10) == [near(0.01)]
    error = sd[1] / np.sqrt(500)
    found = values("minibatch_bias", run, batch_size=10, relative_to="error")
    assert found == [near(0.02 / error)]
    assert values("minibatch_sd", run, batch_size=1) == [near(0.5)]
    assert values("minibatch_cosine", run, batch_size=100) == [near(0.2)]
    assert values("minibatch_cosine", run, batch_size=7) == [near(math.nan)]


def test_errors_votes_and_ranks():
    run = measured("normalisation", {"mean_error": [1e-7, 3e-7], "variance_error": [0.0, 1e-6]})
    assert values("normalisation", run, of="mean_error") == [3e-7]
    assert values("normalisation", run, of="variance_error") == [1e-6]
    votes = {"ensemble": np.array([0.6, 0.8]), "single": np.array([0.6, 0.7]), "full": 0.75}
    run = measured("voting", votes)
    found = {
        of: values("voting", run, of=of)[0]
        for of in ("vote", "single", "full", "vote_minus_single", "full_minus_vote")
    }
    assert list(found.values()) == [0.8, near(0.65), 0.75, near(0.15), near(-0.05)]
    run = measured("weights", {"ranks": [100, 1, 10]})
    assert values("weight_rank", run, layer=2) == [1.0]
    assert values("weight_rank", run, layer="max") == [100.0]


def test_runs_without_the_measurement_have_no_row():
    assert values("weight_rank", make.run(0), layer=1) == [None]
