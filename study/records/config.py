"""What one run is: a typed, validated configuration and its content address.

``RunConfig`` is the schema that Hydra composes into and the first part of every record. Nothing
here knows Hydra.
"""

import copy
import functools
import hashlib
import importlib
import inspect
import itertools
import json
import math
import re
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from study.errors import ConfigError
from study.network.probes import PROBES
from study.network.schedules import SCHEDULES

DTYPES = ("float32", "float64")
SPACINGS = ("linear", "log")
SUBSETS = ("random", "first")
SCALINGS = ("training", "evaluation")
FULL_BATCH = "full"
# The output layer's initial scheme is that of the hidden layers.
SAME = {"name": "same"}
# Features of the data sets that are known in advance.
_INPUTS = {"gaussian": 100, "mnist": 784, "mnist5k": 784}
# Weights of one network; with their gradients and what a step needs, 10⁹ fill 12 GB and more.
MOST_WEIGHTS = 10**9
# Keys that came later, at the value that every run had before there was a choice: there they are
# left out of the address, so that a run that is stored keeps the one it has.
_BEFORE: dict[str, Any] = {
    "train_subset": "first",
    "valid_size": 0,
    "batchnorm_eps": 1e-5,
    "batchnorm_momentum": 0.1,
    "dropout_scaling": "training",
    "label_noise": 0.0,
    "output_init": SAME,
    "input_dropout": 0.0,
    "max_norm": None,
    "lr_schedule": "constant",
    "lr_warmup": 0.0,
    "lr_milestones": [0.5, 0.75],
    "lr_factor": 0.1,
}
# The same of keys in a section; None in each of them.
_BEFORE_IN = (("data", "checksum"), ("evaluation", "final_samples"))

# What a choice may be called: it is a file's name, and stands in figures and on the page.
_NAME = re.compile(r"\w[\w .,=+-]{0,79}")
# Strings that Hydra reads as the same string without quotes.
_PLAIN = re.compile(r"(?!(null|true|false|nan|inf)$)[a-z_][a-z0-9_]*", re.IGNORECASE)


@dataclass
class DataConfig:
    """Which data set.

    Attributes:
        name: ``mnist``, ``mnist5k``, ``idx`` or ``gaussian`` (see ``study.data``).
        root: folder of the files, instead of ``STUDY_DATA_DIR``. Where the files lie does not
            change a result, so it is not part of a run's address.
        label: what the report calls the data set.
        checksum: of the files of ``idx`` (``study.data.checksum``), which is the identity of a
            data set that is not known in advance: two folders never share an address. Filled in
            before anything runs; where it is given, other files are refused.
    """

    name: str = "mnist5k"
    root: str | None = None
    label: str | None = None
    checksum: str | None = None


@dataclass
class EvaluationConfig:
    """Where and on how many samples the learning curve is evaluated.

    Attributes:
        points: evaluations after step 0, >= 1.
        spacing: ``linear`` (in epochs) or ``log`` (in steps).
        train_samples, test_samples: the curve uses this many samples of each split, >= 1, and
            the layer statistics and probes that many test samples.
        final_samples: the final metrics use at most this many samples of each split, >= 1; null
            for all. For wide networks and short trainings, where they take the most time.
    """

    points: int = 40
    spacing: str = "linear"
    train_samples: int = 1000
    test_samples: int = 1000
    final_samples: int | None = None


