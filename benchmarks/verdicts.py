"""How often verdicts are wrong, and how often right, in studies with known effects.

    python benchmarks/verdicts.py           # two minutes on one core
    python benchmarks/verdicts.py --write   # its tables also into docs/claims.md

Values of a seed are normal with standard deviation 1; θ is their mean, s the margin. A verdict is
*wrong* if its region does not contain the true effect: of a claim of several parts, supported is
true if every θ is in its supported region, refuted if any is in its refuted one, no effect else.

Whole arrays are decided at once, by comparing t statistics with critical values; that is another
way than that of ``study.analysis.verdicts``, and ``disagreements`` compares the two.
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy import special
from tables import DOCS, write_table

from study.analysis.claims import spent
from study.analysis.intervals import holm, t_evidence
from study.analysis.verdicts import (
    ALPHA,
    DIRECTIONS,
    INCONCLUSIVE,
    NO_EFFECT,
    REFUTED,
    SUPPORTED,
    claim_levels,
    part_levels,
    regions,
)
from study.records.plan import StudyPlan

Floats = NDArray[np.float64]
Switches = NDArray[np.bool_]

SEEDS = (6, 10, 16, 32)
LOOKS = (10, 16, 24, 32)
MARGINS = (0.02, 0.5, 1.0, 3.0)  # in standard deviations of a seed's value
EDGE = 1e-9  # how far from the margin an effect at the edge is
EFFECTS = (0.0, 0.5, 1 - EDGE, 1.0, 1 + EDGE, 2.0)  # θ/s, and the same below 0
CORRELATIONS = (0.0, 0.5, 0.9)
CODES = (INCONCLUSIVE, SUPPORTED, NO_EFFECT, REFUTED)
NAMES = {SUPPORTED: "supported", NO_EFFECT: "no effect", REFUTED: "refuted"}


# --- deciding -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Noise:
    """Means and standard errors of ``n`` seeds without any effect, shape (parts, studies)."""

    mean: Floats
    error: Floats
    n: int


def drawn(rng: np.random.Generator, studies: int, parts: int, n: int, correlation: float) -> Noise:
    """Values of the parts have this ``correlation`` within a seed."""
    values = np.sqrt(1 - correlation) * rng.standard_normal((parts, studies, n))
    if correlation:
        values += np.sqrt(correlation) * rng.standard_normal((1, studies, n))
    return summarised(values)


def summarised(values: Floats) -> Noise:
    """``values`` has shape (parts, studies, seeds)."""
    n = values.shape[-1]
    return Noise(values.mean(axis=-1), values.std(axis=-1, ddof=1) / np.sqrt(n), n)


@dataclass(frozen=True)
class Part:
    """A part: its direction, margin and true effect."""

    direction: str
    smallest: float
    effect: float

    @property
    def truth(self) -> str:
        """The region that holds the effect."""
        supporting, refuting = regions(self.direction, self.smallest)
        for verdict, region in ((SUPPORTED, supporting), (REFUTED, refuting)):
            if any(low < self.effect < high for low, high in region):
                return verdict
        return NO_EFFECT


def truth(parts: Sequence[Part]) -> str:
    """What is true of a claim with these parts."""
    each = [part.truth for part in parts]
    if REFUTED in each:
        return REFUTED
    return SUPPORTED if set(each) == {SUPPORTED} else NO_EFFECT


def decided(parts: Sequence[Part], noise: Noise, alpha: float) -> NDArray[np.int8]:
    """The verdict on each study at this level, as an index of ``CODES``."""
    count, degrees = len(parts), noise.n - 1
    two, one, two_each, one_each = (
        float(special.stdtrit(degrees, 1 - tail))
        for tail in (alpha / 2, alpha, alpha / count / 2, alpha / count)
    )
    supported = np.ones(noise.mean.shape[1], bool)
    none, refuted, safe = np.zeros_like(supported), np.zeros_like(supported), supported.copy()
    for part, mean, error in zip(parts, noise.mean, noise.error, strict=True):
        sign = -1 if part.direction in ("less", "at_least") else 1
        centre = sign * (mean + part.effect)
        above = (centre - part.smallest) / error  # how clearly θ > s, in standard errors
        below = (centre + part.smallest) / error  # how clearly θ > −s
        if part.direction in ("greater", "less"):
            supported &= above >= two
            refuted |= below <= -two_each
            none |= (below >= one_each) & (above <= -one_each)
            safe &= below >= one
        elif part.direction == "equal":
            supported &= (below >= two) & (above <= -two)
            refuted |= (above >= two_each) | (below <= -two_each)
            safe &= (below >= one) & (above <= -one)
        else:
            supported &= above <= -two
            refuted |= above >= two_each
            safe &= above <= -one
    codes = np.zeros(len(supported), np.int8)
    codes[none & safe] = CODES.index(NO_EFFECT)
    codes[refuted] = CODES.index(REFUTED)
    codes[supported] = CODES.index(SUPPORTED)
    return codes


def wrong(codes: NDArray[np.int8], true: str) -> Switches:
    """Which studies have a verdict that is not the true one."""
    return (codes != 0) & (codes != CODES.index(true))


def disagreements(parts: Sequence[Part], values: Floats, alpha: float) -> int:
    """In how many studies the project's own functions decide otherwise.

    Args:
        values: without effects, shape (parts, studies, seeds).
    """
    codes = decided(parts, summarised(values), alpha)
    count = 0
    for study in range(values.shape[1]):
        levels = claim_levels(
            [
                part_levels(t_evidence(part.effect + own[study]), part.direction, part.smallest)
                for part, own in zip(parts, values, strict=True)
            ]
        )
        count += levels.at(alpha) != CODES[codes[study]]
    return count


# --- one claim ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Setting:
    """One claim that is studied again and again."""

    parts: tuple[Part, ...]
    n: int
    correlation: float = 0.0

    def words(self) -> str:
        """In a table."""
        first, *others = self.parts
        same = f"{len(others)} more at {shown(others[0])}" if others else ""
        shared = f", correlation {self.correlation:g}" if others else ""
        return f"`{first.direction}`, s = {first.smallest:g}, {shown(first)}" + (
            f"; {same}{shared}" if others else ""
        )


def shown(part: Part) -> str:
    """θ relative to the margin."""
    ratio = part.effect / part.smallest
    near = round(ratio)
    side = "" if ratio == near else ", just outside" if abs(ratio) > abs(near) else ", just inside"
    return f"θ = {near}s{side}" if abs(ratio - near) < 0.01 else f"θ = {ratio:g}s"


def settings(n: int) -> Iterator[Setting]:
    """Claims of one part, of several with its effect, clearly supported or just within."""
    clear = {"greater": 9.0, "less": -9.0, "equal": 0.0, "at_most": -9.0, "at_least": 9.0}
    effects = sorted({*EFFECTS, *(-effect for effect in EFFECTS)})
    for direction, smallest, effect in product(DIRECTIONS, MARGINS, effects):
        part = Part(direction, smallest, effect * smallest)
        yield Setting((part,), n)
        for count, correlation in product((2, 3), CORRELATIONS):
            yield Setting((part,) * count, n, correlation)
            for other in (direction, "equal", "greater"):
                beside = replace(part, direction=other, effect=clear[other] * smallest)
                yield Setting((part, *(beside,) * (count - 1)), n, correlation)
                at_edge = replace(part, direction=other, effect=smallest * (1 - EDGE))
                yield Setting((part, *(at_edge,) * (count - 1)), n, correlation)


def rate_of_wrong(setting: Setting, noise: Noise) -> float:
    """The share of studies with a wrong verdict."""
    return float(wrong(decided(setting.parts, noise, ALPHA), truth(setting.parts)).mean())


def worst_claims(rng: np.random.Generator, studies: int, number: int = 1) -> list[list[str]]:
    """For each number of seeds and parts, the setting with most wrong verdicts, drawn anew."""
    rows = []
    for n in SEEDS:
        noises = {
            (parts, correlation): drawn(rng, studies, parts, n, correlation)
            for parts, correlation in product((1, 2, 3), CORRELATIONS)
        }
        rates: dict[int, dict[Setting, float]] = {1: {}, 2: {}, 3: {}}
        for setting in settings(n):
            count = len(setting.parts)
            rates[count][setting] = rate_of_wrong(setting, noises[count, setting.correlation])
        for count, found in rates.items():
            for setting in sorted(found, key=found.__getitem__, reverse=True)[:number]:
                again = [
                    rate_of_wrong(setting, drawn(rng, studies, count, n, setting.correlation))
                    for _ in range(10)
                ]
                rows.append(
                    [str(n), str(count), setting.words(), rate(np.mean(again), 10 * studies)]
                )
    return rows


def rate(value: float, studies: int) -> str:
    """Per cent, with three standard deviations of the simulation."""
    return f"{100 * value:.2f} ± {300 * np.sqrt(value * (1 - value) / studies):.2f} %"


def power(rng: np.random.Generator, studies: int) -> list[list[str]]:
    """How often the true verdict is given, for one claim and for one of 32."""
    rows = []
    noises = [drawn(rng, studies, 1, n, 0.0) for n in SEEDS]
    for direction, effect in (
        ("greater", 2.0), ("greater", 0.0), ("greater", 0.5), ("greater", -2.0),
        ("equal", 0.0), ("equal", 2.0), ("at_most", 0.0), ("at_most", 2.0),
    ):  # fmt: skip
        for smallest in (0.5, 1.0, 2.0):
            part = Part(direction, smallest, effect * smallest)
            cells = []
            for noise in noises:
                alone, among = (
                    float((decided([part], noise, alpha) == CODES.index(part.truth)).mean())
                    for alpha in (ALPHA, ALPHA / 32)
                )
                cells.append(f"{100 * alone:.0f} / {100 * among:.0f}")
            truth_ = NAMES[part.truth]
            rows.append([f"`{direction}`", shown(part), truth_, f"{smallest:g}", *cells])
    return rows


# --- families -----------------------------------------------------------------------------------

# Effects that claims take in turn: each a claim's parts.
OUTSIDE = (Part("greater", 3.0, 3 * (1 + EDGE)),)
MIRRORED = (Part("less", 3.0, -3 * (1 + EDGE)),)
NULL = (Part("greater", 0.02, 0.0),)
CLEAR = (Part("greater", 1.0, 9.0),)
NEAR = (Part("greater", 1.0, 2.0),)
EQUAL = (Part("equal", 3.0, 3.0),)
TWO_PARTS = (Part("greater", 3.0, 3 * (1 + EDGE)), Part("greater", 3.0, 3 * (1 + EDGE)))
MIXTURES = {
    "all just outside the margin": (OUTSIDE,),
    "just outside, half of them below and half above": (OUTSIDE, MIRRORED),
    "all without any effect, margin near 0": (NULL,),
    "half clear, half just outside": (CLEAR, OUTSIDE),
    "half at 2s, half on the edge of `equal`": (NEAR, EQUAL),
    "all of two parts just outside": (TWO_PARTS,),
    "of everything": (OUTSIDE, MIRRORED, NULL, CLEAR, NEAR, EQUAL),
}


def family(mixture: Sequence[tuple[Part, ...]], size: int) -> list[tuple[Part, ...]]:
    """``size`` claims that take the effects of ``mixture`` in turn."""
    return [mixture[index % len(mixture)] for index in range(size)]


def family_values(
    rng: np.random.Generator, claims: Sequence[tuple[Part, ...]], studies: int, n: int,
    correlation: float,
) -> Floats:  # fmt: skip
    """The noise of all parts of all claims, one after the other."""
    total = sum(len(parts) for parts in claims)
    values = np.sqrt(1 - correlation) * rng.standard_normal((total, studies, n))
    if correlation:
        values += np.sqrt(correlation) * rng.standard_normal((1, studies, n))
    return values


def verdicts_of(claims: Sequence[tuple[Part, ...]], noise: Noise, alpha: float) -> NDArray[np.int8]:
    """Verdicts at one level for each claim, shape (claims, studies)."""
    rows, start = [], 0
    for parts in claims:
        own = slice(start, start + len(parts))
        rows.append(decided(parts, Noise(noise.mean[own], noise.error[own], noise.n), alpha))
        start = own.stop
    return np.array(rows)


def any_wrong(claims: Sequence[tuple[Part, ...]], codes: NDArray[np.int8]) -> float:
    """The share of studies in which a claim has a wrong verdict."""
    each = [wrong(own, truth(parts)) for parts, own in zip(claims, codes, strict=True)]
    return float(np.any(each, axis=0).mean())


def right(claims: Sequence[tuple[Part, ...]], codes: NDArray[np.int8]) -> float:
    """The share of claims that have the true verdict."""
    true = [CODES.index(truth(parts)) for parts in claims]
    return float((codes == np.array(true)[:, np.newaxis]).mean())


def families(rng: np.random.Generator, studies: int, n: int = 10) -> list[list[str]]:
    """Families judged once."""
    rows = []
    for name, mixture in MIXTURES.items():
        for size in (1, 10, 32):
            if size < len(mixture):
                continue
            claims, cells = family(mixture, size), []
            for correlation in (0.0, 0.8):
                values = family_values(rng, claims, studies, n, correlation)
                codes = verdicts_of(claims, summarised(values), ALPHA / size)
                cells.append(rate(any_wrong(claims, codes), studies))
            rows.append([name, str(size), *cells])
    return rows


def looked(
    claims: Sequence[tuple[Part, ...]],
    values: Floats,
    looks: Sequence[int],
    levels: Sequence[float],
) -> tuple[NDArray[np.int8], Floats]:
    """Verdicts where each claim stops as soon as it is decided, and the seeds it took."""
    codes = np.zeros((len(claims), values.shape[1]), np.int8)
    seeds = np.full(codes.shape, float(looks[-1]))
    for look, alpha in zip(looks, levels, strict=True):
        open_ = codes == 0
        now = verdicts_of(claims, summarised(values[..., :look]), alpha / len(claims))
        codes = np.where(open_, now, codes)
        seeds = np.where(open_ & (now != 0), look, seeds)
    return codes, seeds


def levels_of(looks: Sequence[int]) -> list[float]:
    """What ``claims.spent`` gives each look; the first is on the study's own seeds."""
    return spent(StudyPlan("", "", "", "", looks=list(looks[1:])))


