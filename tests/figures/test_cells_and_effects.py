"""Heat maps of cells and forests of effects, declared in YAML: of any factors, and checked."""

import builders_grid as make
import numpy as np
import pytest
import yaml
from matplotlib.colors import to_hex, to_rgb

from study.analysis.findings import Measured
from study.analysis.grid import Grid
from study.analysis.intervals import t_interval
from study.analysis.reading import Node
from study.errors import ConfigError
from study.figures import making, style
from study.figures.declare import read_figure
from study.figures.words import ALT, SAID
from study.report.drawing import template
from study.report.grid_data import explorer_data
from study.report.text import load_text

FIVE = ("init", "activation", "batchnorm", "dropout", "weight_decay")
CELLS = "{title: {en: t}, kind: cells, experiment: grid, y: test_accuracy}"
EFFECTS = "{title: {en: t}, kind: effects, experiment: grid, y: test_accuracy}"


@pytest.fixture(autouse=True)
def _house_style():
    with style.house_style():
        yield


def declared(text, factors=FIVE, **further):
    node = Node("f.yaml", "", {**yaml.safe_load(text), **further})
    return read_figure(node, "f", {"grid": (*factors, "seed"), "other": ("lr",)})


def made(figure, results):
    return making.make(figure, Measured(results))


def drawn(figure, results, tr=str):
    return making.draw(figure, made(figure, results), tr)


def said(figure, results, language="en"):
    text, facts = load_text(language), made(figure, results).facts
    return [text.fill(template(figure, facts, which, text), facts) for which in (ALT, SAID)]


@pytest.fixture(scope="module")
def results():
    return make.results(make.full_grid(make.planted))


@pytest.fixture(scope="module")
def partial():
    return make.partial_grid()


@pytest.fixture(scope="module")
def six():
    return make.six_factors()


def crossed(accuracy=lambda seed, **_: 0.5 + 0.01 * seed, **axes):
    return make.results(make.crossed(accuracy, **axes))


# --- cells --------------------------------------------------------------------------------------


def heat_maps(figure):
    return [axes for axes in figure.axes if axes.collections and not axes.get_label()]


def values_of(axes, rows, columns):
    return axes.collections[0].get_array().reshape(rows, columns)


def test_a_panel_for_each_setting_and_whole_per_cents(results):
    panels = heat_maps(drawn(declared(CELLS), results))
    assert len(panels) == 8
    assert [text.get_text() for text in panels[0].texts[:3]] == ["20", "20", "24"]
    values = values_of(panels[1], 5, 3)  # batch norm on, nothing else
    for row, init in enumerate(make.INITS):
        for column, activation in enumerate(make.ACTIVATIONS):
            cell = (init, activation, True, 0.0, 0.0)
            assert values[row, column] == pytest.approx(make.planted(cell, 0.5))
    assert not any("✕" in text for text in make.texts(panels[0].figure))


def test_columns_can_be_chosen_and_the_rest_makes_panels(results):
    figure = declared(CELLS, down="activation", x="batchnorm", panel="dropout")
    panels = heat_maps(drawn(figure, results))
    assert len(panels) == 5 * 2 * 2
    values = values_of(panels[1], 3, 2)  # constant, no decay, with dropout
    cells = [[("constant 0.01", a, b, 0.2, 0.0) for b in (False, True)] for a in make.ACTIVATIONS]
    assert values.tolist() == [
        [pytest.approx(make.planted(cell, 0.5)) for cell in row] for row in cells
    ]


def test_a_sixth_factor_needs_no_other_declaration(six):
    picture = drawn(declared(CELLS, (*FIVE, "momentum")), six)
    assert len(heat_maps(picture)) == 16
    assert "dropout 0 · weight decay 0 · momentum 0.9" in {
        axes.get_title(loc="left") for axes in heat_maps(picture)
    }
    # Also where nobody declared that it varies: the command line added it to the study.
    whole = made(declared(CELLS), six)
    assert len(whole.table) == 240
    assert whole.facts["highest_at"].endswith("momentum=0.9")
    assert whole.table["n"].tolist() == [2] * 240


