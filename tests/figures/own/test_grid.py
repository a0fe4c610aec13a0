"""Figures of the grid on planted accuracies: what is drawn, what the tables say, what is marked."""

import dataclasses
import io
import re
import warnings

import builders_grid as make
import numpy as np
import pytest
from matplotlib.colors import to_hex, to_rgb

from study.analysis.intervals import Estimate, t_interval
from study.figures import style
from study.figures.own import grid, grid_cells, grid_effects, grid_ranking
from study.report import grid_data
from study.report.text import load_text

RECIPE = ("he", "relu", True, 0.2, 0.0)
BASE = {"constant 0.01": 0.2, "normal 0.01": 0.4, "normal 1": 0.3, "xavier": 0.5, "he": 0.6}


@pytest.fixture(autouse=True)
def _house_style():
    with style.house_style():
        yield


def accuracy(cell, seed):
    """Batch norm adds 0.2, but nothing to constant; dropout costs 0.05, normal 1 0.1."""
    init, activation, batchnorm, dropout, _ = cell
    value = BASE[init] + 0.03 * (activation == "relu") + 0.01 * seed
    value += 0.2 * (batchnorm and init != "constant 0.01")
    return value - (0.1 if init == "normal 1" else 0.05) * (dropout > 0)


@pytest.fixture(scope="module")
def results():
    return make.results(make.full_grid(accuracy))


@pytest.fixture(scope="module")
def partial():
    """One seed; all runs of one cell diverged, one run failed, one cell is missing."""
    changed = {
        ("normal 1", "relu", False, 0.0, 0.0): "diverged",
        ("he", "tanh", False, 0.0, 0.0): "failed",
    }
    missing = ("xavier", "sigmoid", True, 0.2, 0.001)
    return make.results(
        [
            make.record(cell, test=accuracy(cell, 0), status=changed.get(cell, "completed"))
            for cell in make.CELLS
            if cell != missing
        ],
        missing=1,
    )


def test_every_figure_is_there_in_the_order_of_the_report():
    assert [spec.id for spec in grid.FIGURES] == ["G-a", "G-b", "G-c", "G-d", "G-e"]
    assert {spec.experiments for spec in grid.FIGURES} == {("grid",)}


@pytest.mark.parametrize("spec", grid.FIGURES, ids=lambda spec: spec.id)
def test_every_string_is_translated_and_numbers_are_not_part_of_it(spec, results):
    asked = []

    def tr(text):
        asked.append(text)
        return f"«{text}»"

    figure = spec.draw(results, tr)
    figure.savefig(io.BytesIO(), format="svg")
    for text in make.texts(figure):
        rest = re.sub(r"«[^»]*»", "", text.replace("\n", " "))
        assert not re.search(r"[A-Za-z]{2}", rest), text
    named = {*make.INITS, "normal 1"}
    assert not [text for text in asked if re.search(r"\d", text) and text not in named]


@pytest.mark.parametrize("spec", grid.FIGURES, ids=lambda spec: spec.id)
def test_the_same_runs_give_the_same_bytes(spec, results):
    def drawn():
        file = io.BytesIO()
        spec.draw(results, str).savefig(file, format="svg", metadata={"Date": None})
        return file.getvalue()

    assert drawn() == drawn()


FEW = {
    "none": [],
    "failed": [make.record(RECIPE, status="failed")],
    "diverged": [make.record(RECIPE, status="diverged")],
    "one": [make.record(RECIPE)],
    "two": [make.record(RECIPE), make.record(("he", "relu", False, 0.0, 0.0), distinct=3)],
    "constant": [make.record(("constant 0.01", "relu", False, 0.0, 0.0), distinct=1)],
    "narrowed": [make.record(cell) for cell in make.CELLS if cell[0] == "he" and cell[2]],
}


