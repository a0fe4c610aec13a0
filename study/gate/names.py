"""Names of cells: short, unique, after what tells them apart; and configurations as flat keys."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from study.records.cells import label, number_text
from study.records.config import RunConfig

# What a cell's name always says; the rest only where two cells would have the same name.
_NAMED = {"init", "activation", "batchnorm", "dropout", "weight_decay", "momentum"}


def cells_of(configs: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[int, dict[str, Any]]]:
    """Configurations by the name of their cell and their seed.

    Args:
        configs: by address.
    """
    by_cell: dict[str, dict[int, dict[str, Any]]] = {}
    for config in configs.values():
        key = replace(RunConfig.from_dict(config), seed=0).address
        by_cell.setdefault(key, {})[int(config["seed"])] = dict(config)
    cells = list(by_cell.values())
    names = cell_names([next(iter(cell.values())) for cell in cells])
    return dict(zip(names, cells, strict=True))


def cell_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration without its seed, and without what changes no result."""
    plain: dict[str, Any] = {**config, "seed": 0, "measure": []}
    plain["data"] = {**config["data"], "root": None}
    return plain


def cell_names(configs: Sequence[Mapping[str, Any]]) -> list[str]:
    """A short name for each of some cells, no two the same.

    ``he relu, batch norm, dropout 0.2``: the choices, and whatever of the usual regularisers is
    on; other settings only where they tell two cells apart.
    """
    names = [_short_name(config) for config in configs]
    flat = [flatten(cell_config(config)) for config in configs]
    usual = commonest(flat)
    for name, count in Counter(names).items():
        if count > 1:
            same = [index for index, own in enumerate(names) if own == name]
            for index in same:
                names[index] += "".join(
                    f", {key} {_text(value)}"
                    for key, value in flat[index].items()
                    if key.split(".")[0] not in _NAMED
                    and value != usual.get(key)
                    and any(flat[other].get(key) != value for other in same)
                )
    counts = Counter(names)
    return [
        name if counts[name] == 1 else f"{name} ({RunConfig.from_dict(config).address[:6]})"
        for name, config in zip(names, map(cell_config, configs), strict=True)
    ]


def commonest(flat: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The most frequent value of each key that all have; of equally frequent ones the first."""
    shared = [key for key in (flat[0] if flat else {}) if all(key in own for own in flat)]
    found = {}
    for key in shared:
        counts = Counter(json.dumps(own[key]) for own in flat)
        found[key] = json.loads(counts.most_common(1)[0][0])
    return found


def _short_name(config: Mapping[str, Any]) -> str:
    words = [f"{label(config['init'])} {label(config['activation'])}"]
    if config["batchnorm"]:
        words.append("batch norm")
    for key, word in (("dropout", "dropout"), ("weight_decay", "decay"), ("momentum", "momentum")):
        if config[key]:
            words.append(f"{word} {number_text(config[key])}")
    return ", ".join(words)


def _text(value: Any) -> str:
    return number_text(value) if isinstance(value, float) else str(value)


def flatten(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Dotted keys and values of a configuration."""
    flat: dict[str, Any] = {}
    for key, value in config.items():
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    """What ``flatten`` made flat."""
    config: dict[str, Any] = {}
    for dotted, value in flat.items():
        *parents, last = dotted.split(".")
        node = config
        for parent in parents:
            node = node.setdefault(parent, {})
        node[last] = value
    return config
