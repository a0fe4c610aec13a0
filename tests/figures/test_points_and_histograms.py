"""Comparisons as points, and values as histograms, on a handful of runs."""

import numpy as np
import pytest
from builders_runs import figure, made, run, study, texts, translated

from study.analysis.findings import Measured
from study.errors import ConfigError, MergedCellsError
from study.figures.making import draw, make
from study.figures.style import house_style

POINTS = "kind: points, experiment: e, colour: init, of: {metric: test_accuracy, "
POINTS += "treatment: {batchnorm: true}, control: {batchnorm: false}, each: [init]}"
VARYING = ["init", "batchnorm", "seed"]


def picture(text, results, varying):
    own = figure(text, {"e": varying})
    with house_style():
        return draw(own, make(own, Measured(results)), translated)


def switched(**config):
    """Batch norm gains 0.1 with He and loses 0.2 with Xavier."""
    return study(
        e=[
            run(seed, init=init, batchnorm=on, test=0.5 + seed / 100 + gain * on, **config)
            for init, gain in (("he", 0.1), ("xavier", -0.2))
            for on in (False, True)
            for seed in range(3)
        ]
    )


def test_a_point_for_each_combination_with_both_sides_and_their_difference():
    result = made("{" + POINTS + "}", switched(), e=VARYING)
    table = result.table
    assert list(table.columns) == [
        "init", "without batch norm", "with batch norm", "difference", "diverged",
    ]  # fmt: skip
    assert [round(each.mean, 6) for each in table["difference"]] == [0.1, -0.2]
    assert [round(each.mean, 6) for each in table["without batch norm"]] == [0.51, 0.51]
    facts = result.facts
    assert (facts["points"], facts["higher"], facts["lower"]) == (2, 1, 1)
    assert (facts["largest_at"], facts["smallest_at"]) == ("init=he", "init=xavier")


def test_points_are_named_and_so_are_both_sides():
    drawn = texts(picture("{" + POINTS + "}", switched(), VARYING))
    assert {"«he»", "«xavier»"} <= set(drawn)
    assert "«test accuracy», «with batch norm» («%»)" in drawn


def test_points_never_average_different_cells():
    with pytest.raises(ConfigError, match="one value of lr, or lr as x"):
        figure("{" + POINTS + "}", {"e": [*VARYING, "lr"]})
    two = study(e=[*switched().of("e"), *switched(lr=0.5).of("e")])
    with pytest.raises(MergedCellsError, match=r"differ in lr"):
        made("{" + POINTS + "}", two, e=VARYING)


def test_without_pairs_there_are_no_points():
    only = study(e=[each for each in switched().of("e") if each.config["batchnorm"]])
    assert made("{" + POINTS + "}", only, e=VARYING).facts["shown"] == 0
    assert "«no pairs to compare»" in texts(picture("{" + POINTS + "}", only, VARYING))


# --- histograms ---------------------------------------------------------------------------------

EDGES = np.linspace(0, 1, 3)
HISTOGRAMS = "kind: histograms, experiment: e, moment: init, panel: layer"


def values(inits=("he",)):
    """Two layers; the first has 1 of 4 values beyond the bins with seed 0, none with seed 1."""

    def histogram(counts, above):
        return {"counts": np.array(counts), "edges": EDGES, "below": 0, "above": above}

    runs = []
    for init in inits:
        for seed, above in enumerate((1, 0)):
            found = [histogram([3 - above, 1], above), histogram([0, 4], 0)]
            layers = [
                {"layer": n, "hidden": True, "activation_mean": 0.1 * n + seed,
                 "activation_sd": 0.2 * n, "saturated_share": 0.25, "gradient_norm": 10.0**seed}
                for n in (1, 2)
            ]  # fmt: skip
            runs.append(
                run(seed, init=init, num_epochs=0, layers=layers,
                    measured={"histograms": {"activation": found}})
            )  # fmt: skip
    return study(e=runs)


def test_the_values_of_all_seeds_are_one_histogram_and_what_lies_outside_is_counted():
    result = made("{" + HISTOGRAMS + "}", values(), e=["seed"])
    first = result.summaries[0].cells["pooled"].iloc[0]
    assert (first.total, first.outside) == (8, 0.125)
    assert list(first.shares) == [5 / 8, 2 / 8]
    assert [each.mean for each in result.table["share outside the range"]] == [0.125, 0.0]
    assert result.facts["values"] == 16


def test_statistics_of_the_layers_are_in_the_table_gradients_as_geometric_means():
    text = "{" + HISTOGRAMS + ", table: [activation_mean, gradient_norm]}"
    table = made(text, values(), e=["seed"]).table
    assert table["activation mean"].iloc[1].mean == pytest.approx(0.7)
    assert table["activation gradient norm"].iloc[0].mean == pytest.approx(10**0.5)


def test_notes_stand_above_each_panel_and_zeros_are_hatched():
    text = "{" + HISTOGRAMS + ", notes: [activation_sd, saturated_share], marks: [zeros]}"
    drawn = picture(text, values(), ["seed"])
    assert "1\n0.2\n25 %\n12 %" in texts(drawn)
    assert "«layer»\n«activation sd»\n«saturated share»\n> 1" in texts(drawn)
    assert any(patch.get_hatch() for axes in drawn.axes for patch in axes.patches)


def test_a_row_of_panels_for_each_scheme():
    text = "{kind: histograms, experiment: e, moment: init, panel: {row: init, column: layer}}"
    drawn = picture(text, values(("he", "xavier")), ["init", "seed"])
    assert len(drawn.axes) == 4
    assert {"«he»", "«xavier»"} <= set(texts(drawn))


def test_histograms_of_different_cells_are_refused():
    with pytest.raises(MergedCellsError, match=r"differ in init"):
        made("{" + HISTOGRAMS + "}", values(("he", "xavier")), e=["seed"])