@dataclass
class RunConfig:
    """Everything that decides the result of one run.

    Attributes:
        seed: of all random streams, in [0, 2⁶³), which a table of runs can hold.
        data: the data set.
        train_size: how many training samples to use, >= 1; null for all.
        train_subset: which ones: ``random`` (each seed draws its own, stratified by class) or
            ``first`` (of the canonical order, the same for every seed).
        valid_size: samples of the training files that are held out of training to choose by,
            >= 0; each seed draws its own, stratified.
        label_noise: share of the training labels that are replaced by another class, drawn
            uniformly by each seed, in [0, 1]; those of validation and test samples are clean.
        hidden: width of each hidden layer, each >= 1; empty for softmax regression.
        init: initial weights: ``name``, ``_target_`` (an Initializer class) and its arguments.
        output_init: the same for the output layer; ``SAME`` for that of the hidden layers.
        activation: ``name``, ``_target_`` (an Activation class) and its arguments.
        batchnorm: whether batch norm stands before each activation.
        batchnorm_eps: ε of batch norm, > 0.
        batchnorm_momentum: weight of the new batch in its running statistics, in (0, 1].
        dropout: probability of dropping a hidden unit, in [0, 1).
        input_dropout: probability of dropping a feature of the input, in [0, 1).
        dropout_scaling: where the expected output is kept: in ``training`` (kept units times
            1/(1 − p), inverted dropout) or in ``evaluation`` (all units times 1 − p there, as in
            the lecture's textbook and Srivastava et al. 2014); of both kinds of dropout.
        weight_decay: λ of the L2 penalty on weight matrices, >= 0.
        max_norm: largest length of the weights into a hidden unit, > 0; longer ones are scaled
            back after each update (Srivastava et al. 2014, section 5.1). null for no bound.
        lr: learning rate, > 0.
        lr_schedule: ``constant``, ``step`` or ``cosine`` (``study.network.schedules``).
        lr_warmup: share of the updates, in [0, 1), in which the rate rises linearly to ``lr``; the
            schedule follows over the others.
        lr_milestones, lr_factor: of ``step``: at these shares, ascending in (0, 1), the rate is
            multiplied by the factor, in (0, 1).
        momentum: of SGD, in [0, 1).
        batch_size: samples per update, >= 1, or ``full``.
        num_epochs, num_steps: length of the training, >= 0; exactly one of them is set.
        dtype: ``float32`` or ``float64``.
        evaluation: the points of the learning curve.
        measure: names of further measurements (``study.network.probes.PROBES``). They change
            what is recorded, not the result, and are not part of the address.
    """

    seed: int = 0
    data: DataConfig = field(default_factory=DataConfig)
    train_size: int | None = None
    train_subset: str = "random"
    valid_size: int = 0
    label_noise: float = 0.0
    hidden: list[int] = field(default_factory=lambda: [100] * 5)
    init: dict[str, Any] = field(default_factory=dict)
    output_init: dict[str, Any] = field(default_factory=lambda: dict(SAME))
    activation: dict[str, Any] = field(default_factory=dict)
    batchnorm: bool = False
    batchnorm_eps: float = 1e-5
    batchnorm_momentum: float = 0.1
    dropout: float = 0.0
    input_dropout: float = 0.0
    dropout_scaling: str = "training"
    weight_decay: float = 0.0
    max_norm: float | None = None
    lr: float = 0.01
    lr_schedule: str = "constant"
    lr_warmup: float = 0.0
    lr_milestones: list[float] = field(default_factory=lambda: [0.5, 0.75])
    lr_factor: float = 0.1
    momentum: float = 0.0
    batch_size: int | str = 100
    num_epochs: int | None = None
    num_steps: int | None = None
    dtype: str = "float32"
    evaluation: EvaluationConfig = field(default_factory=EvaluationConfig)
    measure: list[str] = field(default_factory=list)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "RunConfig":
        """Build from plain containers, as stored in a record; keys left out get their defaults.

        Those that came later get the value that every run had before: the record may be older.

        Raises:
            ConfigError: an unknown key, or a value where a section is expected.
        """
        _known(cls, values)
        sections: dict[str, type[Any]] = {"data": DataConfig, "evaluation": EvaluationConfig}
        before = {key: value for key, value in _BEFORE.items() if key not in values}
        arguments = copy.deepcopy(before) | dict(values)
        for key in sections.keys() & arguments.keys():
            _check(key, "a section of keys and values", values[key], isinstance(values[key], dict))
            _known(sections[key], values[key], f"{key}.")
            arguments[key] = sections[key](**values[key])
        return cls(**arguments)

    def to_dict(self) -> dict[str, Any]:
        """Plain containers, in the order of the fields."""
        return asdict(self)

    def validate(self) -> None:
        """Raise ConfigError for the first value that cannot be used, before any work starts.

        What depends on the data set (as many samples as ``train_size`` wants) is not looked at.
        """
        self.check_values()
        for group, choice in self.choices.items():
            build(choice, group)

    def check_values(self) -> None:
        """Like ``validate``, but what the configuration names is not imported."""
        possible = _integer(self.seed, 0) and self.seed < 2**63
        _check("seed", "an integer >= 0 and < 2**63", self.seed, possible)
        size, widths, batch = self.train_size, self.hidden, self.batch_size
        _check("train_size", "an integer >= 1 or null", size, size is None or _integer(size, 1))
        _choice("train_subset", self.train_subset, SUBSETS)
        _check("valid_size", "an integer >= 0", self.valid_size, _integer(self.valid_size, 0))
        listed = isinstance(widths, list) and all(_integer(width, 1) for width in widths)
        _check("hidden", "a list of widths >= 1", widths, listed)
        _check("batchnorm", "true or false", self.batchnorm, isinstance(self.batchnorm, bool))
        noise = self.label_noise
        _check("label_noise", "a number in [0, 1]", noise, is_number(noise) and 0 <= noise <= 1)
        for key in ("dropout", "input_dropout", "momentum", "lr_warmup"):
            value = getattr(self, key)
            _check(key, "a number in [0, 1)", value, is_number(value) and 0 <= value < 1)
        eps, share = self.batchnorm_eps, self.batchnorm_momentum
        _check("batchnorm_eps", "a finite number > 0", eps, is_number(eps) and eps > 0)
        expected = "a number in (0, 1]"
        _check("batchnorm_momentum", expected, share, is_number(share) and 0 < share <= 1)
        _choice("dropout_scaling", self.dropout_scaling, SCALINGS)
        decay, lr = self.weight_decay, self.lr
        _check("weight_decay", "a finite number >= 0", decay, is_number(decay) and decay >= 0)
        _check("lr", "a finite number > 0", lr, is_number(lr) and lr > 0)
        bound = self.max_norm
        valid = bound is None or (is_number(bound) and bound > 0)
        _check("max_norm", "a finite number > 0 or null", bound, valid)
        self._validate_schedule()
        expected = f"an integer >= 1 or {FULL_BATCH}"
        _check("batch_size", expected, batch, batch == FULL_BATCH or _integer(batch, 1))
        _choice("dtype", self.dtype, DTYPES)
        _choice("evaluation.spacing", self.evaluation.spacing, SPACINGS)
        for key in ("points", "train_samples", "test_samples"):
            value = getattr(self.evaluation, key)
            _check(f"evaluation.{key}", "an integer >= 1", value, _integer(value, 1))
        final = self.evaluation.final_samples
        valid = final is None or _integer(final, 1)
        _check("evaluation.final_samples", "an integer >= 1 or null", final, valid)
        _check("measure", "a list of names", self.measure, isinstance(self.measure, list))
        for name in self.measure:
            _choice("measure", name, tuple(PROBES))
        self._validate_names()
        self._validate_combinations()

    def _validate_schedule(self) -> None:
        _choice("lr_schedule", self.lr_schedule, SCHEDULES)
        given, factor = self.lr_milestones, self.lr_factor
        listed = isinstance(given, list) and all(map(is_number, given)) and bool(given)
        ascending = listed and all(a < b for a, b in itertools.pairwise([0, *given, 1]))
        _check("lr_milestones", "a list of ascending numbers in (0, 1)", given, ascending)
        _check("lr_factor", "a number in (0, 1)", factor, is_number(factor) and 0 < factor < 1)

    def _validate_names(self) -> None:
        data = self.data
        _check("data.name", "a name", data.name, isinstance(data.name, str))
        for key in ("root", "label", "checksum"):
            value = getattr(data, key)
            _check(f"data.{key}", "text or null", value, value is None or isinstance(value, str))
        expected = "the name of a scheme, because it has options"
        options = self.output_init
        named = options == SAME or not isinstance(options, dict) or options.get("name") != "same"
        _check("output_init", expected, options, named)
        for group, choice in self.choices.items():
            _check(group, "a section of keys and values", choice, isinstance(choice, dict))
            name = choice.get("name")
            named = isinstance(name, str) and _NAME.fullmatch(name) is not None
            _check(f"{group}.name", "letters, digits and spaces, at most 80", name, named)
            target = choice.get("_target_")
            dotted = isinstance(target, str) and "." in target
            _check(f"{group}._target_", "the dotted path of a class", target, dotted)

    def _validate_combinations(self) -> None:
        lengths = {"num_epochs": self.num_epochs, "num_steps": self.num_steps}
        if (self.num_epochs is None) == (self.num_steps is None):
            raise ConfigError(
                "num_epochs, num_steps", "exactly one of the two, the other null", lengths
            )
        for key, value in lengths.items():
            _check(key, "an integer >= 0 or null", value, value is None or _integer(value, 0))
        of_hidden = {key: getattr(self, key) for key in ("batchnorm", "dropout", "max_norm")}
        of_hidden["output_init"] = self.output_init != SAME
        for key, on in of_hidden.items():
            if on and not self.hidden:
                raise ConfigError("hidden", f"at least one hidden layer, because {key} is on", [])
        limits = np.finfo(self.dtype)
        for key in ("batchnorm_eps", "max_norm"):
            value = getattr(self, key)
            if value is not None and not float(limits.tiny) <= value <= float(limits.max):
                raise ConfigError(key, f"a number in {self.dtype}", value)
        self._validate_size()
        self._validate_batches()
        if "voting" in self.measure and not self.dropout:
            raise ConfigError("measure", "no 'voting' where dropout = 0", list(self.measure))

    def _validate_size(self) -> None:
        widths = [_INPUTS.get(self.data.name, 1), *self.hidden, 10]
        weights = sum(a * b for a, b in itertools.pairwise(widths))
        size = weights * np.dtype(self.dtype).itemsize / 1e9
        expected = f"at most {MOST_WEIGHTS:,} weights (these take {size:,.0f} GB)"
        _check("hidden", expected, self.hidden, weights <= MOST_WEIGHTS)

    def _validate_batches(self) -> None:
        size, batch = self.train_size, self.batch_size
        if size is not None and isinstance(batch, int) and batch > size:
            raise ConfigError("batch_size", f"at most train_size = {size}", batch)
        for key, value in (("train_size", size), ("batch_size", batch)):
            if self.batchnorm and value == 1:
                raise ConfigError(
                    key, "at least 2, because batchnorm is on: one has no variance", 1
                )

    @property
    def address(self) -> str:
        """Content address: 20 hex digits of the SHA-256 of everything that decides the result.

        Numbers are written in one form (0, 0.0 and -0.0 are the same cell); ``data.root``,
        ``measure`` and options without effect (``effective``) are left out. Every stored run is
        found by it: do not change the scheme.
        """
        return digest(self._content())[:20]

    def _content(self) -> dict[str, Any]:
        content = self.without_before(
            vars(self) | {"data": dict(vars(self.data)), "evaluation": dict(vars(self.evaluation))}
        )
        del content["measure"], content["data"]["root"]
        return content

    def without_before(self, content: dict[str, Any]) -> dict[str, Any]:
        """``content``, this configuration as mappings, without the keys of ``as_before``."""
        for key in self.as_before():
            content.pop(key, None)
        for section, key in _BEFORE_IN:
            if content[section].get(key) is None:
                content[section].pop(key, None)
        return content

    def as_before(self) -> list[str]:
        """The options that came later and leave the run as it was before there was a choice."""
        effective = self.effective()
        return [key for key, before in _BEFORE.items() if effective[key] in (None, before)]

    def effective(self) -> dict[str, Any]:
        """The options that came later, None where another setting leaves them without effect."""
        dropping, stepping = self.dropout or self.input_dropout, self.lr_schedule == "step"
        same = digest(self.output_init) == digest(self.init)
        return {
            "train_subset": self.train_subset if self.train_size is not None else None,
            "valid_size": self.valid_size,
            "batchnorm_eps": self.batchnorm_eps if self.batchnorm else None,
            "batchnorm_momentum": self.batchnorm_momentum if self.batchnorm else None,
            "dropout_scaling": self.dropout_scaling if dropping else None,
            "label_noise": self.label_noise,
            "output_init": SAME if same else self.output_init,
            "input_dropout": self.input_dropout,
            "max_norm": self.max_norm,
            "lr_schedule": self.lr_schedule,
            "lr_warmup": self.lr_warmup,
            "lr_milestones": self.lr_milestones if stepping else None,
            "lr_factor": self.lr_factor if stepping else None,
        }

    @property
    def choices(self) -> dict[str, dict[str, Any]]:
        """The classes chosen, by key: ``init``, ``activation``, ``output_init`` if not ``SAME``."""
        found = {"init": self.init, "activation": self.activation}
        return found if self.output_init == SAME else found | {"output_init": self.output_init}


