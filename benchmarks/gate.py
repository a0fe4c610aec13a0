"""The gate's false alarms and its power, from real runs.

    python benchmarks/gate.py   # writes its table into docs/gate.md

Runs the gate's cells with more seeds than the gate has (those that are stored are not run again)
and then lets the gate compare random halves of them: an *A/A* comparison, in which every alarm is a
false one. The two sides have different seeds, so that they differ as much as runs of the same code
ever can; in CI both have the same seeds, and less noise.
"""

import argparse
import math
import multiprocessing
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from rich.console import Console
from scipy import special, stats
from tables import DOCS, write_table

from study.edge.gate import gate_cells, read_records, run_gate
from study.gate.baseline import make_baseline
from study.gate.compare import check
from study.gate.names import cells_of
from study.gate.result import FAIL, RUNS_FAILED, CheckResult
from study.gate.rules import MetricRule, load_rules
from study.records.config import RunConfig
from study.records.record import RunRecord
from study.records.reuse import inspect
from study.records.store import RunStore

CAUGHT = 0.95


class Resampled(RunRecord):
    """A run in another's place: what hashes it decides no verdict, and takes half of the time."""

    def result_digest(self) -> str:
        return "0" * 64


@dataclass
class Pool:
    """The runs to draw from.

    Attributes:
        seeds: of the gate itself; a side of a comparison takes their place.
        records: by cell (its configuration with seed 0, as an address) and seed.
        places: address and configuration of each cell and seed of the gate.
        count: how many seeds there are to draw from.
    """

    seeds: list[int]
    records: dict[str, dict[int, RunRecord]]
    places: dict[tuple[str, int], tuple[str, dict[str, object]]]
    count: int

    def side(self, drawn: Sequence[int]) -> list[RunRecord]:
        """The runs of ``drawn`` seeds in the place of those of the gate."""
        found = []
        for cell, by_seed in self.records.items():
            for seed, other in zip(self.seeds, drawn, strict=True):
                address, config = self.places[cell, seed]
                parts = vars(by_seed[int(other)]) | {"address": address, "config": config}
                found.append(Resampled(**parts))
        return found


def load(store: Path, count: int, dtype: str = "float32") -> Pool:
    """Run what is not stored of ``count`` seeds of every cell, and read everything."""
    gate = gate_cells()
    seeds = sorted({config.seed for config in gate.values()})
    firsts = [config for config in gate.values() if config.seed == seeds[0]]
    wanted: dict[str, tuple[str, RunConfig]] = {}
    places = {}
    for first in firsts:
        cell = first.address
        for seed in range(count):
            config = replace(first, seed=seed, dtype=dtype)
            wanted[config.address] = (cell, config)
        for seed in seeds:
            config = replace(first, seed=seed)
            places[cell, seed] = (config.address, config.to_dict())
    stored = RunStore(store)
    missing = {a: c for a, (_, c) in wanted.items() if inspect(stored, c, a)[0] is not None}
    if missing:
        run_gate(missing, store, workers=None, console=Console(stderr=True))
    records, problems = read_records(store, set(wanted))
    assert not problems, problems
    assert len(records) == len(wanted)
    by_cell: dict[str, dict[int, RunRecord]] = {first.address: {} for first in firsts}
    for record in records:
        cell, config = wanted[record.address]
        by_cell[cell][config.seed] = record
    return Pool(seeds, by_cell, places, count)


_pool: Pool | None = None


def prepare(pool: Pool) -> None:
    global _pool
    _pool = pool


def draw(pool: Pool, number: int) -> tuple[list[int], list[int]]:
    """The seeds of both sides of a resample."""
    rng = np.random.default_rng(number)
    order = rng.permutation(pool.count)
    n = len(pool.seeds)
    return order[:n].tolist(), order[n : 2 * n].tolist()


def compare(number: int) -> tuple[str, list[str], list[str]]:
    """One A/A comparison: its outcome, what was called a regression, and an improvement."""
    assert _pool is not None
    one, other = draw(_pool, number)
    rules = load_rules()
    baseline = make_baseline(_pool.side(one), rules, reason="A/A", date="")
    result: CheckResult = check(baseline, _pool.side(other), rules)
    red = [f"{c.cell}: {c.metric}" for c in result.having("regression")]
    red += [f"claim {flip.claim}: {flip.why}" for flip in result.flips]
    return result.outcome, red, [f"{c.cell}: {c.metric}" for c in result.having("improvement")]


def false_alarms(pool: Pool, resamples: int) -> str:
    """The share of A/A comparisons that are red, in words; other seeds have other bits."""
    with multiprocessing.Pool(initializer=prepare, initargs=(pool,)) as workers:
        found = workers.map(compare, range(resamples), chunksize=10)
    for name, count in Counter(name for _, red, _ in found for name in red).most_common(10):
        print(f"  {count} × {name}")
    outcomes = Counter(outcome for outcome, _, _ in found)
    alarms = outcomes[FAIL] + outcomes[RUNS_FAILED]
    upper = stats.beta.ppf(0.95, alarms + 1, resamples - alarms) if alarms < resamples else 1.0
    better = sum(bool(improved) for _, _, improved in found)
    return (
        f"Of {resamples:,} A/A comparisons {alarms} are red: {100 * alarms / resamples:.2f} %, at"
        f" most {100 * upper:.2f} % (one-sided 95 % bound over the draws, which share their seeds)."
        f" Called better: {better}."
    )


