"""Figures of the grid drawn by hand, on planted accuracies: pictures, tables and sentences."""

import io
import re
import warnings

import builders_grid as make
import numpy as np
import pytest
from matplotlib.colors import to_hex

from study.analysis.declarations import recommended
from study.analysis.findings import Measured
from study.analysis.grid import Grid
from study.analysis.intervals import t_interval
from study.chapters import chapter_folders, load_chapters
from study.figures import making, style
from study.figures.levels import UNKNOWN, cell_name
from study.figures.own import grid, grid_effects, grid_ranking
from study.figures.words import ALT, SAID
from study.report.drawing import template
from study.report.text import load_text

RECIPE = ("he", "relu", True, 0.2, 0.0)
(LECTURE,) = load_chapters(["lecture"], chapter_folders())
FIGURES = [figure for figure in LECTURE.figures if figure.section == "G" and figure.own]


@pytest.fixture(autouse=True)
def _house_style():
    with style.house_style():
        yield


def grid_of(results):
    return Grid(results, "grid", recommended())


def drawn(figure, results, tr=str):
    measured = Measured(results)
    return making.draw(figure, making.make(figure, measured), tr, measured=measured)


def is_recommended(cell):
    """By the words of the lecture, not by the file that the page reads."""
    init, activation, batchnorm, dropout, decay = cell
    return batchnorm and (dropout or decay) and init == ("he" if activation == "relu" else "xavier")


@pytest.fixture(scope="module")
def results():
    return make.results(make.full_grid(make.planted))


@pytest.fixture(scope="module")
def partial():
    return make.partial_grid()


@pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: figure.id)
def test_every_string_is_translated_and_numbers_are_not_part_of_it(figure, results):
    asked = []

    def tr(text):
        asked.append(text)
        return f"«{text}»"

    picture = drawn(figure, results, tr)
    picture.savefig(io.BytesIO(), format="svg")
    for text in make.texts(picture):
        rest = re.sub(r"«[^»]*»", "", text.replace("\n", " "))
        if not rest.startswith("effect on "):  # English; in other languages a label of its own
            assert not re.search(r"[A-Za-z]{2}", rest), text
    named = {*make.INITS, "normal 1"}
    assert not [text for text in asked if re.search(r"\d", text) and text not in named]


@pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: figure.id)
def test_the_same_runs_give_the_same_bytes(figure, results):
    def picture():
        file = io.BytesIO()
        drawn(figure, results).savefig(file, format="svg", metadata={"Date": None})
        return file.getvalue()

    assert picture() == picture()


FEW = {
    "none": [],
    "failed": [make.record(RECIPE, status="failed")],
    "diverged": [make.record(RECIPE, status="diverged")],
    "one": [make.record(RECIPE)],
    "two": [make.record(RECIPE), make.record(("he", "relu", False, 0.0, 0.0), distinct=3)],
    "constant": [make.record(("constant 0.01", "relu", False, 0.0, 0.0), distinct=1)],
    "narrowed": [make.record(cell) for cell in make.CELLS if cell[0] == "he" and cell[2]],
}


@pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: figure.id)
@pytest.mark.parametrize("records", FEW.values(), ids=FEW)
def test_few_runs_do_not_crash(figure, records):
    few = make.results(records, missing=1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        picture = drawn(figure, few)
        picture.savefig(io.BytesIO(), format="svg")
    assert make.texts(picture)


@pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: figure.id)
def test_one_seed_with_diverged_failed_and_missing_runs_does_not_crash(figure, partial):
    drawn(figure, partial).savefig(io.BytesIO(), format="svg")
    assert len(making.make(figure, Measured(partial)).table)


def test_cells_that_the_study_never_asked_for_are_not_missing():
    cells = [("he", "relu", False, 0.0, 0.0), ("xavier", "tanh", True, 0.0, 0.0)]
    complete = make.results([make.record(cell) for cell in cells])
    assert len(grid_ranking.table_ranking(grid_of(complete))) == 2


# --- interactions -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def with_layers():
    """Constant weights: one distinct unit without dropout, eight with it."""
    return make.results(
        make.record(cell, seed, test=make.planted(cell, seed), distinct=8 if cell[3] else 1)
        for cell in make.CELLS
        for seed in (0, 1)
    )


