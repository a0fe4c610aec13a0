"""Seconds and memory to read, aggregate and render many records.

    python benchmarks/report.py            # 1,000 and 10,000 records
    python benchmarks/report.py --large    # 100,000 as well, and a million of the grid

The records are copies of those of the quick study, which is run first, with other seeds; from
100,000 on they lie in segments, as after a sweep. Reading them as frames (``study.notebook.read``)
and writing the report of all (``python -m study.report``) are commands of their own; the memory is
that of the largest process.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cells import cells_of
from document import Goal, goals, machine, options, publish, table
from synthetic import fill

from study.edge.pool import run_cells
from study.records.store import RunStore

# By number of records: seconds, and gigabytes, at most.
SECONDS_GOAL = {10_000: 30.0, 100_000: 90.0, 1_000_000: 900.0}
MEMORY_GOAL = {100_000: 1.0, 1_000_000: 4.0}
GRID = 1_000_000  # so many are of the grid alone, whose frames need not be made
COMPACTED = 100_000


@dataclass
class Cost:
    """Of a command.

    Attributes:
        seconds: wall time.
        gigabytes: the largest resident size of it and of the processes that it waited for.
    """

    seconds: float
    gigabytes: float


def cost(words: Sequence[str]) -> Cost:
    """Run a command of this Python.

    Raises:
        RuntimeError: it failed.
    """
    started = time.perf_counter()
    process = subprocess.Popen([sys.executable, *words], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"exit code {process.returncode}: {words}")
    unit = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss, in bytes
    return Cost(time.perf_counter() - started, usage.ru_maxrss * unit / 1e9)


def source(folder: Path, *words: str) -> RunStore:
    """A store with the runs of a study, which are run first."""
    cells, plan = cells_of(*words)
    store = RunStore(folder)
    assert not run_cells(list(cells.values()), store)
    plan.write(store)
    return store


def measure(real: RunStore, folder: Path, count: int) -> tuple[Cost | None, Cost]:
    """Of the frames, and of the report, of ``count`` copies."""
    fill(real, RunStore(folder), count, compacted=count >= COMPACTED)
    read = ["-c", "import sys; from study.notebook import read; read(sys.argv[1])", str(folder)]
    frames = cost(read) if count < GRID else None
    pages = f"{folder}/pages"
    return frames, cost(["-m", "study.report", "--store", str(folder), "--folder", pages])


def main() -> None:
    """Make the records, time the commands and print the tables."""
    chosen = options(__doc__)
    words, counts = ("study=quick",), [1000, 10_000] + [COMPACTED, GRID] * chosen.large
    if chosen.tiny:
        words, counts = ("experiment=[width]", "num_epochs=1", "hidden=[5]", "seed=0"), [20]
    rows, reached = [], []
    with tempfile.TemporaryDirectory() as name:
        real = source(Path(name, "real"), *words)
        for count in counts:
            if count == GRID:
                real = source(Path(name, "grid"), *words, "experiment=grid")
            frames, page = measure(real, Path(name, str(count)), count)
            what = f"report of {count:,} records"
            shown = [
                "" if each is None else f"{each.seconds:.1f} s, {each.gigabytes:.2f} GB"
                for each in (frames, page)
            ]
            rows.append([f"{count:,}" + " of the grid" * (count == GRID), *shown])
            if count in SECONDS_GOAL:
                reached.append(Goal(what, SECONDS_GOAL[count], page.seconds, " s"))
            if count in MEMORY_GOAL:
                reached.append(Goal(f"{what}, memory", MEMORY_GOAL[count], page.gigabytes, " GB"))
            shutil.rmtree(Path(name, str(count)))
    header = ["records", "frames", "frames, figures, verdicts and pages"]
    parts = [machine(), table(header, rows)] + [goals(reached)] * bool(reached)
    publish("report", parts, write=chosen.write)


if __name__ == "__main__":
    main()
