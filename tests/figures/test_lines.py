"""Lines: the table, the marks and the picture come from one summary, on a handful of runs."""

import math

import numpy as np
import pytest
from builders_runs import figure, made, run, study, texts, translated

from study.analysis.findings import Measured
from study.analysis.intervals import log_t_interval, t_interval
from study.figures.making import draw, make
from study.figures.style import house_style

LINES = "kind: lines, experiment: e, x: depth, y: test_accuracy, colour: init"
AXES = ["depth", "init", "seed"]


def depths(**changes):
    """Two depths and two schemes, three seeds each; Xavier diverges at the greater depth."""
    return study(
        e=[
            run(seed, init=init, hidden=[10] * depth, test=test + 0.01 * seed, **own)
            for init, depth, test, own in (
                ("xavier", 2, 0.8, {}),
                ("xavier", 4, 0.8, {"status": "diverged"}),
                ("he", 2, 0.7, {}),
                ("he", 4, 0.6, {}),
            )
            for seed in range(3)
        ]
    )


def picture(text, results, **varying):
    own = figure(text, varying)
    with house_style():
        return draw(own, make(own, Measured(results)), translated)


def test_a_row_for_each_line_and_x_with_diverged_runs_at_chance():
    table = made("{" + LINES + "}", depths(), e=AXES).table
    assert list(table.columns) == ["init", "depth", "test accuracy", "diverged"]
    rows = list(zip(table["init"], table["depth"], table["diverged"], strict=True))
    assert rows == [("xavier", 2, "0/3"), ("xavier", 4, "3/3"), ("he", 2, "0/3"), ("he", 4, "0/3")]
    assert table["test accuracy"].iloc[2] == t_interval([0.7, 0.71, 0.72])
    assert table["test accuracy"].iloc[1].mean == 0.1


def test_a_logarithmic_axis_has_geometric_means_and_a_line_without_values_its_place():
    results = study(
        e=[
            run(seed, init=init, num_epochs=2, loss=loss * (seed + 1), status=status)
            for init, loss, status in (("he", 1, "completed"), ("xavier", 1, "diverged"))
            for seed in range(2)
        ]
    )
    text = "{kind: lines, experiment: e, x: init, y: train_loss, scale: {y: log}}"
    table = made(text, results, e=["init"]).table
    assert table["training loss"].iloc[0] == log_t_interval([1, 2])
    assert (table["training loss"].iloc[1].n, table["diverged"].iloc[1]) == (0, "2/2")


CURVES = "kind: lines, experiment: e, rows: points, x: epoch"


def curves():
    """Two lines of two seeds; without batch norm one seed never gets to 0.5."""
    return study(
        e=[
            run(seed, batchnorm=on, curve=curve, train=curve[-1], test=curve[-1] / 4)
            for on, seed, curve in (
                (False, 0, (0.1, 0.2, 0.4)),
                (False, 1, (0.1, 0.2, 0.6)),
                (True, 0, (0.1, 0.6, 0.8)),
                (True, 1, (0.1, 0.4, 1.0)),
            )
        ]
    )


def test_levels_are_those_of_the_runs_that_get_there():
    text = "{" + CURVES + ", y: train_accuracy, colour: batchnorm, marks: [{level: [0.5]}]}"
    table = made(text, curves(), e=["batchnorm"]).table
    last = table[table["epoch"] == "end, all samples"].set_index("batchnorm")
    assert list(last["reached 0.5"]) == ["1/2", "2/2"]
    assert last["epoch, ≥ 0.5"][False] == t_interval([2.0])
    assert last["epoch, ≥ 0.5"][True] == t_interval([1.0, 2.0])
    drawn = texts(picture(text, curves(), e=["batchnorm"]))
    assert [t for t in drawn if t.startswith("50 %")] == ["50 %: «epoch» 1.5"]


def test_the_gap_is_paired_by_seed_at_every_epoch_and_in_the_end():
    text = "{" + CURVES + ", where: {batchnorm: true}, y: [train_accuracy, test_accuracy],"
    text += " colour: metric, marks: [gap, ends]}"
    table = made(text, curves(), e=["batchnorm"]).table.set_index("epoch")
    assert table["gap"][1.0] == t_interval([0.3, 0.2])
    end = table["gap"]["end, all samples"]
    assert np.allclose(end[:3], t_interval([0.6, 0.75])[:3])
    drawn = texts(picture(text, curves(), e=["batchnorm"]))
    assert "«training accuracy»\n90 %" in drawn
    assert any(text.startswith("«gap» 67.5 ± ") for text in drawn)


