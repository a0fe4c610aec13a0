"""Planted bugs: which of them the gate, the claims and the unit tests catch.

    python benchmarks/mutants.py                # all of them, and the table in docs/gate.md
    python benchmarks/mutants.py --only decay   # those with the word in their name, no table

Each bug of ``mutants.yaml`` is put into a copy of the project in a temporary folder, and there

- the gate runs (``python -m study.check``) against the committed baseline: caught if it calls a
  regression or runs fail;
- claims of the lecture are judged on small runs: caught if a deciding part has another verdict than
  without the bug, of those that two sets of seeds agree about;
- the unit tests of network, data and runs stop at the first that fails. Those against PyTorch are
  left out: they are another network, and importing it takes longer than all other tests.

Without a bug all three must be content, or nothing is measured.
"""

import argparse
import ast
import json
import os
import queue
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import yaml
from tables import DOCS, write_table

from study.analysis.claims import judge
from study.analysis.frames import Results
from study.edge.gate import planned, read_records
from study.edge.pool import run_cells
from study.records.store import RunStore

ROOT = Path(__file__).parents[1]
MUTANTS = Path(__file__).with_suffix(".yaml")
NEEDED = ("study", "conf", "hydra_plugins", "templates", "tests", "baselines", "benchmarks")
# Claims that small runs can decide, and how small.
CLAIMS = "I1,I2,I3,I4,I5,E1,I6,I7,I8,B1,W1,W2,D1,D3"
SIZES = {"curve_steps": 150, "batchnorm_epochs": 6, "decay_epochs": 50, "dropout_epochs": 40}
SEEDS = 6
TESTS = ("tests/network", "tests/data", "tests/test_run.py")
WITHOUT = ("tests/network/test_against_torch.py", "tests/data/test_sources.py")
HANGS = 120  # seconds of one test
TIMEOUT = 1200  # seconds, of each of the three; the slowest takes a fraction of it


@dataclass(frozen=True)
class Mutant:
    """A planted bug.

    Attributes:
        name: what is wrong.
        file: where, from the project's folder.
        replace: texts that stand once in the file, and what to put in their place.
    """

    name: str
    file: str
    replace: Mapping[str, str]

    def applied(self, source: str) -> str:
        """``source`` with the bug.

        Raises:
            ValueError: a text does not stand just once in it, or the code is the same.
        """
        mutated = source
        for old, new in self.replace.items():
            if (count := source.count(old)) != 1:
                raise ValueError(f"{self.name}: {count} times in {self.file}, not once: {old!r}")
            mutated = mutated.replace(old, new)
        if ast.dump(ast.parse(mutated)) == ast.dump(ast.parse(source)):
            raise ValueError(f"{self.name}: the code stays the same")
        return mutated


class Caught(NamedTuple):
    """What caught a mutant, in words; None where it was not caught."""

    gate: str | None
    claims: str | None
    tests: str | None


def load_mutants(path: Path = MUTANTS) -> list[Mutant]:
    """All planted bugs, in the order of the table."""
    return [Mutant(**entry) for entry in yaml.safe_load(path.read_text(encoding="utf-8"))]


# --- what catches them: each says by what, or None -----------------------------------------------


def gate(project: Path) -> str | None:
    """The worst row of the gate's table."""
    result = project / "gate.json"
    done = start(project, "-m", "study.check", "--workers", "1", "--json", str(result))
    if done.returncode == 0:
        return None
    if done.returncode == 2:
        return "runs failed"
    if done.returncode != 1:
        raise RuntimeError(f"the gate compared nothing:\n{done.stdout}{done.stderr}")
    found = json.loads(result.read_text())
    flips = [f"claim {c['claim']}" for c in found["claims"] if c["verdict"] == "flipped"]
    worse = [f"{c['cell']}: {c['metric'].replace('_', ' ')}" for c in found["comparisons"]
             if c["verdict"] == "regression"]  # fmt: skip
    return (worse + flips)[0]


def verdicts(first_seed: int) -> dict[str, str]:
    """The verdict of each deciding part of the claims, on runs of ``SEEDS`` seeds."""
    seeds = ",".join(str(first_seed + index) for index in range(SEEDS))
    sizes = [f"study.{name}={value}" for name, value in SIZES.items()]
    found = planned([f"claim={CLAIMS}", f"seed={seeds}", *sizes])
    cells, plan = found.cells, found.plan
    with tempfile.TemporaryDirectory() as folder:
        store = RunStore(Path(folder))
        run_cells(list(cells.values()), store, workers=1, timeout=TIMEOUT)
        records, _ = read_records(store.folder, set(cells))
    asked = [claim for claim in found.claims if claim.id in found.named]
    judged = judge(asked, Results(plan, {record.address: record for record in records}))
    return {
        f"{judgement.claim.id} {name}": finding.verdict
        for judgement in judged
        for name, finding in judgement.findings.items()
        if finding.part.deciding
    }


def verdicts_of(project: Path, first_seed: int = 0) -> dict[str, str]:
    """``verdicts`` of the code in ``project``."""
    done = start(project, "benchmarks/mutants.py", "--verdicts", str(first_seed))
    if done.returncode:
        return {"error": (done.stderr.strip().splitlines() or ["no message"])[-1]}
    return dict(json.loads(done.stdout))


