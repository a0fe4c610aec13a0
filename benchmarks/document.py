"""What all benchmarks share: their options, the machine, their section of docs/benchmarks.md."""

import argparse
import importlib.metadata
import os
import platform
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tables import DOCS, replace_section
from threadpoolctl import threadpool_info

DOCUMENT = DOCS / "benchmarks.md"


def options(description: str | None, arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line of a benchmark; all have the same, so that ``make`` can pass it on."""
    parser = argparse.ArgumentParser(description=(description or "").splitlines()[0])
    parser.add_argument("--write", action="store_true", help=f"also into docs/{DOCUMENT.name}")
    parser.add_argument("--tiny", action="store_true", help="see that it runs; no figure counts")
    parser.add_argument("--large", action="store_true", help="report.py: 100,000 records as well")
    return parser.parse_args(arguments)


def publish(section: str, parts: Sequence[str], *, write: bool) -> None:
    """Print the parts of ``section``, and put them between its marks in the document if asked to.

    Raises:
        ValueError: the document has no such marks.
    """
    text = "\n\n".join(parts)
    print(text)
    if write:
        replace_section(DOCUMENT, section, text)


def machine(*packages: str) -> str:
    """The machine and the versions, in one sentence."""
    blas = [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
    blas = [pool for pool in blas if "numpy" in pool["filepath"]] or blas  # SciPy has its own
    kernels = {f"{b['internal_api']} {b['version']} ({b.get('architecture')})" for b in blas}
    versions = [f"{name} {version(name) or 'not installed'}" for name in packages]
    return (
        f"*Machine:* {processor()}, {cores()} cores, {platform.system()};"
        f" Python {platform.python_version()}, NumPy {np.__version__} with"
        f" {', '.join(sorted(kernels)) or 'an unknown BLAS'}"
        + (f"; {', '.join(versions)}" if versions else "")
        + "."
    )


def processor() -> str:
    """The processor's name."""
    try:
        names = re.findall(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    except OSError:
        names = []
    return str(names[0]) if names else platform.processor() or platform.machine()


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def version(package: str) -> str | None:
    """Of an installed package, else None."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    return "\n".join(
        "| " + " | ".join(row) + " |" for row in (header, ["---"] * len(header), *rows)
    )


def spread(values: np.ndarray, digits: int = 2) -> str:
    """Median and quartiles."""
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
    return f"{middle:.{digits}f} ({low:.{digits}f}–{high:.{digits}f})"


@dataclass(frozen=True)
class Goal:
    """What was to be reached, and what was.

    Attributes:
        what: the quantity.
        limit: the goal.
        measured: the value; None where it could not be measured.
        unit: e.g. `` s``; stands right after the numbers.
        at_least: whether more is better.
        shown: ``measured`` in other words, e.g. with its spread.
    """

    what: str
    limit: float
    measured: float | None
    unit: str = ""
    at_least: bool = False
    shown: str = ""

    def row(self) -> list[str]:
        """A row of the table of goals."""
        sign = "≥" if self.at_least else "≤"
        goal = f"{sign} {self.limit:g}{self.unit}"
        if self.measured is None:
            return [self.what, goal, self.shown or "–", "not measured"]
        met = self.measured >= self.limit if self.at_least else self.measured <= self.limit
        shown = self.shown or f"{self.measured:.3g}{self.unit}"
        return [self.what, goal, shown, "yes" if met else "**no**"]


def goals(found: Iterable[Goal]) -> str:
    """The table of goals."""
    return table(["goal", "at", "measured", "met"], [goal.row() for goal in found])