def build(choice: Mapping[str, Any], group: str) -> Any:
    """Instantiate what a config group chose: ``_target_`` called with the remaining arguments.

    An activation class is returned as a factory that still takes ``(width, dtype)``.

    Args:
        choice: ``name``, ``_target_`` and arguments, as in ``conf/<group>/<name>.yaml``.
        group: name of the config group, for the error message.

    Raises:
        ConfigError: the class cannot be imported, or does not take the arguments.
    """
    arguments = {key: value for key, value in choice.items() if key not in ("name", "_target_")}
    target = choice.get("_target_")
    if not isinstance(target, str) or "." not in target:
        raise ConfigError(f"{group}._target_", "the dotted path of a class", target)
    module, _, name = target.rpartition(".")
    try:
        factory = getattr(importlib.import_module(module), name)
    except Exception as error:  # importing runs the module, whatever is in it
        raise ConfigError(f"{group}._target_", f"an importable class ({error})", target) from None
    try:
        if group == "activation":
            inspect.signature(factory).bind("width", "dtype", **arguments)
            return lambda width, dtype: factory(width, dtype, **arguments)
        built = factory(**arguments)
    except ConfigError as error:  # a class does not know which group it was chosen from
        raise error.at(f"{group}.{error.key.rpartition('.')[2]}") from None
    except Exception as error:  # the constructor may be anybody's
        raise ConfigError(group, f"arguments that {target} takes ({error})", arguments) from None
    if not callable(getattr(built, "sample", None)):
        raise ConfigError(f"{group}._target_", "a class with a method sample", target)
    return built