def claims(project: Path, expected: Mapping[str, str]) -> str | None:
    """The first claim with another verdict than ``expected``."""
    found = verdicts_of(project)
    changed = [part for part, verdict in expected.items() if found.get(part) != verdict]
    if not changed:
        return None
    now = found.get(changed[0], "no verdict")
    return f"{changed[0]}: {now}"


def unit_tests(project: Path) -> str | None:
    """The first test that fails."""
    ignored = [f"--ignore={path}" for path in WITHOUT]
    quiet = ["-x", "-q", "--no-header", "--tb=no", "-p", "no:cacheprovider"]
    # by a thread: Hypothesis would take an exception for a failure, and start the loop again
    quiet += [f"--timeout={HANGS}", "--timeout-method=thread"]
    done = start(project, "-m", "pytest", *quiet, *ignored, *TESTS)
    if done.returncode == 0:
        return None
    output = done.stdout + done.stderr
    if failed := re.search(r"^(?:FAILED|ERROR) .*?(test_\w+)(?![\w./])", output, re.M):
        return failed[1]
    hangs = re.search(r", in (test_\w+)$", output, re.M)
    return f"{hangs[1]} (hangs)" if hangs else "tests cannot be collected"


def start(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python with the code in ``project``."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("GITHUB_") and name not in ("CI", "STUDY_DATA_DIR")
    }
    environment["PYTHONPATH"] = str(project)
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=project, env=environment, capture_output=True, text=True, timeout=TIMEOUT,
    )  # fmt: skip


# --- all of them ---------------------------------------------------------------------------------


def copy_project(folder: Path) -> Path:
    """A copy of what runs and tests need; no file of the checkout is ever changed."""
    ignored = shutil.ignore_patterns("__pycache__", "node_modules")
    folder.mkdir(exist_ok=True)
    for name in NEEDED:
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def replace_source(path: Path, source: str) -> None:
    """Write a module, and forget its bytecode: within a second, its time of change says nothing."""
    path.write_text(source, encoding="utf-8")
    shutil.rmtree(path.parent / "__pycache__", ignore_errors=True)


def stable_verdicts(project: Path) -> dict[str, str]:
    """The verdicts about which two sets of seeds agree, once gate and tests are content.

    Raises:
        RuntimeError: something is caught where nothing is wrong.
    """
    for name, found in (("gate", gate(project)), ("unit tests", unit_tests(project))):
        if found:
            raise RuntimeError(f"the {name} are not content without a bug: {found}")
    one, other = (verdicts_of(project, first) for first in (0, 100))
    if not one or "error" in one:
        raise RuntimeError(f"no verdicts: {one}")
    return {part: verdict for part, verdict in one.items() if other.get(part) == verdict}


def measure(mutants: Sequence[Mutant], jobs: int) -> list[Caught]:
    """By what each mutant is caught; ``jobs`` of them at a time, each in a copy of its own."""
    with tempfile.TemporaryDirectory(prefix="study-mutants-") as temporary:
        projects: queue.SimpleQueue[Path] = queue.SimpleQueue()
        for number in range(jobs):
            projects.put(copy_project(Path(temporary) / str(number)))
        project = projects.get()
        expected = stable_verdicts(project)
        projects.put(project)
        print(f"{len(expected)} verdicts that both sets of seeds agree about", flush=True)

        def examine(mutant: Mutant) -> Caught:
            project, clock = projects.get(), time.perf_counter()
            path = project / mutant.file
            source = path.read_text(encoding="utf-8")
            replace_source(path, mutant.applied(source))
            caught = Caught(gate(project), claims(project, expected), unit_tests(project))
            replace_source(path, source)
            projects.put(project)
            words = " | ".join(word or "–" for word in caught)
            print(f"{mutant.name}: {words} ({time.perf_counter() - clock:.0f} s)", flush=True)
            return caught

        with ThreadPoolExecutor(jobs) as pool:
            return list(pool.map(examine, mutants))


def table(mutants: Sequence[Mutant], found: Sequence[Caught]) -> list[str]:
    """Who catches what, in Markdown."""
    total = len(found)
    counts = [sum(caught[place] is not None for caught in found) for place in range(3)]
    together = sum(any(caught) for caught in found)
    shares = [f"{count} ({100 * count / total:.0f} %)" for count in (*counts, together)]
    lines = [
        f"Of {total} planted bugs the gate catches {shares[0]}, the claims {shares[1]},",
        f"the unit tests {shares[2]}, all three together {shares[3]}.",
        "",
        "| planted bug | gate | claims | unit tests |",
        "|---|---|---|---|",
    ]
    for mutant, caught in zip(mutants, found, strict=True):
        lines.append(f"| {mutant.name} | {' | '.join(word or '–' for word in caught)} |")
    return lines


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", default="", metavar="WORD", help="the mutants with it; no table")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="mutants at a time")
    parser.add_argument("--verdicts", type=int, metavar="SEED", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.verdicts is not None:  # what ``verdicts_of`` starts
        print(json.dumps(verdicts(options.verdicts)))
        return 0
    mutants = [mutant for mutant in load_mutants() if options.only in mutant.name]
    lines = table(mutants, measure(mutants, options.jobs))
    print("\n".join(lines))
    if not options.only:
        write_table(DOCS / "gate.md", "mutants", "make mutants", lines)
    return 0


if __name__ == "__main__":
    sys.exit(main())
