"""Settings: what is drawn, how it becomes cells, and what is refused."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from builders_records import config

from study.edge.grids import expand
from study.edge.ranges import Interval, read_axes, sobol
from study.edge.settings import expand_settings, most_cells, placed_runs
from study.errors import ConfigError

GRID: dict[str, Any] = {
    "fixed": {"width": 30, "valid_size": 100, "lr": [0.1, 0.3]},
    "settings": {
        "count": 8,
        "axes": {
            "train_size": {"log": [1000, 16000], "integer": True},
            "depth": {"uniform": [1, 3], "integer": True},
            "dropout": {"uniform": [0, 0.5]},
            "activation": {"choice": ["relu", {"activation": "sigmoid", "lr": [1, 3]}]},
            "init": {"choice": ["he", {"init": "normal", "init.std": {"log": [1e-4, 1]}}]},
        },
    },
    "arms": {"off": None, "on": {"batchnorm": True, "lr": {"values": [0.1], "above": [1]}}},
}


def grid(**changes: Any) -> dict[str, Any]:
    """``GRID`` with other parts; ``settings__count`` is one of ``settings``."""
    found = GRID | {key: value for key, value in changes.items() if "__" not in key}
    own = {key.partition("__")[2]: v for key, v in changes.items() if "__" in key}
    return found | {"settings": found["settings"] | own} if own else found


def axis(node: Any, key: str = "a") -> Any:
    return read_axes("axes", {key: node})[0]


# -- what is drawn


def test_the_first_settings_are_the_same_however_many_there_are() -> None:
    few, _ = expand_settings("e", grid(settings__count=5))
    many, _ = expand_settings("e", grid(settings__count=70))
    assert many[: len(few)] == few
    assert len({cell["train_size"] for cell in many}) == 70


def test_points_are_those_of_a_version_of_scipy_that_may_not_change_unseen() -> None:
    """Another sequence would be another map: stored settings would be lost without a word."""
    expected = [[0.6504, 0.9173], [0.0479, 0.4248], [0.2746, 0.6571]]
    np.testing.assert_allclose(sobol(3, 2, 7), expected, atol=5e-5)


def test_another_seed_is_another_sample() -> None:
    assert not np.isclose(sobol(16, 3, 0), sobol(16, 3, 1)).any()


@pytest.mark.parametrize(("points", "axes"), [(4, 2), (8, 4), (16, 8), (32, 16)])
def test_any_two_axes_are_balanced_early(points: int, axes: int) -> None:
    upper = sobol(128, axes, seed=5) >= 0.5
    for start in range(0, 128, points):
        signs = np.where(upper[start : start + points], 1, -1)
        np.testing.assert_array_equal(signs.T @ signs, points * np.eye(axes))


def test_one_more_axis_leaves_the_others_as_they_are() -> None:
    np.testing.assert_array_equal(sobol(20, 5, 3)[:, :4], sobol(20, 4, 3))


def test_points_fill_every_axis_more_evenly_than_chance() -> None:
    """Of 64 points each 64th of an axis has one, whatever the scrambling."""
    for seed in range(3):
        places = np.sort(np.floor(sobol(64, 5, seed) * 64).astype(int), axis=0)
        assert (places == np.arange(64)[:, None]).all()


@pytest.mark.parametrize(
    ("node", "low", "middle", "high"),
    [
        ({"uniform": [0, 0.5]}, 0.0, 0.25, 0.5),
        ({"log": [1e-4, 1]}, 1e-4, 1e-2, 1.0),
        ({"log": [1000, 16000], "integer": True}, 1000, 4000, 16000),
        ({"uniform": [1, 5], "integer": True}, 1, 3, 5),
    ],
)
def test_a_range_goes_from_end_to_end(node: Any, low: float, middle: float, high: float) -> None:
    found = [axis(node).at(u)["a"] for u in (0.0, 0.5, math.nextafter(1, 0))]
    assert found == pytest.approx([low, middle, high], rel=2e-3)
    assert all(isinstance(value, int) for value in found) == ("integer" in node)


def test_whole_numbers_are_equally_likely_and_others_have_few_digits() -> None:
    units = (np.arange(6000) + 0.5) / 6000
    values = [Interval(1, 6, integer=True).at(u) for u in units]
    assert np.bincount(values)[1:].tolist() == [1000] * 6
    assert Interval(0, 1).at(0.123456789) == 0.1235
    assert Interval(1e-4, 1, log=True).at(1 / 3) == 0.002154


def test_whole_numbers_of_a_log_range_keep_its_density() -> None:
    """As many settings lie between 1 and 10 as between 10 and 100."""
    units = (np.arange(4000) + 0.5) / 4000
    values = np.array([Interval(1, 100, log=True, integer=True).at(u) for u in units])
    assert values.min() == 1
    assert values.max() == 100
    expected = np.log(10.5 / 0.5) / np.log(100.5 / 0.5)
    assert (values <= 10).mean() == pytest.approx(expected, abs=1e-3)


def test_a_choice_takes_each_option_as_often_and_draws_the_range_in_it_with_the_rest() -> None:
    node = {"choice": ["he", {"init": "normal", "init.std": {"uniform": [0, 1]}}]}
    found = [axis(node, "init").at(u) for u in (0, 0.49, 0.5, 0.75, 0.99)]
    assert found[:2] == [{"init": "he"}] * 2
    assert found[2:] == [{"init": "normal", "init.std": std} for std in (0, 0.5, 0.98)]


# -- how it becomes cells


def test_each_arm_has_each_of_its_rates_in_each_setting() -> None:
    cells, found = expand_settings("e", GRID)
    assert found.arms == ["off", "on"]
    assert found.drawn == ["train_size", "depth", "dropout", "activation", "init", "init.std"]
    for setting in range(8):
        own = [cell for cell in cells if cell["setting"] == setting]
        sigmoid = own[0]["activation"] == "sigmoid"
        rates = [(cell["arm"], cell["lr"]) for cell in own]
        assert rates == [("off", r) for r in ((1, 3) if sigmoid else (0.1, 0.3))] + [("on", 0.1)]
        shared = [{k: cell[k] for k in ("train_size", "hidden", "dropout", "seed")} for cell in own]
        assert shared == [shared[0]] * 3
        assert ["batchnorm" in cell for cell in own] == [False, False, True]
    assert {cell["activation"] for cell in cells} == {"relu", "sigmoid"}
    assert found.rates[0, "on"].above == (1.0,)


def test_the_number_of_a_setting_is_its_seed() -> None:
    cells, _ = expand_settings("e", grid(settings__seeds_from=100))
    assert {(cell["setting"], cell["seed"]) for cell in cells} == {(i, 100 + i) for i in range(8)}
    assert {cell["train_size"] for cell in cells} == {
        cell["train_size"] for cell in expand_settings("e", GRID)[0]
    }


def test_depth_and_width_are_the_hidden_layers() -> None:
    cells, _ = expand_settings("e", GRID)
    assert {tuple(cell["hidden"]) for cell in cells} == {(30,), (30, 30), (30, 30, 30)}
    assert not {"depth", "width"} & {key for cell in cells for key in cell}


def test_what_varies_are_the_keys_that_the_settings_and_arms_decide() -> None:
    found = expand("e", GRID)
    assert found.axes == {
        "train_size", "hidden", "dropout", "activation", "init", "init.std", "batchnorm", "lr",
        "seed",
    }  # fmt: skip
    assert found.map is not None


def test_cells_are_counted_before_any_is_drawn() -> None:
    assert most_cells("e", GRID) == 8 * 2 * 2
    assert len(expand_settings("e", GRID)[0]) <= 8 * 2 * 2
    with pytest.raises(ConfigError, match=r"max_cells: expected at least 4,\d*"):
        expand("e", grid(settings__count=10**9), 100)


def test_an_arm_that_chooses_another_scheme_leaves_the_options_of_the_old_one() -> None:
    given = grid(
        fixed={"init": "normal", "init.std": 0.01},
        settings__axes={"dropout": {"uniform": [0, 0.5]}},
        arms={"small": {}, "he": {"init": "he"}, "large": {"init.std": 1}},
    )
    small, he, large = expand_settings("e", given)[0][:3]
    assert (small["init"], small["init.std"]) == ("normal", 0.01)
    assert he["init"] == "he"
    assert "init.std" not in he
    assert (large["init"], large["init.std"]) == ("normal", 1)


# -- settings that are given

ALSO = {
    "lecture": {"train_size": 300, "depth": 2, "dropout": 0, "activation": "relu", "init": "he"},
    "slow": {"depth": 1, "activation": "sigmoid", "lr": [1, 3], "init": "normal", "init.std": 0.1},
}


def test_a_setting_that_is_given_has_a_number_that_no_count_reaches() -> None:
    drawn, _ = expand_settings("e", GRID)
    for count in (8, 70):
        cells, found = expand_settings("e", grid(settings__count=count, settings__also=ALSO))
        assert found.named == {"lecture": -1, "slow": -2}
        assert cells[: len(drawn)] == drawn
        given = [cell for cell in cells if cell["setting"] < 0]
        assert cells[-len(given) :] == given
        assert {cell["setting"] for cell in cells} == {*range(count), -1, -2}


def test_it_has_the_same_arms_and_rates_and_the_seed_of_the_first_setting() -> None:
    cells, found = expand_settings("e", grid(settings__also=ALSO, settings__seeds_from=7))
    lecture, slow = ([cell for cell in cells if cell["setting"] == i] for i in (-1, -2))
    assert [(cell["arm"], cell["lr"]) for cell in lecture] == [
        ("off", 0.1), ("off", 0.3), ("on", 0.1),
    ]  # fmt: skip
    assert [(cell["arm"], cell["lr"]) for cell in slow] == [("off", 1), ("off", 3), ("on", 0.1)]
    assert {cell["seed"] for cell in lecture + slow} == {7}
    assert lecture[0]["hidden"] == [30, 30]
    assert "dropout" not in slow[0]  # as in fixed, or in the configuration
    assert found.rates[-1, "on"].above == (1.0,)
    assert most_cells("e", grid(settings__also=ALSO)) == (8 + 2) * 2 * 2


def test_the_plan_says_what_a_setting_that_is_given_has_and_its_name() -> None:
    cells, found = expand_settings("e", grid(settings__count=1, settings__also=ALSO))
    runs = [
        (cell, config(seed=cell["seed"], lr=cell["lr"], batchnorm=cell["arm"] == "on",
                      valid_size=100, hidden=cell["hidden"], dropout=0.25))
        for cell in cells
    ]  # fmt: skip
    said = placed_runs("e", found, runs)
    assert said["named"] == {"lecture": -1, "slow": -2}
    assert said["settings"][1][:4] == [-1, 300, 2, 0]
    assert said["settings"][2] == [-2, None, 1, 0.25, "sigmoid", "normal", 0.1]
    assert [row[:2] for row in said["further"]] == [[i, "on"] for i in (0, -1, -2)]
    kept = placed_runs("e", found, [each for each in runs if each[0]["setting"] != -1])
    assert kept["named"] == {"slow": -2}


def test_two_settings_that_are_the_same_run_are_refused() -> None:
    given = grid(settings__also={"a": ALSO["lecture"], "b": ALSO["lecture"]})
    cells, found = expand_settings("e", given)
    runs = [(cell, config(lr=cell["lr"], valid_size=100)) for cell in cells]
    named = [each for each in runs if each[0]["setting"] < 0 and each[0]["arm"] == "off"]
    message = r"e: settings.also: expected settings that differ .*, got \['a', 'b'\]"
    with pytest.raises(ConfigError, match=message):
        placed_runs("e", found, named)


# -- what the plan says of it


def test_the_plan_has_each_runs_place_and_what_its_setting_drew() -> None:
    cells, found = expand_settings("e", grid(settings__count=2))
    runs = [
        (cell, config(seed=cell["seed"], lr=cell["lr"], batchnorm=cell["arm"] == "on",
                      valid_size=100))
        for cell in cells
    ]  # fmt: skip
    said = placed_runs("e", found, runs)
    assert said["arms"] == ["off", "on"]
    assert said["axes"] == found.drawn
    assert [row[:3] for row in said["settings"]] == [
        [number, cell["train_size"], len(cell["hidden"])]
        for number, cell in ((0, cells[0]), (1, cells[3]))
    ]
    places = {run.address: [cell["setting"], cell["arm"]] for cell, run in runs}
    assert said["cells"] == places
    assert said["further"] == [[0, "on", [], [1.0]], [1, "on", [], [1.0]]]
    assert said["named"] == {}
    # where the command line took another rate, there is no list to go on from
    others = [(cell, replace(run, lr=5.0)) for cell, run in runs if run.lr == 0.1]
    assert placed_runs("e", found, others)["further"] == []


def test_arms_that_are_the_same_run_are_refused() -> None:
    place = {"setting": 3, "arm": "a"}
    runs = [(place, config(seed=3)), (place | {"arm": "b"}, config(seed=3))]
    with pytest.raises(ConfigError, match=r"e: arms: expected arms that differ in setting 3, got"):
        placed_runs("e", expand_settings("e", GRID)[1], runs)


def test_several_rates_need_validation_samples() -> None:
    place = {"setting": 0, "arm": "off"}
    runs = [(place, config(lr=lr)) for lr in (0.1, 0.3)]
    with pytest.raises(ConfigError, match=r"e: valid_size: expected an integer >= 1, because"):
        placed_runs("e", expand_settings("e", GRID)[1], runs)


# -- what is refused


def with_axis(node: Any, key: str = "train_size") -> dict[str, Any]:
    return grid(settings__axes={key: node})


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (grid(axes={}), "experiment e: expected a known key, got 'axes'"),
        (grid(settings=3), "experiment e: settings: expected a section of keys and values, got 3"),
        (grid(settings__number=3), "settings: expected a known key, got 'number'"),
        (grid(settings__count=0), r"settings.count: expected an integer >= 1, got 0"),
        (grid(settings__count=2.5), r"settings.count: expected an integer >= 1, got 2.5"),
        (grid(settings__seed=-1), r"settings.seed: expected an integer >= 0, got -1"),
        (grid(settings__axes={}), r"settings.axes: expected 1 to 16 ranges"),
        (grid(settings__also=3), "settings.also: expected overrides by the names of settings"),
        (grid(settings__also={"A": {}}), "also: expected names of small letters, digits and _"),
        (grid(settings__also={"a": 3}), r"also.a: expected a section of keys and values, got 3"),
        (
            grid(settings__also={"a": {"dropuot": 0}}),
            r"also.a: expected keys that the axes draw, got 'dropuot' .*; did you mean dropout\?",
        ),
        (grid(settings__also={"a": {"width": 9}}), "also.a: expected keys that the axes draw"),
        (with_axis([1, 2]), r"axes.train_size: expected a range, such as .*, got \[1, 2\]"),
        (with_axis({"lgo": [1, 2]}), r"expected a known key, got 'lgo' .*; did you mean log\?"),
        (with_axis({"integer": True}), r"expected one kind of range, .*log, uniform, choice"),
        (with_axis({"log": [1, 2], "uniform": [1, 2]}), "expected one kind of range"),
        (with_axis({"log": [0, 2]}), r"train_size.log: expected two numbers, 0 < low < high"),
        (with_axis({"uniform": [2, 1]}), r"uniform: expected two numbers, low < high, got \[2, 1"),
        (with_axis({"uniform": [1, 2, 3]}), "uniform: expected two numbers"),
        (with_axis({"uniform": [1, True]}), "uniform: expected two numbers"),
        (with_axis({"uniform": [1, 2.5], "integer": True}), "uniform: expected two integers"),
        (with_axis({"uniform": [1, 2], "integer": 1}), "integer: expected true or false, got 1"),
        (with_axis({"choice": []}), "choice: expected a list of values"),
        (with_axis({"choice": [1], "integer": True}), "expected a known key, got 'integer'"),
        (with_axis({"choice": [{}]}), "choice: expected overrides with at most one range"),
        (
            with_axis({"choice": [{"lr": 1, "a": {"log": [1, 2]}, "b": {"log": [1, 2]}}]}),
            "choice: expected overrides with at most one range",
        ),
        (
            grid(settings__axes={"a": {"choice": [{"init": "he"}]}, "init": {"choice": ["he"]}}),
            "axes: expected one axis for each key, got 'init'",
        ),
        (with_axis({"uniform": [0, 9], "integer": True}, "seed"), "expected no seed: it is"),
        (grid(fixed={"seed": 1}), "fixed: expected no seed: it is the number of the setting"),
        (grid(fixed={"dropout": 0}), "fixed: expected no key that the settings draw, got 'dropout"),
        (grid(arms={"x": {"init": "he"}}), r"arms.x: expected no key that the settings draw"),
        (grid(arms={}), "arms: expected overrides by the names of the arms"),
        (grid(arms={"A b": {}}), "arms: expected names of small letters, digits and _, got 'A b'"),
        (grid(arms={"a": 3}), r"arms.a: expected a section of keys and values, got 3"),
        (grid(arms={"a": {"lr": []}}), "lr: expected ascending values"),
        (grid(arms={"a": {"lr": [0.3, 0.1]}}), "lr: expected ascending values"),
        (grid(settings__axes={"lr": {"log": [0.1, 1]}}), r"rates to try, .* got .'log': .0.1, 1"),
        (grid(arms={"a": {"lr": [-1, 0.1]}}), r"lr, values: expected a list of numbers > 0"),
        (grid(arms={"a": {"lr": {"value": [1]}}}), "lr: expected a known key, got 'value'"),
        (grid(arms={"a": {"lr": {"values": [1], "below": [2]}}}), "lr: expected ascending values"),
        (grid(fixed={}), "arm off: expected depth and width, or hidden, got .'depth'."),
        (grid(fixed={"width": 3, "hidden": [1]}), "expected depth and width, or hidden"),
        (grid(fixed={"width": 0}), "arm off: width: expected an integer >= 1, got 0"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_refused_in_one_line(given: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as error:
        expand("e", given)
    assert str(error.value).startswith("experiment e")
    assert "\n" not in str(error.value)