class Seeded(Mapping[str, Any]):
    """A valid configuration as plain containers, all but the seed kept once for all that share it.

    Attributes:
        seed: its own.
        cell: which all runs of one cell have in common.
    """

    __slots__ = ("cell", "seed")

    def __init__(self, values: Mapping[str, Any]) -> None:
        """Check ``values``, keys left out as in ``RunConfig.from_dict``, what they name is not.

        Measurements that this version does not know are no reason not to read the others.

        Raises:
            ConfigError: a value that cannot be used.
        """
        self.seed = values.get("seed", 0)
        self.cell = _cell(json.dumps({**values, "seed": 0}))
        _check("seed", "an integer >= 0", self.seed, _integer(self.seed, 0))

    @classmethod
    def of(cls, cell: "Cell", seed: int) -> "Seeded":
        """That of a cell with a seed, both checked already."""
        own = cls.__new__(cls)
        own.cell, own.seed = cell, seed
        return own

    @property
    def address(self) -> str:
        """As ``RunConfig.address``."""
        before, after = self.cell.around_seed
        text = f"{before}{json.dumps(_canonical(self.seed))}{after}"
        return hashlib.sha256(text.encode()).hexdigest()[:20]

    def __getitem__(self, key: str) -> Any:
        return self.seed if key == "seed" else self.cell.values[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.cell.values)

    def __len__(self) -> int:
        return len(self.cell.values)


