"""Batch norm at many initial scales, with two values of ε."""

import builders_own as make
import numpy as np
import pytest
from builders_runs import texts

from study.figures import style
from study.figures.own import scales

SLOW = (0.1, 0.12, 0.2, 0.3, 0.4)
FAST = (0.1, 0.4, 0.6, 0.85, 0.95)


def run(*, batchnorm, seed=0, **options):
    return make.record(seed=seed, batchnorm=batchnorm, train=FAST if batchnorm else SLOW, **options)


@pytest.fixture
def of_scales():
    runs = []
    for std in (1.0, 0.1, 0.01):
        for seed in (0, 1):
            init = make.normal(std)
            runs.append(run(batchnorm=True, seed=seed, init=init))
            build = make.diverged if std == 1 else make.record
            runs.append(build(batchnorm=False, seed=seed, init=init))
    return make.results("batchnorm_scales", runs)


def test_each_scale_has_a_panel_and_diverged_runs_are_marked_and_drawn_at_chance(of_scales):
    with style.house_style():
        figure = scales.draw_scales(of_scales, str)
    panels = [axes for axes in figure.axes if axes.axison][:-1]
    assert [axes.get_title("left") for axes in panels] == ["1", "0.1", "0.01"]
    assert [[text.get_text() for text in axes.texts] for axes in panels] == [["✕ 2/2"], [], []]
    off = next(line for line in panels[0].lines if line.get_label() == "off")
    np.testing.assert_allclose(off.get_ydata()[1:], 0.1)


def test_what_batch_norm_adds_is_written_over_each_panel_in_the_colour_of_the_better(of_scales):
    with style.house_style():
        figure = scales.draw_scales(of_scales, str)
    gains = [axes._right_title for axes in figure.axes if axes.axison][:-1]
    assert [gain.get_text() for gain in gains] == ["+85", "0", "0"]
    assert [gain.get_color() for gain in gains] == [style.colour("on"), style.INK, style.INK]


def test_the_panel_above_shows_the_end_of_all_scales_and_where_all_runs_diverged(of_scales):
    with style.house_style():
        axes = scales.draw_scales(of_scales, str).axes[-1]
    assert axes.get_xscale() == "log"
    lines = {line.get_label(): line for line in axes.lines}
    np.testing.assert_allclose(lines["on"].get_ydata(), 0.95)
    np.testing.assert_allclose(lines["off"].get_ydata(), [0.95, 0.95, 0.1])  # by scale
    crosses = [line for line in axes.lines if line.get_marker() == "X" and len(line.get_xdata())]
    assert [line.get_xdata().tolist() for line in crosses] == [[1.0]]
    assert axes.get_title("left") == "after the last epoch (✕ all runs diverged)"


def test_the_difference_of_final_accuracies_is_paired_and_counts_diverged_runs(of_scales):
    table = scales.table_scales(of_scales)
    assert list(table["scale"]) == [1.0, 0.1, 0.01]
    assert table.loc[0, "without batch norm"].mean == pytest.approx(0.1)
    assert table.loc[0, "difference"].mean == pytest.approx(0.85)
    assert table.loc[0, "diverged without"] == "2/2"
    assert table.loc[1, "difference"].mean == 0
    assert table.loc[1, "diverged with"] == "0/2"


@pytest.fixture
def both_eps():
    """Three scales; with ε = 10⁻⁶ the smallest learns, too."""
    ends = {0.1: (0.9, 0.9, 0.9), 0.01: (0.1, 0.9, 0.91), 0.0001: (0.1, 0.2, 0.6)}
    return make.results(
        "batchnorm_scales",
        [
            make.record(
                seed=seed, init=make.normal(std), train=[0.1, 0.1, 0.1, 0.1, end - 0.01 * seed],
                **side,
            )
            for std, accuracies in ends.items()
            for end, side in zip(accuracies, SIDES_RUN, strict=True)
            for seed in (0, 1)
        ],
    )  # fmt: skip


SIDES_RUN = ({"batchnorm": False}, {"batchnorm": True}, {"batchnorm": True, "batchnorm_eps": 1e-6})


def test_the_textbooks_eps_is_a_line_of_its_own_and_in_no_mean_of_the_other(both_eps):
    with style.house_style():
        figure = scales.draw_scales(both_eps, str)
    above, panels = figure.axes[-1], [axes for axes in figure.axes if axes.axison][:-1]
    lines = {line.get_label(): line for line in above.lines}
    np.testing.assert_allclose(lines["on"].get_ydata(), [0.195, 0.895, 0.895])
    np.testing.assert_allclose(lines["textbook_eps"].get_ydata(), [0.595, 0.905, 0.895])
    drawn = [{line.get_label() for line in axes.lines} for axes in panels]
    assert ["textbook_eps" in labels for labels in drawn] == [False, False, True]  # where it shows
    assert [text.get_text() for text in figure.legends[0].texts] == [
        "without batch norm", "with batch norm, ε = 10⁻⁵", "with batch norm, ε = 10⁻⁶",
    ]  # fmt: skip