def test_interactions_are_drawn_by_initial_value(with_layers):
    figure = grid_effects.draw_interactions(grid_of(with_layers), str)
    norm, dropout, decay, ranges, symmetry = figure.axes
    for axes, switched in ((norm, "batchnorm"), (dropout, "dropout"), (decay, "weight_decay")):
        off, on = axes.lines
        assert to_hex(off.get_color()) == style.colour("off")
        assert off.get_linestyle() != on.get_linestyle()
        gained = np.subtract(on.get_ydata(), off.get_ydata())
        expected = {
            "batchnorm": [0, 0.2, 0.2, 0.2, 0.2],
            "dropout": [-0.05, -0.05, -0.1, -0.05, -0.05],
            "weight_decay": [0] * 5,
        }
        assert gained == pytest.approx(expected[switched], abs=1e-12)
    assert norm.get_xticklabels()[0].get_text() == "constant\n0.01"
    dots = [line.get_xdata()[0] for line in ranges.lines if line.get_marker() in "os"]
    # Without batch norm he − constant; with it 0.2 more. Half the cells have dropout, where
    # normal 1 is the worst of the random ones by 0.05 more.
    assert dots == pytest.approx([0.4, 0.6, 0.325, 0.325])
    assert symmetry.lines[0].get_ydata().tolist() == [1, 1]
    assert symmetry.lines[1].get_ydata().tolist() == [8, 8]


