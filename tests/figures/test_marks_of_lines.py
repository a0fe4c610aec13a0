"""What a plot of lines has on top, beside and in its table, on a handful of runs."""

import re

import pytest
from builders_runs import figure, made, run, study, texts, translated

from study.analysis.findings import Measured
from study.analysis.intervals import t_interval
from study.errors import ConfigError
from study.figures.drawing.marks import notes
from study.figures.labels import Labels
from study.figures.making import draw, make
from study.figures.style import house_style
from study.records.record import METRICS, VALIDATION
from study.report.text import load_text

RATES = "kind: lines, experiment: e, x: lr, y: test_accuracy"
CURVES = "kind: lines, experiment: e, rows: points, x: epoch"


def picture(text, results, **varying):
    own = figure(text, varying)
    with house_style():
        return draw(own, make(own, Measured(results)), translated)


def rates(**config):
    """Three rates of two schemes and two seeds: He is best in the middle, Xavier at the end."""
    heights = {"he": (0.5, 0.8, 0.7), "xavier": (0.4, 0.5, 0.6)}
    return study(
        e=[
            run(seed, init=init, lr=lr, test=test + 0.02 * seed, **config)
            for init, tests in heights.items()
            for lr, test in zip((0.01, 0.1, 1.0), tests, strict=True)
            for seed in range(2)
        ]
    )


def by_depth():
    """Two schemes, with and without batch norm, at two depths."""
    return study(
        e=[
            run(init=init, batchnorm=on, hidden=[10] * depth, test=0.5 + 0.1 * on + depth / 100)
            for init in ("he", "xavier")
            for on in (False, True)
            for depth in (2, 4)
        ]
    )


def curves(**config):
    """Test accuracy is half of the training accuracy; seed 1 is an epoch later."""
    return study(
        e=[
            run(seed, batchnorm=on, curve=curve, train=curve[-1], test=curve[-1] / 2, **config)
            for on, seed, curve in (
                (False, 0, (0.1, 0.2, 0.6)),
                (False, 1, (0.1, 0.2, 0.4)),
                (True, 0, (0.1, 0.6, 0.8)),
                (True, 1, (0.1, 0.4, 1.0)),
            )
        ]
    )


# --- panels -------------------------------------------------------------------------------------

PANELS = "{kind: lines, experiment: e, x: depth, y: test_accuracy, panel: {row: init, column: "
DEPTHS = {"e": ["depth", "init", "batchnorm"]}


def test_rows_of_panels_are_named_at_the_left_and_columns_above():
    axes = picture(PANELS + "batchnorm}}", by_depth(), **DEPTHS).axes
    assert [each.get_ylabel() for each in axes] == ["«he»", "", "«test accuracy»\n«xavier»", ""]
    titles = [each.get_title() for each in axes]
    assert titles == ["«without batch norm»", "«with batch norm»", "", ""]
    heights = [height for each in axes for height in each.lines[0].get_ydata()]
    assert heights == pytest.approx([0.52, 0.54, 0.62, 0.64] * 2)


def test_a_single_row_of_panels_has_the_measure_alone_at_the_left():
    text = (
        "{kind: lines, experiment: e, x: depth, y: test_accuracy, colour: init, panel: batchnorm}"
    )
    axes = picture(text, by_depth(), **DEPTHS).axes
    assert [each.get_ylabel() for each in axes] == ["«test accuracy»", ""]


def test_a_heading_stands_above_a_plot_in_the_language_of_the_page():
    text = "{" + RATES + ", colour: init, heading: {en: Ends, ko: 끝}}"
    own = figure(text, {"e": ["lr", "init"]})
    result = make(own, Measured(rates()))
    with house_style():
        (english,) = draw(own, result, str).axes
        (korean,) = draw(own, result, str, "ko").axes
    assert (english.get_title("left"), korean.get_title("left")) == ("Ends", "끝")


# --- level --------------------------------------------------------------------------------------

LEVEL = "{" + CURVES + ", y: test_accuracy, colour: batchnorm, marks: [{level: {at: 0.6, of: %s}}]}"


def test_a_level_can_be_that_of_another_number_of_the_curve():
    text = LEVEL % "train_accuracy"
    last = made(text, curves(), e=["batchnorm"]).table.iloc[-2:].set_index("batchnorm")
    assert list(last["reached 0.6"]) == ["1/2", "2/2"]
    when = last["epoch, training accuracy ≥ 0.6"]
    assert list(when) == [t_interval([2.0]), t_interval([1.0, 2.0])]
    (axes,) = (drawn := picture(text, curves(), e=["batchnorm"])).axes
    assert "●  «training accuracy» 60 %" in texts(drawn)
    (dot,) = (line for line in axes.lines if line.get_marker() == "o" and len(line.get_xdata()) < 2)
    # between the mean test accuracies 0.25 and 0.45 of the line with batch norm
    assert (dot.get_xdata()[0], dot.get_ydata()[0]) == (1.5, pytest.approx(0.35))


