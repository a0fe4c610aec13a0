"""What a comparison finds: its verdicts, and the outcome of all together."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from study.analysis.intervals import Estimate
from study.gate.baseline import Baseline
from study.gate.exact import Change

ALL = "all cells"
UNCHANGED, WITHIN, NUMERICS, IMPROVEMENT, FLIPPED, REGRESSION = VERDICTS = (
    "unchanged", "within noise", "numerics changed", "improvement", "flipped", "regression",
)  # fmt: skip
PASS, FAIL, RUNS_FAILED, INCOMPARABLE, CHANGED = OUTCOMES = (
    "pass", "regression", "runs failed", "nothing comparable", "results changed",
)  # fmt: skip
# Of ``python -m study.check``. Each says one thing: 1 is never a crash.
EXIT_CODES = {PASS: 0, FAIL: 1, RUNS_FAILED: 2, INCOMPARABLE: 3, CHANGED: 5}
EXIT_USAGE, EXIT_CRASHED = 4, 6


@dataclass(frozen=True)
class Comparison:
    """One metric of one cell, or of all cells together.

    Attributes:
        cell: its name, or ``ALL``.
        metric: which.
        baseline, now: means over the pairs; geometric ones where the ratio is compared. Diverged
            runs count at chance.
        change: now minus baseline, or now / baseline, with the interval that decides.
        p, p_holm: two-sided, before and after the correction.
        verdict: one of ``VERDICTS``.
        why: in words.
        severity: how far it is on the way to a regression, to put the worst first.
    """

    cell: str
    metric: str
    baseline: float
    now: float
    change: Estimate
    p: float
    p_holm: float
    verdict: str
    why: str
    severity: float


@dataclass(frozen=True)
class ClaimChange:
    """The verdict of a claim, before and now.

    Attributes:
        claim: its id.
        before, now: the claim's verdicts.
        part: the part that moved most; None where nothing can be compared.
        baseline_effect, now_effect: its means.
        change: of its effect, paired (of a ratio, as a ratio), with the interval that decides.
        p_holm: corrected, together with all other comparisons.
        verdict: ``unchanged``, ``within noise`` (the same verdict, or one lost to noise),
            ``improvement`` (decided now), ``flipped``.
        why: in words.
    """

    claim: str
    before: str
    now: str
    part: str | None
    baseline_effect: float
    now_effect: float
    change: Estimate
    p_holm: float
    verdict: str
    why: str


@dataclass(frozen=True)
class Failure:
    """A run that the baseline has and that gave no result now."""

    cell: str
    seed: int
    address: str
    why: str


@dataclass(frozen=True)
class CheckResult:
    """What came of the comparison.

    Attributes:
        outcome: one of ``OUTCOMES``.
        comparisons: all of them, the worst first.
        claims: all of them, flipped ones first.
        failures: runs without a result.
        changes: runs with other bits where the arithmetic is the same, the earliest first.
        study: experiments, claims and cells that are declared otherwise, in words.
        silent: why the exact tier says nothing of bits; None where it speaks.
        incomparable: what could not be compared, and why.
        notes: what else a reader should know.
        remarks: the same, of what needs no warning.
        compared, identical: how many runs, and how many of these with the same bits in everything
            that they computed.
        against: how the gate itself differs from another commit's, in words.
        exact, exact_identical: the same of the exact tier's own runs.
        baseline: that it was compared with.
    """

    outcome: str
    comparisons: Sequence[Comparison] = ()
    claims: Sequence[ClaimChange] = ()
    failures: Sequence[Failure] = ()
    changes: Sequence[Change] = ()
    study: Sequence[str] = ()
    silent: str | None = None
    incomparable: Sequence[str] = ()
    notes: Sequence[str] = ()
    remarks: Sequence[str] = ()
    against: Sequence[str] = ()
    compared: int = 0
    identical: int = 0
    exact: int = 0
    exact_identical: int = 0
    baseline: Baseline | None = field(default=None, repr=False)

    @property
    def exit_code(self) -> int:
        """0 pass, 1 regression, 2 runs failed, 3 nothing comparable, 5 results changed."""
        return EXIT_CODES[self.outcome]

    def of_cells(self) -> list[Comparison]:
        """The worst comparison of each cell, the worst cell first."""
        worst: dict[str, Comparison] = {}
        for comparison in self.comparisons:
            worst.setdefault(comparison.cell, comparison)
        return list(worst.values())

    def having(self, verdict: str) -> list[Comparison]:
        """All comparisons with this verdict."""
        return [comparison for comparison in self.comparisons if comparison.verdict == verdict]

    @property
    def flips(self) -> list[ClaimChange]:
        """The claims whose verdicts flipped."""
        return [claim for claim in self.claims if claim.verdict == FLIPPED]
