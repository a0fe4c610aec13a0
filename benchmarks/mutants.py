"""Planted bugs: which of them each tier of the gate, the claims and the unit tests catch.

    python benchmarks/mutants.py                # what mutants.json lacks; the table in docs/gate.md
    python benchmarks/mutants.py --again        # all of them
    python benchmarks/mutants.py --only decay   # those with the word in their name
    python benchmarks/mutants.py --tiers exact  # only these tiers

Each bug of ``mutants.yaml`` is put into a copy of the project in a temporary folder, and there

- the exact tier runs (``python -m study.check --exact``) against the committed baseline: caught if
  bits of a run, or what experiments and claims declare, are other ones;
- the whole gate runs: its statistical tier has caught it if it calls a regression, a claim flips or
  runs fail;
- claims of the lecture are judged on small runs: caught if a deciding part has another verdict than
  without the bug, of those that two sets of seeds agree about;
- the unit tests of the part that has the bug stop at the first that fails. Those against PyTorch
  are left out: they are another network, and importing it takes longer than all other tests.

Without a bug all must be content, or nothing is measured. What is measured is kept in
``mutants.json`` after each bug, so that a run that is stopped goes on where it was. A bug in what
comes after the runs (``AFTER``) is looked for in the runs of the code without it, made once.
"""

import argparse
import ast
import functools
import hashlib
import json
import os
import queue
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from tables import DOCS, write_table

from study.analysis.claims import judge
from study.analysis.frames import Results
from study.edge.gate import planned, read_records
from study.edge.pool import run_cells
from study.records.store import RunStore

ROOT = Path(__file__).parents[1]
MUTANTS = Path(__file__).with_suffix(".yaml")
NEEDED = (
    "study", "conf", "hydra_plugins", "templates", "tests", "baselines", "benchmarks", "docs",
)  # fmt: skip
# Claims that small runs can decide, and how small.
CLAIMS = "I1,I2,I3,I4,I5,E1,I6,I7,I8,B1,W1,W2,D1,D3"
SIZES = {"curve_steps": 150, "batchnorm_epochs": 6, "decay_epochs": 50, "dropout_epochs": 40}
SEEDS = 6
WORK = "tests/gate/test_work.py"
# The unit tests of the part that a file belongs to; the first that fits.
TESTS = {
    "study/run.py": ("tests/test_run.py", WORK),
    "study/network": ("tests/network", "tests/data", "tests/test_run.py", WORK),
    "study/data": ("tests/network", "tests/data", "tests/test_run.py"),
    "study/records": ("tests/records", WORK),
    "study/edge": ("tests/edge/test_grids.py", "tests/edge/test_planning.py", "tests/test_conf.py",
                   "tests/edge/test_pool.py"),
    "study/analysis": ("tests/analysis", WORK),
    "study/report": ("tests/report/test_tables.py", "tests/report/test_text.py",
                     "tests/report/test_work_of_a_report.py", "tests/report/test_render.py"),
    "conf": ("tests/test_conf.py", "tests/analysis/test_registry.py", "tests/test_claim_files.py"),
}  # fmt: skip
WITHOUT = ("tests/network/test_against_torch.py", "tests/data/test_sources.py")
TIERS = ("exact", "tests", "gate", "claims")  # in the order of what they cost
COLUMNS = {
    "exact": "exact tier",
    "gate": "statistical tier",
    "claims": "claims",
    "tests": "unit tests",
}
RESULTS = Path(__file__).with_suffix(".json")
# Where a bug changes no run of the gate, and none of a claim that keeps its cells.
AFTER = ("study/analysis", "study/report", "conf/chapter/lecture", "conf/study")
HANGS = 400  # seconds of one test; the first of a report runs a study
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
        if self._meaning(mutated) == self._meaning(source):
            raise ValueError(f"{self.name}: the code stays the same")
        return mutated

    def _meaning(self, source: str) -> str:
        """What a file says, without its comments and layout."""
        if self.file.endswith(".py"):
            return ast.dump(ast.parse(source))
        return json.dumps(yaml.safe_load(source), default=str)

    @property
    def digest(self) -> str:
        """Of the bug itself; another one has not been measured."""
        return hashlib.sha256(json.dumps([self.file, dict(self.replace)]).encode()).hexdigest()[:12]

    @property
    def after_runs(self) -> bool:
        """Whether the runs are those of the code without the bug."""
        return self.file.startswith(AFTER)

    @property
    def tests(self) -> Sequence[str]:
        """The unit tests of the part that has the bug."""
        return next(paths for start, paths in TESTS.items() if self.file.startswith(start))


