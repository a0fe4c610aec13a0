"""Experiments as grids of cells: expand them, narrow them by the command line, compose them.

A grid is ``fixed`` (overrides that all its cells share), ``axes`` (lists of values whose product
is the cells) and ``measure``. An axis value may be a mapping of several overrides, so that
``init: normal`` and ``init.std: 1`` move together. A cell is a flat mapping of overrides.
"""

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from study.errors import ConfigError
from study.records.config import RunConfig

GROUPS = ("init", "activation", "data")
RUN_KEYS = tuple(item.name for item in fields(RunConfig))
# The length of a run is given in one of two units; naming one lets go of the other.
EXCLUSIVE = {"num_epochs": "num_steps", "num_steps": "num_epochs"}
GRID_KEYS = {"fixed", "axes", "measure"}

Cell = dict[str, Any]


@dataclass
class Grid:
    """One experiment's cells.

    Attributes:
        experiment: its name.
        cells: flat overrides of each cell.
        axes: the keys that vary in it.
        measure: measurements that its figures need.
    """

    experiment: str
    cells: list[Cell]
    axes: set[str]
    measure: list[str] = field(default_factory=list)


def expand(experiment: str, grid: Mapping[str, Any]) -> Grid:
    """All cells of one grid, the last axis varying fastest."""
    unknown = set(grid) - GRID_KEYS
    if unknown:
        raise ConfigError(f"experiment {experiment}", "a known key", sorted(unknown), GRID_KEYS)
    fixed = dict(grid.get("fixed") or {})
    axes = dict(grid.get("axes") or {})
    for key, values in axes.items():
        if not isinstance(values, list) or not values:
            raise ConfigError(f"experiment {experiment}, axis {key}", "a list of values", values)
    assignments = [
        [dict(value) if isinstance(value, Mapping) else {key: value} for value in values]
        for key, values in axes.items()
    ]
    cells = [
        fixed | {key: value for part in parts for key, value in part.items()}
        for parts in itertools.product(*assignments)
    ]
    varying = {key for values in assignments for value in values for key in value}
    return Grid(experiment, cells, varying, list(grid.get("measure") or []))


def narrow(grids: list[Grid], base: Cell, wanted: Mapping[str, list[Any]]) -> list[Grid]:
    """Restrict ``grids`` to what the command line asks for.

    For each key: values that some cell of the study has select those cells; a value that no cell
    has replaces the key, in the grids where it varies, or in all of them if no asked-for value is
    known. A grid without cells is left out.

    Args:
        base: values of the keys that a cell does not mention.
        wanted: values by key, typed as in the cells.

    Raises:
        ConfigError: nothing is left.
    """
    for key, values in wanted.items():
        known = [cell.get(key, base.get(key)) for grid in grids for cell in grid.cells]
        listed = [value for value in values if value in known]
        added = [value for value in values if value not in known]
        narrowed = []
        for grid in grids:
            cells = [cell for cell in grid.cells if cell.get(key, base.get(key)) in listed]
            if added and (key in grid.axes or not listed):
                cells += _replaced(grid.cells, key, added)
            if cells:
                narrowed.append(Grid(grid.experiment, cells, grid.axes | {key}, grid.measure))
        if not narrowed:
            raise ConfigError(key, "a value that leaves cells of the study", values)
        grids = narrowed
    return grids


def _replaced(cells: list[Cell], key: str, values: list[Any]) -> list[Cell]:
    """``cells`` with ``key`` set to each of ``values``, without repeats."""
    group, _, option = key.partition(".")
    replaced: list[Cell] = []
    for cell in cells:
        if option and group in GROUPS and key not in cell:
            continue  # init.std means nothing to a cell whose init has no std
        for value in values:
            changed = cell | {key: value}
            changed.pop(EXCLUSIVE.get(key, ""), None)
            if key in GROUPS:  # options of the old choice go with it
                changed = {k: v for k, v in changed.items() if not k.startswith(f"{key}.")}
            if changed not in replaced:
                replaced.append(changed)
    return replaced


def _copied(values: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of a run's configuration, whose sections are one level deep; deepcopy takes 10 ×."""
    return {
        key: value.copy() if isinstance(value, dict | list) else value
        for key, value in values.items()
    }


class Composer:
    """Turns cells into run configurations, composing each option of a group just once.

    Hydra's own composition takes 50 ms for each cell; here a cell is a copy of the base with its
    typed overrides applied.

    Args:
        base: the composed configuration without the cell's overrides.
        load_option: composes one option of a group, e.g. ``("init", "he")``.
    """

    def __init__(
        self, base: Mapping[str, Any], load_option: Callable[[str, str], dict[str, Any]]
    ) -> None:
        self._base = {key: base[key] for key in RUN_KEYS}
        self._load_option = load_option
        self._options: dict[tuple[str, str], dict[str, Any]] = {}
        self._typed: dict[tuple[str, str], Any] = {}

    def config(self, cell: Cell, measure: list[str]) -> RunConfig:
        """The validated configuration of ``cell``."""
        values = _copied(self._base)
        # groups first: init.std changes the option that init chose
        for key in sorted(cell, key=lambda key: key not in GROUPS):
            if key in GROUPS:
                values[key] = dict(self._option(key, cell[key]))
            else:
                self._assign(values, key, cell[key])
                if key in EXCLUSIVE and cell[key] is not None:
                    values[EXCLUSIVE[key]] = None
        values["measure"] = sorted({*values["measure"], *measure})
        config = RunConfig.from_dict(values)
        config.validate()
        return config

    def typed(self, key: str, value: Any) -> Any:
        """``value`` as the schema wants it, e.g. 0 as 0.0.

        Raises:
            ConfigError: the key is unknown or the value of another type.
        """
        if key in GROUPS or key.split(".")[0] in ("init", "activation"):
            return value
        cache_key = (key, repr(value))
        if cache_key not in self._typed:
            schema = OmegaConf.structured(RunConfig)
            try:
                OmegaConf.update(schema, key, value)
                self._typed[cache_key] = OmegaConf.to_container(schema)
            except OmegaConfBaseException as error:
                expected = str(error).splitlines()[0]
                raise ConfigError(key, f"another type or key ({expected})", value) from None
        found: Any = self._typed[cache_key]
        for part in key.split("."):
            found = found[part]
        return found

    def _option(self, group: str, name: str) -> dict[str, Any]:
        if (group, name) not in self._options:
            self._options[group, name] = self._load_option(group, name)
        return self._options[group, name]

    def _assign(self, values: dict[str, Any], key: str, value: Any) -> None:
        *parents, last = key.split(".")
        node: Any = values
        for part in parents:
            node = node.get(part) if isinstance(node, dict) else None
        if not isinstance(node, dict) or last not in node:
            raise ConfigError(key, "a key of the configuration", value)
        node[last] = self.typed(key, value)