@pytest.mark.parametrize(
    ("axes", "panels", "shape"),
    [
        ({"momentum": [0.0, 0.5, 0.9]}, 1, (1, 3)),
        ({"hidden": [[10], [10, 10]], "batch_size": [10, 100, "full"]}, 1, (2, 3)),
        ({"lr": [0.01, 0.1], "dropout": [0.0, 0.2, 0.5], "batchnorm": [False, True]}, 2, (2, 3)),
        ({}, 1, (1, 1)),
    ],
)
def test_fewer_factors_have_a_heat_map(axes, panels, shape):
    picture = drawn(declared(CELLS, tuple(axes)), crossed(**axes))
    picture.canvas.draw()
    found = heat_maps(picture)
    assert len(found) == panels
    assert all(values_of(each, *shape).shape == shape for each in found)
    assert {text.get_text() for each in found for text in each.texts} == {"50"}


def test_what_does_not_apply_has_a_place_of_its_own():
    """Epsilon is nothing without batch norm."""
    records = make.crossed(lambda **_: 0.7, batchnorm=[True], batchnorm_eps=[1e-7, 1e-3])
    records += make.crossed(lambda **_: 0.3, batchnorm=[False])
    (panel,) = heat_maps(drawn(declared(CELLS, ("batchnorm",)), make.results(records)))
    shown = np.ma.filled(values_of(panel, 2, 3).astype(float), np.nan)
    none = np.nan
    assert shown == pytest.approx(np.array([[none, none, 0.3], [0.7, 0.7, none]]), nan_ok=True)


def test_numbers_that_are_no_shares_have_a_scale_of_their_own():
    figure = declared(CELLS, ("lr", "momentum"), y="test_loss")
    records = make.crossed(lambda **_: 0.5, lr=[0.01, 0.1], momentum=[0.0, 0.9])
    for number, each in enumerate(records):
        each.final["test_loss"] = 1.5 + number // 2
    runs = make.results(records)
    (panel,) = heat_maps(drawn(figure, runs))
    assert [text.get_text() for text in panel.texts] == ["1.5", "2.5", "3.5", "4.5"]
    assert panel.collections[0].get_clim() == (1.5, 4.5)
    assert said(figure, runs)[1] == (
        "Of 4 cells the highest mean is 4.5 ± 0 (learning rate 0.1, momentum 0.9), the lowest "
        "1.5 ± 0 (learning rate 0.01, momentum 0); 0 of 8 runs diverged."
    )


def test_a_part_of_the_cells_is_drawn_without_numbers_of_the_whole(results):
    figure = declared(CELLS, where={"init": ["he", "xavier"], "dropout": "highest"})
    picture = drawn(figure, results)
    assert len(made(figure, results).table) == 2 * 3 * 2 * 2
    assert not [p for axes in picture.axes for p in axes.patches if p.get_gid()]


def test_diverged_cells_are_marked_with_how_many_and_count_at_chance():
    cell = ("normal 1", "relu", False, 0.0, 0.0)
    records = [make.record(cell, seed, status="diverged", num_classes=4) for seed in (0, 1)]
    picture = drawn(declared(CELLS), make.results([*records, make.record(cell, 2, test=0.55)]))
    (panel,) = heat_maps(picture)
    assert [text.get_text() for text in panel.texts] == ["35  ✕2"]
    assert any("runs that diverged" in text for text in make.texts(picture))


def test_cells_without_a_finished_run_are_hatched(partial):
    panels = heat_maps(drawn(declared(CELLS), partial))
    hatched = [patch for axes in panels for patch in axes.patches if patch.get_hatch()]
    assert sorted(patch.get_xy() for patch in hatched) == [(0, 3), (1, 4)]
    assert sum(len(axes.texts) for axes in panels) == 120 - 2
    assert [t for axes in panels for t in make.texts(axes) if "✕" in t] == ["10  ✕1"]


def luminance(colour):
    """Relative luminance of WCAG 2."""
    channels = np.array(to_rgb(colour))
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def test_text_on_a_cell_contrasts_with_it():
    ramp = {cell: index / 119 for index, cell in enumerate(make.CELLS)}
    shades = make.results(make.full_grid(lambda cell, _: ramp[cell], seeds=[0]))
    for axes in heat_maps(drawn(declared(CELLS), shades)):
        faces = axes.collections[0].get_facecolors()
        for text, face in zip(axes.texts, faces, strict=True):
            dark, bright = sorted((luminance(text.get_color()), luminance(face[:3])))
            assert (bright + 0.05) / (dark + 0.05) >= 4


