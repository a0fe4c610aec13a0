"""When a claim is supported or refuted: the rules, on an interval and its p-values.

All bounds are on the scale of the evidence: differences as they are, ratios as logarithms (a ratio
of 1 is 0, a smallest ratio of 1.25 is ln 1.25).

==============  =============================  ======================================
direction       supported: the interval lies   refuted: the interval lies
==============  =============================  ======================================
``greater``     above +smallest                below 0
``less``        below −smallest                above 0
``equal``       within ±smallest               above +smallest, or below −smallest
``at_most``     below +smallest                above +smallest
``at_least``    above −smallest                below −smallest
==============  =============================  ======================================

Wholly, each time; otherwise the test is *inconclusive*. The p-value belongs to the same two tests:
it is twice the smaller one-sided p-value (for ``equal``: twice the larger of the two one-sided
p-values that the effect is within the bounds), so that p ≤ 0.05 just where the 95 % interval
gives a verdict. Whatever the true effect is, a false verdict has at most that probability.
"""

from collections.abc import Sequence

import numpy as np

from study.analysis.declarations import INCONCLUSIVE, REFUTED, SUPPORTED
from study.analysis.intervals import Estimate, Evidence

ALPHA = 0.05
FEWEST = 6  # pairs, or clusters, for any verdict

MISSING, FEW_PAIRS, NOT_POSITIVE, CORRECTED, WIDE = REASONS = (
    "missing", "few_pairs", "not_positive", "holm", "interval"
)  # fmt: skip


def verdict(estimate: Estimate, direction: str, smallest: float) -> str:
    """What the interval says."""
    low, high = estimate.low, estimate.high
    supported = {
        "greater": low > smallest,
        "less": high < -smallest,
        "equal": -smallest <= low and high <= smallest,
        "at_most": high <= smallest,
        "at_least": low >= -smallest,
    }
    refuted = {
        "greater": high < 0,
        "less": low > 0,
        "equal": low > smallest or high < -smallest,
        "at_most": low > smallest,
        "at_least": high < -smallest,
    }
    if supported[direction]:
        return SUPPORTED
    return REFUTED if refuted[direction] else INCONCLUSIVE


def p_value(evidence: Evidence, direction: str, smallest: float) -> float:
    """Two-sided p-value of the verdict, or of the one that is nearest; NaN without an interval."""
    if evidence.estimate.low == evidence.estimate.high:  # no doubt, whatever the verdict is
        return float(verdict(evidence.estimate, direction, smallest) == INCONCLUSIVE)
    above, below = evidence.p_greater, evidence.p_less
    tests = {
        "greater": (above(smallest), below(0.0)),
        "less": (below(-smallest), above(0.0)),
        "equal": (
            max(below(smallest), above(-smallest)),
            min(above(smallest), below(-smallest)),
        ),
        "at_most": (below(smallest), above(smallest)),
        "at_least": (above(-smallest), below(-smallest)),
    }
    return float(np.minimum(2 * np.minimum(*tests[direction]), 1.0))


def together(verdicts: Sequence[str]) -> str:
    """Supported if all are, refuted if any is, else inconclusive."""
    if REFUTED in verdicts:
        return REFUTED
    return SUPPORTED if set(verdicts) == {SUPPORTED} else INCONCLUSIVE
