"""Experiments as grids of cells: expand them, narrow them by the command line, compose them.

A grid is ``fixed`` (overrides that all its cells share), ``axes`` (lists of values whose product
is the cells) and ``measure``. An axis value may be a mapping of several overrides, so that
``init: normal`` and ``init.std: 1`` move together. A cell is a flat mapping of overrides; ``depth``
and ``width`` stand for ``hidden``, that many layers of so many units. Instead of axes an experiment
may have settings and arms (``study.edge.settings``).
"""

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from study.edge.schema import MAX_CELLS, RUN_KEYS, typed
from study.edge.sets import DATA, identify
from study.edge.settings import PLACE, Map, expand_settings, is_map, most_cells
from study.errors import ConfigError
from study.records.config import RunConfig

GROUPS = ("init", "output_init", "activation", DATA)
# The length of a run is given in one of two units; naming one lets go of the other.
LENGTHS = ("num_epochs", "num_steps")
EXCLUSIVE = {"num_epochs": "num_steps", "num_steps": "num_epochs"}
SHAPE = ("depth", "width")
GRID_KEYS = {"fixed", "axes", "measure"}

Cell = dict[str, Any]
Option = tuple[str, str]
"""Config group and name, e.g. ``("init", "he")``."""

ABSENT = object()


@dataclass
class Grid:
    """One experiment's cells.

    Attributes:
        experiment: its name.
        cells: flat overrides of each cell.
        axes: the keys that vary in it.
        measure: measurements that its figures need.
        map: what its settings draw and its arms, where it has them; each cell then has its
            ``setting`` and ``arm`` besides its overrides.
    """

    experiment: str
    cells: list[Cell]
    axes: set[str]
    measure: list[str] = field(default_factory=list)
    map: Map | None = None


def count(experiment: str, grid: Mapping[str, Any], most: int) -> int:
    """How many cells ``expand`` would make of a grid, without making them.

    Raises:
        ConfigError: they are more than ``most``, or the grid cannot be used.
    """
    if is_map(grid):
        total = most_cells(experiment, grid)
        check_count(total, most, f"experiment {experiment}")
        return total
    total = 1
    for values in _axes(experiment, grid).values():
        # a number of seeds that is too large for a list of them
        total *= values if isinstance(values, int) else len(values)
    check_count(total, most, f"experiment {experiment}")
    for key, values in _axes(experiment, grid).items():
        if isinstance(values, int):
            raise ConfigError(f"experiment {experiment}, axis {key}", "a list of values", values)
    return total


def check_count(total: int, most: int, what: str) -> None:
    """Raise ConfigError if ``what`` has more cells than ``most``, the configuration's max_cells."""
    if total > most:
        raise ConfigError("max_cells", f"at least {total:,}, the cells of {what}", most)


def _axes(experiment: str, grid: Mapping[str, Any]) -> dict[str, Any]:
    """The axes of a grid, whose values are lists, or numbers of too many seeds."""
    unknown = set(grid) - GRID_KEYS
    if unknown:
        raise ConfigError(f"experiment {experiment}", "a known key", sorted(unknown), GRID_KEYS)
    axes = dict(grid.get("axes") or {})
    for key, values in axes.items():
        large = isinstance(values, int) and not isinstance(values, bool) and values > 0
        if not large and (not isinstance(values, list) or not values):
            raise ConfigError(f"experiment {experiment}, axis {key}", "a list of values", values)
    return axes


def expand(experiment: str, grid: Mapping[str, Any], most: int = MAX_CELLS) -> Grid:
    """All cells of one grid, the last axis varying fastest."""
    count(experiment, grid, most)
    fixed, measure = dict(grid.get("fixed") or {}), list(grid.get("measure") or [])
    if is_map(grid):
        cells, drawn = expand_settings(experiment, grid)
        varying = {key for cell in cells for key in cell if cell[key] != fixed.get(key, ABSENT)}
        return Grid(experiment, cells, varying - set(PLACE), measure, drawn)
    axes = _axes(experiment, grid)
    assignments = [
        [dict(value) if isinstance(value, Mapping) else {key: value} for value in values]
        for key, values in axes.items()
    ]
    cells = [
        fixed | {key: value for part in parts for key, value in part.items()}
        for parts in itertools.product(*assignments)
    ]
    varying = {key for values in assignments for value in values for key in value}
    varying |= {"hidden"} if varying.intersection(SHAPE) else set()
    return Grid(experiment, cells, varying, measure)


@dataclass
class Narrowed:
    """What the command line leaves of the grids.

    Attributes:
        grids: without those that have no cells left.
        replaced: by key, the asked-for values that no cell had.
        purely: the keys of ``replaced`` none of whose asked-for values any cell had.
    """

    grids: list[Grid]
    replaced: dict[str, list[Any]] = field(default_factory=dict)
    purely: set[str] = field(default_factory=set)


