"""Settings drawn at random, and the arms that are compared in each: one more kind of grid.

Beside ``fixed`` and ``measure`` it has ``settings`` and ``arms`` instead of ``axes``::

    settings:
      count: 20
      seed: 1           # of the sequence; 0 if it is not given
      seeds_from: 0     # of the runs: setting 7 has the seed seeds_from + 7
      axes:
        train_size: {log: [1000, 16000], integer: true}
        depth: {uniform: [2, 6], integer: true}
        dropout: {uniform: [0, 0.5]}
        activation: {choice: [relu, {activation: sigmoid, lr: [1, 3, 10]}]}
        init: {choice: [he, {init: normal, init.std: {log: [1.0e-4, 1]}}]}
      also:             # settings that are given, not drawn; they have names
        lecture: {train_size: 1000, depth: 5, dropout: 0, activation: relu, init: he}
    fixed:
      valid_size: 500
      lr: {values: [0.03, 0.1, 0.3], below: [0.01], above: [1, 3]}
    arms:
      without: {}
      with: {batchnorm: true}

Setting i is point i of a scrambled Sobol sequence (Owen, 1998; ``scipy.stats.qmc``), with one
dimension for each axis in the order in which they stand. The first n points are the same whatever
``count`` is, and a fair sample of the space. A cell is ``fixed``, what the setting draws and what
the arm says (what comes later replaces what came before), at each of its learning rates; ``depth``
and ``width`` stand for ``hidden``, so many layers of so many units. Rates ``below`` and ``above``
are run one after the other where the best so far is the smallest or the largest
(``study.edge.rates``).

A setting of ``also`` overrides keys that the axes draw; what it leaves out is as in ``fixed`` or in
the configuration. Its number is negative, −1, −2, … in the order in which they stand, and its seed
is ``seeds_from``: it is no sample of the space, and no number of settings changes it.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from study.edge.ranges import Axis, Cell, Interval, is_integer, known_keys, read_axes, sobol
from study.edge.sets import DATA
from study.errors import ConfigError
from study.records.cells import columns
from study.records.config import RunConfig, is_number

MAP_KEYS = ("fixed", "settings", "arms", "measure")
SETTINGS_KEYS = ("count", "seed", "seeds_from", "axes", "also")
RATES_KEYS = ("values", "below", "above")

# What a cell of such a grid has besides its overrides.
SETTING, ARM = "setting", "arm"
PLACE = (SETTING, ARM)
DEPTH, WIDTH = "depth", "width"

_NAME = re.compile(r"[a-z]\w*", re.ASCII)


@dataclass(frozen=True)
class Rates:
    """Learning rates of an arm: ``values``, and further ones outwards from the smallest and the
    largest of them."""

    values: tuple[float, ...]
    below: tuple[float, ...] = ()
    above: tuple[float, ...] = ()


@dataclass(frozen=True)
class Map:
    """What a grid of settings has besides its cells.

    Attributes:
        drawn: the keys that the settings differ in, in the order of the axes; ``data`` stands for
            all of its section.
        arms: their names.
        named: numbers of the settings that are given, by their names.
        rates: of each setting and arm.
    """

    drawn: list[str]
    arms: list[str]
    named: dict[str, int] = field(default_factory=dict)
    rates: dict[tuple[int, str], Rates] = field(default_factory=dict)

    def values_at(self, place: tuple[int, str]) -> tuple[float, ...] | None:
        """The rates of a setting and an arm; None where they are not declared."""
        return self.rates[place].values if place in self.rates else None


def is_map(grid: Mapping[str, Any]) -> bool:
    """Whether a grid has settings and arms instead of axes."""
    return "settings" in grid or "arms" in grid


def most_cells(experiment: str, grid: Mapping[str, Any]) -> int:
    """At least as many cells as ``expand_settings`` makes, without drawing any.

    Raises:
        ConfigError: the grid cannot be used.
    """
    count, *_ = _settings(experiment, grid)
    axes, arms = _axes(experiment, grid), _arms(experiment, grid)
    also = _also(experiment, grid, axes)
    given: list[Any] = [*arms.values(), grid.get("fixed") or {}, *also.values()]
    given += [option for axis in axes for option in axis.options]
    rates = [_rates(experiment, cell["lr"]) for cell in given if _has_rates(cell)]
    return (count + len(also)) * len(arms) * max((len(each.values) for each in rates), default=1)


def expand_settings(experiment: str, grid: Mapping[str, Any]) -> tuple[list[Cell], Map]:
    """All cells of a grid of settings, each with its ``setting`` (a number) and its ``arm``.

    They go by setting, arm and rate, those of the settings that have names last.

    Raises:
        ConfigError: the grid cannot be used; names the key.
    """
    count, seed, seeds_from = _settings(experiment, grid)
    axes, arms = _axes(experiment, grid), _arms(experiment, grid)
    fixed = dict(grid.get("fixed") or {})
    keys = list(dict.fromkeys(key for axis in axes for key in axis.keys if key != "lr"))
    _check_keys(experiment, fixed, keys, arms)
    drawn = list(dict.fromkeys(DATA if key.startswith(f"{DATA}.") else key for key in keys))
    settings: dict[int, Cell] = {}
    for number, point in enumerate(sobol(count, len(axes), seed)):
        values = [axis.at(u) for axis, u in zip(axes, point, strict=True)]
        settings[number] = {key: value for part in values for key, value in part.items()}
    also = _also(experiment, grid, axes)
    named = {name: -i for i, name in enumerate(also, 1)}
    settings |= {named[name]: overrides for name, overrides in also.items()}
    found = Map(drawn, list(arms), named)
    cells: list[Cell] = []
    for number, setting in settings.items():
        for name, arm in arms.items():
            cell = _layered(f"experiment {experiment}, arm {name}", _merged(fixed, setting, arm))
            cell |= {"seed": seeds_from + max(number, 0), SETTING: number, ARM: name}
            if "lr" not in cell:
                cells.append(cell)
                continue
            rates = _rates(experiment, cell["lr"])
            found.rates[number, name] = rates
            cells += [cell | {"lr": rate} for rate in rates.values]
    return cells, found


def _has_rates(option: Any) -> bool:
    return isinstance(option, Mapping) and "lr" in option


def placed_runs(
    experiment: str, drawn: Map, runs: Iterable[tuple[Cell, RunConfig]]
) -> dict[str, Any]:
    """What the plan says of settings and arms (``StudyPlan.maps``).

    Args:
        runs: the cells that are left of the grid, and what they are composed to.

    Raises:
        ConfigError: two arms or settings are the same run, or there is nothing to choose a rate
            by.
    """
    values: dict[int, list[Any]] = {}
    cells: dict[str, list[Any]] = {}
    rates: dict[tuple[int, str], list[float]] = {}
    for cell, run in runs:
        place = cell[SETTING], cell[ARM]
        if place[0] not in values:
            values[place[0]] = _drawn_values(cell, drawn.drawn, run)
        other = cells.setdefault(run.address, list(place))
        if other[0] != place[0]:
            names = [name for name, number in drawn.named.items() if number in (other[0], place[0])]
            expected = "settings that differ from each other and from those drawn"
            raise ConfigError(f"experiment {experiment}: settings.also", expected, names)
        if other[1] != place[1]:
            expected = f"arms that differ in setting {place[0]}"
            raise ConfigError(f"experiment {experiment}: arms", expected, [other[1], place[1]])
        rates.setdefault(place, []).append(run.lr)
        if len(rates[place]) > 1 and not run.valid_size:
            expected = "an integer >= 1, because rates are chosen on validation samples"
            raise ConfigError(f"experiment {experiment}: valid_size", expected, 0)
    # where the command line has replaced rates there is no list to go on from
    whole = [place for place, own in rates.items() if tuple(own) == drawn.values_at(place)]
    further = [(place, drawn.rates[place]) for place in whole]
    return {
        "axes": drawn.drawn,
        "settings": [[setting, *own] for setting, own in values.items()],
        "arms": [arm for arm in drawn.arms if any(arm == other for _, other in rates)],
        "cells": cells,
        "further": [
            [*place, list(own.below), list(own.above)]
            for place, own in further
            if own.below or own.above
        ],
        "named": {name: number for name, number in drawn.named.items() if number in values},
    }


def _drawn_values(cell: Mapping[str, Any], drawn: Sequence[str], run: RunConfig) -> list[Any]:
    """What a cell has for each drawn key, or what it is composed to where it says nothing of it;
    None where that has none, as the std of ``he``. Of the data it is what they are called."""
    composed = run.to_dict()
    hidden = cell.get("hidden", composed["hidden"])
    shown = {DEPTH: len(hidden), WIDTH: hidden[0] if hidden else 0}
    shown |= {DATA: columns(composed)[DATA]} if DATA in drawn else {}
    values = []
    for key in drawn:
        group, _, option = key.partition(".")
        own = composed.get(group)
        value = own.get(option or "name") if isinstance(own, dict) else own
        values.append(shown[key] if key in shown else cell.get(key, value))
    return values


# --- reading ------------------------------------------------------------------------------------


def _settings(experiment: str, grid: Mapping[str, Any]) -> tuple[int, int, int]:
    """``count``, ``seed`` and ``seeds_from``."""
    place = f"experiment {experiment}"
    known_keys(place, grid, MAP_KEYS)
    settings = grid.get("settings")
    if not isinstance(settings, Mapping):
        raise ConfigError(f"{place}: settings", "a section of keys and values", settings)
    known_keys(f"{place}: settings", settings, SETTINGS_KEYS)
    numbers = settings.get("count"), settings.get("seed", 0), settings.get("seeds_from", 0)
    for key, value, least in zip(SETTINGS_KEYS, numbers, (1, 0, 0), strict=False):
        if not is_integer(value) or value < least:
            raise ConfigError(f"{place}: settings.{key}", f"an integer >= {least}", value)
    return numbers  # type: ignore[return-value]  # they have just been looked at


def _axes(experiment: str, grid: Mapping[str, Any]) -> list[Axis]:
    return read_axes(f"experiment {experiment}: settings.axes", grid["settings"].get("axes"))


def _arms(experiment: str, grid: Mapping[str, Any]) -> dict[str, Cell]:
    place = f"experiment {experiment}: arms"
    arms = grid.get("arms")
    expected = "overrides by the names of the arms"
    if not arms:
        raise ConfigError(place, expected, arms)
    return _by_name(place, expected, arms)


def _also(experiment: str, grid: Mapping[str, Any], axes: Sequence[Axis]) -> dict[str, Cell]:
    """The settings that are given, by their names."""
    place = f"experiment {experiment}: settings.also"
    also = grid["settings"].get("also")
    found = _by_name(place, "overrides by the names of settings", {} if also is None else also)
    drawn = list(dict.fromkeys(key for axis in axes for key in axis.keys))
    for name, overrides in found.items():
        for key in overrides:
            if key not in drawn:
                raise ConfigError(f"{place}.{name}", "keys that the axes draw", key, drawn)
    return found


def _by_name(place: str, expected: str, node: Any) -> dict[str, Cell]:
    """Overrides by name."""
    if not isinstance(node, Mapping):
        raise ConfigError(place, expected, node)
    for name, overrides in node.items():
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise ConfigError(place, "names of small letters, digits and _", name)
        if overrides is not None and not isinstance(overrides, Mapping):
            raise ConfigError(f"{place}.{name}", "a section of keys and values", overrides)
    return {name: dict(overrides or {}) for name, overrides in node.items()}


def _rates(experiment: str, node: Any) -> Rates:
    """A number, a list of numbers, or ``values`` with ``below`` and ``above``."""
    place = f"experiment {experiment}: lr"
    if isinstance(node, Interval):
        expected = "rates to try, as a number, a list or values: each arm has its own best one"
        raise ConfigError(
            place, expected, {"log" if node.log else "uniform": [node.low, node.high]}
        )
    if isinstance(node, Mapping):
        known_keys(place, node, RATES_KEYS)
        parts = [node.get(key, []) for key in RATES_KEYS]
    else:
        parts = [node if isinstance(node, list) else [node], [], []]
    for key, part in zip(RATES_KEYS, parts, strict=True):
        if not isinstance(part, list) or not all(is_number(rate) and rate > 0 for rate in part):
            raise ConfigError(f"{place}, {key}", "a list of numbers > 0", part)
    values, below, above = ([float(rate) for rate in part] for part in parts)
    ascending = [*reversed(below), *values, *above]
    if not values or any(a >= b for a, b in pairwise(ascending)):
        expected = "ascending values, below them descending and above them ascending ones"
        raise ConfigError(place, expected, node)
    return Rates(tuple(values), tuple(below), tuple(above))


def _check_keys(
    experiment: str, fixed: Mapping[str, Any], drawn: Sequence[str], arms: Mapping[str, Cell]
) -> None:
    """Each key is decided in one place; the seed by the setting's number."""
    place = f"experiment {experiment}"
    given = {"fixed": list(fixed), "settings.axes": list(drawn)}
    given |= {f"arms.{name}": list(arm) for name, arm in arms.items()}
    for where, keys in given.items():
        if "seed" in keys:
            expected = "no seed: it is the number of the setting"
            raise ConfigError(f"{place}: {where}", expected, "seed")
        both = [] if where == "settings.axes" else [key for key in keys if key in drawn]
        if both:
            raise ConfigError(f"{place}: {where}", "no key that the settings draw", both[0])


def _merged(*parts: Cell) -> Cell:
    """What comes later replaces what came before; of another ``init`` also ``init.std``."""
    cell: Cell = {}
    for part in parts:
        chosen = tuple(f"{key}." for key in part)
        cell = {key: value for key, value in cell.items() if not key.startswith(chosen)} | part
    return cell


def _layered(place: str, cell: Cell) -> Cell:
    """``depth`` and ``width`` as ``hidden``."""
    layers = {key: cell.pop(key) for key in (DEPTH, WIDTH) if key in cell}
    if not layers:
        return cell
    for key, value in layers.items():
        if not is_integer(value) or value < 1:
            raise ConfigError(f"{place}: {key}", "an integer >= 1", value)
    if len(layers) == 1 or "hidden" in cell:
        given = [*layers, *(["hidden"] if "hidden" in cell else [])]
        raise ConfigError(place, "depth and width, or hidden", given)
    return cell | {"hidden": [layers[WIDTH]] * layers[DEPTH]}