@pytest.mark.parametrize("spec", grid.FIGURES, ids=lambda spec: spec.id)
@pytest.mark.parametrize("records", FEW.values(), ids=FEW)
def test_few_runs_do_not_crash(spec, records):
    few = make.results(records, missing=1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure = spec.draw(few, str)
        figure.savefig(io.BytesIO(), format="svg")
        spec.table(few)
    assert make.texts(figure)


@pytest.mark.parametrize("spec", grid.FIGURES, ids=lambda spec: spec.id)
def test_one_seed_with_diverged_failed_and_missing_runs_does_not_crash(spec, partial):
    spec.draw(partial, str).savefig(io.BytesIO(), format="svg")
    assert len(spec.table(partial))


def test_the_recipe_is_that_of_the_lecture():
    recommended = [cell for cell in make.CELLS if grid_cells.is_recommended(cell)]
    assert len(recommended) == 9  # an initial value for each activation; dropout, decay, both
    assert {cell[:3] for cell in recommended} == {
        ("he", "relu", True), ("xavier", "sigmoid", True), ("xavier", "tanh", True),
    }  # fmt: skip
    assert all(dropout or decay for *_, dropout, decay in recommended)


# --- G-a ----------------------------------------------------------------------------------------


def heat_maps(figure):
    return [axes for axes in figure.axes if axes.collections and axes.get_title()]


def test_heat_maps_have_a_panel_for_each_setting_and_whole_per_cents(results):
    panels = heat_maps(grid.draw_heatmaps(results, str))
    assert len(panels) == 8
    assert [text.get_text() for text in panels[0].texts[:3]] == ["20", "20", "24"]
    values = panels[1].collections[0].get_array().reshape(5, 3)  # batch norm on, nothing else
    for row, init in enumerate(make.INITS):
        for column, activation in enumerate(make.ACTIVATIONS):
            cell = (init, activation, True, 0.0, 0.0)
            assert values[row, column] == pytest.approx(accuracy(cell, 0.5))
    assert not any("✕" in text for text in make.texts(panels[0].figure))


def test_diverged_cells_are_marked_with_how_many_and_count_at_chance():
    cell = ("normal 1", "relu", False, 0.0, 0.0)
    records = [make.record(cell, seed, status="diverged", num_classes=4) for seed in (0, 1)]
    records.append(make.record(cell, 2, test=0.55))
    figure = grid.draw_heatmaps(make.results(records), str)
    (panel,) = heat_maps(figure)
    assert [text.get_text() for text in panel.texts] == ["35  ✕2"]
    assert any("runs that diverged" in text for text in make.texts(figure))


def test_cells_without_a_finished_run_are_hatched(partial):
    panels = heat_maps(grid.draw_heatmaps(partial, str))
    hatched = [patch for axes in panels for patch in axes.patches if patch.get_hatch()]
    assert sorted(patch.get_xy() for patch in hatched) == [(0, 3), (1, 4)]
    numbers = sum(len(axes.texts) for axes in panels)
    assert numbers == 120 - 2
    assert [t for axes in panels for t in make.texts(axes) if "✕" in t] == ["10  ✕1"]


def luminance(colour):
    """Relative luminance of WCAG 2."""
    channels = np.array(to_rgb(colour))
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def test_text_on_a_cell_contrasts_with_it():
    ramp = {cell: index / 119 for index, cell in enumerate(make.CELLS)}
    shades = make.results(make.full_grid(lambda cell, _: ramp[cell], seeds=[0]))
    for axes in heat_maps(grid.draw_heatmaps(shades, str)):
        faces = axes.collections[0].get_facecolors()
        for text, face in zip(axes.texts, faces, strict=True):
            dark, bright = sorted((luminance(text.get_color()), luminance(face[:3])))
            assert (bright + 0.05) / (dark + 0.05) >= 4


def test_table_of_the_heat_maps_has_every_cell(partial):
    table = grid.table_heatmaps(partial)
    assert len(table) == 120
    assert table["n"].sum() == 118
    assert table[["completed", "diverged", "failed"]].sum().tolist() == [117, 1, 1]
    chosen = (table["initial value"] == "normal 1") & (table["diverged"] == 1)
    assert table.loc[chosen, "test accuracy"].item() == t_interval([0.1])
    assert isinstance(table["test accuracy"][0], Estimate)


def test_cells_that_the_study_never_asked_for_are_not_missing():
    cells = [("he", "relu", False, 0.0, 0.0), ("xavier", "tanh", True, 0.0, 0.0)]
    complete = make.results([make.record(cell) for cell in cells])
    assert len(grid_ranking.table_ranking(complete)) == 2


# --- G-b ----------------------------------------------------------------------------------------


def test_main_effects_are_drawn_where_they_are(results):
    figure = grid_effects.draw_main_effects(results, str)
    (axes,) = figure.axes
    labels = [tick.get_text() for tick in axes.get_yticklabels()]
    dots = {
        labels[int(line.get_ydata()[0])]: line for line in axes.lines if line.get_marker() == "o"
    }
    assert len(dots) == 5 + 3 + 3
    assert dots["batch norm"].get_xdata()[0] == pytest.approx(0.2 * 4 / 5)
    assert dots["dropout 0.2"].get_xdata()[0] == pytest.approx(-(0.1 + 4 * 0.05) / 5)
    assert dots["weight decay 0.001"].get_xdata()[0] == pytest.approx(0)
    assert dots["relu"].get_xdata()[0] == pytest.approx(0.02)
    assert to_hex(dots["he"].get_color()) == style.colour("he")
    assert "+16.0 ± " in " ".join(make.texts(figure))
    assert "diverged" not in axes.get_xlabel()


def test_main_effects_say_how_many_runs_diverged(partial):
    (axes,) = grid_effects.draw_main_effects(partial, str).axes
    assert "✕ 1/119 diverged" in axes.get_xlabel()


def test_table_of_main_effects_has_counts(results):
    table = grid_effects.table_main_effects(results).set_index("level")
    assert table.loc["on", "effect on test accuracy"].mean == pytest.approx(0.16)
    assert table.loc["on", "against"] == "off"
    assert table.loc["on", ["pairs", "seeds"]].tolist() == [120, 2]
    assert table.loc["he", "against"] == "mean of all"
    assert table.loc["he", "effect on gap"].mean == 0
    assert table.loc["0.2", "factor"] == "dropout"


# --- G-c ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def with_layers():
    """Constant weights: one distinct unit without dropout, eight with it."""
    return make.results(
        make.record(cell, seed, test=accuracy(cell, seed), distinct=8 if cell[3] else 1)
        for cell in make.CELLS
        for seed in (0, 1)
    )


def test_interactions_are_drawn_by_initial_value(with_layers):
    figure = grid_effects.draw_interactions(with_layers, str)
    norm, dropout, ranges, symmetry = figure.axes
    for axes, switched in ((norm, "batchnorm"), (dropout, "dropout")):
        off, on = axes.lines
        assert to_hex(off.get_color()) == style.colour("off")
        assert off.get_linestyle() != on.get_linestyle()
        gained = np.subtract(on.get_ydata(), off.get_ydata())
        expected = {
            "batchnorm": [0, 0.2, 0.2, 0.2, 0.2],
            "dropout": [-0.05, -0.05, -0.1, -0.05, -0.05],
        }
        assert gained == pytest.approx(expected[switched])
    assert norm.get_xticklabels()[0].get_text() == "constant\n0.01"
    dots = [line.get_xdata()[0] for line in ranges.lines if line.get_marker() in "os"]
    # Without batch norm he − constant; with it 0.2 more. Half the cells have dropout, where
    # normal 1 is the worst of the random ones by 0.05 more.
    assert dots == pytest.approx([0.4, 0.6, 0.325, 0.325])
    assert symmetry.lines[0].get_ydata().tolist() == [1, 1]
    assert symmetry.lines[1].get_ydata().tolist() == [8, 8]


def test_table_of_interactions_has_all_parts(with_layers):
    table = grid_effects.table_interactions(with_layers)
    assert table["shown"].value_counts().to_dict() == {
        "test accuracy by batch norm": 5,
        "test accuracy by dropout": 5,
        "best − worst initial value by batch norm": 2,
        "distinct units by dropout, constant weights": 2,
    }
    rows = table.set_index(["shown", "level"])
    constant = rows.loc[("test accuracy by batch norm", "constant 0.01")]
    assert constant["difference"].mean == pytest.approx(0)
    assert constant["interaction"].mean == pytest.approx(-0.16)
    assert constant[["pairs", "seeds"]].tolist() == [24, 2]
    units = rows.loc[("distinct units by dropout, constant weights", "layer 2")]
    assert (units["off"].mean, units["on"].mean) == (1, 8)


def test_other_initial_values_do_not_count_as_constant(with_layers):
    without = {
        address: each
        for address, each in with_layers.records.items()
        if each.config["init"]["name"] != "constant"
    }
    few = make.results(without.values())
    shown = grid_effects.table_interactions(few)["shown"].unique()
    assert "distinct units by dropout, constant weights" not in shown
    assert "no pairs to compare" in make.texts(grid_effects.draw_interactions(few, str))


# --- G-d ----------------------------------------------------------------------------------------


def test_every_cell_has_a_curve_and_the_recipe_its_colour(results):
    figure = grid.draw_curves(results, str)
    assert len(figure.axes) == 6
    assert [len(axes.lines) for axes in figure.axes] == [20] * 6
    picked = [
        [line for line in axes.lines if to_hex(line.get_color()) == style.colour("on")]
        for axes in figure.axes
    ]
    assert [len(lines) for lines in picked] == [0, 3, 0, 3, 0, 3]
    ends = sorted(line.get_ydata()[-1] for line in picked[5])
    recipes = [("he", "relu", True, *rest) for rest in ((0.2, 0.001), (0.2, 0.0), (0.0, 0.001))]
    assert ends == pytest.approx(sorted(accuracy(cell, 0.5) for cell in recipes))
    assert picked[5][0].get_xdata().tolist() == list(make.EPOCHS)


def test_a_diverged_run_stays_at_chance_to_the_end_and_the_panel_says_so():
    cell = ("he", "relu", True, 0.2, 0.0)
    records = [make.record(cell, 0, status="diverged"), make.record(cell, 1, test=0.9)]
    figure = grid.draw_curves(make.results(records), str)
    (axes,) = figure.axes
    (line,) = axes.lines
    assert line.get_ydata()[-1] == pytest.approx((0.1 + 0.9) / 2)
    assert "✕ 1/2 diverged" in axes.get_title()


def test_table_of_curves_is_over_seeds(results):
    table = grid.table_curves(results)
    row = table[
        (table["activation"] == "relu") & table["batch norm"]
        & (table["cells"] == "recommended") & (table["epoch"] == 2)
    ]  # fmt: skip
    assert row["number of cells"].item() == 3
    estimate = row["test accuracy"].item()
    assert estimate.n == 2
    assert estimate.mean == pytest.approx(0.83 + 0.005 - 0.1 / 3)
    assert row["lowest cell"].item() == pytest.approx(0.785)
    assert row["highest cell"].item() == pytest.approx(0.835)
    assert set(table["cells"]) == set(grid.ROLES)


# --- G-e ----------------------------------------------------------------------------------------


def test_ranking_goes_from_best_to_worst_and_ties_keep_the_order_of_the_grid(results):
    table = grid_ranking.table_ranking(results)
    means = [estimate.mean for estimate in table["test accuracy"]]
    assert len(table) == 120
    assert means == sorted(means, reverse=True)
    assert table["rank"].tolist() == list(range(1, 121))
    best = table.iloc[:2]
    assert best["initial value"].tolist() == ["he", "he"]
    assert best["weight decay"].tolist() == [0.0, 0.001]  # equal accuracies
    assert table["recommended"].value_counts()["yes"] == 9
    shuffled = make.results(list(results.records.values()))
    assert grid_ranking.table_ranking(shuffled).equals(table)


def test_ranking_has_train_accuracy_and_gap_of_each_cell():
    cell = ("he", "relu", False, 0.0, 0.0)
    records = [make.record(cell, seed, test=0.8, train=0.9 + seed / 20) for seed in (0, 1)]
    (row,) = grid_ranking.table_ranking(make.results(records)).to_dict("records")
    assert row["train accuracy"][:4] == pytest.approx(t_interval([0.9, 0.95])[:4])
    assert row["gap"].mean == pytest.approx(0.125)
    assert (row["n"], row["completed"], row["diverged"], row["failed"]) == (2, 2, 0, 0)


def test_cells_without_a_finished_run_come_last_without_a_rank(partial):
    table = grid_ranking.table_ranking(partial)
    assert table["rank"].isna().tolist() == [False] * 118 + [True] * 2
    assert table["n"].tolist()[-2:] == [0, 0]
    assert table["failed"].sum() == 1


def test_a_diverged_cell_ranks_by_chance(partial):
    table = grid_ranking.table_ranking(partial)
    assert table.loc[table["diverged"] == 1, "rank"].item() == 118


def test_the_rank_curve_counts_the_recipe_in_the_top_tenth():
    """Ten cells, of which the best is recommended and the worst is too."""
    cells = [cell for cell in make.CELLS if not grid_cells.is_recommended(cell)][:8]
    records = [make.record(cell, test=0.5) for cell in cells]
    records.append(make.record(RECIPE, test=0.9))
    records.append(make.record(("he", "relu", True, 0.0, 0.001), test=0.3))
    figure = grid_ranking.draw_ranking(make.results(records), str)
    whole, top, picked = figure.axes
    assert whole.get_title().endswith(": 1/2")
    labels = [text.get_text() for text in picked.texts if "·" in text.get_text()]
    assert labels == [
        "1  he · relu · batch norm · dropout",
        "10  he · relu · batch norm · weight decay",
    ]
    assert len([text for text in top.texts if "·" in text.get_text()]) == 10
    rings = [line for line in whole.lines if line.get_markersize() == 12]
    assert rings[0].get_xdata().tolist() == [1, 10]
    assert rings[0].get_ydata().tolist() == pytest.approx([0.9, 0.3])


def test_what_is_hollow_has_no_batch_norm(results):
    whole = grid_ranking.draw_ranking(results, str).axes[0]
    dots = [line for line in whole.lines if line.get_markersize() == 5]
    assert len(dots) == 120
    assert sum(line.get_markerfacecolor() == "none" for line in dots) == 60


def test_the_name_of_a_cell_leaves_out_what_is_off():
    cell = ("he", "relu", False, 0.2, 0.0)
    assert grid_ranking.cell_name(cell, ["dropout"], str) == "he · relu · dropout"
    assert grid_ranking.cell_name(cell, [], str) == "he · relu · dropout 0.2"
    assert grid_ranking.cell_name(("he", "relu", True, 0.0, 0.0), ["batchnorm"], str).endswith(
        "batch norm"
    )


# --- Facts: what the sentences say ----------------------------------------------------------------


def sentences(spec, results, language):
    """The alternative text and the sentence of a figure."""
    text, facts = load_text(language), spec.facts(results)
    return [text.fill(text.figures[spec.id][part], facts) for part in ("alt", "measured")]


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize("spec", grid.FIGURES, ids=lambda spec: spec.id)
def test_every_figure_says_what_it_shows(spec, language, results, partial):
    for runs in (results, partial, *(make.results(few, missing=1) for few in FEW.values())):
        for sentence in sentences(spec, runs, language):
            assert sentence
            assert not re.search(r"nan|[{}]|None", sentence), sentence


def test_sentences_contain_no_number_that_was_not_measured(results):
    for spec in grid.FIGURES:
        for part in ("alt", "measured"):
            template = load_text("en").figures[spec.id][part]
            for case in template.values():
                written = re.sub(r"\{[^}]*\}", "", case)
                assert set(re.findall(r"\d+", written)) <= {"50"}, case  # passes 50 %


def test_heat_maps_say_best_worst_and_how_many_learn(results):
    facts = grid.facts_heatmaps(results)
    assert facts["case"] == "compared"
    assert facts["best"].mean == pytest.approx(0.83 + 0.005)
    assert (facts["best_init"], facts["best_activation"]) == ("he", "relu")
    assert (facts["best_batchnorm"], facts["best_dropout"]) == ("on", "0")
    assert facts["worst"].mean == pytest.approx(0.15 + 0.005)
    assert facts["worst_init"] == "constant 0.01"
    learn = [cell for cell in make.CELLS if accuracy(cell, 0.5) > 0.5]
    assert facts["learned_on"] == sum(cell[2] for cell in learn)
    assert facts["learned_off"] == sum(not cell[2] for cell in learn)
    assert (facts["cells_on"], facts["cells_off"], facts["empty"]) == (60, 60, 0)
    assert facts["difference"].mean == pytest.approx(0.2)
    assert facts["init"] != "constant 0.01"


def test_heat_maps_without_a_comparison_say_so():
    assert grid.facts_heatmaps(make.results([make.record(RECIPE, test=0.8)]))["case"] == "alone"


def test_cells_without_runs_and_diverged_runs_are_counted(partial):
    facts = grid.facts_heatmaps(partial)
    assert (facts["cells"], facts["empty"], facts["diverged"]) == (118, 2, 1)
    assert np.isnan(facts["best"].half_width)


def test_main_effects_are_said_as_planted(results):
    facts = grid_effects.facts_main_effects(results)
    assert facts["case"] == "full"
    assert facts["batchnorm_high"].mean == pytest.approx(0.16)
    assert facts["dropout_high"].mean == pytest.approx(-0.06)
    assert facts["weight_decay_high"].mean == pytest.approx(0)
    assert (facts["init_low_level"], facts["init_high_level"]) == ("constant 0.01", "he")
    assert facts["activation_high_level"] == "relu"
    assert facts["activation_high"].mean == pytest.approx(0.02)


def test_a_factor_that_does_not_vary_leaves_the_largest_effect():
    records = make.full_grid(accuracy)
    without = [each for each in records if each.config["dropout"] == 0]
    facts = grid_effects.facts_main_effects(make.results(without))
    assert facts["case"] == "some"
    assert (facts["largest_factor"], facts["largest_level"]) == ("initial value", "constant 0.01")


@pytest.mark.parametrize(
    ("without", "with_norm", "case"),
    [((0.2, 0.8), (0.5, 0.6), "narrower"), ((0.5, 0.6), (0.2, 0.8), "wider"),
     ((0.3, 0.7), (0.3, 0.7), "unclear")],
)  # fmt: skip
def test_whether_batch_norm_narrows_the_range_depends_on_the_runs(without, with_norm, case):
    def planted(cell, seed):
        init, _, batchnorm, *_ = cell
        low, high = with_norm if batchnorm else without
        return 0.1 if init == "constant 0.01" else high if init == "he" else low

    facts = grid_effects.facts_interactions(make.results(make.full_grid(planted)))
    assert facts["case"] == case
    assert facts["off"].mean == pytest.approx(without[1] - without[0])
    assert facts["on"].mean == pytest.approx(with_norm[1] - with_norm[0])
    assert facts["all_on"].mean == pytest.approx(with_norm[1] - 0.1)


def test_one_kind_of_initial_value_is_said_plainly():
    random = [r for r in make.full_grid(accuracy) if r.config["init"]["name"] != "constant"]
    assert grid_effects.facts_interactions(make.results(random))["case"] == "plain"


def test_distinct_units_are_said_where_they_are_known(with_layers, results):
    facts = grid_effects.facts_interactions(with_layers)
    assert (facts["layer"], facts["units_off"].mean, facts["units_on"].mean) == (2, 1, 8)
    assert grid_effects.facts_interactions(results)["units_on"] == grid_cells.UNKNOWN


def test_curves_say_how_far_the_recipe_leads():
    def planted(cell, seed):
        return (0.9 if grid_cells.is_recommended(cell) else 0.4) + 0.01 * seed

    facts = grid.facts_curves(make.results(make.full_grid(planted, seeds=(0, 1, 2))))
    assert facts["recipe_end"].mean == pytest.approx(0.91)
    assert facts["lead"][:4] == pytest.approx((0.5, 0.5, 0.5, 3))
    assert (facts["early_epoch"], facts["end_epoch"]) == (1, 2)
    assert facts["recipe_early"].mean == pytest.approx((0.1 + 0.91) / 2)
    assert (facts["recipe_cells"], facts["without_cells"], facts["others_cells"]) == (9, 9, 102)


def test_ranks_of_the_recipe_are_said_as_they_are(results):
    facts = grid_ranking.facts_ranking(results)
    assert facts["case"] == "ranked"
    assert facts["rank"] == 2  # equal to the best, which comes first in the grid
    assert facts["distance"].mean == pytest.approx(0)
    assert facts["ranks"].split(", ")[0] == "2"
    assert facts["inside"] == sum(int(rank) <= 12 for rank in facts["ranks"].split(", "))


def test_a_recipe_that_wins_and_a_grid_without_it():
    others = [cell for cell in make.CELLS if not grid_cells.is_recommended(cell)][:10]
    records = [make.record(cell, test=0.5) for cell in others]
    assert grid_ranking.facts_ranking(make.results(records))["case"] == "no_recipe"
    facts = grid_ranking.facts_ranking(make.results([*records, make.record(RECIPE, test=0.9)]))
    assert (facts["case"], facts["inside"], facts["tenth"]) == ("first", 1, 1)


# --- The explorer's data --------------------------------------------------------------------------


def test_every_cell_of_the_heat_maps_can_be_found_by_its_number(results):
    figure = grid.draw_heatmaps(results, str)
    found = {
        patch.get_gid(): (panel, patch.get_xy())
        for panel, axes in enumerate(heat_maps(figure))
        for patch in axes.patches
        if patch.get_gid()
    }
    assert set(found) == {f"cell-{number}" for number in range(120)}
    data = grid_data.explorer_data(results)
    for number in (0, 17, 63, 119):
        panel, (x, y) = found[f"cell-{number}"]
        init, activation, norm, dropout, decay = data["cells"][number]["at"]
        assert (x, y, panel) == (activation, init, 4 * dropout + 2 * decay + norm)


def test_explorer_has_every_run_of_every_cell(results):
    data = grid_data.explorer_data(results)
    assert len(data["cells"]) == 120
    assert data["seeds"] == [0, 1]
    assert data["epochs"] == list(make.EPOCHS)
    for cell, shown in zip(make.CELLS, data["cells"], strict=True):
        names = [data["factors"][i]["levels"][at]["value"] for i, at in enumerate(shown["at"])]
        assert tuple(names) == cell
        expected = [100 * accuracy(cell, seed) for seed in (0, 1)]
        assert [run[1] for run in shown["runs"]] == pytest.approx(expected, abs=0.006)
        assert shown["test_accuracy"].mean == pytest.approx(accuracy(cell, 0.5))
        assert shown["curves"][0][-1] == pytest.approx(100 * accuracy(cell, 0.5), abs=0.006)
        assert shown["curves"][0][0] == pytest.approx(10)


def test_explorer_tells_diverged_failed_and_missing_runs_apart(partial):
    cells = grid_data.explorer_data(partial)["cells"]
    of = dict(zip(make.CELLS, cells, strict=True))
    diverged = of["normal 1", "relu", False, 0.0, 0.0]
    failed = of["he", "tanh", False, 0.0, 0.0]
    missing = of["xavier", "sigmoid", True, 0.2, 0.001]
    assert diverged["runs"] == [[0, 10.0, 10.0, 0.0, "diverged"]]
    assert failed["runs"] == [[0, None, None, None, "failed"]]
    assert missing["runs"] == []
    assert [cell["missing"] for cell in (diverged, failed, missing)] == [0, 0, 1]
    assert failed["curves"] is None


def test_overrides_of_a_level_choose_it(results):
    words = {
        level["value"]: level["words"]
        for factor in grid_data.explorer_data(results)["factors"]
        if factor["id"] in ("init", "batchnorm", "dropout")
        for level in factor["levels"]
    }
    assert words["he"] == ["init=he"]
    assert words["normal 0.01"] == ["init=normal", "init.std=0.01"]
    assert words["constant 0.01"] == ["init=constant", "init.value=0.01"]
    assert words[True] == ["batchnorm=true"]
    assert words[0.2] == ["dropout=0.2"]


def test_colours_of_the_explorer_carry_text_and_grow_brighter():
    scale = grid_data.colour_scale()
    shades = [luminance(colour) for colour, _ in scale]
    assert shades == sorted(shades)
    for colour, ink in scale:
        dark, bright = sorted((luminance(colour), luminance(ink)))
        assert (bright + 0.05) / (dark + 0.05) >= 4.5


def test_runs_of_further_settings_in_the_same_cell_do_not_crash(results):
    twice = [
        dataclasses.replace(record, address=f"{number}{record.address[1:]}")
        for record in results.records.values()
        for number in (1, 2)
    ]
    cells = grid_data.explorer_data(make.results(twice))["cells"]
    assert {len(cell["runs"]) for cell in cells} == {4}
    grid_ranking.facts_ranking(make.results(twice))