def test_a_level_of_a_loss_is_reached_from_above_and_is_no_share():
    text = LEVEL.replace("test_accuracy", "test_loss") % "train_loss"
    result = made(text, curves(loss=0.5), e=["batchnorm"])
    assert list(result.table["reached 0.6"].iloc[-2:]) == ["2/2", "2/2"]
    assert result.table["epoch, training loss ≤ 0.6"].iloc[-1] == t_interval([0.0, 0.0])
    drawn = texts(picture(text, curves(loss=0.5), e=["batchnorm"]))
    assert "●  «training loss» 0.6" in drawn


def test_a_level_of_a_number_that_curves_of_diverged_runs_lack_is_refused():
    with pytest.raises(ConfigError, match=r"level\.of: .*train_loss.*choices: train_accuracy, te"):
        figure(LEVEL % "train_loss", {"e": ["batchnorm"]})


def test_a_level_reached_at_the_start_has_a_place_on_a_logarithmic_axis():
    text = "{" + CURVES + ", y: train_accuracy, colour: batchnorm, marks: [{level: 0.1}]}"
    text = text.replace("x: epoch", "x: step, scale: {x: log}")
    (axes,) = (drawn := picture(text, curves(), e=["batchnorm"])).axes
    dots = [line for line in axes.lines if line.get_marker() == "o" and len(line.get_xdata()) < 2]
    assert [dot.get_xdata()[0] for dot in dots] == [1.0, 1.0]
    assert "10 %: «updates» 0" in texts(drawn)


# --- best ---------------------------------------------------------------------------------------


def rings(axes):
    """Places of the rings around the best."""
    return [
        (line.get_xdata().tolist(), line.get_ydata().tolist())
        for line in axes.lines
        if line.get_markersize() == 12
    ]


BEST = "{" + RATES + ", colour: init, marks: [%s]}"


def test_the_best_of_each_line_is_ringed_and_facts_say_how_many_are_at_an_end():
    facts = made(BEST % "best", rates(), e=["lr", "init"]).facts
    assert (facts["bests"], facts["edges"]) == (2, 1)  # Xavier's is at the highest rate
    (axes,) = picture(BEST % "best", rates(), e=["lr", "init"]).axes
    assert [x for x, _ in rings(axes)] == [[0.1], [1.0]]


def validated():
    """By validation accuracy both are best at the first rate."""
    results = rates(valid_size=10)
    for each in results.records.values():
        each.final["valid_accuracy"] = 0.9 - each.config["lr"] / 2
    return results


def test_the_best_can_be_chosen_by_another_number_of_the_runs():
    text = BEST % "{best: valid_accuracy}"
    facts = made(text, validated(), e=["lr", "init"]).facts
    assert (facts["bests"], facts["edges"]) == (2, 2)
    (axes,) = (drawn := picture(text, validated(), e=["lr", "init"])).axes
    assert rings(axes) == [([0.01], [pytest.approx(0.51)]), ([0.01], [pytest.approx(0.41)])]
    note = "○  «best by {metric}»".format(metric="«validation accuracy»")
    assert note in texts(drawn)


@pytest.mark.parametrize("metric", [*METRICS, *VALIDATION])
def test_what_the_best_is_chosen_by_is_said_in_korean(metric):
    own = figure(BEST % f"{{best: {metric}}}", {"e": ["lr", "init"]})
    (summary,) = make(own, Measured(validated())).summaries
    (note,) = notes(summary, Labels(load_text("ko").label, "ko"), 1)
    assert note.startswith("○  ")
    assert not re.search("[A-Za-z{}]", note), note


def test_without_that_number_none_is_best():
    facts = made(BEST % "{best: valid_accuracy}", rates(), e=["lr", "init"]).facts
    assert (facts["bests"], facts["edges"]) == (0, 0)


def test_two_that_are_equally_good_are_no_best():
    results = study(e=[run(lr=lr, test=test) for lr, test in ((0.01, 0.5), (0.1, 0.8), (1, 0.8))])
    facts = made("{" + RATES + ", marks: [best]}", results, e=["lr"]).facts
    assert (facts["bests"], facts["edges"]) == (0, 0)


def test_points_of_a_curve_are_not_chosen_by_a_number_of_the_runs():
    text = "{" + CURVES + ", y: train_accuracy, colour: batchnorm, marks: [{best: test_accuracy}]}"
    with pytest.raises(ConfigError, match=r"marks\[0\]\.best: expected rows: runs"):
        figure(text, {"e": ["batchnorm"]})


# --- each and beside ----------------------------------------------------------------------------


