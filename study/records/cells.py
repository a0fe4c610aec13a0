"""What tells one cell of a study from another: flat columns, and names for choices.

Figures, claims and tables choose and group runs by the columns of ``COLUMNS`` and by nothing else,
so two runs that are not the same have to differ in one of them.
"""

import functools
import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import yaml

from study.data import NAMES
from study.paths import conf_folder
from study.records.config import SAME, Cell, RunConfig, Seeded, digest, hydra_value, is_number

GROUPS = ("init", "activation", "output_init")  # choices with parameters of their own
SCALE = "scale"  # shown as a factor of the standard one
LONGEST = 60  # characters after a name

# Text that neither a figure takes for a formula nor a page for markup; and a word that cannot be
# taken for a number or anything else than itself.
_SHOWN = re.compile(r"[\w .,:;=×+/()\[\]~-]+")
_WORD = re.compile(r"(?!(true|false|none|null|nan|inf)\Z)[^\W\d][\w.+-]*", re.IGNORECASE)


class Column(NamedTuple):
    """A column of the configuration.

    Attributes:
        dtype: in a frame; ``Int64`` and ``str`` may lack a value, as ``float64`` has NaN.
        key: what it says of a configuration, as typed on the command line.
        of: a column that shows it already, unless runs differ in this one alone.
        usual: whether a page tells it of all runs, not just where it is unusual.
        optional: of text and floats: whether a run may be without it (no bound). None is then a
            value, not the sign that another setting leaves it without effect.
    """

    dtype: str
    key: str
    of: str | None = None
    usual: bool = False
    optional: bool = False


COLUMNS = {
    "data": Column("str", "data", usual=True),
    "data_checksum": Column("str", "data.checksum", of="data"),
    "seed": Column("int64", "seed", usual=True),
    "train_size": Column("Int64", "train_size", usual=True),
    "train_subset": Column("str", "train_subset"),
    "valid_size": Column("int64", "valid_size"),
    "label_noise": Column("float64", "label_noise"),
    "hidden": Column("str", "hidden"),
    "depth": Column("int64", "hidden", of="hidden", usual=True),
    "width": Column("int64", "hidden", of="hidden", usual=True),
    "init": Column("str", "init", usual=True),
    "init_class": Column("str", "init._target_", of="init"),
    "init_std": Column("float64", "init.std", of="init"),
    "output_init": Column("str", "output_init"),
    "output_init_class": Column("str", "output_init._target_", of="output_init"),
    "activation": Column("str", "activation", usual=True),
    "activation_class": Column("str", "activation._target_", of="activation"),
    "batchnorm": Column("bool", "batchnorm", usual=True),
    "batchnorm_eps": Column("float64", "batchnorm_eps"),
    "batchnorm_momentum": Column("float64", "batchnorm_momentum"),
    "dropout": Column("float64", "dropout", usual=True),
    "input_dropout": Column("float64", "input_dropout"),
    "dropout_scaling": Column("str", "dropout_scaling"),
    "weight_decay": Column("float64", "weight_decay", usual=True),
    "max_norm": Column("float64", "max_norm", optional=True),
    "lr": Column("float64", "lr", usual=True),
    "lr_schedule": Column("str", "lr_schedule"),
    "lr_warmup": Column("float64", "lr_warmup"),
    "lr_milestones": Column("str", "lr_milestones"),
    "lr_factor": Column("float64", "lr_factor"),
    "momentum": Column("float64", "momentum", usual=True),
    "batch_size": Column("str", "batch_size", usual=True),
    "num_epochs": Column("Int64", "num_epochs", usual=True),
    "num_steps": Column("Int64", "num_steps", usual=True),
    "dtype": Column("str", "dtype"),
    "evaluation_points": Column("int64", "evaluation.points"),
    "evaluation_spacing": Column("str", "evaluation.spacing"),
    "evaluation_train_samples": Column("int64", "evaluation.train_samples"),
    "evaluation_test_samples": Column("int64", "evaluation.test_samples"),
    "evaluation_final_samples": Column("Int64", "evaluation.final_samples"),
}
CELL = tuple(name for name in COLUMNS if name != "seed")
TEXTS = tuple(name for name, column in COLUMNS.items() if column.dtype == "str")
SWITCHES = tuple(name for name, column in COLUMNS.items() if column.dtype == "bool")