def test_table_of_interactions_has_all_parts(with_layers):
    table = grid_effects.table_interactions(grid_of(with_layers))
    assert table["shown"].value_counts().to_dict() == {
        "test accuracy by batch norm": 5,
        "test accuracy by dropout": 5,
        "test accuracy by weight decay": 5,
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
    shown = grid_effects.table_interactions(grid_of(few))["shown"].unique()
    assert "distinct units by dropout, constant weights" not in shown
    titles = [axes.get_title() for axes in grid_effects.draw_interactions(grid_of(few), str).axes]
    assert len(titles) == 4
    assert not any("constant" in title for title in titles)


# --- curves -------------------------------------------------------------------------------------


def test_every_cell_has_a_curve_and_the_recipe_its_colour(results):
    figure = grid.draw_curves(grid_of(results), str)
    assert len(figure.axes) == 6
    assert [len(axes.lines) for axes in figure.axes] == [20] * 6
    picked = [
        [line for line in axes.lines if to_hex(line.get_color()) == style.colour("on")]
        for axes in figure.axes
    ]
    assert [len(lines) for lines in picked] == [0, 3, 0, 3, 0, 3]
    ends = sorted(line.get_ydata()[-1] for line in picked[5])
    recipes = [("he", "relu", True, *rest) for rest in ((0.2, 0.001), (0.2, 0.0), (0.0, 0.001))]
    assert ends == pytest.approx(sorted(make.planted(cell, 0.5) for cell in recipes))
    assert picked[5][0].get_xdata().tolist() == list(make.EPOCHS)


def test_a_diverged_run_stays_at_chance_to_the_end_and_the_panel_says_so():
    cell = ("he", "relu", True, 0.2, 0.0)
    records = [make.record(cell, 0, status="diverged"), make.record(cell, 1, test=0.9)]
    figure = grid.draw_curves(grid_of(make.results(records)), str)
    (axes,) = figure.axes
    (line,) = axes.lines
    assert line.get_ydata()[-1] == pytest.approx((0.1 + 0.9) / 2)
    assert "✕ 1/2 diverged" in axes.get_title()


def test_table_of_curves_is_over_seeds(results):
    table = grid.table_curves(grid_of(results))
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


# --- ranking ------------------------------------------------------------------------------------


def test_ranking_goes_from_best_to_worst_and_ties_keep_the_order_of_the_grid(results):
    table = grid_ranking.table_ranking(grid_of(results))
    means = [estimate.mean for estimate in table["test accuracy"]]
    assert len(table) == 120
    assert means == sorted(means, reverse=True)
    assert table["rank"].tolist() == list(range(1, 121))
    best = table.iloc[:2]
    assert best["initial value"].tolist() == ["he", "he"]
    assert best["weight decay"].tolist() == [0.0, 0.001]  # equal accuracies
    assert table["recommended"].value_counts()["yes"] == 9
    shuffled = make.results(list(results.records.values()))
    assert grid_ranking.table_ranking(grid_of(shuffled)).equals(table)


def test_ranking_has_train_accuracy_and_gap_of_each_cell():
    cell = ("he", "relu", False, 0.0, 0.0)
    records = [make.record(cell, seed, test=0.8, train=0.9 + seed / 20) for seed in (0, 1)]
    (row,) = grid_ranking.table_ranking(grid_of(make.results(records))).to_dict("records")
    assert row["train accuracy"][:4] == pytest.approx(t_interval([0.9, 0.95])[:4])
    assert row["gap"].mean == pytest.approx(0.125)
    assert (row["n"], row["completed"], row["diverged"], row["failed"]) == (2, 2, 0, 0)


def test_cells_without_a_finished_run_come_last_without_a_rank(partial):
    table = grid_ranking.table_ranking(grid_of(partial))
    assert table["rank"].isna().tolist() == [False] * 118 + [True] * 2
    assert table["n"].tolist()[-2:] == [0, 0]
    assert table["failed"].sum() == 1


def test_a_diverged_cell_ranks_by_chance(partial):
    table = grid_ranking.table_ranking(grid_of(partial))
    assert table.loc[table["diverged"] == 1, "rank"].item() == 118


def test_the_rank_curve_counts_the_recipe_in_the_top_tenth():
    """Ten cells, of which the best is recommended and the worst is too."""
    cells = [cell for cell in make.CELLS if not is_recommended(cell)][:8]
    records = [make.record(cell, test=0.5) for cell in cells]
    records.append(make.record(RECIPE, test=0.9))
    records.append(make.record(("he", "relu", True, 0.0, 0.001), test=0.3))
    figure = grid_ranking.draw_ranking(grid_of(make.results(records)), str)
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
    whole = grid_ranking.draw_ranking(grid_of(results), str).axes[0]
    dots = [line for line in whole.lines if line.get_markersize() == 5]
    assert len(dots) == 120
    assert sum(line.get_markerfacecolor() == "none" for line in dots) == 60


def test_the_name_of_a_cell_leaves_out_what_is_off(results):
    whole = grid_of(results)
    rows = {whole.cell_of(row): row for row in whole.cells}
    own = rows["he", "relu", False, 0.2, 0.0]
    assert cell_name(own, whole, str) == "he · relu · dropout"
    assert cell_name(rows["he", "relu", True, 0.0, 0.001], whole, str) == (
        "he · relu · batch norm · weight decay"
    )
    rates = make.crossed(lambda **_: 0.5, dropout=[0.0, 0.2, 0.5], momentum=[0.0, 0.9])
    further = grid_of(make.results(rates))
    names = [cell_name(row, further, str) for row in further.cells]
    assert names == [
        "dropout 0 · momentum 0", "momentum", "dropout 0.2", "dropout 0.2 · momentum",
        "dropout 0.5", "dropout 0.5 · momentum",
    ]  # fmt: skip


# --- sentences ----------------------------------------------------------------------------------


def sentences(figure, results, language):
    """The alternative text and the sentence of a figure."""
    text, facts = load_text(language), making.make(figure, Measured(results)).facts
    return [text.fill(template(figure, facts, which, text), facts) for which in (ALT, SAID)]


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: figure.id)
def test_every_figure_says_what_it_shows(figure, language, results, partial):
    for runs in (results, partial, *(make.results(few, missing=1) for few in FEW.values())):
        for sentence in sentences(figure, runs, language):
            assert sentence
            assert not re.search(r"nan|[{}]|None", sentence), sentence


def test_sentences_contain_no_number_that_was_not_measured():
    for figure in FIGURES:
        for case in (*figure.alt.values(), *figure.measured.values()):
            written = re.sub(r"\{[^}]*\}", "", case["en"])
            assert set(re.findall(r"\d+", written)) <= {"50"}, case  # passes 50 %


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

    facts = grid_effects.facts_interactions(grid_of(make.results(make.full_grid(planted))))
    assert facts["case"] == case
    assert facts["off"].mean == pytest.approx(without[1] - without[0])
    assert facts["on"].mean == pytest.approx(with_norm[1] - with_norm[0])
    assert facts["all_on"].mean == pytest.approx(with_norm[1] - 0.1)


def test_one_kind_of_initial_value_is_said_plainly():
    random = [r for r in make.full_grid(make.planted) if r.config["init"]["name"] != "constant"]
    assert grid_effects.facts_interactions(grid_of(make.results(random)))["case"] == "plain"