def cell_key(config: Mapping[str, Any]) -> Hashable:
    """What is equal only for configurations that agree in all but the seed."""
    return config.cell if isinstance(config, Seeded) else json.dumps({**config, "seed": 0})


@dataclass(frozen=True, eq=False)
class Cell:
    """What configurations that differ in their seed have in common.

    Attributes:
        values: of all keys, with any seed.
        around_seed: the text whose digest is the address, up to the seed and from there on.
    """

    values: dict[str, Any]
    around_seed: tuple[str, str]


@functools.lru_cache(maxsize=4096)
def _cell(text: str) -> Cell:
    config = RunConfig.from_dict(json.loads(text))
    listed = isinstance(config.measure, list) and all(isinstance(m, str) for m in config.measure)
    _check("measure", "a list of names", config.measure, listed)
    replace(config, measure=[]).check_values()
    content = config._content()
    before = _text({key: value for key, value in content.items() if key < "seed"})
    after = _text({key: value for key, value in content.items() if key > "seed"})
    return Cell(config.to_dict(), (f'{before[:-1]}, "seed": ', f", {after[1:]}"))


def digest(value: Any) -> str:
    """SHA-256 of plain containers: what is the same setting has the same digest."""
    return hashlib.sha256(_text(value).encode()).hexdigest()