def test_the_cells_beside_are_of_what_the_mark_selects():
    text = "{" + CURVES + ", where: {batchnorm: true}, y: train_accuracy, marks: "
    text += "[{beside: {batchnorm: false}}, ends]}"
    summary = made(text, curves(), e=["batchnorm"]).summaries[0]
    beside = summary.data["beside"].set_index("epoch")["estimate"]
    assert beside[2.0] == t_interval([0.4, 0.6])
    assert any(
        "= «without batch norm»" in t for t in texts(picture(text, curves(), e=["batchnorm"]))
    )


def test_a_diverged_run_is_at_chance_to_the_end_of_its_curve():
    results = study(
        e=[
            run(0, curve=(0.1, 0.5, 0.9), train=0.9),
            run(1, curve=(0.1,), status="diverged"),
        ]
    )
    table = made("{" + CURVES + ", y: train_accuracy}", results, e=["seed"]).table
    assert table["training accuracy"].iloc[2] == t_interval([0.9, 0.1])
    assert set(table["diverged"]) == {"1/2"}


def test_a_loss_is_that_of_the_runs_that_did_not_diverge():
    results = study(e=[run(0, curve=(0.1, 0.5), loss=2), run(1, curve=(0.1,), status="diverged")])
    table = made("{" + CURVES + ", y: train_loss, scale: {y: log}}", results, e=["seed"]).table
    assert table["training loss"].iloc[1].mean == 2


def test_statistics_of_layers_with_a_theory():
    layers = [{"layer": n, "hidden": True, "activation_mean_square": 0.5**n} for n in (1, 2)]
    results = study(e=[run(seed, layers=layers) for seed in range(2)])
    text = "{kind: lines, experiment: e, rows: layers, moment: init, x: layer,"
    text += " y: activation_mean_square, scale: {y: log}, marks: [{theory: 0.5**x}]}"
    table = made(text, results, e=["seed"]).table
    assert list(table["theory"]) == [0.5, 0.25]
    assert [estimate.mean for estimate in table["mean square of the activations"]] == [0.5, 0.25]
    assert "«input»" in texts(picture(text, results, e=["seed"]))


def test_results_of_a_probe_have_an_axis_of_their_own():
    voting = {"ensemble": np.array([0.5, 0.7]), "single": np.array([0.5, 0.3]), "full": 0.6}
    results = study(e=[run(seed, dropout=0.2, measured={"voting": voting}) for seed in range(2)])
    text = "{kind: lines, experiment: e, rows: voting, x: voters, y: [vote, single, full],"
    text += " colour: metric, marks: [ends, {gap: {from: single, to: vote}}]}"
    table = made(text, results, e=["seed"]).table
    assert [round(estimate.mean, 6) for estimate in table["gap"]] == [0.1, 0.3]
    assert any("«vote of K networks»" in text for text in texts(picture(text, results, e=["seed"])))


def test_further_metrics_of_the_runs_are_in_the_table_only():
    table = made("{" + LINES + ", table: [train_accuracy, diverged]}", depths(), e=AXES).table
    assert list(table.columns[2:5]) == ["test accuracy", "training accuracy", "share that diverged"]
    assert table["training accuracy"].iloc[2].mean == pytest.approx(0.71)


def test_plots_under_each_other_with_the_same_cells_share_a_table():
    text = "{" + LINES + ", stack: [{}, {y: train_accuracy}]}"
    table = made(text, depths(), e=AXES).table
    assert list(table.columns) == [
        "init",
        "depth",
        "test accuracy",
        "training accuracy",
        "diverged",
    ]
    assert len(table) == 4


def test_every_line_has_a_name_in_the_legend_or_at_its_end():
    assert {"«he»", "«xavier»"} <= set(texts(picture("{" + LINES + "}", depths(), e=AXES)))
    ends = texts(picture("{" + LINES + ", marks: [ends]}", depths(), e=AXES))
    assert "«he» 61 %" in ends
    assert "«he»" not in ends


def test_marks_say_what_diverged_the_means_and_chance():
    drawn = texts(picture("{" + LINES + ", marks: [values, diverged, chance]}", depths(), e=AXES))
    assert {"✕ 3/3", "«chance»", "81.0", "71.0"} <= set(drawn)


def test_nothing_selected_is_a_figure_that_says_so():
    text = "{" + LINES + ", where: {batchnorm: true}}"
    result = made(text, depths(), e=AXES)
    assert result.facts["shown"] == 0
    assert "«no finished run»" in texts(picture(text, depths(), e=AXES))


def test_facts_name_the_highest_and_the_lowest_mean():
    facts = made("{" + LINES + "}", depths(), e=AXES).facts
    assert (facts["x_lowest"], facts["x_highest"], facts["runs"], facts["diverged"]) == (
        2,
        4,
        12,
        3,
    )
    assert (facts["highest_at"], facts["lowest_at"]) == (
        "init=xavier, depth=2",
        "init=xavier, depth=4",
    )
    assert math.isclose(facts["chance"], 0.1)
