"""The space that settings are drawn from: ranges, and the points of a Sobol sequence in them.

A range is ``{log: [low, high]}``, ``{uniform: [low, high]}``, both with ``integer: true`` for whole
numbers, or ``{choice: [...]}`` of values, or of mappings of several overrides with at most one
range among them.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from study.errors import ConfigError
from study.records.config import is_number

KINDS = ("log", "uniform", "choice")
# Of Sobol's dimensions those in which any two axes are balanced early: of each 4 points one lies in
# each quarter of the plane of the first 2 axes, of each 8 two for the first 4, of each 16 four for
# the first 8, of each 32 eight for all. Taken as they come, 16 points are in two of the quarters of
# the plane of axes 1 and 6, and an effect that both decide seems to be the same everywhere.
DIMENSIONS = (0, 1, 2, 7, 3, 4, 9, 12, 5, 6, 8, 13, 16, 26, 27, 32)
MOST_AXES = len(DIMENSIONS)
_DIGITS = 4  # significant, of a drawn number: it can be typed

Cell = dict[str, Any]


@dataclass(frozen=True)
class Interval:
    """A range of numbers.

    Attributes:
        low, high: its ends, low < high; 0 < low where it is ``log``.
        log: whether the logarithm is drawn evenly.
        integer: whether the numbers are whole; both ends are among them, and without ``log`` all
            are as likely.
    """

    low: float
    high: float
    log: bool = False
    integer: bool = False

    def at(self, u: float) -> float | int:
        """The number at ``u`` in [0, 1)."""
        half = 0.5 if self.integer else 0.0  # all that is rounded to an end belongs to it
        low, high = self.low - half, self.high + half
        value = low * (high / low) ** u if self.log else low + (high - low) * u
        value = min(max(value, self.low), self.high)
        return round(value) if self.integer else float(f"{value:.{_DIGITS}g}")


@dataclass(frozen=True)
class Axis:
    """One dimension of the space.

    Attributes:
        key: its name, and what a value that is no mapping overrides.
        options: values, or mappings of several overrides, all as likely; what is left of the
            number in [0, 1) that chose one draws the ``Interval`` in it.
    """

    key: str
    options: tuple[Any, ...]

    def at(self, u: float) -> Cell:
        """The overrides at ``u`` in [0, 1)."""
        place = u * len(self.options)
        chosen = min(int(place), len(self.options) - 1)
        option = self.options[chosen]
        overrides = option if isinstance(option, Mapping) else {self.key: option}
        return {
            key: value.at(place - chosen) if isinstance(value, Interval) else value
            for key, value in overrides.items()
        }

    @property
    def keys(self) -> list[str]:
        """What it decides."""
        mappings = (o if isinstance(o, Mapping) else {self.key: o} for o in self.options)
        return list(dict.fromkeys(key for mapping in mappings for key in mapping))


def sobol(count: int, axes: int, seed: int) -> np.ndarray:
    """The first ``count`` points of a scrambled Sobol sequence, shape (count, axes).

    One more axis leaves the values of the others as they are.
    """
    from scipy import stats  # takes half a second, which only a study with a map waits for

    engine = stats.qmc.Sobol(max(DIMENSIONS) + 1, scramble=True, rng=np.random.default_rng(seed))
    # a power of two, for which the points are balanced; what follows does not change them
    points: np.ndarray = engine.random_base2(math.ceil(math.log2(count)))
    return points[:count, DIMENSIONS[:axes]]


# --- reading ------------------------------------------------------------------------------------


def read_axes(place: str, axes: Any) -> list[Axis]:
    """The axes of a mapping of ranges by name.

    Args:
        place: of the mapping in the configuration, for errors.

    Raises:
        ConfigError: a range cannot be used.
    """
    if not isinstance(axes, Mapping) or not 0 < len(axes) <= MOST_AXES:
        raise ConfigError(place, f"1 to {MOST_AXES} ranges by their names", axes)
    read = [_axis(f"{place}.{key}", str(key), node) for key, node in axes.items()]
    decided = [key for axis in read for key in axis.keys]
    twice = [key for key in decided if decided.count(key) > 1]
    if twice:
        raise ConfigError(place, "one axis for each key", twice[0])
    return read


def _axis(place: str, key: str, node: Any) -> Axis:
    kinds = [kind for kind in KINDS if isinstance(node, Mapping) and kind in node]
    if kinds != ["choice"]:
        return Axis(key, ({key: _interval(place, node)},))
    known_keys(place, node, ("choice",))
    options = node["choice"]
    if not isinstance(options, list) or not options:
        raise ConfigError(f"{place}.choice", "a list of values", options)
    read = []
    for option in options:
        if not isinstance(option, Mapping):
            read.append(option)
            continue
        ranges = [name for name, value in option.items() if _is_range(name, value)]
        if not option or len(ranges) > 1:
            raise ConfigError(f"{place}.choice", "overrides with at most one range", dict(option))
        read.append(
            {
                name: _interval(f"{place}.{name}", value) if name in ranges else value
                for name, value in option.items()
            }
        )
    return Axis(key, tuple(read))


def _is_range(key: str, value: Any) -> bool:
    return isinstance(value, Mapping) and key != "lr"


def _interval(place: str, node: Any) -> Interval:
    if not isinstance(node, Mapping):
        raise ConfigError(place, "a range, such as {log: [1000, 16000], integer: true}", node)
    known_keys(place, node, (*KINDS, "integer"))
    kinds = [kind for kind in KINDS if kind in node]
    if len(kinds) != 1 or kinds == ["choice"]:
        raise ConfigError(place, "one kind of range", dict(node), KINDS)
    kind, ends, integer = kinds[0], node[kinds[0]], node.get("integer", False)
    if not isinstance(integer, bool):
        raise ConfigError(f"{place}.integer", "true or false", integer)
    valid = is_integer if integer else is_number
    sound = isinstance(ends, list) and len(ends) == 2 and all(valid(end) for end in ends)
    if not sound or not ends[0] < ends[1] or (kind == "log" and ends[0] <= 0):
        words = "two integers" if integer else "two numbers"
        above = ", 0 < low < high" if kind == "log" else ", low < high"
        raise ConfigError(f"{place}.{kind}", words + above, ends)
    return Interval(ends[0], ends[1], log=kind == "log", integer=integer)


def known_keys(place: str, node: Mapping[str, Any], keys: Sequence[str]) -> None:
    """Raise ConfigError for the first key of ``node`` that is none of ``keys``."""
    unknown = [key for key in node if key not in keys]
    if unknown:
        raise ConfigError(place, "a known key", unknown[0], keys)


def is_integer(value: object) -> bool:
    """Whether ``value`` is an integer; True and False are none."""
    return isinstance(value, int) and not isinstance(value, bool)