def test_each_run_is_a_dot_and_the_note_says_so():
    text = "{" + RATES + ", colour: init, marks: [each]}"
    (axes,) = (drawn := picture(text, rates(), e=["lr", "init"])).axes
    he, xavier = (line for line in axes.lines if line.get_marker() == ".")
    assert he.get_xdata().tolist() == [0.01, 0.01, 0.1, 0.1, 1, 1]
    assert he.get_ydata().tolist() == pytest.approx([0.5, 0.52, 0.8, 0.82, 0.7, 0.72])
    assert len(xavier.get_xdata()) == 6
    assert "«dots: single runs»" in texts(drawn)


BESIDE = "{" + CURVES + ", where: {batchnorm: %s}, y: [train_accuracy, test_accuracy],"
BESIDE += " colour: metric, marks: [{beside: {batchnorm: false}}, ends]}"


def test_the_table_has_the_ends_of_the_cells_beside_and_what_they_differ_in():
    table = made(BESIDE % "true", curves(), e=["batchnorm"]).table
    assert list(table["batchnorm"]) == [True] * 4 + [False]
    assert list(table["epoch"].iloc[-2:]) == ["end, all samples"] * 2
    assert table["training accuracy"].iloc[-2] == t_interval([0.8, 1.0])
    assert table["training accuracy"].iloc[-1] == t_interval([0.6, 0.4])
    assert table["test accuracy"].iloc[-1] == t_interval([0.3, 0.2])


def test_the_lowest_beside_is_named_by_its_number():
    results = study(
        e=[run(weight_decay=decay, curve=(0.1, 0.9 - decay)) for decay in (0.05, 0.1, 0.2)]
    )
    text = "{" + CURVES + ", where: {weight_decay: highest}, y: train_accuracy,"
    text += " marks: [{beside: {weight_decay: lowest}}, ends]}"
    table = made(text, results, e=["weight_decay"]).table
    assert list(table["weight_decay"]) == [0.2, 0.2, 0.2, 0.05]
    assert "«weight decay» = 0.05: 50 %" in texts(picture(text, results, e=["weight_decay"]))


def test_what_takes_the_lines_apart_cannot_be_what_stands_beside():
    text = "{" + CURVES + ", y: train_accuracy, colour: batchnorm,"
    text += " marks: [{beside: {batchnorm: false}}]}"
    with pytest.raises(ConfigError, match="beside: expected columns that are not x, colour or pan"):
        figure(text, {"e": ["batchnorm"]})


# --- plots under each other ---------------------------------------------------------------------

STACK = "{" + RATES + ", colour: init, stack: [{where: {batchnorm: %s}}, {where: {batchnorm: %s}}]}"


def stacked(rates_with=(0.01, 0.1)):
    """Without batch norm two rates, with it these."""
    return study(
        e=[
            run(init=init, batchnorm=on, lr=lr, test=0.5 + 0.2 * on)
            for init in ("he", "xavier")
            for on, values in ((False, (0.01, 0.1)), (True, rates_with))
            for lr in values
        ]
    )


def test_settings_that_plots_differ_in_are_columns_of_their_table():
    table = made(STACK % ("false", "true"), stacked(), e=["lr", "init", "batchnorm"]).table
    assert list(table.columns) == ["batchnorm", "init", "lr", "test accuracy", "diverged"]
    assert list(table["batchnorm"]) == [False] * 4 + [True] * 4
    assert [estimate.mean for estimate in table["test accuracy"]] == [0.5] * 4 + [0.7] * 4


@pytest.mark.parametrize(
    ("rates_with", "labels"),
    [((0.01, 0.1), ["", "«learning rate»"]), ((0.01, 1.0), ["«learning rate»"] * 2)],
)
def test_plots_under_each_other_say_x_once_unless_its_ends_differ(rates_with, labels):
    text = STACK % ("false", "true")
    axes = picture(text, stacked(rates_with), e=["lr", "init", "batchnorm"]).axes
    assert [each.get_xlabel() for each in axes] == labels
    shown = [each.xaxis.get_tick_params()["labelbottom"] for each in axes]
    assert shown == [bool(label) for label in labels]


@pytest.mark.parametrize(("longest", "labels"), [(30, 4), (3000, 2)])
def test_long_labels_leave_out_ticks_where_panels_are_narrow(longest, labels):
    lengths = range(0, longest + 1, longest // 10)
    results = study(
        e=[
            run(hidden=[10] * depth, num_steps=length, test=0.5)
            for depth in (1, 2, 3)
            for length in lengths
        ]
    )
    plot = "kind: lines, experiment: e, x: num_steps, y: test_accuracy, panel: depth"
    drawn = picture(f"{{{plot}}}", results, e=("num_steps", "depth", "hidden"))
    first, *_ = drawn.axes
    low, high = first.get_xlim()
    assert sum(low <= place <= high for place in first.get_xticks()) == labels
