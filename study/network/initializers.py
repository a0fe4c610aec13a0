"""Initial weights (lecture 1.2): what a weight matrix holds before the first step.

Every class has one method, ``sample(rng, fan_in, fan_out)``. The normal schemes draw the same
standard-normal numbers from the same stream and only scale them, so that runs that differ in the
scheme start from the same directions.
"""

import math
from dataclasses import dataclass
from typing import Literal, Protocol, get_args

import numpy as np
from numpy.typing import NDArray

from study.errors import ConfigError

FanMode = Literal["fan_in", "fan_out", "fan_sum"]


class Initializer(Protocol):
    """Anything that fills a weight matrix."""

    def sample(self, rng: np.random.Generator, fan_in: int, fan_out: int) -> NDArray[np.float64]:
        """Draw a weight matrix of shape ``(fan_in, fan_out)``."""
        ...


@dataclass(frozen=True)
class Constant:
    """The same value for all weights (lecture 1.2.1): every unit of a layer stays a copy.

    Args:
        value: the value, any finite number; 0 blocks all gradients but the last layer's bias.
    """

    value: float = 0.01

    def __post_init__(self) -> None:
        if not math.isfinite(self.value):
            raise ConfigError("init.value", "a finite number", self.value)

    def sample(self, rng: np.random.Generator, fan_in: int, fan_out: int) -> NDArray[np.float64]:
        """Return a ``(fan_in, fan_out)`` matrix of ``value``; ``rng`` is not used."""
        return np.full((fan_in, fan_out), float(self.value))


@dataclass(frozen=True)
class RandomNormal:
    """Weights from N(0, std²) whatever the layer's size (lecture 1.2.2: std 1 and std 0.01).

    Args:
        std: standard deviation, > 0.
    """

    std: float = 0.01

    def __post_init__(self) -> None:
        if not (math.isfinite(self.std) and self.std > 0):
            raise ConfigError("init.std", "a finite number > 0", self.std)

    def sample(self, rng: np.random.Generator, fan_in: int, fan_out: int) -> NDArray[np.float64]:
        """Draw a ``(fan_in, fan_out)`` matrix from N(0, std²)."""
        return rng.standard_normal((fan_in, fan_out)) * self.std


@dataclass(frozen=True)
class VarianceScaling:
    """Weights from N(0, scale / fan): one formula for all schemes that look at the layer's size.

    ========  =====  =========  ===========================================================
    name      scale  mode       source
    ========  =====  =========  ===========================================================
    xavier    1      fan_in     lecture 1.2.3: std = 1/√n
    glorot    2      fan_sum    Glorot & Bengio 2010, eq. 12: Var = 2 / (fan_in + fan_out)
    he        2      fan_in     He et al. 2015, eq. 10: std = √(2/n)
    ========  =====  =========  ===========================================================

    The normal distribution is not truncated, so the sample variance is exactly ``scale / fan``.

    Args:
        scale: numerator of the variance, > 0.
        mode: the denominator: ``fan_in``, ``fan_out`` or their sum ``fan_sum``.
    """

    scale: float = 1.0
    mode: FanMode = "fan_in"

    def __post_init__(self) -> None:
        if not (math.isfinite(self.scale) and self.scale > 0):
            raise ConfigError("init.scale", "a finite number > 0", self.scale)
        if self.mode not in get_args(FanMode):
            raise ConfigError("init.mode", "a fan mode", self.mode, get_args(FanMode))

    def std(self, fan_in: int, fan_out: int) -> float:
        """Standard deviation of the weights of a ``(fan_in, fan_out)`` layer."""
        fan = {"fan_in": fan_in, "fan_out": fan_out, "fan_sum": fan_in + fan_out}[self.mode]
        return math.sqrt(self.scale / fan)

    def sample(self, rng: np.random.Generator, fan_in: int, fan_out: int) -> NDArray[np.float64]:
        """Draw a ``(fan_in, fan_out)`` matrix from N(0, scale / fan)."""
        return rng.standard_normal((fan_in, fan_out)) * self.std(fan_in, fan_out)
