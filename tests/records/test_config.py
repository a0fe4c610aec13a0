"""What a run is: every bad value is refused by name, and the address is the same for ever."""

import copy
import json
import math
import pickle
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, fields
from typing import Any

import hydra
import pytest
from builders_records import HE, RELU, config
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from study.edge.schema import register, run_config
from study.errors import ConfigError
from study.network.probes import PROBES
from study.paths import conf_folder
from study.records.cells import label
from study.records.config import (
    SAME,
    DataConfig,
    EvaluationConfig,
    RunConfig,
    Seeded,
    build,
    hydra_string,
    overrides,
)

NAN, INF = math.nan, math.inf

BAD = [
    ("seed", -1, ">= 0"),
    ("seed", 1.5, "integer"),
    ("seed", True, "integer"),
    ("seed", "3", "integer"),
    ("seed", 2**63, "< 2**63"),
    ("train_size", 0, ">= 1"),
    ("train_size", 2.5, "integer"),
    ("hidden", [100, 0], ">= 1"),
    ("hidden", [10.5], ">= 1"),
    ("hidden", 100, "list"),
    ("train_subset", "last", "random, first"),
    ("train_subset", None, "random, first"),
    ("valid_size", -1, ">= 0"),
    ("valid_size", 1.5, "integer"),
    ("valid_size", None, "integer"),
    ("valid_size", True, "integer"),
    ("batchnorm", "yes", "true or false"),
    ("batchnorm_eps", 0, "> 0"),
    ("batchnorm_eps", -1e-5, "> 0"),
    ("batchnorm_eps", NAN, "> 0"),
    ("batchnorm_eps", INF, "finite"),
    ("batchnorm_eps", "small", "finite"),
    ("batchnorm_eps", 1e-60, "float32"),
    ("batchnorm_eps", 1e60, "float32"),
    ("batchnorm_momentum", 0, "(0, 1]"),
    ("batchnorm_momentum", 1.1, "(0, 1]"),
    ("batchnorm_momentum", NAN, "(0, 1]"),
    ("dropout_scaling", "both", "training, evaluation"),
    ("dropout_scaling", True, "training, evaluation"),
    ("dropout", 1, "[0, 1)"),
    ("dropout", 1.0, "[0, 1)"),
    ("dropout", -0.1, "[0, 1)"),
    ("dropout", NAN, "[0, 1)"),
    ("dropout", "0.5", "[0, 1)"),
    ("momentum", 1, "[0, 1)"),
    ("momentum", NAN, "[0, 1)"),
    ("weight_decay", -1e-9, ">= 0"),
    ("weight_decay", INF, "finite"),
    ("weight_decay", NAN, "finite"),
    ("lr", 0, "> 0"),
    ("lr", -0.1, "> 0"),
    ("lr", NAN, "finite"),
    ("lr", INF, "finite"),
    ("lr", None, "finite"),
    ("batch_size", 0, "full"),
    ("batch_size", "hundred", "full"),
    ("batch_size", True, "full"),
    ("batch_size", 10.0, "full"),
    ("num_epochs", -1, ">= 0"),
    ("num_epochs", 1.5, "integer"),
    ("dtype", "float16", "float32, float64"),
    ("label_noise", -0.1, "[0, 1]"),
    ("label_noise", 1.1, "[0, 1]"),
    ("label_noise", NAN, "[0, 1]"),
    ("label_noise", True, "[0, 1]"),
    ("label_noise", None, "[0, 1]"),
    ("input_dropout", 1.0, "[0, 1)"),
    ("input_dropout", -0.1, "[0, 1)"),
    ("input_dropout", NAN, "[0, 1)"),
    ("max_norm", 0, "> 0 or null"),
    ("max_norm", -1.0, "> 0 or null"),
    ("max_norm", INF, "finite"),
    ("max_norm", NAN, "finite"),
    ("max_norm", "2", "finite"),
    ("max_norm", 1e60, "float32"),
    ("lr_schedule", "linear", "constant, step, cosine"),
    ("lr_schedule", None, "constant, step, cosine"),
    ("lr_warmup", 1, "[0, 1)"),
    ("lr_warmup", -0.1, "[0, 1)"),
    ("lr_milestones", 0.5, "list"),
    ("lr_milestones", [], "list"),
    ("lr_milestones", [0.0], "(0, 1)"),
    ("lr_milestones", [0.5, 1], "(0, 1)"),
    ("lr_milestones", [0.5, 0.5], "ascending"),
    ("lr_milestones", [NAN], "ascending"),
    ("lr_milestones", ["a"], "ascending"),
    ("lr_factor", 0, "(0, 1)"),
    ("lr_factor", 1, "(0, 1)"),
    ("lr_factor", NAN, "(0, 1)"),
    ("measure", ["colour"], "histograms"),
    ("measure", "weights", "list"),
]