def _text(value: Any) -> str:
    return json.dumps(_canonical(value), sort_keys=True, allow_nan=False)


def _canonical(value: Any) -> Any:
    if isinstance(value, bool | str) or value is None:
        return value
    if isinstance(value, Mapping):
        return {str(key): _canonical(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_canonical(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)  # never valid, but the record of the failed run has an address
    if isinstance(value, int) and abs(value) > 2**53:
        return value  # as a float it would be that of its neighbours, too
    return float(value) + 0.0  # -0.0 becomes 0.0


def _known(section: type[Any], values: Mapping[str, Any], prefix: str = "") -> None:
    known = section.__dataclass_fields__
    for key in values:
        if key not in known:
            raise ConfigError(f"{prefix}{key}", "a known key", values[key], list(known))


def _integer(value: object, least: int) -> bool:
    """Whether ``value`` is an integer >= ``least``; True and False are none."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def is_number(value: object) -> bool:
    """Whether ``value`` is a finite number; True and False are none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < math.inf


def _check(key: str, expected: str, received: object, valid: bool) -> None:
    if not valid:
        raise ConfigError(key, expected, received)


def _choice(key: str, received: str, choices: tuple[str, ...]) -> None:
    if received not in choices:
        raise ConfigError(key, "one of the choices", received, choices)


def overrides(config: RunConfig) -> list[str]:
    """The command line of ``config``: ``python -m study`` with these overrides repeats the run.

    They are in Hydra's grammar; a shell wants those with quotes or brackets quoted once more.
    """
    choices = {"output_init": config.output_init} | config.choices
    words = [f"{group}={choice['name']}" for group, choice in choices.items()]
    words.append(f"data={config.data.name}")
    for key, value in _leaves(config.to_dict()):
        group, _, option = key.partition(".")
        if option in ("name", "_target_") and group in (*choices, "data"):
            continue
        if value is None and group == "data":
            continue
        words.append(f"{key}={hydra_value(value)}")
    return words


def _leaves(values: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    """Dotted keys and values of nested mappings."""
    found: list[tuple[str, Any]] = []
    for key, value in values.items():
        if isinstance(value, Mapping):
            found += _leaves(value, f"{prefix}{key}.")
        else:
            found.append((f"{prefix}{key}", value))
    return found


def hydra_value(value: Any) -> str:
    """A value in Hydra's override grammar; strings are quoted where they have to be."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{','.join(hydra_value(item) for item in value)}]"
    return hydra_string(value) if isinstance(value, str) else repr(value)


def hydra_string(text: str) -> str:
    """``text`` in Hydra's override grammar, so that it arrives as it is.

    Two readers take escapes out of it: OmegaConf those of an interpolation (``\\${``), before
    it Hydra's grammar those of a quote, and of backslashes only where a quote follows them.
    """
    if _PLAIN.fullmatch(text):
        return text
    text = re.sub(r"(\\*)\$\{", r"\1\1\\${", text)
    text = re.sub(r"(\\*)'", r"\1\1\\'", text)
    return "'" + re.sub(r"(\\+)\Z", r"\1\1", text) + "'"
