"""What the explorer of the grid is given: every run, factor and colour."""

import dataclasses

import builders_grid as make
import numpy as np
import pytest
from matplotlib.colors import to_rgb

from study.analysis.declarations import recommended
from study.analysis.grid import Grid
from study.report import grid_data


def data_of(results):
    return grid_data.explorer_data(Grid(results, "grid", recommended()))


@pytest.fixture(scope="module")
def results():
    return make.results(make.full_grid(make.planted))


def test_explorer_has_every_run_of_every_cell(results):
    data = data_of(results)
    assert len(data["cells"]) == 120
    assert data["seeds"] == [0, 1]
    assert data["epochs"] == list(make.EPOCHS)
    for cell, shown in zip(make.CELLS, data["cells"], strict=True):
        names = [data["factors"][i]["levels"][at]["value"] for i, at in enumerate(shown["at"])]
        assert tuple(names) == cell
        expected = [100 * make.planted(cell, seed) for seed in (0, 1)]
        assert [run[1] for run in shown["runs"]] == pytest.approx(expected, abs=0.006)
        assert shown["test_accuracy"].mean == pytest.approx(make.planted(cell, 0.5))
        assert shown["curves"][0][-1] == pytest.approx(100 * make.planted(cell, 0.5), abs=0.006)
        assert shown["curves"][0][0] == pytest.approx(10)


def test_explorer_tells_diverged_failed_and_missing_runs_apart():
    cells = data_of(make.partial_grid())["cells"]
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
        for factor in data_of(results)["factors"]
        if factor["id"] in ("init", "batchnorm", "dropout")
        for level in factor["levels"]
    }
    assert words["he"] == ["init=he"]
    assert words["normal 0.01"] == ["init=normal", "init.std=0.01"]
    assert words["constant 0.01"] == ["init=constant", "init.value=0.01"]
    assert words[True] == ["batchnorm=true"]
    assert words[0.2] == ["dropout=0.2"]


def luminance(colour):
    """Relative luminance of WCAG 2."""
    channels = np.array(to_rgb(colour))
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


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
    cells = data_of(make.results(twice))["cells"]
    assert {len(cell["runs"]) for cell in cells} == {4}


def test_a_sixth_factor_is_a_choice_of_the_explorer():
    data = data_of(make.six_factors([0]))
    assert [factor["id"] for factor in data["factors"]][-1] == "momentum"
    assert [level["words"] for level in data["factors"][-1]["levels"]] == [
        ["momentum=0"], ["momentum=0.9"],
    ]  # fmt: skip
    assert len(data["cells"]) == 240
    assert {len(cell["at"]) for cell in data["cells"]} == {6}


def test_an_initial_value_and_an_activation_of_ones_own_can_be_told_apart():
    runs = make.results(make.crossed(lambda seed, **_: 0.5 + 0.01 * seed, **make.OWN_CHOICES))
    data = data_of(runs)
    for factor, names in zip(
        data["factors"], (["he", "orthogonal"], ["leaky_relu 0.01", "relu"]), strict=True
    ):
        assert [level["value"] for level in factor["levels"]] == names
        assert len({level["colour"] for level in factor["levels"]}) == 2
        assert len({level["dashes"] for level in factor["levels"]}) == 2