def with_looks(rng: np.random.Generator, studies: int) -> list[list[str]]:
    """Families judged at 10, 16, 24 and 32 seeds, against 10 and 32 at once."""
    rows = []
    for (name, mixture), size in product(MIXTURES.items(), (1, 10, 32)):
        if size < len(mixture):
            continue
        claims, cells = family(mixture, size), []
        for correlation in (0.0, 0.8):
            values = family_values(rng, claims, studies, LOOKS[-1], correlation)
            codes, _ = looked(claims, values, LOOKS, levels_of(LOOKS))
            cells.append(rate(any_wrong(claims, codes), studies))
        rows.append([name, str(size), *cells])
    return rows


def power_with_looks(rng: np.random.Generator, studies: int, size: int = 32) -> list[list[str]]:
    """How often one of 32 claims has its true verdict, and after how many seeds."""
    rows = []
    for effect, smallest in product((2.0, 0.0, 0.5), (0.5, 1.0, 2.0)):
        part = Part("greater", smallest, effect * smallest)
        values = rng.standard_normal((1, studies, LOOKS[-1]))
        once = [
            right([(part,)], verdicts_of([(part,)], summarised(values[..., :n]), ALPHA / size))
            for n in (LOOKS[0], LOOKS[-1])
        ]
        levels = [alpha / size for alpha in levels_of(LOOKS)]
        codes, seeds = looked([(part,)], values, LOOKS, levels)
        found = [*once[:1], right([(part,)], codes), *once[1:]]
        rows.append(
            [shown(part), NAMES[part.truth], f"{smallest:g}", *(f"{100 * f:.0f}" for f in found),
             f"{seeds.mean():.1f}"]
        )  # fmt: skip
    return rows