@pytest.mark.parametrize(("key", "value", "expected"), BAD, ids=lambda item: str(item)[:20])
def test_a_bad_value_is_refused_with_key_range_and_value(
    key: str, value: Any, expected: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        config(**{key: value}).validate()
    message = str(caught.value)
    shown = value[0] if key == "measure" and isinstance(value, list) else value
    assert message.startswith(f"{key}: expected ")
    assert expected in message
    assert repr(shown) in message


@pytest.mark.parametrize("key", ["points", "train_samples", "test_samples"])
@pytest.mark.parametrize("value", [0, -1, 1.5, None])
def test_a_bad_evaluation_is_refused(key: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=rf"evaluation\.{key}: expected an integer >= 1"):
        config(evaluation=EvaluationConfig(**{key: value})).validate()


@pytest.mark.parametrize("value", [0, -1, 1.5, True, "all"])
def test_a_bad_number_of_final_samples_is_refused(value: Any) -> None:
    config(evaluation=EvaluationConfig(final_samples=1)).validate()
    with pytest.raises(
        ConfigError, match=r"evaluation\.final_samples: expected an integer >= 1 or"
    ):
        config(evaluation=EvaluationConfig(final_samples=value)).validate()


def test_an_unknown_spacing_is_refused_with_the_choices() -> None:
    with pytest.raises(ConfigError, match=r"evaluation\.spacing.*'cubic'.*linear, log"):
        config(evaluation=EvaluationConfig(spacing="cubic")).validate()


@pytest.mark.parametrize(("epochs", "steps"), [(None, None), (1, 1), (0, 0)])
def test_a_run_has_exactly_one_length(epochs: int | None, steps: int | None) -> None:
    with pytest.raises(ConfigError, match="num_epochs, num_steps: expected exactly one"):
        config(num_epochs=epochs, num_steps=steps).validate()


@pytest.mark.parametrize(
    ("key", "value"),
    [("batchnorm", True), ("dropout", 0.5), ("max_norm", 2.0), ("output_init", HE)],
)
def test_what_acts_on_hidden_layers_needs_one(key: str, value: Any) -> None:
    config(hidden=[]).validate()
    with pytest.raises(ConfigError, match=f"hidden: expected at least one.*because {key} is on"):
        config(hidden=[], **{key: value}).validate()


def test_a_batch_is_at_most_the_training_set() -> None:
    config(batch_size=300, train_size=300).validate()
    config(batch_size="full", train_size=5).validate()
    with pytest.raises(ConfigError, match="batch_size: expected at most train_size = 300, got 301"):
        config(batch_size=301, train_size=300).validate()


def test_batchnorm_needs_two_samples_to_normalise() -> None:
    config(batchnorm=True, batch_size=2).validate()
    config(batchnorm=True, train_size=2, batch_size="full").validate()
    config(batch_size=1).validate()
    with pytest.raises(ConfigError, match="batch_size: expected at least 2, because batchnorm"):
        config(batchnorm=True, batch_size=1).validate()
    with pytest.raises(ConfigError, match="train_size: expected at least 2, because batchnorm"):
        config(batchnorm=True, train_size=1, batch_size="full").validate()


def test_double_precision_holds_a_smaller_epsilon() -> None:
    config(batchnorm=True, batchnorm_eps=1e-60, dtype="float64").validate()


def test_voting_needs_dropout() -> None:
    config(measure=["voting"], dropout=0.2).validate()
    with pytest.raises(ConfigError, match="voting"):
        config(measure=["voting"]).validate()


@pytest.mark.parametrize("group", ["init", "output_init", "activation"])
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"_target_": "nowhere.Thing"}, "_target_: expected an importable class.*nowhere"),
        ({"_target_": "study.network.layers.Nothing"}, "_target_: expected an importable class"),
        ({"_target_": None}, "_target_: expected the dotted path"),
        ({"_target_": "Thing"}, "_target_: expected the dotted path"),
        ({"colour": "red"}, "expected arguments that .* takes.*colour"),
    ],
)
def test_a_choice_that_cannot_be_built_is_refused(
    group: str, changes: dict[str, Any], message: str
) -> None:
    choice = (RELU if group == "activation" else HE) | changes
    with pytest.raises(ConfigError, match=f"{group}.*{message}"):
        config(**{group: choice}).validate()


