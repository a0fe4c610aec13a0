"""Where the time of whole runs goes: data, set-up, training, evaluation, probes, record.

    python benchmarks/run.py

Some cells of every experiment of the default study, those of seed 0, one after the other in this
process. The parts are those of the run's own record (``RunRecord.timing``), and clocks around the
data set and the writing of the record.
"""

import tempfile
import time
from collections.abc import Mapping

import numpy as np
from cells import cells_of
from document import Goal, goals, machine, options, publish, table

from study.records.config import RunConfig
from study.records.store import RunStore
from study.run import load_data, run

PARTS = ("set-up", "training", "evaluation", "probes", "rest", "record")
CELLS = 5  # of each experiment, from all over it
EVALUATION_GOAL = 0.35
BEYOND = "grid"  # the one experiment that is not the lecture's


def time_run(config: RunConfig, store: RunStore) -> dict[str, float]:
    """Seconds of each part of a run; NaN for training and evaluation of one that diverged."""
    record = run(config)
    timing = record.timing
    started = time.perf_counter()
    store.write(record)
    found = {
        "total": timing["total"],
        "set-up": timing["setup"],
        "probes": timing["probes"],
        "training": timing["training"],
        "evaluation": timing["evaluation"],
        "record": time.perf_counter() - started,
    }
    found["rest"] = timing["total"] - sum(
        timing[part] for part in ("setup", "training", "evaluation", "probes")
    )
    if record.status != "completed":  # it ends at its first infinite loss
        found["training"] = found["evaluation"] = np.nan
    return found


Parts = Mapping[str, np.ndarray]
"""Seconds of each part, of the runs of an experiment."""


def measure(words: tuple[str, ...], count: int) -> tuple[float, dict[str, Parts], dict[str, int]]:
    """Time up to ``count`` runs of each experiment.

    Returns:
        Seconds to load the data set for the first time; of each experiment its parts, and how many
        runs it has in the study.
    """
    cells, plan = cells_of(*words)
    first = next(c for c in cells.values() if c.data.name == "mnist5k")
    started = time.perf_counter()
    load_data(first)
    loading = time.perf_counter() - started
    found: dict[str, Parts] = {}
    with tempfile.TemporaryDirectory() as folder:
        store = RunStore(folder)
        for experiment, addresses in plan.experiments.items():
            own = [cells[address] for address in addresses if cells[address].seed == 0]
            chosen = [
                own[i] for i in np.linspace(0, len(own) - 1, min(count, len(own))).astype(int)
            ]
            run(chosen[0])  # the first of a kind compiles nothing, but fills caches
            rows = [time_run(config, store) for config in chosen]
            found[experiment] = {key: np.array([row[key] for row in rows]) for key in rows[0]}
    return loading, found, {name: len(plan.experiments[name]) for name in found}


def trained(found: Mapping[str, Parts]) -> dict[str, np.ndarray]:
    """Mean seconds of evaluation and training, of the experiments that train.

    Runs that diverged are left out: they end at their first infinite loss.
    """
    means = {
        name: np.array([np.nanmean(parts["evaluation"]), np.nanmean(parts["training"])])
        for name, parts in found.items()
    }
    return {name: mean for name, mean in means.items() if mean[1] > 1e-3}


def main() -> None:
    """Time the runs and print the tables."""
    chosen = options(__doc__)
    tiny = ("study=quick", "experiment=[width,batchnorm]", "num_epochs=1")
    loading, found, runs = measure(tiny if chosen.tiny else (), 1 if chosen.tiny else CELLS)
    means = trained(found)
    ratios = {name: float(mean[0] / mean[1]) for name, mean in means.items()}
    rows = [
        [
            name,
            str(len(parts["total"])),
            f"{np.median(parts['total']) * 1e3:.0f}",
            *(milliseconds(parts[part]) for part in PARTS),
            f"{ratios[name]:.2f}" if name in ratios else "–",
        ]
        for name, parts in found.items()
    ]
    lecture = {name: ratio for name, ratio in ratios.items() if name != BEYOND}
    evaluation, training = sum(means[name] * runs[name] for name in lecture)
    worst = max(lecture, key=lambda name: lecture[name])
    what = "evaluation ÷ training"
    reached = [
        Goal(f"{what}, all runs of the lecture", EVALUATION_GOAL, float(evaluation / training)),
        Goal(f"{what}, the highest: {worst}", EVALUATION_GOAL, lecture[worst]),
    ]
    text = (
        f"Medians in ms. Loading the data set for the first time in a process takes"
        f" {loading * 1e3:.0f} ms more; later runs of the process keep it."
    )
    header = ["experiment", "runs", "total", *PARTS, "evaluation ÷ training"]
    publish("run", [machine(), text, table(header, rows), goals(reached)], write=chosen.write)


def milliseconds(values: np.ndarray) -> str:
    """Median of the finite ones."""
    finite = values[np.isfinite(values)]
    return f"{np.median(finite) * 1e3:.1f}" if len(finite) else "–"


if __name__ == "__main__":
    main()
