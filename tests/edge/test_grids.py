"""Grids: what cells there are, and what the command line leaves of them."""

from collections.abc import Sequence
from typing import Any

import pytest

from study.edge.grids import ABSENT, Composer, Grid, Option, expand, narrow
from study.errors import ConfigError
from study.records.config import RunConfig

OPTIONS: dict[Option, dict[str, Any]] = {
    ("init", "he"): {
        "_target_": "study.network.initializers.VarianceScaling",
        "scale": 2.0,
    },
    ("init", "xavier"): {"_target_": "study.network.initializers.VarianceScaling", "scale": 1.0},
    ("init", "normal"): {"_target_": "study.network.initializers.RandomNormal", "std": 0.01},
    ("init", "constant"): {"_target_": "study.network.initializers.Constant", "value": 0.01},
    ("activation", "relu"): {"_target_": "study.network.activations.ReLU"},
    ("activation", "tanh"): {"_target_": "study.network.activations.Tanh"},
}


class Options:
    """What Hydra would compose, and how often it is asked."""

    def __init__(self) -> None:
        self.asked: list[list[Option]] = []

    def __call__(self, options: Sequence[Option]) -> list[dict[str, Any]]:
        self.asked.append(list(options))
        return [{"name": option[1], **OPTIONS[option]} for option in options]


@pytest.fixture
def options() -> Options:
    return Options()


@pytest.fixture
def composer(options: Options) -> Composer:
    base = RunConfig(num_epochs=20).to_dict()
    for group, name in (("init", "he"), ("activation", "relu")):
        base[group] = {"name": name, **OPTIONS[group, name]}
    return Composer(base, options)


def cells(grids: list[Grid]) -> dict[str, list[dict[str, Any]]]:
    return {grid.experiment: grid.cells for grid in grids}


# -- expanding


def test_the_product_of_the_axes_is_expanded_the_last_varying_fastest() -> None:
    grid = expand("e", {"fixed": {"lr": 0.1}, "axes": {"init": ["he", "xavier"], "seed": [0, 1]}})
    assert grid.cells == [
        {"lr": 0.1, "init": init, "seed": seed} for init in ("he", "xavier") for seed in (0, 1)
    ]
    assert grid.axes == {"init", "seed"}


def test_a_mapping_moves_several_keys_together() -> None:
    axes = {"init": ["he", {"init": "normal", "init.std": 1}], "seed": [0]}
    grid = expand("e", {"axes": axes, "measure": ["weights"]})
    assert grid.cells == [
        {"init": "he", "seed": 0},
        {"init": "normal", "init.std": 1, "seed": 0},
    ]
    assert grid.axes == {"init", "init.std", "seed"}
    assert grid.measure == ["weights"]


def test_without_axes_there_is_one_cell() -> None:
    assert expand("e", {"fixed": {"lr": 1}}).cells == [{"lr": 1}]
    assert expand("e", {"fixed": None, "axes": None}).cells == [{}]


