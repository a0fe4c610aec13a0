import builders_remedies as make
import numpy as np
import pytest

from study.figures import style
from study.figures.own import placement, scales

SLOW = (0.1, 0.12, 0.2, 0.3, 0.4)
FAST = (0.1, 0.4, 0.6, 0.85, 0.95)


def layer(number, *, before=(0.5, 4.0), after=(0.0, 1.0)):
    return {
        "layer": number, "hidden": True,
        "preactivation_mean": before[0], "preactivation_var": before[1],
        "normalised_mean": after[0], "normalised_var": after[1],
        "unit_mean_max": 0.01, "unit_var_mean": 0.99,
    }  # fmt: skip


def histograms(depth=2):
    wide = make.histogram([10, 20, 40, 20, 0, 10], -6, 6, below=3)
    narrow = make.histogram([0, 10, 40, 40, 10, 0], -6, 6)
    return {"preactivation": [wide] * depth, "normalised": [narrow] * depth}


def run(*, batchnorm, seed=0, offset=0.0, **options):
    return make.record(
        seed=seed,
        batchnorm=batchnorm,
        train=[value + offset for value in (FAST if batchnorm else SLOW)],
        layers=[layer(1, before=(0.5 + offset, 4.0)), layer(2), {"layer": 3, "hidden": False}],
        measurements={"histograms": histograms()},
        **options,
    )


@pytest.fixture
def study():
    runs = [
        run(batchnorm=side, seed=seed, offset=0.01 * seed)
        for side in (False, True)
        for seed in (0, 1, 2)
    ]
    return make.results("batchnorm", runs)


def test_the_layer_is_drawn_between_the_two_distributions_of_each_layer(study):
    with style.house_style():
        figure = placement.draw_placement(study, str)
    grid = np.array(figure.axes).reshape(2, 5)
    for row in grid:
        words = [" ".join(text.get_text() for text in axes.texts) for axes in row[[0, 2, 4]]]
        assert ["Affine" in words[0], "Norm" in words[1], "relu" in words[2]] == [True] * 3
        before, after = row[1], row[3]
        assert before.get_ylim() == after.get_ylim()
        np.testing.assert_allclose(after.patches[0].get_data().values, [0.1, 0.4, 0.4, 0.1])
        # 3 below, 10 in each of the two outer bins, of 103
    assert grid[0, 1].texts[0].get_text() == "mean +0.51\nvariance 4.00\n|x| > 4: 22 %"
    assert grid[0, 3].texts[0].get_text() == "mean 0.00\nvariance 1.00"


def test_only_runs_with_the_layer_are_in_its_picture():
    study = make.results("batchnorm", [run(batchnorm=False)])
    with style.house_style():
        figure = placement.draw_placement(study, str)
    assert figure.axes[0].texts[0].get_text() == "no finished run"


def test_moments_of_each_layer_with_and_without(study):
    table = placement.table_placement(study)
    assert list(table["layer"]) == [1, 2]
    assert table.loc[0, "mean before"].mean == pytest.approx(0.51)
    assert table.loc[0, "mean before"].n == 3
    assert table.loc[0, "variance after"].mean == 1
    assert table.loc[1, "variance without batch norm"].mean == 4
    assert table.loc[1, "largest unit mean after"].mean == pytest.approx(0.01)


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
    spec = next(spec for spec in placement.FIGURES if spec.id == "1.3.1-b")
    assert spec.merged(both_eps) is None
    row = scales.table_scales(both_eps).iloc[-1]
    assert row["with batch norm"].mean == pytest.approx(0.195)
    assert row["with batch norm, ε = 10⁻⁶"].mean == pytest.approx(0.595)
    assert row["difference"].mean == pytest.approx(0.1)
    assert (row["difference, ε = 10⁻⁶"].mean, row["difference, ε = 10⁻⁶"].n) == (
        pytest.approx(0.5), 2,
    )  # fmt: skip
    assert row["diverged, ε = 10⁻⁶"] == "0/2"
    facts = facts_of("1.3.1-b", both_eps)
    assert (facts["case"], facts["eps"], facts["small_eps"]) == ("both", "10⁻⁵", "10⁻⁶")
    ranges = [facts[f"range_{name}"].mean for name in ("without", "with", "small")]
    assert ranges == pytest.approx([0.8, 0.7, 0.31])
    words = make.sentences("1.3.1-b", facts)["en measured"]
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


def facts_of(figure_id, study):
    return next(spec for spec in placement.FIGURES if spec.id == figure_id).facts(study)


