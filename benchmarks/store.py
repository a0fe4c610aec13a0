"""Seconds and memory from a store's records to the frames of a report, before and after compaction.

    python benchmarks/store.py runs --count 1000 10000 100000

Each step is a process of its own, on synthetic copies (``synthetic.py``) of the last study in
``runs``. Memory is the largest resident size of the process.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from synthetic import fill

from study.analysis.frames import Results
from study.records import compaction
from study.records.plan import read_plan
from study.records.store import RunStore


def stock(store: RunStore) -> None:
    """What a sweep reads that has nothing to do."""
    store.load(read_plan(store).addresses)


def frames(store: RunStore) -> None:
    """What a report reads: the three frames of each experiment, and all measurements."""
    plan = read_plan(store)
    results = Results(plan, store.load(plan.addresses).runs)
    for experiment in plan.experiments:
        for frame in (results.runs, results.points, results.layers):
            frame(experiment)


def compact(store: RunStore) -> None:
    """All of it, however few there are and however new."""
    compaction.SEEN_SECONDS = 0.0
    compaction.compact(store, many=1)


STEPS = {step.__name__: step for step in (stock, frames, compact)}
ORDER = ("stock", "frames", "compact", "stock", "frames")


def main() -> None:
    """Fill stores and print a table; or do one step in this process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", type=Path, help="a store with a finished study")
    parser.add_argument("--count", type=int, nargs="+", default=[1000, 10_000])
    parser.add_argument("--step", choices=STEPS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step:
        started = time.perf_counter()
        STEPS[options.step](RunStore(options.source))
        seconds = time.perf_counter() - started
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # KiB, on Linux
        print(f"{seconds:.1f} | {time.process_time():.1f} | {peak:.2f} GiB")
        return
    print("| records | step | seconds | of the processor | peak memory |\n|---|---|---|---|---|")
    for count in options.count:
        with tempfile.TemporaryDirectory() as folder:
            fill(RunStore(options.source), RunStore(folder), count)
            for number, step in enumerate(ORDER):
                words = [sys.executable, __file__, folder, "--step", step]
                done = subprocess.run(words, check=True, capture_output=True, text=True)
                note = " after compaction" if number > ORDER.index("compact") else ""
                print(f"| {count:,} | {step}{note} | {done.stdout.strip()} |", flush=True)


if __name__ == "__main__":
    main()