Caught = dict[str, str | None]
"""By what a mutant was caught, in words, by tier; None where it was not. What is not there was not
measured."""


def load_mutants(path: Path = MUTANTS) -> list[Mutant]:
    """All planted bugs, in the order of the table."""
    return [Mutant(**entry) for entry in yaml.safe_load(path.read_text(encoding="utf-8"))]


# --- what catches them: each says by what, or None -----------------------------------------------


def exact(project: Path) -> str | None:
    """What the exact tier says first."""
    found = checked(project, "--exact")
    if isinstance(found, str):
        return found
    if declared := found["exact"]["declared_otherwise"]:
        return str(declared[0])
    changes = found["exact"]["changes"]
    return f"{changes[0]['cell']}: {changes[0]['first']}" if changes else None


def gate(project: Path, *words: str) -> str | None:
    """The worst row of the gate's table."""
    found = checked(project, *words)
    if isinstance(found, str):
        return found
    flips = [f"claim {c['claim']}" for c in found["claims"] if c["verdict"] == "flipped"]
    worse = [f"{c['cell']}: {c['metric'].replace('_', ' ')}" for c in found["comparisons"]
             if c["verdict"] == "regression"]  # fmt: skip
    return next(iter(worse + flips), None)


def checked(project: Path, *words: str) -> dict[str, Any] | str:
    """What ``python -m study.check`` found, or how it ended where it compared nothing."""
    result = project / "gate.json"
    result.unlink(missing_ok=True)
    words = words if "--runs" in words else (*words, "--workers", "1")
    done = start(project, "-m", "study.check", "--json", str(result), *words)
    ends = {2: "runs failed", 3: "not comparable", 4: "refused", 6: "crashes"}
    if done.returncode in ends:
        return ends[done.returncode]
    return dict(json.loads(result.read_text(encoding="utf-8")))


def verdicts(first_seed: int, folder: Path) -> dict[str, str]:
    """The verdict of each deciding part of the claims, on runs of ``SEEDS`` seeds.

    Args:
        folder: a store: what it has is not run again.
    """
    seeds = ",".join(str(first_seed + index) for index in range(SEEDS))
    sizes = [f"study.{name}={value}" for name, value in SIZES.items()]
    found = planned([f"claim={CLAIMS}", f"seed={seeds}", *sizes])
    cells, plan = found.cells, found.plan
    store = RunStore(folder)
    missing = [config for address, config in cells.items() if not store.path(address).exists()]
    run_cells(missing, store, workers=1, timeout=TIMEOUT)
    records, _ = read_records(store.folder, set(cells))
    asked = [claim for claim in found.claims if claim.id in found.named]
    judged = judge(asked, Results(plan, {record.address: record for record in records}))
    return {
        f"{judgement.claim.id} {name}": finding.verdict
        for judgement in judged
        for name, finding in judgement.findings.items()
        if finding.part.deciding
    }


def verdicts_of(project: Path, store: Path, first_seed: int = 0) -> dict[str, str]:
    """``verdicts`` of the code in ``project``."""
    done = start(project, "benchmarks/mutants.py", "--verdicts", str(first_seed), str(store))
    if done.returncode:
        return {"error": (done.stderr.strip().splitlines() or ["no message"])[-1]}
    return dict(json.loads(done.stdout))