def test_every_cell_can_be_found_by_its_number_in_the_explorer(results):
    found = {
        patch.get_gid(): (panel, patch.get_xy())
        for panel, axes in enumerate(heat_maps(drawn(declared(CELLS), results)))
        for patch in axes.patches
        if patch.get_gid()
    }
    assert set(found) == {f"cell-{number}" for number in range(120)}
    data = explorer_data(Grid(results, "grid"))
    for number in (0, 17, 63, 119):
        panel, (x, y) = found[f"cell-{number}"]
        init, activation, norm, dropout, decay = data["cells"][number]["at"]
        assert (x, y, panel) == (activation, init, 4 * dropout + 2 * decay + norm)


def test_the_table_has_every_cell(partial):
    table = made(declared(CELLS), partial).table
    assert len(table) == 120
    assert table["n"].sum() == 118
    assert table[["completed", "diverged", "failed"]].sum().tolist() == [117, 1, 1]
    chosen = (table["initial value"] == "normal 1") & (table["diverged"] == 1)
    assert table.loc[chosen, "test accuracy"].item() == t_interval([0.1])


def test_cells_say_what_is_highest_and_how_many_are_above_a_level(results, partial):
    figure = declared(CELLS, marks=[{"level": {"at": 0.5, "by": "batchnorm"}}])
    facts = made(figure, results).facts
    assert facts["highest"].mean == pytest.approx(0.835)
    assert facts["highest_at"] == (
        "init=he, activation=relu, batchnorm=true, dropout=0, weight_decay=0"
    )
    assert facts["lowest"].mean == pytest.approx(0.155)
    above = [cell for cell in make.CELLS if make.planted(cell, 0.5) > 0.5]
    assert facts["above"] == len(above)
    assert facts["above_on"] == sum(cell[2] for cell in above)
    assert facts["above_off"] == sum(not cell[2] for cell in above)
    assert (facts["cells_on"], facts["cells_off"], facts["empty"]) == (60, 60, 0)
    fewer = made(figure, partial).facts
    assert (fewer["cells"], fewer["empty"], fewer["diverged"]) == (118, 2, 1)


# --- effects ------------------------------------------------------------------------------------


def dots(axes):
    """By label of its line, the dot."""
    labels = [tick.get_text() for tick in axes.get_yticklabels()]
    return {
        labels[int(line.get_ydata()[0])]: line
        for line in axes.lines
        if line.get_marker() not in ("None", None, "")
    }


def test_effects_are_drawn_where_they_are(results):
    (axes,) = drawn(declared(EFFECTS), results).axes
    found = dots(axes)
    assert len(found) == 5 + 3 + 3
    assert found["batch norm"].get_xdata()[0] == pytest.approx(0.2 * 4 / 5)
    assert found["dropout 0.2"].get_xdata()[0] == pytest.approx(-(0.1 + 4 * 0.05) / 5)
    assert found["weight decay 0.001"].get_xdata()[0] == pytest.approx(0)
    assert found["relu"].get_xdata()[0] == pytest.approx(0.02)
    assert to_hex(found["he"].get_color()) == style.colour("he")
    assert "+16.0 ± " in " ".join(make.texts(axes.figure))
    assert "diverged" not in axes.get_xlabel()


def test_effects_say_how_many_runs_diverged(partial):
    (axes,) = drawn(declared(EFFECTS), partial).axes
    assert "✕ 1/119 diverged" in axes.get_xlabel()


def test_the_table_of_effects_has_counts_and_further_numbers(results):
    table = made(declared(EFFECTS, table=["gap"]), results).table.set_index("level")
    assert table.loc["on", "effect on test accuracy"].mean == pytest.approx(0.16)
    assert table.loc["on", "against"] == "off"
    assert table.loc["on", ["pairs", "seeds"]].tolist() == [120, 2]
    assert table.loc["he", "against"] == "mean of all"
    assert table.loc["he", "effect on gap"].mean == 0
    assert table.loc["0.2", "factor"] == "dropout"


def test_a_sixth_factor_has_its_effect(six):
    figure = declared(EFFECTS)
    assert dots(drawn(figure, six).axes[0])["momentum 0.9"].get_xdata()[0] == pytest.approx(0.02)
    facts = made(figure, six).facts
    assert facts["momentum_high"].mean == pytest.approx(0.02)
    assert facts["batchnorm_high"].mean == pytest.approx(0.16)


def test_one_factor_of_three_levels_is_against_the_mean():
    rates = crossed(lambda seed, lr: 0.5 + lr + 0.01 * seed, lr=[0.0625, 0.125, 0.25])
    figure = declared(EFFECTS, ("lr",))
    found = dots(drawn(figure, rates).axes[0])
    means = {label: dot.get_xdata()[0] for label, dot in found.items()}
    mean = (0.0625 + 0.125 + 0.25) / 3
    assert means == pytest.approx({f"learning rate {r}": r - mean for r in (0.0625, 0.125, 0.25)})