def test_both_values_of_eps_have_columns_and_ranges_of_their_own(both_eps):
    (spec,) = scales.FIGURES
    assert spec.merged(both_eps) is None
    row = scales.table_scales(both_eps).iloc[-1]
    assert row["with batch norm"].mean == pytest.approx(0.195)
    assert row["with batch norm, ε = 10⁻⁶"].mean == pytest.approx(0.595)
    assert row["difference"].mean == pytest.approx(0.1)
    assert (row["difference, ε = 10⁻⁶"].mean, row["difference, ε = 10⁻⁶"].n) == (
        pytest.approx(0.5), 2,
    )  # fmt: skip
    assert row["diverged, ε = 10⁻⁶"] == "0/2"
    facts = scales.facts_scales(both_eps)
    assert (facts["case"], facts["eps"], facts["small_eps"]) == ("both", "10⁻⁵", "10⁻⁶")
    ranges = [facts[f"range_{name}"].mean for name in ("without", "with", "small")]
    assert ranges == pytest.approx([0.8, 0.7, 0.31])
    words = make.sentences("scales", facts)["en measured"]
    assert "by 31.0 ± 0.0 points with ε = 10⁻⁶, with which 2 scales reach 80 %" in words


def test_another_eps_stands_for_with_where_the_usual_one_was_not_run():
    runs = [
        make.record(init=make.normal(0.1), batchnorm=True, batchnorm_eps=eps, train=[end] * 5)
        for eps, end in ((1e-3, 0.5), (1e-6, 0.9))
    ]
    study = make.results("batchnorm_scales", runs)
    table = scales.table_scales(study)
    assert table.loc[0, "with batch norm"].mean == 0.9  # closer to 10⁻⁵ than 10⁻³
    assert table.loc[0, "with batch norm, ε = 10⁻⁶"].n == 0


def scale(std, on, off, seeds=3):
    return [
        make.record(
            batchnorm=side, seed=seed, init=make.normal(std), train=[end - 0.001 * seed * side] * 5
        )
        for side, end in ((True, on), (False, off))
        for seed in range(seeds)
    ]


def test_scales_are_counted_by_who_learns_and_by_who_is_better():
    runs = [*scale(1.0, 0.9, 0.1), *scale(0.1, 0.85, 0.95), *scale(0.01, 0.4, 0.4)]
    facts = scales.facts_scales(make.results("batchnorm_scales", runs))
    assert facts["case"] == "measured"
    assert (facts["scales"], facts["learned_with"], facts["learned_without"]) == (3, 2, 1)
    assert (facts["helps"], facts["harms"]) == (1, 1)
    assert (facts["least_scale"], facts["most_scale"]) == (0.1, 1.0)
    assert facts["most"].mean == pytest.approx(0.8, abs=0.002)
    assert facts["scatter_without"].mean == pytest.approx(np.std([0.1, 0.95, 0.4], ddof=1))
    make.sentences("scales", facts)


def test_a_scale_without_its_pair_is_left_out_of_the_scatter():
    runs = [*scale(1.0, 0.9, 0.9), *scale(0.1, 0.9, 0.9), *scale(0.01, 0.1, 0.1)[:3]]
    facts = scales.facts_scales(make.results("batchnorm_scales", runs))
    assert facts["scales"] == 2
    assert facts["scatter_with"].mean == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("runs", [scale(0.1, 0.9, 0.5), scale(0.1, 0.9, 0.5, seeds=1)])
def test_one_scale_has_no_scatter(runs):
    facts = scales.facts_scales(make.results("batchnorm_scales", runs))
    assert facts["case"] == "one"
    assert "standard deviation 0.1" in make.sentences("scales", facts)["en measured"]


@pytest.mark.parametrize("runs", make.lacking(run))
def test_whatever_is_missing_or_diverged_there_is_a_sentence(runs):
    facts = scales.facts_scales(make.results("batchnorm_scales", runs, missing=2))
    assert facts["case"] in make.cases("scales")
    make.sentences("scales", facts)


def test_nothing_but_failed_and_missing_runs_is_no_error():
    runs = [make.failed(batchnorm=side) for side in (False, True)]
    study = make.results("batchnorm_scales", runs, missing=2)
    with style.house_style():
        figure = scales.draw_scales(study, str)
    said = {text.get_text() for a in figure.axes for text in a.texts}
    assert "no finished run" in said
    assert scales.table_scales(study).empty


def test_every_word_is_translated(of_scales):
    with style.house_style():
        figure = scales.draw_scales(of_scales, lambda text: "한" * len(text))
    words = texts(figure)
    assert any("한" in word for word in words)
    assert {c for word in words for c in word if c.isascii() and c.isalpha()} <= set("std")
