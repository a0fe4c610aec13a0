"""Columns and labels: what is another cell is another row, and has another name."""

from dataclasses import replace
from typing import Any

import pytest
import yaml
from builders_records import HE, RELU, config
from hypothesis import example, given, settings
from hypothesis import strategies as st

from study.network.probes import PROBES
from study.paths import conf_folder
from study.records.cells import CELL, COLUMNS, columns, label, overrides_for
from study.records.config import SAME, DataConfig, EvaluationConfig, RunConfig, digest

_INIT = "study.network.initializers"
XAVIER = HE | {"name": "xavier", "scale": 1.0}
NORMAL = {"name": "normal", "_target_": f"{_INIT}.RandomNormal", "std": 0.01}
CONSTANT = {"name": "constant", "_target_": f"{_INIT}.Constant", "value": 0.01}
MINE = {"name": "mine", "_target_": "x.Y"}


def choice(group: str, name: str) -> dict[str, Any]:
    """What the file of this name says."""
    text = (conf_folder() / group / f"{name}.yaml").read_text(encoding="utf-8")
    return dict(yaml.safe_load(text))


# -- labels


@pytest.mark.parametrize("name", ["he", "xavier", "glorot", "xavier_doubled"])
def test_an_initial_scheme_as_in_its_file_is_its_name(name: str) -> None:
    assert label(choice("init", name)) == name


@pytest.mark.parametrize("name", ["relu", "sigmoid", "tanh"])
def test_an_activation_as_in_its_file_is_its_name(name: str) -> None:
    assert label(choice("activation", name)) == name


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (NORMAL, "normal 0.01"),
        (NORMAL | {"std": 1}, "normal 1"),
        (NORMAL | {"std": 0.1234567}, "normal 0.1234567"),
        (NORMAL | {"std": 1e-7}, "normal 1e-07"),
        (CONSTANT | {"value": 0}, "constant 0"),
        (CONSTANT | {"value": -0.0}, "constant 0"),
        (HE | {"scale": 2}, "he"),
        (XAVIER | {"scale": 0.5}, "xavier × 0.5"),
        (HE | {"mode": "fan_out"}, "he mode=fan_out"),
        (HE | {"mode": "fan_out", "scale": 1.0}, "he mode=fan_out × 0.5"),
        (HE | {"more": True}, "he more=True"),
        ({key: HE[key] for key in HE if key != "mode"}, "he (no mode)"),
        (RELU | {"_target_": "my.ReLU"}, "relu (my.ReLU)"),
        (RELU | {"slope": 0.01}, "relu slope=0.01"),
        (MINE, "mine"),
        (MINE | {"mode": "fan_in"}, "mine fan_in"),
        (MINE | {"values": [1, 2]}, "mine [1, 2]"),
        (MINE | {"b": 1, "a": None}, "mine a=None b=1"),
    ],
)
def test_a_label_says_what_its_name_does_not(given: dict[str, Any], expected: str) -> None:
    assert label(given) == expected


@pytest.mark.parametrize("text", ["<b>", "$x$", "1", "true", "a b", "x" * 99, "", "\ud800"])
def test_text_that_could_be_taken_for_something_else_is_a_digest(text: str) -> None:
    for chosen in (MINE | {"a": text}, MINE | {"a": text, "b": 1}, MINE | {"a": {text: 1}}):
        assert label(chosen).startswith("mine ")
        assert "~" in label(chosen)
        assert text == "" or f"={text} " not in label(chosen)
        label(chosen).encode()


NUMBERS = st.one_of(st.integers(-3, 3), st.integers(), st.floats(allow_nan=False))
VALUES = st.recursive(
    st.one_of(NUMBERS, st.booleans(), st.none(), st.sampled_from(["a", "1", "fan_in", "a b"]),
              st.text(max_size=4)),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2), inner,
                                                                max_size=2),
    max_leaves=3,
)  # fmt: skip
CHOICES = st.builds(
    lambda base, more, left_out: {k: v for k, v in (base | more).items() if k != left_out},
    st.sampled_from([HE, XAVIER, NORMAL, CONSTANT, RELU, MINE, HE | {"_target_": "x.He"}]),
    st.dictionaries(st.sampled_from(["scale", "mode", "std", "value", "a"]), VALUES, max_size=3),
    st.sampled_from([None, "mode", "scale"]),
)


