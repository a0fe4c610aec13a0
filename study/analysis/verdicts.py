"""The rules: from an estimate of an effect to a verdict, for one part of a claim and for all.

An effect θ lies on the scale of the evidence: a difference as it is, a ratio as its logarithm (a
ratio of 1 is 0, a smallest ratio of 1.25 is ln 1.25). Every direction is two regions of it, with s
the smallest effect that matters:

=============  ====================  =========================  ===========================
direction      supported region      refuted region             between them
=============  ====================  =========================  ===========================
``greater``    θ > s                 θ < −s                     no effect that matters
``less``       θ < −s                θ > s                      no effect that matters
``equal``      −s < θ < s            θ < −s or θ > s            nothing
``at_most``    θ < s                 θ > s                      nothing
``at_least``   θ > −s                θ < −s                     nothing
=============  ====================  =========================  ===========================

*Supported* and *refuted*: the 95 % interval lies wholly in the region. *No effect that matters*:
two one-sided tests of 5 % say that θ lies in neither region (the 90 % interval lies between them).
Everything else is *inconclusive*: every θ that is not on the edge of a region is decided as the
number of seeds grows.

The p-value of a verdict is the smallest error level at which it would be given: twice the one-sided
p-value for a region, because a wrong verdict of a true θ between the regions has two sides; the
larger of the two one-sided p-values for what lies between them. So p ≤ 0.05 just where the verdict
is given, and whatever θ is, a wrong verdict has at most that probability.

A claim of several parts says that all of them hold. It is supported if all are (the largest p, no
correction: each alone could stop it), refuted if one of them is (the smallest p times their
number), and has no effect that matters if one part has none (again times their number) and each
part says that its θ lies outside the refuted region.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

from study.analysis.intervals import Evidence

VERDICTS = SUPPORTED, NO_EFFECT, REFUTED, INCONCLUSIVE, NOT_JUDGED = (
    "supported", "no_effect", "refuted", "inconclusive", "not_judged"
)  # fmt: skip
DIRECTIONS = ("less", "greater", "equal", "at_most", "at_least")
ALPHA = 0.05
FEWEST = 6  # seeds, for any verdict
MOST = 100_000  # seeds; nobody would run more

# Why a claim is not judged, the first that holds ...
(NOT_RUN, LEFT_OUT, OTHER_CELLS, MISSING, NO_CELLS, FEW_SEEDS, SAME_CELLS, MERGED, NO_VALUE,
 NOT_POSITIVE, NEITHER_LEARNS, NEITHER_REACHES) = NOT_JUDGED_REASONS = (
    "not_run", "left_out", "other_cells", "missing", "no_cells", "few_seeds", "same_cells",
    "merged", "no_value", "not_positive", "neither_learns", "neither_reaches",
)  # fmt: skip
# ... and why one that is judged stays open.
INTERVAL, CORRECTED = OPEN_REASONS = ("interval", "correction")
REASONS = (*NOT_JUDGED_REASONS, *OPEN_REASONS)

Region = tuple[tuple[float, float], ...]
"""A union of open intervals."""


def regions(direction: str, smallest: float) -> tuple[Region, Region]:
    """Where an effect supports a claim of this ``direction``, and where it refutes it."""
    above, below = (smallest, math.inf), (-math.inf, -smallest)
    upto, from_ = (-math.inf, smallest), (-smallest, math.inf)
    found: dict[str, tuple[Region, Region]] = {
        "greater": ((above,), (below,)),
        "less": ((below,), (above,)),
        "equal": (((-smallest, smallest),), (below, above)),
        "at_most": ((upto,), (above,)),
        "at_least": ((from_,), (below,)),
    }
    return found[direction]


class Levels(NamedTuple):
    """The smallest error level at which each verdict would be given; 1 where it never is."""

    supported: float
    no_effect: float
    refuted: float

    def best(self) -> tuple[str, float]:
        """The verdict that is nearest, and its level."""
        return min(zip(self._fields, self, strict=True), key=lambda item: item[1])

    def at(self, alpha: float) -> str:
        """The verdict that an error level of ``alpha`` allows."""
        verdict, level = self.best()
        return verdict if level <= alpha else INCONCLUSIVE

    def times(self, factor: float) -> "Levels":
        """Corrected for ``factor`` tests."""
        return Levels(*(min(factor * level, 1.0) for level in self))


class PartLevels(NamedTuple):
    """What one part contributes to its claim.

    Attributes:
        own: of the part alone.
        not_refuted: of the statement that θ lies outside the refuted region.
    """

    own: Levels
    not_refuted: float


def part_levels(evidence: Evidence, direction: str, smallest: float) -> PartLevels:
    """The levels of one part; all 1 where there is no interval."""
    if math.isnan(evidence.estimate.low):
        return PartLevels(Levels(1.0, 1.0, 1.0), 1.0)
    supporting, refuting = regions(direction, smallest)
    not_refuted = _outside(evidence, refuting)
    between = max(_outside(evidence, supporting), not_refuted)
    own = Levels(
        supported=min(2 * _inside(evidence, supporting), 1.0),
        no_effect=between if direction in ("greater", "less") else 1.0,
        refuted=min(2 * _inside(evidence, refuting), 1.0),
    )
    return PartLevels(own, not_refuted)


def _inside(evidence: Evidence, region: Region) -> float:
    """One-sided p-value that θ lies in one interval of ``region``."""
    return min(max(evidence.p_greater(low), evidence.p_less(high)) for low, high in region)


def _outside(evidence: Evidence, region: Region) -> float:
    """One-sided p-value that θ lies on the other side of each end of ``region``."""
    if len(region) > 1:  # below −s or above s: outside is between
        (_, low), (high, _) = region
        return max(evidence.p_greater(low), evidence.p_less(high))
    ((low, high),) = region
    beyond = [evidence.p_less(low)] if math.isfinite(low) else []
    beyond += [evidence.p_greater(high)] if math.isfinite(high) else []
    return min(beyond)


def claim_levels(parts: Sequence[PartLevels]) -> Levels:
    """The levels of a claim from those of its deciding parts."""
    number = len(parts)
    return Levels(
        supported=max(part.own.supported for part in parts),
        no_effect=max(
            min(number * min(part.own.no_effect for part in parts), 1.0),
            max(part.not_refuted for part in parts),
        ),
        refuted=min(number * min(part.own.refuted for part in parts), 1.0),
    )


def seeds_needed(
    evidence: Evidence, direction: str, smallest: float, alpha: float, power: float = 0.8
) -> int | None:
    """How many seeds would probably decide a part that is open.

    If effect and spread stay as they are estimated: the number at which the verdict that the
    estimate points to is given with probability ``power``, nearly (by quantiles of Student's t).

    Args:
        alpha: error level after all corrections.

    Returns:
        None where the estimate is on an edge or has no spread, so that no number helps, and where
        it would be more than ``MOST``.
    """
    from scipy import special

    estimate = evidence.estimate
    if estimate.n < 2 or not estimate.half_width > 0:
        return None
    quantile = float(special.stdtrit(estimate.n - 1, 0.975))
    sd = estimate.half_width / quantile * math.sqrt(estimate.n)
    supporting, refuting = regions(direction, smallest)
    edges = {end for low_high in (*supporting, *refuting) for end in low_high}
    distance = min(abs(estimate.mean - edge) for edge in edges if math.isfinite(edge))
    if distance <= 0:
        return None
    decided = any(low < estimate.mean < high for low, high in (*supporting, *refuting))
    tail = alpha / 2 if decided else alpha

    def suffices(n: int) -> bool:
        reach = special.stdtrit(n - 1, [1 - tail, power]).sum()
        return bool(reach * sd <= distance * math.sqrt(n))

    low, high = estimate.n, 2 * estimate.n  # the first does not, as it is open
    while not suffices(high):
        low, high = high, 2 * high
        if high > MOST:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if suffices(middle) else (middle, high)
    return high