Values = Mapping[str, np.ndarray]
"""Of each metric: shape (cells, seeds), on the scale on which it is compared."""


def values(pool: Pool, rules: Mapping[str, MetricRule]) -> Values:
    found = {}
    for metric, rule in rules.items():
        rows = [[by[s].final[metric] for s in sorted(by)] for by in pool.records.values()]
        array = np.array(rows)
        assert np.isfinite(array).all(), "a gate's cell that diverges"
        found[metric] = np.log(array) if rule.compare == "ratio" else array
    return found


def power(pool: Pool, rounded: Pool, resamples: int) -> list[str]:
    """The smallest drop of each metric that is caught in 95 % of the resamples, as a table.

    A drop d added to the harm h of every pair is caught if it exceeds the margin and if t of it
    does what Holm's first step wants, α over the number of tests; once others are rejected, less
    would do. So the smallest d caught is max(margin, t · standard error) − mean of h.
    """
    rules = load_rules()
    every, other = values(pool, rules.metrics), values(rounded, rules.metrics)
    n, cells = len(pool.seeds), len(pool.records)
    parts = sum(part.deciding for claim in rules.claims for part in claim.parts.values())
    tests = (cells + 1) * len(rules.metrics) + parts
    reach = float(special.stdtrit(n - 1, 1 - rules.alpha / tests / 2))
    draws = [draw(pool, number) for number in range(resamples)]
    names = list(cells_of({a: next(iter(by.values())).config for a, by in pool.records.items()}))
    lines = [
        f"Smallest drop caught in {100 * CAUGHT:.0f} % of {resamples:,} resamples; of losses ×:",
        "",
        "| metric | same seeds: a cell (the worst) | other seeds: a cell | the worst | all cells |",
        "|---|---|---|---|---|",
    ]
    for metric, rule in rules.metrics.items():
        sign = 1 if rule.better == "lower" else -1
        margins = [
            math.log(m) if rule.compare == "ratio" else m for m in (rule.margin, rule.margin_all)
        ]
        table = every[metric]
        paired, unpaired, together = [], [], []
        for one, two in draws:
            paired.append(needed(sign * (other[metric][:, one] - table[:, one]), margins[0], reach))
            harm = sign * (table[:, two] - table[:, one])
            unpaired.append(needed(harm, margins[0], reach))
            all_cells = needed(harm.mean(axis=0, keepdims=True), margins[1], reach)
            together.append(min(all_cells[0], unpaired[-1].min()))
        same, each = (np.quantile(np.array(d), CAUGHT, axis=0) for d in (paired, unpaired))
        worst = int(each.argmax())
        words = [
            f"{shown(rule, np.median(same))} ({shown(rule, same.max())})",
            shown(rule, np.median(each)),
            f"{shown(rule, each[worst])} ({names[worst]})",
            shown(rule, np.quantile(together, CAUGHT)),
        ]
        lines.append(f"| {metric.replace('_', ' ')} | {' | '.join(words)} |")
    return lines


def needed(harm: np.ndarray, margin: float, reach: float) -> np.ndarray:
    """The smallest drop to be caught on top of ``harm``, shape (cells, seeds)."""
    error = harm.std(axis=1, ddof=1) / np.sqrt(harm.shape[1])
    return np.maximum(margin, reach * error) - harm.mean(axis=1)


def shown(rule: MetricRule, drop: float) -> str:
    return f"× {math.exp(drop):.2f}" if rule.compare == "ratio" else f"{100 * drop:.1f} points"


def rounding(pool: Pool, rounded: Pool) -> str:
    """What the gate says of the same seeds in float64 instead of float32, in words."""
    rules = load_rules()
    baseline = make_baseline(pool.side(pool.seeds), rules, reason="float32", date="")
    result = check(baseline, rounded.side(pool.seeds), rules)
    accuracy = [c for c in result.comparisons if c.metric == "test_accuracy"]
    largest = max(accuracy, key=lambda c: abs(c.change.mean))
    return (
        f"The gate's seeds in float64 against float32: {result.outcome}; {result.identical} of"
        f" {result.compared} runs have the same bits, a cell's test accuracy moves by"
        f" {100 * abs(largest.change.mean):.2f} points at most ({largest.cell})."
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--store", type=Path, default=Path("runs"), help="folder of the runs")
    parser.add_argument("--seeds", type=int, default=64, help="how many, twice the gate's or more")
    parser.add_argument("--resamples", type=int, default=1000)
    parser.add_argument("--dry", action="store_true", help="leave docs/gate.md as it is")
    options = parser.parse_args()
    pool = load(options.store, options.seeds)
    if options.seeds < 2 * len(pool.seeds):
        parser.error(f"--seeds: expected at least {2 * len(pool.seeds)}, got {options.seeds}")
    rounded = load(options.store, options.seeds, "float64")
    lines = [
        f"{len(pool.records)} cells, {len(pool.seeds)} of {options.seeds} seeds on each side.",
        false_alarms(pool, options.resamples),
        rounding(pool, rounded),
        "",
        *power(pool, rounded, options.resamples),
    ]
    print("\n".join(lines))
    if not options.dry:
        sizes = f"--seeds {options.seeds} --resamples {options.resamples}"
        command = f"python benchmarks/gate.py {sizes}"
        write_table(DOCS / "gate.md", "false alarms and power", command, lines)


if __name__ == "__main__":
    main()