@settings(max_examples=400, deadline=None)
@given(CHOICES, st.dictionaries(st.sampled_from(["scale", "mode", "std", "a"]), VALUES, max_size=1))
@example(NORMAL | {"std": 0.1234567}, {"std": 0.1234568})
@example(MINE | {"a": 1}, {"a": "1"})
@example(MINE | {"a": 1}, {"a": True})
@example(MINE | {"a": ["a", "b"]}, {"a": ["a, b"]})
@example(HE | {"scale": 1e-320}, {"scale": 1.5e-320})
@example(MINE | {"a": 2**53 + 1}, {"a": 2.0**53 + 2})
def test_other_parameters_have_another_label(one: dict[str, Any], changed: dict[str, Any]) -> None:
    names = ("init", "init_class")
    other = one | changed
    rows = [columns(config(init=each).to_dict()) for each in (one, other)]
    same = digest(one) == digest(other)
    assert ([rows[0][name] for name in names] == [rows[1][name] for name in names]) == same
    if one.keys() == other.keys():  # the same arguments of the same class: the label alone
        assert (label(one) == label(other)) == same


@given(CHOICES)
def test_a_label_does_not_depend_on_the_order_of_the_parameters(given: dict[str, Any]) -> None:
    assert label(dict(reversed(given.items()))) == label(given)


# -- columns


def test_there_is_a_column_for_every_key() -> None:
    row = columns(config().to_dict())
    assert list(row) == list(COLUMNS)
    assert {"seed", *CELL} == set(COLUMNS)
    keys = {column.key for column in COLUMNS.values()}
    for key in config().to_dict():
        assert key == "measure" or any(each.partition(".")[0] == key for each in keys), key


@pytest.mark.parametrize(
    ("hidden", "expected"),
    [([], "none"), ([7], "1×7"), ([100] * 5, "5×100"), ([100, 50], "100-50"),
     ([1] * 29 + [2], "-".join(["1"] * 29 + ["2"]))],
)  # fmt: skip
def test_hidden_is_exact(hidden: list[int], expected: str) -> None:
    assert columns(config(hidden=hidden).to_dict())["hidden"] == expected


def test_what_has_no_effect_is_none() -> None:
    row = columns(config().to_dict())
    for name in ("train_subset", "batchnorm_eps", "batchnorm_momentum", "dropout_scaling",
                 "lr_milestones", "lr_factor", "output_init_class"):  # fmt: skip
        assert row[name] is None
    row = columns(config(train_size=300, batchnorm=True, dropout=0.2).to_dict())
    found = [row[name] for name in ("train_subset", "batchnorm_eps", "dropout_scaling")]
    assert found == ["random", 1e-5, "training"]
    row = columns(config(input_dropout=0.2, lr_schedule="step").to_dict())
    found = [row[name] for name in ("dropout_scaling", "lr_milestones", "lr_factor")]
    assert found == ["training", "[0.5, 0.75]", 0.1]


def test_the_output_layer_says_what_it_has_of_its_own() -> None:
    assert columns(config().to_dict())["output_init"] == "same"
    assert columns(config(output_init=HE).to_dict())["output_init"] == "same"
    row = columns(config(output_init=NORMAL).to_dict())
    assert row["output_init"] == "normal 0.01"
    assert row["output_init_class"] == f"{_INIT}.RandomNormal(std)"
    given = config(output_init=NORMAL | {"std": 1}).to_dict()
    assert overrides_for("output_init", given) == ["output_init=normal", "output_init.std=1"]
    assert overrides_for("output_init", config().to_dict()) == ["output_init=same"]


def test_data_sets_have_names_of_their_own() -> None:
    sets = [
        DataConfig("mnist"), DataConfig("mnist5k"), DataConfig("idx", label="mnist"),
        DataConfig("idx", label="fashion"), DataConfig("mnist", label="fashion"),
        DataConfig("idx", label=""), DataConfig("idx", label="mnist: fashion"),
        DataConfig("idx", label="idx 1a2b3c"), DataConfig("idx", checksum="1a2b3c" * 8),
    ]  # fmt: skip
    names = [columns(config(data=each).to_dict())["data"] for each in sets]
    assert len(set(names)) == len(sets)
    assert names[3] == "fashion"
    assert names[-1] == "idx 1a2b3c"
    other = [DataConfig("idx", label="a", checksum=text * 64) for text in "ab"]
    rows = [columns(config(data=each).to_dict()) for each in other]
    assert rows[0]["data"] == rows[1]["data"] == "a"
    assert rows[0]["data_checksum"] != rows[1]["data_checksum"]