def holm_is_wrong(
    rng: np.random.Generator, studies: int, correlation: float
) -> tuple[float, float]:
    """Any wrong verdict on two claims just outside the margin, one below it and one above.

    Returns:
        With Holm's steps, and with both at half of the level.
    """
    claims = [OUTSIDE, MIRRORED]
    noise = summarised(family_values(rng, claims, studies, 32, correlation))
    p = np.empty((2, studies))
    bad = np.empty((2, studies), bool)
    for index, (part,) in enumerate(claims):
        sign = -1 if part.direction == "less" else 1
        centre = sign * (noise.mean[index] + part.effect)
        above, below = (
            special.stdtr(31, -(centre - edge) / noise.error[index])
            for edge in (part.smallest, -part.smallest)
        )
        levels = np.array([2 * above, np.maximum(1 - above, below), 2 * (1 - below)])
        p[index], bad[index] = levels.min(axis=0), levels.argmin(axis=0) != 0
    first, last = np.sort(p, axis=0)
    steps = np.where(p == first, 2 * p, np.maximum(2 * first, last))
    for study in range(100):
        assert np.allclose(holm(p[:, study]), np.minimum(steps[:, study], 1))
    return tuple(float(((q <= ALPHA) & bad).any(axis=0).mean()) for q in (steps, 2 * p))  # type: ignore[return-value]