def columns(config: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration (plain containers) in the columns of ``COLUMNS``.

    Two valid configurations have equal columns just where they have the same address. What has
    no effect, or does not apply, is None.
    """
    if isinstance(config, Seeded):
        return _columns_of(config.cell) | {"seed": config.seed}
    run = RunConfig.from_dict(config)
    hidden, effective, evaluation = run.hidden, run.effective(), run.evaluation
    std = run.init.get("std")
    init, init_class = _texts(json.dumps(run.init))
    activation, activation_class = _texts(json.dumps(run.activation))
    output = effective["output_init"]
    output_init, output_init_class = _texts(json.dumps(output))
    bound, milestones = effective["max_norm"], effective["lr_milestones"]
    return {
        "data": _data_text(run.data.name, run.data.label, run.data.checksum),
        "data_checksum": run.data.checksum,
        "seed": run.seed,
        "train_size": run.train_size,
        "train_subset": effective["train_subset"],
        "valid_size": effective["valid_size"],
        "label_noise": float(run.label_noise) + 0.0,  # not -0.0, which is the same cell
        "hidden": _widths_text(hidden),
        "depth": len(hidden),
        "width": hidden[0] if hidden else 0,
        "init": init,
        "init_class": init_class,
        "init_std": std if is_number(std) else None,
        "output_init": output_init,
        "output_init_class": None if output == SAME else output_init_class,
        "activation": activation,
        "activation_class": activation_class,
        "batchnorm": run.batchnorm,
        "batchnorm_eps": effective["batchnorm_eps"],
        "batchnorm_momentum": effective["batchnorm_momentum"],
        "dropout": float(run.dropout) + 0.0,
        "input_dropout": float(run.input_dropout) + 0.0,
        "dropout_scaling": effective["dropout_scaling"],
        "weight_decay": float(run.weight_decay) + 0.0,
        "max_norm": None if bound is None else float(bound),
        "lr": float(run.lr),
        "lr_schedule": run.lr_schedule,
        "lr_warmup": float(run.lr_warmup) + 0.0,
        "lr_milestones": None if milestones is None else value_text(milestones),
        "lr_factor": effective["lr_factor"],
        "momentum": float(run.momentum) + 0.0,
        "batch_size": str(run.batch_size),
        "num_epochs": run.num_epochs,
        "num_steps": run.num_steps,
        "dtype": run.dtype,
        "evaluation_points": evaluation.points,
        "evaluation_spacing": evaluation.spacing,
        "evaluation_train_samples": evaluation.train_samples,
        "evaluation_test_samples": evaluation.test_samples,
        "evaluation_final_samples": evaluation.final_samples,
    }


@functools.lru_cache(maxsize=1024)  # thousands of runs are of the same few cells
def _columns_of(cell: Cell) -> dict[str, Any]:
    """The columns of a cell, with any seed."""
    return columns(cell.values)


def _data_text(name: str, label: str | None, checksum: str | None) -> str:
    """The label; the name before it where it could be taken for another data set."""
    if label is None:
        return f"{name} {checksum[:6]}" if name == "idx" and checksum else name
    known = not label or label in NAMES or label.startswith("idx ") or ": " in label
    return f"{name}: {label}" if known or name != "idx" else label


def _widths_text(hidden: Sequence[int]) -> str:
    """``5×100`` for five layers of the same width, ``100-50`` for others, ``none``."""
    if not hidden:
        return "none"
    if len(set(hidden)) == 1:
        return f"{len(hidden)}×{hidden[0]}"
    return "-".join(map(str, hidden))


def overrides_for(column: str, config: Mapping[str, Any]) -> list[str]:
    """The overrides that give another configuration the ``column`` of this one."""
    key = COLUMNS[column].key
    if key in GROUPS:
        choice = config[key]
        own = [f"{key}.{name}={hydra_value(choice[name])}" for name in shown_parameters(choice)]
        return [f"{key}={choice['name']}", *own]
    if key == "data":
        data = config["data"]
        named = [] if data["label"] is None else [f"data.label={hydra_value(data['label'])}"]
        return [f"data={data['name']}", *named]
    value: Any = config
    for name in key.split("."):
        value = value.get(name)
    return [f"{key}={hydra_value(value)}"]


# --- names of choices ---------------------------------------------------------------------------


def label(choice: Mapping[str, Any]) -> str:
    """How figures and tables name a choice; another value of a parameter has another label.

    - ``he`` where the parameters are those of its own file in ``conf``;
    - ``normal 0.01``, ``mine fan_in`` where there is just one parameter;
    - else with what differs from the file: ``xavier × 0.5`` for another scale, ``he
      mode=fan_out`` for another parameter, ``he (no mode)``, ``relu (my.ReLU)``.

    Where there is no file of that name, all parameters follow the name, and the label says neither
    the class nor which parameter its only one is: ``init_class`` and ``activation_class`` do. In
    the place of text that a figure could take for a formula, or a page for markup, is a digest.
    """
    return _texts(json.dumps(choice))[0]


@functools.lru_cache(maxsize=1024)  # the same few choices stand in thousands of records
def _texts(choice_json: str) -> tuple[str, str]:
    """The label of a choice, and its class."""
    choice = json.loads(choice_json)
    return _label_text(choice), _class_text(choice)


def _label_text(choice: Mapping[str, Any]) -> str:
    name = str(choice["name"])
    added = "".join(f" {word}" for word in _words(choice))
    if not added or (len(added) <= LONGEST and _SHOWN.fullmatch(added)):
        return name + added
    return f"{name} {_digest_text(choice)}"


def _words(choice: Mapping[str, Any]) -> list[str]:
    """What follows the name."""
    standard, own = _standard(choice), _parameters(choice)
    shown = shown_parameters(choice)
    words: list[str] = []
    if standard is None and choice["name"] in _standards():
        words.append(f"({choice.get('_target_')})")
    elif _is_single(own, standard):
        return [value_text(own[shown[0]])]
    usual = standard or {}
    for key in shown:
        factor = _factor(own[key], usual.get(key)) if key == SCALE else None
        words.append(f"{key}={value_text(own[key])}" if factor is None else f"× {factor}")
    return words + [f"(no {key})" for key in sorted(usual.keys() - own.keys())]


def shown_parameters(choice: Mapping[str, Any]) -> list[str]:
    """The parameters that tell a choice from what its name alone stands for."""
    standard, own = _standard(choice), _parameters(choice)
    if _is_single(own, standard):
        return list(own)
    usual = standard or {}
    return [
        key
        for key, value in sorted(own.items())
        if key not in usual or digest(value) != digest(usual[key])
    ]


def _is_single(own: Mapping[str, Any], standard: Mapping[str, Any] | None) -> bool:
    """Whether there is just one parameter, whose value says everything."""
    return len(own) == 1 and (standard is None or own.keys() == standard.keys())


def _factor(value: Any, standard: Any) -> str | None:
    """``value`` as a multiple of ``standard``; None where it is none, or not exactly."""
    if not (is_number(value) and is_number(standard) and standard):
        return None
    factor = value / standard
    return value_text(factor) if math.isfinite(factor) and factor * standard == value else None


def value_text(value: Any) -> str:
    """A parameter as text: different values have different texts.

    What could be taken for something else, such as the text ``1``, is shown as a digest.
    """
    if isinstance(value, bool) or value is None:
        return str(value)
    if is_number(value):
        return number_text(value)
    if isinstance(value, list):
        return f"[{', '.join(map(value_text, value))}]"
    if isinstance(value, str) and _WORD.fullmatch(value):
        return value
    return _digest_text(value)


def number_text(value: float) -> str:
    """As short as it can be, with all its digits: ``0.01``, ``1e-07``, ``0.1234567``."""
    if isinstance(value, int) and abs(value) > 2**53:
        return str(value)  # it need not be a float
    number = float(value) + 0.0  # -0.0 becomes 0.0
    short = f"{number:g}"
    return short if float(short) == number else repr(number)


def _digest_text(value: Any) -> str:
    return f"~{digest(value)[:8]}"


def _class_text(choice: Mapping[str, Any]) -> str:
    """The class and the names of its arguments, ``a.B(mode, scale)``."""
    target, names = str(choice.get("_target_")), sorted(_parameters(choice))
    text = f"{target}({', '.join(names)})"
    plain = _SHOWN.fullmatch(text) and all(name.isidentifier() for name in names)
    return text if plain else _digest_text([target, names])


def _parameters(choice: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in choice.items() if key not in ("name", "_target_")}


def _standard(choice: Mapping[str, Any]) -> dict[str, Any] | None:
    """The parameters in the file of this name and class; None where there is none."""
    return _standards().get(choice["name"], {}).get(choice.get("_target_"))


@functools.cache
def _standards() -> dict[str, dict[Any, dict[str, Any]]]:
    """Parameters by name and class, of the files in ``conf``."""
    found: dict[str, dict[Any, dict[str, Any]]] = {}
    folders = [conf_folder() / group for group in ("init", "activation")]
    for path in (file for folder in folders for file in folder.glob("*.yaml")):
        try:
            choice = yaml.safe_load(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, yaml.YAMLError):
            continue  # whoever chooses it is told by Hydra
        if isinstance(choice, dict) and choice.get("name") == path.stem:
            target = choice.get("_target_")
            found.setdefault(path.stem, {})[str(target)] = _parameters(choice)
    return found