def test_arguments_of_a_choice_are_validated_by_its_class() -> None:
    with pytest.raises(ConfigError, match=r"init\.scale: expected a finite number > 0, got -1"):
        config(init=HE | {"scale": -1}).validate()
    with pytest.raises(ConfigError, match="init: expected arguments"):
        config(init=HE | {"scale": "much"}).validate()
    with pytest.raises(
        ConfigError, match=r"^output_init\.scale: expected a finite number > 0, got"
    ):
        config(output_init=HE | {"scale": -1}).validate()


def test_an_option_of_the_output_layers_scheme_needs_the_scheme() -> None:
    with pytest.raises(ConfigError, match=r"output_init: expected the name of a scheme.*'std': 1"):
        config(output_init=SAME | {"std": 1}).validate()


def test_the_defaults_of_two_configurations_are_their_own() -> None:
    one, other = RunConfig.from_dict({}), RunConfig.from_dict({})
    one.output_init["name"] = "x"
    one.lr_milestones.append(0.9)
    assert (other.output_init, other.lr_milestones) == (SAME, [0.5, 0.75])
    assert RunConfig().output_init == SAME == {"name": "same"}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"colour": 1}, "colour: expected a known key.*seed"),
        ({"data": {"colour": 1}}, r"data\.colour: expected a known key.*root"),
        ({"evaluation": {"colour": 1}}, r"evaluation\.colour: expected a known key.*points"),
        ({"data": "mnist"}, "data: expected a section"),
    ],
)
def test_unknown_keys_are_refused_with_the_known_ones(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        RunConfig.from_dict(values)


def test_an_error_survives_the_way_back_from_a_worker() -> None:
    error = ConfigError("lr", "a finite number > 0", -1.0, iter(("a", "b")))
    again = pickle.loads(pickle.dumps(error))  # noqa: S301
    assert (str(again), again.key) == (str(error), "lr")
    assert "choices: a, b" in str(error)


# -- the address


def test_the_address_is_pinned() -> None:
    """Every stored run is found by it: a change of the scheme must not go unnoticed."""
    assert config().address == "b5eac4e6a7be35c8c6d8"


def test_equal_numbers_have_one_address() -> None:
    addresses = {config(dropout=zero, momentum=zero).address for zero in (0, 0.0, -0.0)}
    assert len(addresses) == 1
    assert config(lr=1).address == config(lr=1.0).address
    assert config(init=HE | {"scale": 2}).address == config().address


def test_large_seeds_stay_apart() -> None:
    assert config(seed=2**60).address != config(seed=2**60 + 1).address
    assert len(config(seed=10**400).address) == 20


def test_booleans_are_not_numbers_in_an_address() -> None:
    assert config(batchnorm=False).address != config(batchnorm=0).address


def test_what_does_not_change_the_result_is_not_in_the_address() -> None:
    assert config(measure=["weights"]).address == config().address
    assert config(data=DataConfig(root="/elsewhere")).address == config().address


CHANGES: dict[str, Any] = {
    "seed": 1,
    "data": DataConfig(name="mnist"),
    "train_size": 300,
    "valid_size": 100,
    "label_noise": 0.1,
    "output_init": HE | {"scale": 1.0},
    "input_dropout": 0.2,
    "max_norm": 2.0,
    "lr_schedule": "cosine",
    "lr_warmup": 0.1,
    "hidden": [100] * 4,
    "init": HE | {"scale": 1.0},
    "activation": RELU | {"name": "other"},
    "batchnorm": True,
    "dropout": 0.5,
    "weight_decay": 0.1,
    "lr": 0.1,
    "momentum": 0.9,
    "batch_size": "full",
    "num_epochs": 21,
    "num_steps": 1,
    "dtype": "float64",
    "evaluation": EvaluationConfig(points=7),
}
# Keys that change a run only where another setting lets them, with that setting.
DEPENDENT: list[tuple[str, Any, dict[str, Any]]] = [
    ("train_subset", "first", {"train_size": 200}),
    ("batchnorm_eps", 1e-6, {"batchnorm": True}),
    ("batchnorm_momentum", 0.2, {"batchnorm": True}),
    ("dropout_scaling", "evaluation", {"dropout": 0.5}),
    ("lr_milestones", [0.3], {"lr_schedule": "step"}),
    ("lr_factor", 0.5, {"lr_schedule": "step"}),
]


@pytest.mark.parametrize(("key", "value", "setting"), DEPENDENT, ids=lambda item: str(item)[:20])
def test_what_has_no_effect_is_not_in_the_address(
    key: str, value: Any, setting: dict[str, Any]
) -> None:
    assert config(**{key: value}).address == config().address
    assert config(**{key: value}).effective()[key] is None
    assert config(**setting, **{key: value}).address != config(**setting).address
    assert config(**setting, **{key: value}).effective()[key] == value


def test_keys_that_came_later_are_not_in_the_address_of_what_was_there_before() -> None:
    stored = config(train_size=300, batchnorm=True, dropout=0.2, train_subset="first")
    assert stored.address == "ac7daeb6e6e2caa733fa"
    values = stored.to_dict()
    for key in stored.as_before():
        del values[key]
    del values["data"]["checksum"], values["evaluation"]["final_samples"]
    later = {"valid_size", "label_noise", "output_init", "input_dropout", "max_norm", "lr_schedule",
             "lr_warmup"}  # fmt: skip
    assert {key for key, *_ in DEPENDENT} | later == stored.to_dict().keys() - values.keys()
    assert RunConfig.from_dict(values) == stored


def test_the_scheme_of_all_layers_named_twice_is_the_same_run() -> None:
    assert config(output_init=HE | {"scale": 2}).address == config().address
    assert config(output_init=HE | {"name": "other"}).address != config().address


def test_the_kind_of_dropout_counts_where_only_the_input_is_dropped() -> None:
    kinds = [config(input_dropout=0.2, dropout_scaling=kind) for kind in ("training", "evaluation")]
    assert kinds[0].address != kinds[1].address


def test_the_checksum_of_a_data_set_is_in_the_address() -> None:
    sets = [DataConfig("idx", "/a", checksum=value) for value in (None, "1", "2")]
    assert len({config(data=data).address for data in sets}) == 3
    elsewhere = DataConfig("idx", "/b", checksum="1")
    assert config(data=elsewhere).address == config(data=sets[1]).address


def test_every_other_field_changes_the_address() -> None:
    dependent = {key for key, *_ in DEPENDENT}
    assert {item.name for item in fields(RunConfig)} == set(CHANGES) | {"measure"} | dependent
    addresses = [config(**{key: value}).address for key, value in CHANGES.items()]
    addresses += [
        config(evaluation=EvaluationConfig(**{key: value})).address
        for key, value in (
            ("spacing", "log"),
            ("train_samples", 7),
            ("test_samples", 7),
            ("final_samples", 7),
        )
    ]
    addresses += [config(data=DataConfig(label="x")).address, config().address]
    assert len(set(addresses)) == len(addresses)


@pytest.mark.parametrize("key", ["lr", "weight_decay", "momentum", "dropout", "init.scale"])
@pytest.mark.parametrize("value", [0.5, 0.0123456, 1e-7, 1 / 3])
def test_numbers_that_differ_in_the_last_bit_have_two_addresses(key: str, value: float) -> None:
    group, _, option = key.partition(".")
    close = (value, math.nextafter(value, 1), value * 1.0004, value + 4e-9)
    addresses = {
        config(**{group: HE | {option: number} if option else number}).address for number in close
    }
    assert len(addresses) == len(close)


def test_the_address_does_not_depend_on_order() -> None:
    values = config().to_dict()
    turned = {key: values[key] for key in reversed(values)}
    turned["init"] = dict(reversed(values["init"].items()))
    assert RunConfig.from_dict(turned).address == config().address


def test_the_address_does_not_depend_on_the_process() -> None:
    code = (
        "import json, sys; from study.records.config import RunConfig;"
        "print(RunConfig.from_dict(json.load(sys.stdin)).address)"
    )
    for seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", code],
            input=json.dumps(config().to_dict()),
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.strip() == config().address


def test_even_a_configuration_that_is_never_valid_has_an_address() -> None:
    addresses = {config(lr=value).address for value in (NAN, INF, -INF)}
    assert len(addresses) == 3


def test_a_configuration_survives_plain_containers() -> None:
    given = config(data=DataConfig(label="a b"), evaluation=EvaluationConfig(points=3), hidden=[3])
    again = RunConfig.from_dict(json.loads(json.dumps(given.to_dict())))
    assert again == given
    assert asdict(again) == asdict(copy.deepcopy(given))


# -- the command line of a configuration


@pytest.fixture(scope="module")
def composed() -> Iterator[Any]:
    register()
    with hydra.initialize_config_dir(str(conf_folder().resolve()), version_base="1.3"):
        yield lambda words: run_config(hydra.compose("config", list(words)))


NORMAL = {"name": "normal", "_target_": "study.network.initializers.RandomNormal", "std": 1e-07}
EVERY = config(
    seed=3,
    train_size=300,
    train_subset="first",
    valid_size=50,
    label_noise=0.25,
    hidden=[20, 10],
    init=NORMAL,
    output_init=HE,
    activation={"name": "tanh", "_target_": "study.network.activations.Tanh"},
    batchnorm=True,
    batchnorm_eps=1e-06,
    batchnorm_momentum=0.2,
    dropout=0.1,
    input_dropout=0.3,
    dropout_scaling="evaluation",
    weight_decay=1e-05,
    max_norm=2.5,
    lr=0.1 + 0.2,
    lr_schedule="step",
    lr_warmup=0.1,
    lr_milestones=[0.2, 0.9],
    lr_factor=0.3,
    momentum=0.9,
    batch_size="full",
    num_epochs=None,
    num_steps=7,
    dtype="float64",
    evaluation=EvaluationConfig(3, "log", 5, 6, 7),
    measure=["weights", "histograms"],
)


@pytest.mark.parametrize(
    "given",
    [
        EVERY,
        config(),
        config(hidden=[]),
        config(output_init=NORMAL),
        config(data=DataConfig("idx", "/a b", "my set")),
        *(config(data=DataConfig("idx", "/a", checksum=start + "0" * 60)) for start in "012e"),
    ],
)
def test_the_command_line_repeats_the_run(given: RunConfig, composed: Any) -> None:
    again = composed(overrides(given))
    assert again == given
    assert again.address == given.address


ODD = [
    "", " ", "a b", "it's", '"', "\\", "a\\", "\\'", "${x}", "\\${x}", "a${data.name}b", "$",
    "한글", "null", "true", "1", "1e5", "nan", "[a]", "{a: b}", "a=b", "a,b", "~x", "+x", "#",
    "off", "???", "a\nb", "\t", "glob(*)", "choice(a)", "-", "a/../b",
]  # fmt: skip


@pytest.mark.parametrize("text", ODD)
def test_odd_labels_arrive_as_they_are(text: str, composed: Any) -> None:
    given = config(data=DataConfig("mnist5k", label=text))
    if text == "???":  # what OmegaConf calls a missing value cannot be a label
        with pytest.raises(ConfigError, match=r"data\.label"):
            composed(overrides(given))
        return
    assert composed(overrides(given)).address == given.address


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet=st.one_of(st.sampled_from("\\'\"${}[](),=:. ab"), st.characters())))
def test_any_text_passes_both_grammars(text: str) -> None:
    if text == "???":
        return
    override = OverridesParser.create().parse_override(f"label={hydra_string(text)}")
    arrived = OmegaConf.to_container(OmegaConf.create({"label": override.value()}), resolve=True)
    assert arrived == {"label": text}


