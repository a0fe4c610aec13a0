"""How often a map's intervals hold the truth, and how often it finds what is not there.

    python benchmarks/map.py           # about ten minutes on one core
    python benchmarks/map.py --write   # its tables also into docs/map.md

Whole maps with known effects: settings are drawn as an experiment draws them
(``study.edge.ranges``), each by another scrambling; the effect of a setting is what the world says
of it, plus what one setting is apart from its axes and what one seed adds, both normal.
"""

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tables import DOCS, write_table
from threadpoolctl import threadpool_limits

from study.analysis.deciding import strengths
from study.analysis.multiverse import MARGIN, summary
from study.analysis.thumb import rule_of_thumb
from study.edge.ranges import read_axes, sobol

Floats = NDArray[np.float64]

SETTINGS = (20, 40, 80)
STUDIES = 1000
ENOUGH = 400_000  # points that stand for the whole space
SETTING_SD = 0.010  # what settings differ in besides the axes
SEED_SD = 0.006  # of a difference of two test accuracies
AXES = read_axes(
    "axes",
    {
        "train_size": {"log": [1000, 16000], "integer": True},
        "depth": {"uniform": [1, 6], "integer": True},
        "num_steps": {"log": [300, 3000], "integer": True},
        "label_noise": {"uniform": [0, 0.2]},
        "activation": {"choice": ["relu", "tanh", "sigmoid"]},
        "batchnorm": {"choice": [False, True]},
    },
)
NAMES = [axis.key for axis in AXES]
SIZE, DEPTH, BATCHNORM = NAMES.index("train_size"), NAMES.index("depth"), NAMES.index("batchnorm")


@dataclass(frozen=True)
class World:
    """What is true.

    Attributes:
        name: what the table calls it.
        effect: of points in the unit cube, shape (settings, axes).
        matters: the axes that it depends on.
        spread: by how much what settings differ in besides is multiplied, at these points.
        tails: degrees of freedom of Student's t instead of the normal; None for the normal.
    """

    name: str
    effect: Callable[[Floats], Floats]
    matters: tuple[int, ...] = ()
    spread: Callable[[Floats], Floats] = lambda points: np.ones(len(points))
    tails: float | None = None

    def drawn(self, points: Floats, rng: np.random.Generator) -> Floats:
        """The effects that a study sees."""
        n = len(points)
        own = rng.standard_normal(n) if self.tails is None else rng.standard_t(self.tails, n)
        apart = SETTING_SD * self.spread(points) * own
        return self.effect(points) + apart + SEED_SD * rng.standard_normal(n)


def _both(points: Floats) -> Floats:
    """3 points up for small sets without batch norm, 1 down elsewhere."""
    return np.where((points[:, SIZE] < 0.5) & (points[:, BATCHNORM] < 0.5), 0.03, -0.01)


WORLDS = (
    World("none", lambda points: np.zeros(len(points))),
    World("none, t₃ tails", lambda points: np.zeros(len(points)), tails=3),
    World(
        "none, spread × 1 to 5 along an axis",
        lambda points: np.zeros(len(points)),
        spread=lambda points: 1 + 4 * points[:, DEPTH],
    ),
    World("constant, +1.5 points", lambda points: np.full(len(points), 0.015)),
    World(
        "+2 to −2 points along an axis",
        lambda points: 0.04 * (0.5 - points[:, SIZE]),
        matters=(SIZE,),
    ),
    World("+3 in one quarter, else −1", _both, matters=(SIZE, BATCHNORM)),
)


def frame(points: Floats) -> pd.DataFrame:
    """What the settings draw at these points of the unit cube."""
    drawn = [[axis.at(u)[axis.key] for axis, u in zip(AXES, p, strict=True)] for p in points]
    return pd.DataFrame(drawn, columns=NAMES)


@dataclass(frozen=True)
class Levels:
    """Of so many studies of a world, the share in which each of these happened.

    Attributes:
        shares: that an interval of a share holds the true share, of the three the smallest.
        mean: that the interval of the mean holds the true mean.
        width: mean length of the interval of the share that is helped.
        false: that an axis was named that does not matter (p ≤ 0.05 after Holm's correction).
        found: that all were named that matter; NaN where none does.
        rule: that a rule of thumb was said.
        right: that one was said, and all its conditions are on axes that matter.
    """

    shares: float
    mean: float
    width: float
    false: float
    found: float
    rule: float
    right: float