def claims(project: Path, expected: Mapping[str, str], store: Path | None) -> str | None:
    """The first claim with another verdict than ``expected``.

    Args:
        store: with the runs of the code without the bug; None to make all anew.
    """
    with tempfile.TemporaryDirectory() as folder:
        found = verdicts_of(project, store or Path(folder))
    changed = [part for part, verdict in expected.items() if found.get(part) != verdict]
    if not changed:
        return None
    now = found.get(changed[0], "no verdict")
    return f"{changed[0]}: {now}"


def unit_tests(project: Path, paths: Sequence[str]) -> str | None:
    """The first test of ``paths`` that fails."""
    ignored = [f"--ignore={path}" for path in WITHOUT]
    quiet = ["-x", "-q", "--no-header", "--tb=no", "-p", "no:cacheprovider"]
    # by a thread: Hypothesis would take an exception for a failure, and start the loop again
    quiet += [f"--timeout={HANGS}", "--timeout-method=thread"]
    done = start(project, "-m", "pytest", *quiet, *ignored, *paths)
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


def stable_verdicts(project: Path, store: Path) -> dict[str, str]:
    """The verdicts about which two sets of seeds agree.

    Raises:
        RuntimeError: there are none.
    """
    one, other = (verdicts_of(project, store, first) for first in (0, 100))
    if not one or "error" in one:
        raise RuntimeError(f"no verdicts: {one}")
    return {part: verdict for part, verdict in one.items() if other.get(part) == verdict}


def instrument(
    tier: str, project: Path, kept: Path, mutants: Sequence[Mutant]
) -> Callable[[Path, Mutant], str | None]:
    """How a tier looks at a mutant in a project.

    Args:
        project: without a bug.
        kept: a folder for its runs.

    Raises:
        RuntimeError: something is caught where nothing is wrong.
    """
    if tier == "claims":
        expected = stable_verdicts(project, kept)
        print(f"{len(expected)} verdicts that both sets of seeds agree about", flush=True)
        return lambda where, mutant: claims(where, expected, kept if mutant.after_runs else None)
    runs = ("--runs", str(kept))
    if tier == "gate":
        start(project, "-m", "study.check", "--workers", "1", "--store", str(kept))
    look: Callable[[Path, Mutant], str | None] = {
        "exact": lambda where, mutant: exact(where),
        "tests": lambda where, mutant: unit_tests(where, mutant.tests),
        "gate": lambda where, mutant: gate(where, *(runs if mutant.after_runs else ())),
    }[tier]
    one_of_each = {mutant.tests: mutant for mutant in mutants}
    for mutant in one_of_each.values() if tier == "tests" else mutants[:1]:
        if found := look(project, mutant):
            raise RuntimeError(f"{tier}: not content without a bug: {found}")
        print(f"{tier}: content without a bug ({' '.join(mutant.tests)})", flush=True)
    return look


def load_results(mutants: Sequence[Mutant], path: Path = RESULTS) -> dict[str, Caught]:
    """What is known already of each mutant as it is now."""
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return {
        mutant.name: known[mutant.name]["caught"]
        for mutant in mutants
        if known.get(mutant.name, {}).get("digest") == mutant.digest
    }


def save_results(
    mutants: Sequence[Mutant], results: Mapping[str, Caught], path: Path = RESULTS
) -> None:
    """Write what is known of all mutants, a line for each."""
    lines = [
        f"{json.dumps(m.name, ensure_ascii=False)}: "
        + json.dumps({"digest": m.digest, "caught": results[m.name]}, ensure_ascii=False)
        for m in mutants
        if m.name in results
    ]
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