# -- choices

CONSTANT = {"name": "constant", "_target_": "study.network.initializers.Constant", "value": 0}


def test_a_label_names_the_only_parameter() -> None:
    assert label(RELU) == "relu"
    assert label(HE) == "he"
    assert label(NORMAL) == "normal 1e-07"
    assert label(CONSTANT) == "constant 0"
    assert label({"name": "mine", "_target_": "x.Y", "mode": "fan_in"}) == "mine fan_in"
    assert label({"name": "mine", "_target_": "x.Y", "values": [1, 2]}) == "mine [1, 2]"


def test_build_gives_the_class_its_arguments() -> None:
    assert build(NORMAL, "init").std == 1e-07
    assert build(RELU, "activation")(4, "float64").forward is not None


def test_every_measurement_can_be_asked_for() -> None:
    config(measure=sorted(PROBES), dropout=0.2).validate()


@pytest.mark.parametrize("seed", [0, 3, 2**53 + 1])
@pytest.mark.parametrize(
    "changes", [{}, {"output_init": HE, "batchnorm": True}, {"lr": 1, "measure": ["unknown"]}]
)
def test_what_shares_all_but_its_seed_is_kept_once(seed: int, changes: dict[str, Any]) -> None:
    whole = config(seed=seed, **changes)
    seeded, other = Seeded(whole.to_dict()), Seeded(config(seed=7, **changes).to_dict())
    assert list(seeded.items()) == list(whole.to_dict().items())
    assert seeded.cell is other.cell
    assert seeded != other
    assert seeded.address == whole.address == RunConfig.from_dict(seeded).address
    again = copy.deepcopy(seeded)  # as a process gets it
    assert (dict(again), again.address) == (dict(seeded), seeded.address)


@pytest.mark.parametrize(
    ("key", "value", "expected"), [("seed", True, "integer"), ("train_size", 0, ">= 1")]
)
def test_what_is_kept_once_is_refused_like_any_other(key: str, value: Any, expected: str) -> None:
    with pytest.raises(ConfigError, match=f"{key}.*{expected}"):
        Seeded(config().to_dict() | {key: value})
