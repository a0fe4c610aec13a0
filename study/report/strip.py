"""The small picture of an interval beside a verdict: where it lies on a line, in per cent."""

import math
from dataclasses import dataclass

from study.analysis.intervals import Estimate
from study.analysis.verdicts import regions

MARGIN = 0.06  # of the width, left free at both ends


@dataclass(frozen=True)
class Strip:
    """Places on a line from 0 (left) to 100 (right).

    Attributes:
        zero: no effect: a difference of 0, a ratio of 1.
        low, high, mean: the interval and its middle.
        claimed, claimed_width: where the effect has to lie for the claim to be supported.
        refuting: where it would be refuted: places and widths.
        edges: the smallest effect that matters, on both sides.
        left, right: the verdict at either end: ``supported`` or ``refuted``.
        narrow: place and width of the 90 % interval, where that is what gives the verdict.
    """

    zero: float
    low: float
    high: float
    mean: float
    claimed: float
    claimed_width: float
    refuting: list[tuple[float, float]]
    edges: tuple[float, float]
    left: str
    right: str
    narrow: tuple[float, float] | None = None


def strip(
    effect: Estimate,
    smallest: float,
    compare: str,
    direction: str,
    narrow: Estimate | None = None,
) -> Strip | None:
    """Where ``effect`` lies against nothing and against the smallest effect that matters.

    The line is as long as it takes to show the interval, no effect, and the smallest effect that
    matters on both sides; ratios are laid out by their logarithms, so that half and double are
    equally far from one.

    Args:
        smallest: of the claim; for a ratio larger than 1.
        compare: ``difference`` or ``ratio``.
        direction: of the claim (``study.analysis.verdicts``).
        narrow: the 90 % interval, where it is to be shown as well.

    Returns:
        None where there is no interval to draw.
    """
    ends = [effect.low, effect.mean, effect.high]
    inner = [] if narrow is None else [narrow.low, narrow.high]
    if compare == "ratio":
        if not all(end > 0 for end in (*ends, *inner)) or smallest <= 0:
            return None
        ends, inner = ([math.log(end) for end in each] for each in (ends, inner))
        smallest = abs(math.log(smallest))
    if not all(math.isfinite(end) for end in ends):
        return None
    left, right = min(ends[0], -smallest), max(ends[2], smallest)
    if left == right:
        return None

    def place(value: float) -> float:
        share = (value - left) / (right - left)
        return round(100 * (MARGIN + (1 - 2 * MARGIN) * share), 1)

    def span(region: tuple[float, float]) -> tuple[float, float]:
        """Place and width of what of ``region`` is on the line."""
        start, end = (
            0.0 if region[0] == -math.inf else place(region[0]),
            100.0 if region[1] == math.inf else place(region[1]),
        )
        return start, round(end - start, 1)

    supporting, refuting = regions(direction, smallest)
    claimed = span(supporting[0])
    low, mean, high = (place(end) for end in ends)
    return Strip(
        zero=place(0),
        low=low,
        high=high,
        mean=mean,
        claimed=claimed[0],
        claimed_width=claimed[1],
        refuting=[span(region) for region in refuting],
        edges=(place(-smallest), place(smallest)),
        left="supported" if claimed[0] == 0 else "refuted",
        right="supported" if sum(claimed) == 100 else "refuted",
        narrow=span((inner[0], inner[1])) if inner else None,
    )