def measure(
    mutants: Sequence[Mutant], results: dict[str, Caught], jobs: int, tiers: Sequence[str]
) -> None:
    """Fill in what ``results`` lacks; ``jobs`` mutants at a time, each in a copy of its own.

    The cheap tiers go first for all mutants, so that a run that is stopped has a column, not rows.
    """
    every = load_mutants()
    lock = threading.Lock()
    with tempfile.TemporaryDirectory(prefix="study-mutants-") as temporary:
        projects: queue.SimpleQueue[Path] = queue.SimpleQueue()
        for number in range(jobs):
            projects.put(copy_project(Path(temporary) / str(number)))
        # those of which the least is known go first
        least = sorted(mutants, key=lambda mutant: len(results.get(mutant.name, {})))

        def examine(tier: str, look: Callable[[Path, Mutant], str | None], mutant: Mutant) -> None:
            project, clock = projects.get(), time.perf_counter()
            path = project / mutant.file
            source = path.read_text(encoding="utf-8")
            replace_source(path, mutant.applied(source))
            try:
                found = look(project, mutant)
            except subprocess.TimeoutExpired:
                found = "hangs"
            replace_source(path, source)
            projects.put(project)
            with lock:
                results.setdefault(mutant.name, {})[tier] = found
                save_results(every, results)
            seconds = time.perf_counter() - clock
            print(f"{tier}: {mutant.name}: {found or '–'} ({seconds:.0f} s)", flush=True)

        with ThreadPoolExecutor(jobs) as pool:
            for tier in tiers:
                if missing := [m for m in least if tier not in results.get(m.name, {})]:
                    project = projects.get()
                    look = instrument(tier, project, Path(temporary) / f"runs of {tier}", missing)
                    projects.put(project)
                    list(pool.map(functools.partial(examine, tier, look), missing))


def table(mutants: Sequence[Mutant], results: Mapping[str, Caught]) -> list[str]:
    """Who catches what, in Markdown; ? where it has not been measured."""
    rows = [results.get(mutant.name, {}) for mutant in mutants]
    shares = []
    for tier, words in COLUMNS.items():
        measured = [row[tier] for row in rows if tier in row]
        caught = sum(found is not None for found in measured)
        of = f" of {len(measured)} measured" if len(measured) < len(rows) else ""
        share = f" ({100 * caught / len(measured):.0f} %)" if measured else ""
        shares.append(f"the {words} {caught}{of}{share}")
    together = sum(any(found is not None for found in row.values()) for row in rows)
    lines = [
        f"Of {len(rows)} planted bugs, caught: {', '.join(shares)}; by any of them {together}.",
        "",
        f"| planted bug | {' | '.join(COLUMNS.values())} |",
        "|---" * (1 + len(COLUMNS)) + "|",
    ]
    for mutant, row in zip(mutants, rows, strict=True):
        cells = [(row[tier] or "–") if tier in row else "?" for tier in COLUMNS]
        lines.append(f"| {mutant.name} | {' | '.join(cell.replace('|', '/') for cell in cells)} |")
    return lines


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", default="", metavar="WORD", help="the mutants with it")
    parser.add_argument("--tiers", default=",".join(TIERS), help="which, with commas between them")
    parser.add_argument("--again", action="store_true", help="also what is measured already")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="mutants at a time")
    parser.add_argument("--verdicts", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.verdicts is not None:  # what ``verdicts_of`` starts
        first_seed, folder = options.verdicts
        print(json.dumps(verdicts(int(first_seed), Path(folder))))
        return 0
    tiers = [tier for tier in TIERS if tier in options.tiers.split(",")]
    if not tiers or set(options.tiers.split(",")) - set(TIERS):
        parser.error(f"--tiers: expected some of {', '.join(TIERS)}, got {options.tiers}")
    every = load_mutants()
    mutants = [mutant for mutant in every if options.only in mutant.name]
    results = load_results(every)
    if options.again:
        for mutant in mutants:
            for tier in tiers:
                results.get(mutant.name, {}).pop(tier, None)
    measure(mutants, results, options.jobs, tiers)
    lines = table(every, results)
    print(lines[0])
    write_table(DOCS / "gate.md", "mutants", "make mutants", lines)
    return 0


if __name__ == "__main__":
    sys.exit(main())
