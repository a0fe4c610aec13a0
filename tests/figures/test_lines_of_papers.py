"""Lines of what is measured along the curves, of the best of several rates, against batch sizes."""

import numpy as np
import pytest
import yaml
from builders_runs import figure, made, run, study, texts, translated

from study.analysis.findings import Measured
from study.errors import ConfigError
from study.figures.making import draw, make
from study.figures.style import house_style

INPUTS = "kind: lines, experiment: e, rows: unit_inputs, x: step, y: [p50, p85], colour: metric"
BATCHES = "kind: lines, experiment: e, x: batch_size, y: test_accuracy"
BEST = "reduce: {function: best, over: lr, held_out: true}"
HELD_OUT = {"function": "best", "over": "lr", "held_out": True}


def drawn(text, results, **varying):
    own = figure(text, varying)
    with house_style():
        return draw(own, make(own, Measured(results)), translated)


def measured():
    """Two runs of two layers: the median is seed + layer + point / 10, p85 is twice that."""
    results = study(e=[run(seed, curve=(0.1, 0.2, 0.3)) for seed in (0, 1)])
    for seed, record in enumerate(results.records.values()):
        points, layers = np.meshgrid(np.arange(3), np.arange(1, 3), indexing="ij")
        middle = seed + layers + points / 10
        percentiles = np.stack([0 * middle, middle, 2 * middle], axis=-1)
        record.measurements["points"] = {
            "unit_inputs": {"step": np.arange(3), "percentiles": percentiles}
        }
    return results


def test_inputs_of_units_are_averaged_over_seeds_and_not_over_layers():
    table = made("{" + INPUTS + ", panel: layer}", measured(), e=["seed"]).table
    assert list(table.columns) == ["layer", "updates", "p50", "p85", "diverged"]
    first = table[(table["layer"] == 2) & (table["updates"] == 1)]
    assert first["p50"].iloc[0].mean == pytest.approx(2.6)
    assert first["p85"].iloc[0].mean == pytest.approx(5.2)
    picture = drawn(
        "{" + INPUTS + ", panel: {row: layer}, scale: {x: log}}", measured(), e=["seed"]
    )
    assert len(picture.axes) == 2
    assert list(picture.axes[0].lines[0].get_xdata()) == [1, 2]  # step 0 has no place there


def test_one_of_the_seeds_can_be_shown_alone():
    text = "{" + INPUTS + ", panel: layer, where: {seed: lowest}}"
    table = made(text, measured(), e=["seed"]).table
    assert table["p50"].iloc[0].mean == 1
    assert {estimate.n for estimate in table["p50"]} == {1}


def test_layers_have_to_be_told_apart():
    with pytest.raises(ConfigError, match="expected layer as colour or panel: layers differ"):
        figure("{" + INPUTS + "}", {"e": ["seed"]})
    with pytest.raises(ConfigError, match="expected step or epoch"):
        figure("{" + INPUTS.replace("x: step", "x: layer") + "}", {"e": ["seed"]})
    with pytest.raises(ConfigError, match="expected one of the choices, got 'p20'"):
        figure("{" + INPUTS.replace("p85", "p20") + "}", {"e": ["seed"]})


def batches(sizes=(16, 64), **config):
    """Two batch sizes at two rates: the smaller is best at 0.1, the larger one at 1."""
    heights = {(0, 0.1): 0.7, (0, 1.0): 0.6, (1, 0.1): 0.5, (1, 1.0): 0.8}
    return study(
        e=[
            run(seed, batch_size=sizes[place], lr=lr, test=test + seed / 100, **config)
            for (place, lr), test in heights.items()
            for seed in range(3)
        ]
    )


def test_each_place_is_shown_at_its_best_rate_chosen_by_the_other_seeds():
    found = made("{" + BATCHES + ", " + BEST + "}", batches(), e=["batch_size", "lr"])
    means = [estimate.mean for estimate in found.table["test accuracy"]]
    assert means == pytest.approx([0.71, 0.81])
    assert found.table["diverged"].tolist() == ["0/3", "0/3"]
    assert (found.facts["runs"], found.facts["x_highest"]) == (6, 64)
    worst = "{" + BATCHES + ", " + BEST.replace("best", "worst") + "}"
    found = made(worst, batches(), e=["batch_size", "lr"])
    means = [estimate.mean for estimate in found.table["test accuracy"]]
    assert means == pytest.approx([0.61, 0.51])


def test_the_best_rate_can_be_chosen_by_validation_samples():
    results = batches(valid_size=10)
    for record in results.records.values():  # which like the smaller rate better
        record.final["valid_accuracy"] = 1 - record.config["lr"] / 2
    text = "{" + BATCHES + ", reduce: {function: best, over: lr, by: valid_accuracy}}"
    found = made(text, results, e=["batch_size", "lr"])
    means = [estimate.mean for estimate in found.table["test accuracy"]]
    assert means == pytest.approx([0.71, 0.51])


def test_further_metrics_stand_in_the_table_of_batch_sizes():
    text = "{" + BATCHES + ", colour: lr, table: [gap]}"
    table = made(text, batches(train=0.9), e=["batch_size", "lr"]).table
    assert table["batch_size"].tolist() == [16, 64, 16, 64]
    assert table["gap"].iloc[0].mean == pytest.approx(0.9 - 0.71)


def test_batch_sizes_are_numbers_on_an_axis_unless_one_is_none():
    text = "{" + BATCHES + ", colour: lr, scale: {x: log, y: log}, marks: [{slope: -1}]}"
    picture = drawn(text, batches(), e=["batch_size", "lr"])
    dotted = [line for line in picture.axes[0].lines if line.get_linestyle() == ":"]
    assert [list(line.get_xdata()) for line in dotted] == [[16, 64], [16, 64]]
    start, end = dotted[0].get_ydata()
    assert end / start == pytest.approx(16 / 64)
    named = drawn(text.replace("scale: {x: log, y: log}, marks: [{slope: -1}]", "marks: []"),
                  batches((16, "full")), e=["batch_size", "lr"])  # fmt: skip
    assert "«full»" in texts(named)


def test_numbers_of_samples_stand_on_a_logarithmic_axis():
    results = study(e=[run(train_size=size, test=size / 1000) for size in (20, 200)])
    text = "{kind: lines, experiment: e, x: train_size, y: test_accuracy, scale: {x: log}}"
    picture = drawn(text, results, e=["train_size"])
    low, high = picture.axes[0].get_xlim()
    assert 0 < low < 20 < 200 < high


PLAIN = {"kind": "lines", "experiment": "e", "x": "batch_size", "y": "test_accuracy"}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"reduce": {"function": "mean", "over": "lr"}}, "expected best or worst, got 'mean'"),
        ({"reduce": {"function": "best", "over": "lr"}}, "expected a metric of the validation sa"),
        (
            {"reduce": HELD_OUT, "rows": "points", "x": "step", "colour": "batch_size"},
            "a.reduce: expected rows: runs, of which it chooses",
        ),
        (
            {"reduce": HELD_OUT, "y": ["test_accuracy", "train_accuracy"], "panel": "metric"},
            "a.y: expected one measure, which chooses",
        ),
        (
            {"colour": "lr", "marks": [{"slope": -1}]},
            "a.marks[0].slope: expected scale: {x: log, y: log}, got -1",
        ),
    ],
)
def test_what_cannot_be_says_why(change, said):
    with pytest.raises(ConfigError) as caught:
        figure(yaml.safe_dump(PLAIN | change), {"e": ["batch_size", "lr"]})
    assert said in str(caught.value)