@pytest.mark.parametrize(
    ("grid", "message"),
    [
        ({"axis": {}}, "experiment e: expected a known key, got .'axis'"),
        ({"axes": {"seed": []}}, "experiment e, axis seed: expected a list of values"),
        ({"axes": {"seed": 3}}, "experiment e, axis seed: expected a list of values, got 3"),
    ],
)
def test_a_wrong_grid_is_refused_by_name(grid: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        expand("e", grid)


# -- narrowing


@pytest.fixture
def grids() -> list[Grid]:
    return [
        expand("schemes", {"axes": {
            "init": ["he", "xavier", {"init": "normal", "init.std": 1}, "constant"],
            "seed": [0, 1],
        }}),
        expand("decay", {"fixed": {"init": "he"}, "axes": {"weight_decay": [0.0, 0.1]}}),
        expand("steps", {"fixed": {"num_steps": 100}, "axes": {"seed": [0]}}),
    ]  # fmt: skip


def narrowed(grids: list[Grid], composer: Composer, **wanted: list[Any]) -> Any:
    keys = {key.replace("__", "."): values for key, values in wanted.items()}
    return cells(narrow(grids, keys, composer.value).grids)


def test_listed_values_select(grids: list[Grid], composer: Composer) -> None:
    found = narrowed(grids, composer, init=["he", "xavier"])
    assert [cell["init"] for cell in found["schemes"]] == ["he", "he", "xavier", "xavier"]
    assert len(found["decay"]) == 2
    assert len(found["steps"]) == 1  # its cells have the base's init, which is he


def test_a_grid_without_cells_is_left_out(grids: list[Grid], composer: Composer) -> None:
    assert set(narrowed(grids, composer, init=["xavier"])) == {"schemes"}


def test_values_are_compared_as_numbers(grids: list[Grid], composer: Composer) -> None:
    values = [composer.typed("weight_decay", value) for value in (0, 0.1)]
    assert len(narrowed(grids, composer, weight_decay=values)["decay"]) == 2


def test_an_unlisted_value_replaces_the_key_everywhere(
    grids: list[Grid], composer: Composer
) -> None:
    found = narrowed(grids, composer, seed=[7])
    assert {cell["seed"] for group in found.values() for cell in group} == {7}
    assert {name: len(group) for name, group in found.items()} == {
        "schemes": 4,
        "decay": 2,
        "steps": 1,
    }
    found = narrowed(grids, composer, weight_decay=[0.05])
    assert {cell["weight_decay"] for group in found.values() for cell in group} == {0.05}
    assert len(found["decay"]) == 1


def test_listed_and_unlisted_values_go_together(grids: list[Grid], composer: Composer) -> None:
    found = narrowed(grids, composer, weight_decay=[0.1, 0.05])
    assert [cell["weight_decay"] for cell in found["decay"]] == [0.1, 0.05]
    assert set(found) == {"decay"}


def test_a_new_choice_of_a_group_goes_through_every_grid(
    grids: list[Grid], composer: Composer
) -> None:
    """Also beside others, and where the group does not vary."""
    found = narrowed(grids, composer, init=["he", "glorot"])
    assert {name: len(group) for name, group in found.items()} == {
        "schemes": 4, "decay": 4, "steps": 2,
    }  # fmt: skip
    assert {cell["init"] for cell in found["decay"]} == {"he", "glorot"}


def test_no_value_is_dropped_because_the_key_varies_nowhere(
    grids: list[Grid], composer: Composer
) -> None:
    found = narrowed(grids, composer, momentum=[0.0, 0.9])
    assert [cell.get("momentum") for cell in found["decay"]] == [None, None, 0.9, 0.9]
    assert len(found["steps"]) == 2


def test_an_option_is_asked_of_the_choices_that_have_it(
    grids: list[Grid], composer: Composer
) -> None:
    found = narrowed(grids, composer, init__std=[0.5])
    assert found == {
        "schemes": [{"init": "normal", "init.std": 0.5, "seed": seed} for seed in (0, 1)]
    }


def test_an_options_default_is_known(grids: list[Grid], composer: Composer) -> None:
    found = narrowed(grids, composer, init__value=[0.01])
    assert found == {"schemes": [{"init": "constant", "seed": seed} for seed in (0, 1)]}
    found = narrowed(grids, composer, init=["constant"], init__value=[0.05])
    assert [cell["init.value"] for cell in found["schemes"]] == [0.05, 0.05]


def test_the_choice_comes_before_its_options(grids: list[Grid], composer: Composer) -> None:
    first = narrowed(grids, composer, init__std=[0.5], init=["normal"])
    assert first == narrowed(grids, composer, init=["normal"], init__std=[0.5])
    with pytest.raises(ConfigError, match=r"init\.std: expected a value that leaves something"):
        narrowed(grids, composer, init__std=[0.5], init=["xavier"])


def test_another_choice_lets_go_of_the_options(grids: list[Grid], composer: Composer) -> None:
    found = narrowed(grids, composer, activation=["tanh"], init=["normal"])
    assert found["schemes"][0] == {
        "init": "normal",
        "init.std": 1,
        "seed": 0,
        "activation": "tanh",
    }
    schemes = [grid for grid in grids if grid.experiment == "schemes"]
    replaced = narrowed(schemes, composer, init=["glorot"])["schemes"]
    assert replaced == [{"init": "glorot", "seed": seed} for seed in (0, 1)]


def test_one_length_replaces_the_other(grids: list[Grid], composer: Composer) -> None:
    found = narrowed(grids, composer, num_steps=[50])
    assert {cell["num_steps"] for group in found.values() for cell in group} == {50}
    found = narrowed(grids, composer, num_epochs=[3])
    assert found["steps"] == [{"num_epochs": 3, "seed": 0}]


def test_a_run_counted_in_steps_has_no_epochs(grids: list[Grid], composer: Composer) -> None:
    """The base's 20 epochs are not those of a cell that names its steps."""
    assert "steps" not in narrowed(grids, composer, num_epochs=[20])
    assert set(narrowed(grids, composer, num_epochs=[None])) == {"steps"}


@pytest.mark.parametrize("order", [("num_epochs", "num_steps"), ("num_steps", "num_epochs")])
def test_null_beside_a_length_is_as_in_a_single_run(
    grids: list[Grid], composer: Composer, order: tuple[str, str]
) -> None:
    given = {"num_epochs": [None], "num_steps": [50]}
    found = narrowed(grids, composer, **{key: given[key] for key in order})
    assert found == narrowed(grids, composer, num_steps=[50])


@pytest.mark.parametrize("values", [([3], [50]), ([None], [None])])
def test_lengths_that_contradict_each_other_are_refused(
    grids: list[Grid], composer: Composer, values: tuple[list[Any], list[Any]]
) -> None:
    with pytest.raises(ConfigError, match="num_epochs, num_steps: expected exactly one"):
        narrowed(grids, composer, num_epochs=values[0], num_steps=values[1])


# -- composing


def test_a_cell_becomes_a_configuration(composer: Composer) -> None:
    config = composer.config(
        {"init.std": 0.5, "init": "normal", "evaluation.points": 3, "num_steps": 5, "lr": 1},
        ["weights"],
    )
    assert config.init == {"name": "normal", **OPTIONS["init", "normal"], "std": 0.5}
    assert (config.num_steps, config.num_epochs) == (5, None)
    assert config.evaluation.points == 3
    assert config.measure == ["weights"]
    assert type(config.lr) is float


def test_cells_do_not_share_what_one_of_them_changes(composer: Composer) -> None:
    first = composer.config(
        {"init": "normal", "init.std": 0.5, "evaluation.points": 3}, ["weights"]
    )
    second = composer.config({"init": "normal"}, [])
    assert second.init["std"] == 0.01
    assert second.evaluation.points == 40
    assert (first.measure, second.measure) == (["weights"], [])


def test_options_are_composed_once_and_together(composer: Composer, options: Options) -> None:
    some = [{"init": "he"}, {"init": "normal", "activation": "tanh"}, {"init": "he"}]
    composer.load(some)
    for cell in some:
        composer.config(cell, [])
    assert options.asked == [[("init", "he"), ("init", "normal"), ("activation", "tanh")]]


def test_an_option_carries_the_name_of_its_file(
    composer: Composer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(OPTIONS, ("init", "mine"), {"name": "other"})
    with pytest.raises(ConfigError, match=r"conf/init/mine\.yaml: name: expected .*'mine'"):
        composer.config({"init": "mine"}, [])


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ({"colour": 1}, "colour: expected a key of the configuration"),
        ({"init.colour": 1}, r"init\.colour: expected a key of the configuration"),
        ({"evaluation.colour": 1}, r"evaluation\.colour: expected a key"),
        ({"lr": "abc"}, "lr: expected a number, got 'abc'"),
        ({"hidden": 5}, "hidden: expected a list of integers"),
        ({"dropout": 1}, r"dropout: expected a number in \[0, 1\)"),
    ],
)
def test_a_cell_that_cannot_be_used_is_refused(
    composer: Composer, cell: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        composer.config(cell, [])


def test_values_are_looked_up_where_they_come_from(composer: Composer) -> None:
    assert composer.value({"lr": 3}, "lr") == 3
    assert composer.value({}, "lr") == 0.01
    assert composer.value({}, "init") == "he"
    assert composer.value({}, "init.scale") == 2.0
    assert composer.value({"init": "normal"}, "init.std") == 0.01
    assert composer.value({"init": "normal"}, "init.scale") is ABSENT
    assert composer.value({}, "evaluation.points") == 40
    assert composer.value({}, "colour.of.it") is ABSENT