def narrow(
    grids: list[Grid],
    wanted: Mapping[str, list[Any]],
    value: Callable[[Cell, str], Any],
    most: int = MAX_CELLS,
) -> Narrowed:
    """Restrict ``grids`` to what the command line asks for.

    For each key: values that some cell of the study has select those cells; a value that no cell
    has replaces the key, in the grids where it varies, or in all of them if it varies nowhere, no
    asked-for value is known, or it is a new choice of a group, such as a user's own initialiser. A
    grid without cells is left out. Cells that are selected stay the same objects.

    Args:
        wanted: values by key, typed as in the cells.
        value: what a key is in a cell, ``ABSENT`` if it means nothing there.
        most: cells that there may be.

    Raises:
        ConfigError: nothing is left, there are too many cells, or the keys contradict each other.
    """
    found = Narrowed(grids)
    wanted = _one_length(wanted)
    # groups first: init.std is asked of the cells that init has left
    for key in sorted(wanted, key=lambda key: key not in GROUPS):
        grids, values = found.grids, wanted[key]
        known = [value(cell, key) for grid in grids for cell in grid.cells]
        listed = [item for item in values if item in known]
        added = [item for item in values if item not in known]
        if added:
            found.replaced[key] = added
            found.purely |= set() if listed else {key}
        varies = any(key in grid.axes for grid in grids)
        everywhere = key in GROUPS or not listed or not varies
        narrowed = []
        for grid in grids:
            cells = [cell for cell in grid.cells if value(cell, key) in listed]
            if added and (everywhere or key in grid.axes):
                meant = [cell for cell in grid.cells if value(cell, key) is not ABSENT]
                cells += _replaced(meant, key, added, most)
            if cells:
                narrowed.append(replace(grid, cells=cells, axes=grid.axes | {key}))
        if not narrowed:
            raise ConfigError(key, "a value that leaves something of the study", values)
        check_count(sum(len(grid.cells) for grid in narrowed), most, f"the study with {key}")
        found.grids = narrowed
    return found


def asked_of_all(
    grids: Iterable[Grid], narrowed: Narrowed, value: Callable[[Cell, str], Any]
) -> list[Grid]:
    """The cells that ``grids`` would have if they declared what the command line replaced.

    That is what a study with other settings is complete by: ``lr=0.1`` where all cells have 0.01.
    Where levels of a grid would become one, so that nothing is left to compare, they stay; so do
    cells in which the key means nothing.

    Args:
        narrowed: what ``narrow`` made of ``grids``.
        value: as for ``narrow``.
    """
    found = list(grids)
    for key in (key for key in narrowed.replaced if key in narrowed.purely):
        values = narrowed.replaced[key]
        for i, grid in enumerate(found):
            meant = [cell for cell in grid.cells if value(cell, key) is not ABSENT]
            others = [cell for cell in grid.cells if value(cell, key) is ABSENT]
            cells = _replaced(meant, key, values)
            if len(cells) == len(meant) * len(values):
                found[i] = replace(grid, cells=others + cells)
    return found


def _one_length(wanted: Mapping[str, list[Any]]) -> dict[str, list[Any]]:
    """``wanted`` without the ``null`` that says which of the two lengths of a run is not meant."""
    lengths = {key: wanted[key] for key in LENGTHS if key in wanted}
    named = [key for key, values in lengths.items() if values != [None]]
    if len(lengths) == 2 and len(named) != 1:
        raise ConfigError(", ".join(LENGTHS), "exactly one of the two, the other null", lengths)
    return {key: wanted[key] for key in wanted if len(lengths) < 2 or key not in lengths} | {
        key: wanted[key] for key in (named if len(lengths) == 2 else ())
    }


def _replaced(
    cells: list[Cell], key: str, values: list[Any], most: int | None = None
) -> list[Cell]:
    """``cells`` with ``key`` set to each of ``values``, without repeats."""
    replaced: dict[str, Cell] = {}
    for cell in cells:
        for value in values:
            changed = cell | {key: value}
            changed.pop(EXCLUSIVE.get(key, ""), None)
            if key in GROUPS:  # options of the old choice go with it
                changed = {k: v for k, v in changed.items() if not k.startswith(f"{key}.")}
            replaced.setdefault(repr(sorted(changed.items())), changed)
            if most is not None and len(replaced) > most:  # how many more is not looked at
                check_count(len(replaced), most, f"the study with {key} and more")
    return list(replaced.values())


def _overrides(cell: Cell) -> list[str]:
    """The keys of a cell that are no part of its place in a map."""
    return [key for key in cell if key not in PLACE]