def test_the_layer_furthest_from_its_aim_is_named():
    off = [layer(1, before=(0.5, 4.0)), layer(2, before=(0.1, 0.3), after=(0.01, 1.2))]
    runs = [make.record(seed=seed, batchnorm=True, layers=off) for seed in (0, 1)]
    facts = facts_of("1.3-a", make.results("batchnorm", runs))
    assert (facts["layer"], facts["layers"]) == (2, 2)
    assert facts["variance"].mean == pytest.approx(1.2)
    assert (facts["least"], facts["most"]) == (0.3, 4.0)
    words = make.sentences("1.3-a", facts)
    assert "In layer 2" in words["en measured"]
    assert "0.3 to 4" in words["en alt"]


def test_the_sides_are_compared_at_the_highest_level_that_all_runs_of_one_reach(study):
    facts = facts_of("1.3.1-a", study)
    assert (facts["case"], facts["level"], facts["reached_without"]) == ("with", "90 %", 0)
    assert facts["epochs_with"].mean == 4
    words = make.sentences("1.3.1-a", facts)["en measured"]
    assert "90 % training accuracy takes 4 ± 0 epochs; without it 0 of 3 runs" in words


@pytest.mark.parametrize(
    ("on", "off", "case"),
    [
        (FAST, SLOW, "with"),
        (SLOW, FAST, "without"),
        (FAST, FAST, "both"),
        (SLOW, SLOW, "neither"),
    ],
)
@pytest.mark.parametrize("seeds", [1, 3])
def test_speed_is_told_from_the_curves_whoever_is_faster(on, off, case, seeds):
    runs = [
        make.record(batchnorm=side, seed=seed, train=train)
        for side, train in ((True, on), (False, off))
        for seed in range(seeds)
    ]
    facts = facts_of("1.3.1-a", make.results("batchnorm", runs))
    assert facts["case"] == case
    make.sentences("1.3.1-a", facts)


def test_a_level_that_only_some_runs_reach_is_not_compared():
    runs = [make.record(batchnorm=True, seed=0, train=FAST)]
    runs.append(make.record(batchnorm=True, seed=1, train=[0.1, 0.2, 0.6, 0.7, 0.7]))
    runs += [make.record(batchnorm=False, seed=seed, train=SLOW) for seed in (0, 1)]
    facts = facts_of("1.3.1-a", make.results("batchnorm", runs))
    assert (facts["level"], facts["epochs_with"].mean) == ("50 %", 2)


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
    facts = facts_of("1.3.1-b", make.results("batchnorm_scales", runs))
    assert facts["case"] == "measured"
    assert (facts["scales"], facts["learned_with"], facts["learned_without"]) == (3, 2, 1)
    assert (facts["helps"], facts["harms"]) == (1, 1)
    assert (facts["least_scale"], facts["most_scale"]) == (0.1, 1.0)
    assert facts["most"].mean == pytest.approx(0.8, abs=0.002)
    assert facts["scatter_without"].mean == pytest.approx(np.std([0.1, 0.95, 0.4], ddof=1))
    make.sentences("1.3.1-b", facts)


def test_a_scale_without_its_pair_is_left_out_of_the_scatter():
    runs = [*scale(1.0, 0.9, 0.9), *scale(0.1, 0.9, 0.9), *scale(0.01, 0.1, 0.1)[:3]]
    facts = facts_of("1.3.1-b", make.results("batchnorm_scales", runs))
    assert facts["scales"] == 2
    assert facts["scatter_with"].mean == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("runs", [scale(0.1, 0.9, 0.5), scale(0.1, 0.9, 0.5, seeds=1)])
def test_one_scale_has_no_scatter(runs):
    facts = facts_of("1.3.1-b", make.results("batchnorm_scales", runs))
    assert facts["case"] == "one"
    assert "standard deviation 0.1" in make.sentences("1.3.1-b", facts)["en measured"]


@pytest.mark.parametrize("spec", placement.FIGURES, ids=lambda spec: spec.id)
@pytest.mark.parametrize(
    "runs",
    [
        [make.failed(batchnorm=True)],
        [run(batchnorm=True), make.failed(batchnorm=False)],
        [run(batchnorm=False)],
        [run(batchnorm=False), make.diverged(batchnorm=True)],
        [make.diverged(batchnorm=side, init=make.normal(1.0)) for side in (False, True)],
    ],
)
def test_whatever_is_missing_or_diverged_there_is_a_sentence(spec, runs):
    facts = spec.facts(make.results(spec.experiments[0], runs, missing=2))
    assert facts["case"] in make.cases(spec.id)
    words = make.sentences(spec.id, facts)
    assert all(words.values())
    assert "nan" not in " ".join(words.values())


@pytest.mark.parametrize("spec", placement.FIGURES, ids=lambda spec: spec.id)
def test_nothing_but_failed_and_missing_runs_is_no_error(spec):
    runs = [make.failed(batchnorm=side) for side in (False, True)]
    study = make.results(spec.experiments[0], runs, missing=2)
    with style.house_style():
        figure = spec.draw(study, str)
    said = {text.get_text() for a in figure.axes for text in a.texts}
    assert said & {"no finished run", "no pairs to compare"}
    assert spec.table(study).empty


