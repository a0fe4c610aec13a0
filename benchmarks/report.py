"""Seconds and memory to read, aggregate and render many records.

    python benchmarks/report.py            # 1,000 and 10,000 records
    python benchmarks/report.py --large    # 100,000 as well

The records are copies of those of the quick study, which is run first, with other seeds. Reading
them as frames (``study.notebook.read``) and writing the report of all (``python -m study.report``)
are commands of their own; the memory is that of the largest process.
"""

import os
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
SECONDS_GOAL = {10_000: 30.0, 100_000: 180.0}
MEMORY_GOAL = {100_000: 2.0}


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


def main() -> None:
    """Make the records, time the commands and print the tables."""
    chosen = options(__doc__)
    words, counts = ("study=quick",), [1000, 10_000] + [100_000] * chosen.large
    if chosen.tiny:
        words, counts = ("experiment=[width]", "num_epochs=1", "hidden=[5]", "seed=0"), [20]
    cells, plan = cells_of(*words)
    rows, reached = [], []
    with tempfile.TemporaryDirectory() as name:
        real = RunStore(Path(name, "real"))
        assert not run_cells(list(cells.values()), real)
        plan.write(real)
        for count in counts:
            store = Path(name, str(count))
            fill(real, RunStore(store), count)
            read = ["-c", "import sys; from study.notebook import read; read(sys.argv[1])"]
            frames = cost([*read, str(store)])
            page = cost(["-m", "study.report", "--store", str(store), "--folder", f"{name}/pages"])
            found = (frames, page)
            rows.append(
                [
                    f"{count:,}",
                    *(f"{each.seconds:.1f} s, {each.gigabytes:.2f} GB" for each in found),
                ]
            )
            what = f"report of {count:,} records"
            if count in SECONDS_GOAL:
                reached.append(Goal(what, SECONDS_GOAL[count], page.seconds, " s"))
            if count in MEMORY_GOAL:
                reached.append(Goal(f"{what}, memory", MEMORY_GOAL[count], page.gigabytes, " GB"))
    header = ["records", "frames", "frames, figures, verdicts and pages"]
    parts = [machine(), table(header, rows)] + [goals(reached)] * bool(reached)
    publish("report", parts, write=chosen.write)


if __name__ == "__main__":
    main()
