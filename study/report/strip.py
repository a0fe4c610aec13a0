"""The small picture of an interval beside a verdict: where it lies on a line, in per cent."""

import math
from dataclasses import dataclass

from study.analysis.intervals import Estimate

MARGIN = 0.06  # of the width, left free at both ends


@dataclass(frozen=True)
class Strip:
    """Places on a line from 0 (left) to 100 (right).

    Attributes:
        zero: no effect: a difference of 0, a ratio of 1.
        low, high, mean: the interval and its middle.
        claimed, claimed_width: where the effect has to lie for the claim to be supported.
    """

    zero: float
    low: float
    high: float
    mean: float
    claimed: float
    claimed_width: float


def strip(effect: Estimate, smallest: float, compare: str, direction: str) -> Strip | None:
    """Where ``effect`` lies against nothing and against the smallest effect that matters.

    The line is as long as it takes to show the interval, no effect, and the smallest effect that
    matters on both sides; ratios are laid out by their logarithms, so that half and double are
    equally far from one.

    Args:
        smallest: of the claim; for a ratio larger than 1.
        compare: ``difference`` or ``ratio``.
        direction: of the claim (``study.analysis.verdicts``).

    Returns:
        None where there is no interval to draw.
    """
    ends = (effect.low, effect.mean, effect.high)
    if compare == "ratio":
        if not all(end > 0 for end in ends) or smallest <= 0:
            return None
        ends = (math.log(ends[0]), math.log(ends[1]), math.log(ends[2]))
        smallest = abs(math.log(smallest))
    if not all(math.isfinite(end) for end in ends):
        return None
    left, right = min(ends[0], -smallest), max(ends[2], smallest)
    if left == right:
        return None

    def place(value: float) -> float:
        share = (value - left) / (right - left)
        return round(100 * (MARGIN + (1 - 2 * MARGIN) * share), 1)

    claimed = {
        "greater": (place(smallest), 100.0),
        "less": (0.0, place(-smallest)),
        "equal": (place(-smallest), place(smallest)),
        "at_most": (0.0, place(smallest)),
        "at_least": (place(-smallest), 100.0),
    }[direction]
    low, mean, high = (place(end) for end in ends)
    return Strip(
        zero=place(0),
        low=low,
        high=high,
        mean=mean,
        claimed=claimed[0],
        claimed_width=round(claimed[1] - claimed[0], 1),
    )