def true_shares(world: World) -> tuple[Floats, float]:
    """The shares that are helped, neither, harmed; and the mean effect; of the whole space."""
    rng = np.random.default_rng(1)
    points = rng.random((ENOUGH, len(AXES)))
    effect = world.drawn(points, rng)
    helped, harmed = (effect >= MARGIN).mean(), (effect <= -MARGIN).mean()
    return np.array([helped, 1 - helped - harmed, harmed]), float(world.effect(points).mean())


def levels(world: World, settings: int, studies: int) -> Levels:
    """What happens in so many studies, each of its own settings."""
    shares, mean = true_shares(world)
    rows = []
    for number in range(studies):
        rng = np.random.default_rng([number, settings])
        points = sobol(settings, len(AXES), seed=number)
        effect, axes = world.drawn(points, rng), frame(points)
        found = summary(effect)
        each = (found.helps, found.no_effect, found.harms)
        held = [own.low <= true <= own.high for own, true in zip(each, shares, strict=True)]
        named = {NAMES.index(s.axis) for s in strengths(effect, axes) if s.p_corrected <= 0.05}
        rule = rule_of_thumb(effect, axes, seed=number)
        used = {NAMES.index(c.axis) for leaf in rule.leaves for c in leaf.conditions}
        rows.append(
            [
                *held,
                found.mean.low <= mean <= found.mean.high,
                found.helps.high - found.helps.low,
                bool(named - set(world.matters)),
                set(world.matters) <= named if world.matters else np.nan,
                rule.said,
                rule.said and used <= set(world.matters),
            ]
        )
    means = np.array(rows, dtype=float).mean(axis=0)
    return Levels(float(means[:3].min()), *(float(value) for value in means[3:]))


# --- the tables ---------------------------------------------------------------------------------


def _levels_table(studies: int, counts: Sequence[int]) -> Iterator[str]:
    names = ("shares", "mean", "± of «helps»", "false axis", "true axes", "rule said", "rule right")
    yield f"| world | settings | {' | '.join(names)} |"
    yield "|---|---|" + "---|" * len(names)
    for world in WORLDS:
        for settings in counts:
            found = levels(world, settings, studies)
            none = not world.matters
            cells = [
                f"{100 * found.shares:.1f}",
                f"{100 * found.mean:.1f}",
                f"{50 * found.width:.0f}",
                f"{100 * found.false:.1f}",
                "–" if none else f"{100 * found.found:.1f}",
                f"{100 * found.rule:.1f}",
                "–" if none else f"{100 * found.right:.1f}",
            ]
            yield f"| {world.name} | {settings} | {' | '.join(cells)} |"


def _seed_table() -> Iterator[str]:
    """What the noise of one seed adds to the shares."""
    rng = np.random.default_rng(2)
    points = rng.random((ENOUGH, len(AXES)))
    noises = (0.0, 0.003, 0.006, 0.012)
    yield f"| world | {' | '.join(f'{100 * sd:g}' for sd in noises)} |"
    yield "|---|" + "---|" * len(noises)
    for world in WORLDS:
        if world.tails is None:
            apart = SETTING_SD * world.spread(points) * rng.standard_normal(ENOUGH)
            true = world.effect(points) + apart
            cells = []
            for sd in noises:
                seen = true + sd * rng.standard_normal(ENOUGH)
                helped, harmed = (seen >= MARGIN).mean(), (seen <= -MARGIN).mean()
                cells.append(f"{100 * helped:.0f} / {100 * harmed:.0f}")
            yield f"| {world.name} | {' | '.join(cells)} |"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--write", action="store_true", help="put the tables into docs/map.md")
    parser.add_argument("--tiny", action="store_true", help="so few maps that no figure counts")
    options = parser.parse_args(arguments)
    studies, counts = (2, SETTINGS[:1]) if options.tiny else (STUDIES, SETTINGS)
    with threadpool_limits(1):
        tables = {
            "levels": list(_levels_table(studies, counts)),
            "seeds": list(_seed_table()),
        }
    for name, lines in tables.items():
        print(f"\n{name}\n")
        print("\n".join(lines))
        if options.write:
            write_table(DOCS / "map.md", name, "python benchmarks/map.py --write", lines)


if __name__ == "__main__":
    main()