@pytest.mark.parametrize("spec", placement.FIGURES, ids=lambda spec: spec.id)
def test_every_word_is_translated(spec, study, of_scales, rates, trained):
    named = {"batchnorm": study, "batchnorm_rates": rates, "batchnorm_trained": trained}
    results = named.get(spec.experiments[0], of_scales)
    with style.house_style():
        figure = spec.draw(results, lambda text: "한" * len(text))
    words = [text.get_text() for a in figure.axes for text in (*a.texts, a.title, a.xaxis.label)]
    words += [text.get_text() for legend in figure.legends for text in legend.texts]
    assert any("한" in word for word in words)
    assert {c for word in words for c in word if c.isascii() and c.isalpha()} <= set(
        "xstd"
    )  # std 0.1


# --- 1.3.1-c ------------------------------------------------------------------------------------


def grid(gap=0.3, seeds=(0, 1, 2), **config):
    """Runs of two cells with a gap of ``gap`` (0.1 without batch norm) where 80 % are learned."""
    return [
        make.record(
            seed=seed, batchnorm=side, dropout=dropout,
            train=(0.1, 0.4, 0.6, 0.8, 0.8 if side else 1.0),
            test=(0.1, 0.3, 0.5, *([0.8 - (gap if side else 0.1) - 0.01 * seed] * 2)),
            **config,
        )
        for side in (False, True) for dropout in (0.0, 0.2) for seed in seeds
    ]  # fmt: skip


# --- 1.3.1-d ------------------------------------------------------------------------------------


def rate_cell(std, lr, off, on, seeds=(0, 1)):
    """Curves of both sides at one scale and rate; None: diverged."""
    return [
        (make.diverged if train is None else make.record)(
            init=make.normal(std), lr=lr, batchnorm=side, seed=seed,
            **({} if train is None else {"train": train}),
        )
        for side, train in ((False, off), (True, on))
        for seed in seeds
    ]  # fmt: skip


MIDDLE = (0.1, 0.3, 0.5, 0.7, 0.82)  # reaches 80 % an epoch later than FAST


@pytest.fixture
def rates():
    return make.results(
        "batchnorm_rates",
        [
            *rate_cell(0.3, 0.01, FAST, SLOW), *rate_cell(0.3, 1.0, None, FAST),
            *rate_cell(0.1, 0.01, MIDDLE, FAST), *rate_cell(0.1, 1.0, SLOW, SLOW),
        ],
    )  # fmt: skip


def test_where_batch_norm_is_faster_is_said_by_rate(rates):
    facts = facts_of("1.3.1-d", rates)
    assert (facts["case"], facts["faster_with"], facts["faster_without"]) == ("sometimes", 2, 1)
    assert (facts["with"], facts["without"]) == ("0.01: 1/2, 1: 1/2", "0.01: 1/2, 1: 0/2")
    assert (facts["lost_without"], facts["lost_with"]) == (1, 0)
    words = make.sentences("1.3.1-d", facts)["en measured"]
    assert "at 2 of 4 combinations (scales by learning rate: 0.01: 1/2, 1: 1/2)" in words


@pytest.mark.parametrize(("off", "on", "case"), [(SLOW, FAST, "always"), (FAST, SLOW, "never")])
def test_everywhere_or_nowhere_has_a_sentence_of_its_own(off, on, case):
    facts = facts_of("1.3.1-d", make.results("batchnorm_rates", rate_cell(0.1, 0.01, off, on)))
    assert facts["case"] == case
    assert all(make.sentences("1.3.1-d", facts).values())


# --- 1.3.1-e ------------------------------------------------------------------------------------


@pytest.fixture
def trained():
    """Both sides learn all; batch norm's test accuracy is 5 points lower, at 0.01 10 points."""
    return make.results(
        "batchnorm_trained",
        [
            make.record(
                lr=lr, batchnorm=side, seed=seed, train=(0.1, 0.5, 0.8, 0.9, 1.0),
                test=(0.1, 0.4, 0.6, 0.7, 0.8 - (fall if side else 0) + 0.01 * seed),
            )
            for lr, fall in ((0.01, 0.1), (0.1, 0.05)) for side in (False, True) for seed in (0, 1)
        ],
    )  # fmt: skip


def test_one_rate_of_trained_networks_has_a_sentence_of_its_own():
    runs = [make.record(lr=0.1, batchnorm=side) for side in (False, True)]
    facts = facts_of("1.3.1-e", make.results("batchnorm_trained", runs))
    assert facts["case"] == "one"
    assert make.cases("1.3.1-e") == {"measured", "one", "missing"}
    assert "At learning rate 0.1" in make.sentences("1.3.1-e", facts)["en measured"]
