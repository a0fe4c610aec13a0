"""Where a result comes from: code, libraries, machine, data."""

import ast
import functools
import hashlib
import importlib
import inspect
import os
import platform
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_info

import study

# The modules that decide what a run computes. A change in any other file reruns nothing.
RESULT_CODE = ("network", "data", "run.py")


@functools.lru_cache(maxsize=32)
def code_fingerprint(targets: tuple[str, ...] = ()) -> str:
    """Hash of the source that decides a run's result, without comments, docstrings or layout.

    Args:
        targets: dotted paths of classes that the configuration names; the modules of those that
            live outside this package are included, but not what these import in turn.
    """
    package = Path(study.__file__).parent
    files: list[Path] = []
    for part in RESULT_CODE:
        path = package / part
        files += sorted(path.rglob("*.py")) if path.is_dir() else [path]
    for target in targets:
        try:
            module = importlib.import_module(target.rpartition(".")[0])
        except Exception:  # then no run comes of it, but the record of the failure
            continue
        source = inspect.getsourcefile(module)
        if source and package not in Path(source).parents:
            files.append(Path(source))
    digest = hashlib.sha256()
    for file in files:
        digest.update(_code_only(file).encode())
    return digest.hexdigest()[:16]


@functools.cache
def _code_only(file: Path) -> str:
    """The syntax tree of ``file`` as text, docstrings removed."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(
            node
        ):
            node.body = node.body[1:]
    return ast.dump(tree)


@functools.lru_cache(maxsize=1)
def libraries() -> dict[str, str]:
    """Versions of what computes a result: Python, NumPy and its BLAS with the kernel in use.

    Another kernel rounds differently, so results are comparable bit by bit only where all of
    these agree.
    """
    pools: list[dict[str, Any]] = [p for p in threadpool_info() if p["user_api"] == "blas"]
    # SciPy brings a BLAS of its own; where NumPy does not, the one that is there serves both.
    pools.sort(key=lambda pool: "numpy" not in str(pool.get("filepath", "")))
    blas = pools[0] if pools else {}
    return {
        "python": platform.python_version(),
        "numpy": np.__version__,
        "blas": str(blas.get("internal_api", "unknown")),
        "blas_version": str(blas.get("version", "unknown")),
        "blas_kernel": str(blas.get("architecture", "unknown")),
    }


@functools.lru_cache(maxsize=1)
def machine() -> dict[str, Any]:
    """The processor, its cores and the operating system."""
    return {
        "cpu": _cpu_name(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
    }


def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown"
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


@functools.lru_cache(maxsize=1)
def commit() -> str | None:
    """Git commit of the code, with ``+`` where files differ from it; None outside a checkout."""
    package = Path(study.__file__).parent
    described = _git(package, "describe", "--always", "--abbrev=40", "--dirty=+", "--exclude=*")
    # A package installed into somebody else's checkout is not part of that checkout.
    tracked = _git(package, "ls-files", "--error-unmatch", "__init__.py")
    return described if tracked else None


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=10
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None if done.returncode == 0 else None


def provenance(targets: Iterable[str]) -> dict[str, Any]:
    """What a record says about its origin, but for the data set."""
    return {
        "study": study.__version__,
        "code": code_fingerprint(tuple(sorted(targets))),
        "commit": commit(),
        "libraries": libraries(),
        "machine": machine(),
    }
