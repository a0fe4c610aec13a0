"""What the sweep adds to its runs, and what PyTorch would take for the same grid.

    python benchmarks/sweep.py

- the start of ``python -m study --help``
- the launcher's overhead for each run, from many tiny runs
- a study of 1,000 finished runs started again, up to where the report would be written
- the default study, and the quick one, with their reports: wall time against the runs' own
- a part of the grid in two worker processes, trained by this project and by PyTorch
"""

import importlib.util
import multiprocessing
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from cells import cells_of
from document import Goal, cores, goals, machine, options, publish, table

from study.edge.pool import run_cells
from study.records.config import RunConfig
from study.records.store import RunStore
from study.run import run

HERE = Path(__file__).parent
HELP_GOAL, OVERHEAD_GOAL, NOOP_GOAL, EFFICIENCY_GOAL = 0.8, 10.0, 3.0, 0.92
STUDY_GOAL, QUICK_GOAL = 300.0, 45.0
# A run of a few milliseconds.
TINY = (
    "experiment=width", "data=mnist5k", "train_size=100", "hidden=[5]", "num_epochs=1",
    "dtype=float32", "evaluation.points=1", "evaluation.train_samples=100",
    "evaluation.test_samples=100",
)  # fmt: skip
# Of the grid for PyTorch: the first seed's runs, every second one.
GRID_STEP = 2


def seconds(words: Sequence[str]) -> float:
    """Wall time of a command of this Python.

    Raises:
        RuntimeError: it failed.
    """
    started = time.perf_counter()
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"exit code {done.returncode}: {words}\n{done.stderr}")
    return time.perf_counter() - started


def tiny_words(runs: int) -> list[str]:
    """The words for ``runs`` tiny runs: two initial schemes, and seeds."""
    return [*TINY, f"seed=range(0,{runs // 2})"]


def start(repeats: int) -> Goal:
    """The start of ``--help``."""
    found = np.median([seconds(["-m", "study", "--help"]) for _ in range(repeats)])
    return Goal("python -m study --help", HELP_GOAL, float(found), " s")


@dataclass
class Batch:
    """Some runs by the default launcher.

    Attributes:
        runs: how many.
        wall: seconds.
        inside: seconds of the runs themselves, summed.
    """

    runs: int
    wall: float
    inside: float


def launch(folder: Path, count: int) -> Batch:
    """``count`` tiny runs into the store ``folder``."""
    cells, _ = cells_of(*tiny_words(count))
    store = RunStore(folder)
    started = time.perf_counter()
    unstored = run_cells(list(cells.values()), store)
    wall = time.perf_counter() - started
    assert not unstored, unstored
    return Batch(len(cells), wall, inside(store, cells))


def inside(store: RunStore, addresses: Sequence[str] | dict[str, RunConfig]) -> float:
    """Seconds of the runs themselves, summed."""
    records = [store.read(address) for address in addresses]
    assert all(record is not None and record.status != "failed" for record in records)
    return sum(record.timing["total"] for record in records if record is not None)


def overhead(folder: Path, few: int, many: int) -> Goal:
    """Milliseconds of a worker that each run costs beside itself; starting workers not counted."""
    small, large = launch(folder / "few", few), launch(folder / "many", many)
    wall, own = large.wall - small.wall, large.inside - small.inside
    each = (wall * cores() - own) / (large.runs - small.runs)
    return Goal("overhead of a run, default launcher", OVERHEAD_GOAL, each * 1e3, " ms")


def noop(store: Path, runs: int, repeats: int) -> Goal:
    """The finished runs of ``store`` asked for again."""
    words = [str(HERE / "cells.py"), str(store), *tiny_words(runs)]
    found = np.median([seconds(words) for _ in range(repeats)])
    return Goal(f"{runs:,} finished runs again, without the report", NOOP_GOAL, float(found), " s")


def study(folder: Path, preset: str, limit: float, *more: str) -> tuple[list[str], list[Goal]]:
    """A whole study in a folder of its own: a row of the table, and its goals.

    Its line ``1,086 completed, …`` on stderr says that all runs are stored and read.

    Raises:
        RuntimeError: it failed, or did not say so.
    """
    folder.mkdir()
    words = [f"study={preset}", *more]
    command = [sys.executable, "-m", "study", "-m", *words]
    started, swept, lines = time.perf_counter(), None, []
    with subprocess.Popen(
        command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            lines.append(line)
            if re.match(r"[\d,]+ completed", line):
                swept = time.perf_counter() - started
    wall = time.perf_counter() - started
    if process.returncode or swept is None:
        raise RuntimeError(f"exit code {process.returncode}: {command}\n{''.join(lines)}")
    cells, _ = cells_of(*words)
    own = inside(RunStore(folder / "runs"), cells)
    share = own / cores() / swept
    row = [preset, f"{len(cells):,}"]
    row += [f"{value:.1f}" for value in (own, swept, wall - swept, wall)]
    return [*row, f"{share:.3f}"], [
        Goal(f"{preset} study with the report", limit, wall, " s"),
        Goal(f"{preset} study, efficiency", EFFICIENCY_GOAL, share, at_least=True),
    ]


def pooled(work: Callable[[RunConfig], object], cells: Sequence[RunConfig], workers: int) -> float:
    """Seconds of ``work`` on all cells in worker processes, which have done some before."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        list(pool.map(work, cells[:1] * 4 * workers))
        started = time.perf_counter()
        list(pool.map(work, cells))
        return time.perf_counter() - started


def against_pytorch(workers: int, *words: str) -> str:
    """The same part of the grid by this project and by PyTorch."""
    cells, _ = cells_of("experiment=grid", "seed=0", *words)
    chosen = list(cells.values())[::GRID_STEP]
    text = f"The grid's runs of seed 0, every second one ({len(chosen)}), in {workers} processes"
    if importlib.util.find_spec("torch") is None:
        return f"{text}: PyTorch is not installed."
    from pytorch_run import train

    mine, theirs = pooled(run, chosen, workers), pooled(train, chosen, workers)
    return (
        f"{text}: {mine:.1f} s, with all that the report needs; by PyTorch, eager, without its"
        f" measurements of layers, {theirs:.1f} s: {theirs / mine:.2f} times as long."
    )


def main() -> None:
    """Measure everything and print the tables."""
    chosen = options(__doc__)
    few, many, repeats = (4, 20, 1) if chosen.tiny else (100, 1000, 5)
    tiny = ("experiment=[width]", "num_epochs=1", "hidden=[5]")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        reached = [start(repeats), overhead(folder, few, many)]
        reached.append(noop(folder / "many", many, repeats))
        presets = [("quick", QUICK_GOAL)] + [("default", STUDY_GOAL)] * (not chosen.tiny)
        rows = []
        for preset, limit in presets:
            row, found = study(folder / preset, preset, limit, *(tiny if chosen.tiny else ()))
            rows.append(row)
            reached += found
        if chosen.tiny:
            torch = against_pytorch(1, "num_epochs=1", "init=he", "activation=relu")
        else:
            torch = against_pytorch(cores())
    header = ["study", "runs", "Σ run seconds", "sweep, s", "report, s", "wall, s", "efficiency"]
    publish("sweep", [machine("torch"), table(header, rows), torch, goals(reached)],
            write=chosen.write)  # fmt: skip


if __name__ == "__main__":
    main()