# --- the document -------------------------------------------------------------------------------


def check(rng: np.random.Generator, studies: int) -> int:
    """How many verdicts were compared with those of the project's functions; none may differ."""
    compared = 0
    chosen = list(settings(10))
    for index in rng.choice(len(chosen), 150, replace=False):
        parts = chosen[index].parts
        values = rng.standard_normal((len(parts), studies, int(rng.choice(SEEDS))))
        for alpha in (ALPHA, ALPHA / 32):
            assert not disagreements(parts, values, alpha), parts
            compared += studies
    return compared


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a Markdown table."""
    return ["| " + " | ".join(row) + " |" for row in (header, ["---"] * len(header), *rows)]


def document(studies: int) -> list[str]:
    """All tables."""
    rng = np.random.default_rng(0)
    seeds = [f"n = {n}" for n in SEEDS]
    few = max(studies // 4, 1)
    compared = check(rng, max(studies // 1000, 2))
    count = sum(1 for n in SEEDS for _ in settings(n))
    worst = [holm_is_wrong(rng, 10 * studies, rho) for rho in (0.0, 0.8)]
    steps = [" and ".join(rate(found[i], 10 * studies) for found in worst) for i in (0, 1)]
    return [
        (
            "A seed's values have standard deviation 1; n is the number of seeds. ± is three"
            " standard deviations of the simulation."
        ),
        "",
        (
            f"**Wrong verdicts on one claim.** {count:,} settings of direction, margin, effect,"
            f" number of parts and their correlation were drawn {studies:,} times; for each n and"
            " number of parts this is the worst, drawn ten times as often again:"
        ),
        "",
        *table(["n", "parts", "first part; others", "wrong"], worst_claims(rng, studies)),
        "",
        (
            "**Any wrong verdict in a family**, n = 10, all judged once; claims independent, and"
            " with correlation 0.8:"
        ),
        "",
        *table(["effects", "claims", "independent", "correlated"], families(rng, studies)),
        "",
        (
            "The same judged at 10, 16, 24 and 32 seeds, each claim until it is decided, with the"
            " error spent over the looks:"
        ),
        "",
        *table(["effects", "claims", "independent", "correlated"], with_looks(rng, few)),
        "",
        (
            "Holm's steps instead, two claims just outside the margin, one below and one above it"
            f" (n = 32, s = 3): {steps[0]} (correlation 0 and 0.8); by the rules above {steps[1]}."
        ),
        "",
        "**Power**: how often (%) the true verdict is given, for a claim alone / as one of 32:",
        "",
        *table(["direction", "effect", "true", "s", *seeds], power(rng, studies)),
        "",
        (
            "For a claim of 32 with `greater`: at 10 seeds, with looks at 10, 16, 24 and 32, at 32"
            " seeds at once; and how many seeds the looks take on average:"
        ),
        "",
        *table(
            ["effect", "true", "s", "n = 10", "looks", "n = 32", "seeds"],
            power_with_looks(rng, studies),
        ),
        "",
        (
            f"{compared:,} of these verdicts were compared with those of"
            " `verdicts.claim_levels`: no difference."
        ),
    ]


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the tables, and write them into the document if asked to."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--write", action="store_true", help="also into docs/claims.md")
    parser.add_argument("--tiny", action="store_true", help="see that it runs; no figure counts")
    chosen = parser.parse_args(arguments)
    lines = document(200 if chosen.tiny else 20_000)
    print("\n".join(lines))
    if chosen.write:
        write_table(DOCS / "claims.md", "verdicts", "python benchmarks/verdicts.py --write", lines)


if __name__ == "__main__":
    main()