def test_the_margin_is_shaded_and_counted(results):
    figure = declared(EFFECTS, marks=[{"margin": 0.01}])
    (axes,) = drawn(figure, results).axes
    (shaded,) = [patch for patch in axes.patches if patch.get_x() == -0.01]
    assert shaded.get_width() == pytest.approx(0.02)
    assert "(± 1 points)" in axes.get_xlabel()
    facts = made(figure, results).facts
    # Weight decay does nothing; sigmoid and tanh lie on the margin itself; all others matter.
    assert (facts["effects"], facts["inside"], facts["outside"]) == (11, 1, 8)


def test_effects_are_said_as_planted(results):
    facts = made(declared(EFFECTS), results).facts
    assert (facts["init_low_level"], facts["init_high_level"]) == ("constant 0.01", "he")
    assert facts["activation_high_level"] == "relu"
    assert facts["dropout_high"].mean == pytest.approx(-0.06)
    assert (facts["largest_factor"], facts["largest_level"]) == ("initial value", "constant 0.01")
    assert np.isnan(facts["momentum_high"])


# --- words, names and mistakes --------------------------------------------------------------------


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize("text", [CELLS, EFFECTS], ids=["cells", "effects"])
def test_words_are_automatic_in_both_languages(text, language, results, partial):
    for runs in (results, partial):
        for sentence in said(declared(text), runs, language):
            assert not any(word in sentence for word in ("nan", "None", "{"))
            assert ("가장" in sentence) == (language == "ko")
    nothing = said(declared(text), make.results([]), language)
    assert set(nothing) == {load_text(language).page["auto_nothing"]}


def test_a_sentence_that_names_what_does_not_vary_gives_way_to_the_automatic_one(results):
    words = {"en": "Batch norm changes {batchnorm_high:points}."}
    figure = declared(EFFECTS, measured=words)
    assert said(figure, results)[1] == "Batch norm changes +16.0 ± 0.0 points."
    without = [each for each in make.full_grid(make.planted) if not each.config["batchnorm"]]
    assert said(figure, make.results(without))[1].startswith("The largest effect on test accuracy")


def test_schemes_of_ones_own_look_different_from_all_others():
    inits = [*make.INITS.values(), make.ORTHOGONAL, {"name": "mine", "_target_": "mine.Mine"}]
    runs = crossed(init=inits)
    found = dots(drawn(declared(EFFECTS, ("init",)), runs).axes[0])
    looks = {(to_hex(dot.get_color()), dot.get_marker()) for dot in found.values()}
    assert len(looks) == len(inits)
    picture = drawn(declared(CELLS, ("init",)), runs)
    assert {"orthogonal", "mine"} <= set(make.texts(picture))


@pytest.mark.parametrize(
    ("text", "change", "message"),
    [
        (CELLS, {"down": "momentum"}, "down: expected a column that varies, got 'momentum'"),
        (CELLS, {"x": "lr"}, "x: expected an axis that varies, got 'lr'"),
        (CELLS, {"x": "init", "down": "init"}, "each column once as x, colour, down or panel"),
        (CELLS, {"y": "accuracy"}, "y: expected one of the choices, got 'accuracy'"),
        (CELLS, {"y": ["gap", "test_loss"]}, "y: expected one number"),
        (CELLS, {"experiment": ["grid", "other"]}, "experiment: expected one experiment"),
        (CELLS, {"marks": [{"level": "high"}]}, "a number"),
        (CELLS, {"marks": [{"level": {"at": 1, "by": "norm"}}]}, "a column that is on or off"),
        (CELLS, {"colour": "init"}, "colour: expected a known key"),
        (CELLS, {"alt": {"en": "{best}"}}, "a placeholder for what there is"),
        (EFFECTS, {"x": "init"}, "x: expected a known key"),
        (EFFECTS, {"panel": "init"}, "panel: expected no panels"),
        (EFFECTS, {"marks": [{"margin": 0}]}, "a number > 0"),
        (EFFECTS, {"table": ["loss"]}, "table[0]: expected one of the choices"),
    ],
)
def test_a_wrong_declaration_is_one_message(text, change, message):
    with pytest.raises(ConfigError) as error:
        declared(text, **change)
    assert message in str(error.value)
    assert str(error.value).startswith("f.yaml")