def test_distinct_units_are_said_where_they_are_known(with_layers, results):
    facts = grid_effects.facts_interactions(grid_of(with_layers))
    assert (facts["layer"], facts["units_off"].mean, facts["units_on"].mean) == (2, 1, 8)
    assert grid_effects.facts_interactions(grid_of(results))["units_on"] == UNKNOWN


def test_curves_say_how_far_the_recipe_leads():
    def planted(cell, seed):
        return (0.9 if is_recommended(cell) else 0.4) + 0.01 * seed

    facts = grid.facts_curves(grid_of(make.results(make.full_grid(planted, seeds=(0, 1, 2)))))
    assert facts["recipe_end"].mean == pytest.approx(0.91)
    assert facts["lead"][:4] == pytest.approx((0.5, 0.5, 0.5, 3))
    assert (facts["early_epoch"], facts["end_epoch"]) == (1, 2)
    assert facts["recipe_early"].mean == pytest.approx((0.1 + 0.91) / 2)
    assert (facts["recipe_cells"], facts["without_cells"], facts["others_cells"]) == (9, 9, 102)


def test_ranks_of_the_recipe_are_said_as_they_are(results):
    facts = grid_ranking.facts_ranking(grid_of(results))
    assert facts["case"] == "ranked"
    assert facts["rank"] == 2  # equal to the best, which comes first in the grid
    assert facts["distance"].mean == pytest.approx(0)
    assert facts["ranks"].split(", ")[0] == "2"
    assert facts["inside"] == sum(int(rank) <= 12 for rank in facts["ranks"].split(", "))


def test_a_recipe_that_wins_and_a_grid_without_it():
    others = [cell for cell in make.CELLS if not is_recommended(cell)][:10]
    records = [make.record(cell, test=0.5) for cell in others]
    assert grid_ranking.facts_ranking(grid_of(make.results(records)))["case"] == "no_recipe"
    records.append(make.record(RECIPE, test=0.9))
    facts = grid_ranking.facts_ranking(grid_of(make.results(records)))
    assert (facts["case"], facts["inside"], facts["tenth"]) == ("first", 1, 1)


# --- other factors than the lecture's -----------------------------------------------------------


def test_a_sixth_factor_is_in_every_figure_by_hand():
    whole = grid_of(make.six_factors())
    shown = set(grid_effects.table_interactions(whole)["shown"])
    assert "test accuracy by momentum" in shown
    titles = [axes.get_title() for axes in grid_effects.draw_interactions(whole, str).axes]
    assert "initial value × momentum" in titles
    assert [len(axes.lines) for axes in grid.draw_curves(whole, str).axes] == [40] * 6
    ranking = grid_ranking.table_ranking(whole)
    assert len(ranking) == 240
    assert ranking["momentum"].tolist()[:2] == [0.9, 0.9]  # which is better everywhere
    assert "momentum=0.9" in grid_ranking.facts_ranking(whole)["best_at"]
    best = grid_ranking.draw_ranking(whole, str).axes[1]
    assert any("momentum" in text.get_text() for text in best.texts)


SMALL = {
    "one": {"momentum": [0.0, 0.5, 0.9]},
    "two": {"hidden": [[10], [10, 10]], "batch_size": [10, 100, "full"]},
    "three": {"lr": [0.01, 0.1], "dropout": [0.0, 0.2], "init": list(make.INITS.values())[3:]},
    "own": make.OWN_CHOICES,
}


@pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: figure.id)
@pytest.mark.parametrize("axes", SMALL.values(), ids=SMALL)
def test_any_factors_have_every_figure_and_its_words(axes, figure):
    runs = make.results(make.crossed(lambda seed, **_: 0.5 + 0.01 * seed, **axes))
    picture = drawn(figure, runs)
    picture.savefig(io.BytesIO(), format="svg")
    for sentence in (*sentences(figure, runs, "en"), *sentences(figure, runs, "ko")):
        assert sentence
        assert not re.search(r"nan|[{}]|None", sentence), sentence
    assert figure.own == "interactions" or "no finished run" not in make.texts(picture)


def test_an_initial_value_and_an_activation_of_ones_own_can_be_told_apart():
    runs = make.results(make.crossed(lambda seed, **_: 0.5 + 0.01 * seed, **make.OWN_CHOICES))
    whole = grid_ranking.draw_ranking(grid_of(runs), str).axes[0]
    dots = {(to_hex(line.get_color()), line.get_marker())
            for line in whole.lines if line.get_markersize() == 5}  # fmt: skip
    assert len(dots) == 2