DATA = st.builds(
    DataConfig,
    name=st.sampled_from(["mnist", "mnist5k", "idx", "gaussian"]),
    root=st.sampled_from([None, "/a"]),
    label=st.sampled_from([None, "", "a", "mnist", "idx: a", "idx aaaaaa"]) | st.text(max_size=3),
    checksum=st.sampled_from([None, "a" * 64, "a" * 63 + "b"]),
)
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "seed": st.integers(0, 2),
    "data": DATA,
    "train_size": st.none() | st.integers(100, 101),
    "train_subset": st.sampled_from(["random", "first"]),
    "valid_size": st.integers(0, 1),
    "label_noise": st.sampled_from([0, -0.0, 0.2, 0.2000001]),
    "hidden": st.lists(st.sampled_from([1, 10, 100]), min_size=1, max_size=3),
    "init": CHOICES,
    "output_init": st.just(SAME) | CHOICES,
    "activation": st.sampled_from([RELU, RELU | {"a": 1}, RELU | {"_target_": "my.ReLU"}]),
    "batchnorm": st.booleans(),
    "batchnorm_eps": st.sampled_from([1e-5, 1e-6]),
    "batchnorm_momentum": st.sampled_from([0.1, 1, 1.0]),
    "dropout": st.sampled_from([0, 0.0, -0.0, 0.2, 0.2000001]),
    "input_dropout": st.sampled_from([0, -0.0, 0.2, 0.2000001]),
    "dropout_scaling": st.sampled_from(["training", "evaluation"]),
    "weight_decay": st.sampled_from([0, -0.0, 1e-4, 1.0000001e-4]),
    "max_norm": st.sampled_from([None, 2, 2.0, 2.0000001]),
    "lr": st.sampled_from([1, 1.0, 0.1, 0.1000000001]),
    "lr_schedule": st.sampled_from(["constant", "step", "cosine"]),
    "lr_warmup": st.sampled_from([0, -0.0, 0.1]),
    "lr_milestones": st.sampled_from([[0.5, 0.75], [0.5], [0.5000001], [0.5, 0.7500001]]),
    "lr_factor": st.sampled_from([0.1, 0.1000001]),
    "momentum": st.sampled_from([0, -0.0, 0.9]),
    "batch_size": st.sampled_from([1, 100, "full"]),
    "dtype": st.sampled_from(["float32", "float64"]),
    "evaluation": st.builds(
        EvaluationConfig, points=st.integers(1, 2), spacing=st.sampled_from(["linear", "log"]),
        train_samples=st.integers(1, 2), test_samples=st.integers(1, 2),
        final_samples=st.none() | st.integers(1, 2),
    ),
    "measure": st.lists(st.sampled_from(sorted(set(PROBES) - {"voting"})), max_size=2),
}  # fmt: skip
LENGTHS = st.sampled_from([(1, None), (2, None), (None, 1), (None, 2), (0, None)])


@settings(max_examples=400, deadline=None)
@given(st.fixed_dictionaries({}, optional=FIELDS), LENGTHS, st.fixed_dictionaries(
    {}, optional={name: FIELDS[name] for name in FIELDS}), LENGTHS | st.none())  # fmt: skip
def test_equal_columns_are_equal_addresses(
    given: dict[str, Any], length: Any, changed: dict[str, Any], other_length: Any
) -> None:
    one = RunConfig(**{"init": HE, "activation": RELU} | given)
    one = replace(one, num_epochs=length[0], num_steps=length[1])
    few = dict(list(changed.items())[:2])  # most of them equal, most often
    other = replace(one, **few)
    if other_length is not None:
        other = replace(other, num_epochs=other_length[0], num_steps=other_length[1])
    rows = [columns(each.to_dict()) for each in (one, other)]
    assert (rows[0] == rows[1]) == (one.address == other.address)


def test_overrides_give_another_run_the_same_column() -> None:
    given = config(init=XAVIER | {"scale": 0.5}, hidden=[10, 5], lr=0.1).to_dict()
    assert overrides_for("lr", given) == ["lr=0.1"]
    assert overrides_for("hidden", given) == ["hidden=[10,5]"]
    assert overrides_for("init", given) == ["init=xavier", "init.scale=0.5"]
    assert overrides_for("evaluation_points", given) == ["evaluation.points=40"]
    assert overrides_for("data", given) == ["data=mnist5k"]
    assert overrides_for("init_class", given) == [f"init._target_={XAVIER['_target_']!r}"]


@pytest.mark.parametrize(
    ("hidden", "text", "depth", "width"),
    [([], "none", 0, 0), ([7], "1×7", 1, 7), ([100] * 5, "5×100", 5, 100), ([9, 4], "9-4", 2, 9)],
)
def test_depth_and_width_are_those_of_the_hidden_layers(
    hidden: list[int], text: str, depth: int, width: int
) -> None:
    found = columns(config(hidden=hidden).to_dict())
    assert (found["hidden"], found["depth"], found["width"]) == (text, depth, width)