def _copied(values: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of a run's configuration, whose sections are one level deep; deepcopy takes 10 ×."""
    return {
        key: value.copy() if isinstance(value, dict | list) else value
        for key, value in values.items()
    }


class Composer:
    """Turns cells into run configurations, composing the options of the groups just once.

    Hydra's own composition takes 50 ms for each cell; here a cell is a copy of the base with its
    typed overrides applied.

    Args:
        base: the composed configuration without the cell's overrides, its data set identified.
        load_options: composes options of groups.
    """

    def __init__(
        self,
        base: Mapping[str, Any],
        load_options: Callable[[Sequence[Option]], list[dict[str, Any]]],
    ) -> None:
        self.base = {key: base[key] for key in RUN_KEYS}
        self._load_options = load_options
        self._options: dict[Option, dict[str, Any]] = {}
        self._checksums: dict[str, str] = {}
        self._typed: dict[tuple[str, str], Any] = {}

    def load(self, cells: Iterable[Cell]) -> None:
        """Compose the options that ``cells`` choose, all at once: one at a time takes longer."""
        chosen = {(group, cell[group]): None for cell in cells for group in GROUPS if group in cell}
        missing = [option for option in chosen if option not in self._options]
        if not missing:
            return
        for (group, name), values in zip(missing, self._load_options(missing), strict=True):
            if values.get("name") != name:
                expected = f"the name of its file, {name!r}"
                raise ConfigError(f"conf/{group}/{name}.yaml: name", expected, values.get("name"))
            self._options[group, name] = values

    def value(self, cell: Cell, key: str) -> Any:
        """What ``key`` is in ``cell``: set by it, by the option it chooses, or by the base."""
        if key in cell:
            return cell[key]
        if cell.get(EXCLUSIVE.get(key, "")) is not None:
            return None
        group, _, option = key.partition(".")
        if key in GROUPS:
            return self.base[key].get("name")
        if option and group in cell:
            return self._option(group, cell[group]).get(option, ABSENT)
        node: Any = self.base
        for part in key.split("."):
            node = node.get(part, ABSENT) if isinstance(node, dict) else ABSENT
        return node

    def config(self, cell: Cell, measure: list[str]) -> RunConfig:
        """The validated configuration of ``cell``, with these measurements added.

        Raises:
            ConfigError: a value cannot be used.
        """
        config = self.compose(cell, measure)
        config.validate()
        return config

    def compose(self, cell: Cell, measure: Sequence[str] = ()) -> RunConfig:
        """Like ``config``, but whether the values can be used is not looked at."""
        values = _copied(self.base)
        # groups first: init.std changes the option that init chose
        for key in sorted(_overrides(cell), key=lambda key: key not in GROUPS):
            if key in GROUPS:
                values[key] = dict(self._option(key, cell[key]))
            else:
                self._assign(values, key, cell[key])
                if key in EXCLUSIVE and cell[key] is not None:
                    values[EXCLUSIVE[key]] = None
        if any(key.partition(".")[0] == DATA for key in cell):
            identify(values[DATA], self._checksums)
        values["measure"] = sorted({*values["measure"], *measure})
        return RunConfig.from_dict(values)

    def shaped(self, cell: Cell) -> Cell:
        """``cell`` with the widths of its hidden layers in the place of ``depth`` and ``width``.

        Raises:
            ConfigError: they are no whole numbers > 0, or ``hidden`` is given, too.
        """
        given = {key: cell[key] for key in SHAPE if key in cell}
        if not given:
            return cell
        for key, value in given.items():
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise ConfigError(key, "an integer >= 1", value)
        if "hidden" in cell:
            raise ConfigError("hidden", "either hidden or depth and width", cell["hidden"])
        usual = self.base["hidden"] or [0]
        hidden = [given.get("width", usual[0])] * given.get("depth", len(usual))
        return {key: v for key, v in cell.items() if key not in SHAPE} | {"hidden": hidden}

    def typed(self, key: str, value: Any) -> Any:
        """``value`` as the schema wants it, e.g. 0 as 0.0.

        Raises:
            ConfigError: the key is unknown or the value of another type.
        """
        if key in GROUPS or key.split(".")[0] in ("init", "output_init", "activation"):
            return value
        cache_key = (key, repr(value))
        if cache_key not in self._typed:
            self._typed[cache_key] = typed(key, value)
        return self._typed[cache_key]

    def _option(self, group: str, name: str) -> dict[str, Any]:
        self.load([{group: name}])
        return self._options[group, name]

    def _assign(self, values: dict[str, Any], key: str, value: Any) -> None:
        *parents, last = key.split(".")
        node: Any = values
        for part in parents:
            node = node.get(part) if isinstance(node, dict) else None
        if not isinstance(node, dict) or last not in node:
            raise ConfigError(key, "a key of the configuration", value)
        node[last] = self.typed(key, value)
