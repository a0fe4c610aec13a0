"""Does this machine compute the same bits? Its arithmetic, pinned where that is possible.

OpenBLAS and NumPy choose their code by the processor, and each choice rounds differently. Two
environment variables make that choice the same on every x86-64 processor since 2013; they are read
when NumPy is loaded, so that they need a process of its own. Whether it worked is not believed but
measured: ``fingerprint`` hashes what NumPy makes of fixed numbers, with nothing of this project in
it. Where two fingerprints are equal, any bit of a result that changed was changed by the code.
"""

import contextlib
import hashlib
import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from study.records.provenance import libraries

KERNEL = "Haswell"  # of OpenBLAS; needs AVX2 and FMA
# One thread: a product is cut differently for each number of threads.
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
SECONDS = 60.0  # for a process that takes a part of one


@dataclass(frozen=True)
class Arithmetic:
    """How numbers are rounded in a process.

    Attributes:
        fingerprint: 16 hex digits; equal ones give equal bits.
        words: NumPy, BLAS and its kernel, for a reader.
    """

    fingerprint: str
    words: str


def not_pinned() -> str | None:
    """Why the arithmetic cannot be pinned on this machine; None if it can."""
    machine, blas = platform.machine(), libraries()["blas"]
    if machine.lower() not in ("x86_64", "amd64"):
        return f"the processor is {machine or 'unknown'}, not x86-64"
    if blas != "openblas":
        return f"NumPy's BLAS is {blas}, not OpenBLAS"
    if not {"AVX2", "X86_V3"} & set(_simd()):
        return "the processor has no AVX2"
    return None


def _simd() -> list[str]:
    """Extensions of the processor that NumPy knows and has found."""
    found: Any = np.show_config(mode="dicts")
    extensions = found["SIMD Extensions"]
    return [*extensions.get("baseline", ()), *extensions.get("found", ())]


def pinned_environment() -> dict[str, str]:
    """The variables that pin the arithmetic of a new process; only the threads where they cannot.

    NumPy's own functions have variants beyond AVX2 for some processors, which are switched off.
    """
    variables = dict.fromkeys(THREADS, "1")
    if not_pinned() is None:
        beyond = [name for name in _simd() if name.startswith("AVX512") or name == "X86_V4"]
        variables |= {"OPENBLAS_CORETYPE": KERNEL}
        variables |= {"NPY_DISABLE_CPU_FEATURES": " ".join(beyond)} if beyond else {}
    return variables


@contextlib.contextmanager
def pinned() -> Iterator[None]:
    """Processes that are started meanwhile have the pinned arithmetic."""
    variables = pinned_environment()
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def pinned_arithmetic() -> Arithmetic | None:
    """The arithmetic of processes under ``pinned``; None if such a process cannot be started."""
    try:
        done = subprocess.run(
            [sys.executable, "-m", "study.gate.arithmetic"],
            env=os.environ | pinned_environment(),
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
        return Arithmetic(**json.loads(done.stdout)) if done.returncode == 0 else None
    except (OSError, ValueError, TypeError, subprocess.TimeoutExpired):
        return None


def arithmetic() -> Arithmetic:
    """The arithmetic of this process."""
    known = libraries()
    words = f"NumPy {known['numpy']}, {known['blas']} {known['blas_version']}"
    return Arithmetic(fingerprint(), f"{words}, kernel {known['blas_kernel']}")


def fingerprint() -> str:
    """16 hex digits of what NumPy makes of fixed numbers: products, functions, sums, draws."""
    digest = hashlib.sha256()
    for dtype in (np.float32, np.float64):
        for array in _computed(dtype):
            digest.update(np.ascontiguousarray(array).tobytes())
    rng = np.random.Generator(np.random.SFC64(np.random.SeedSequence(1, spawn_key=(2,))))
    for drawn in (
        rng.standard_normal(100),
        rng.permutation(101),
        rng.choice(1000, 50, replace=False),
        rng.bit_generator.random_raw(20),
    ):
        digest.update(np.ascontiguousarray(drawn).tobytes())
    return digest.hexdigest()[:16]


def _computed(dtype: Any) -> Iterator[NDArray[Any]]:
    """Results of the operations that a run consists of, in sizes that runs have."""
    ramp = (np.arange(40 * 784) * 0.61803398875 % 1 - 0.5).astype(dtype)
    for rows, a, b in ((30, 784, 50), (1, 784, 16), (40, 100, 100), (20, 16, 12), (7, 13, 10)):
        x, weight = ramp[: rows * a].reshape(rows, a), np.resize(ramp[::-1], (a, b))
        y = np.dot(x, weight)
        yield y
        yield np.dot(x.T, y)
        yield np.dot(y, weight.T)
        yield np.dot(np.full(rows, 1 / rows, dtype), y)
        yield np.exp(y - y.max(axis=0))
        yield np.tanh(y)
        yield np.log(np.exp(y).sum(axis=1))
        yield np.sqrt(np.square(y).mean(axis=0)) / (1 + np.abs(y).sum())
        yield np.reciprocal(1 + np.exp(-y))
        yield np.array([y.mean(dtype=np.float64), y.std(), np.linalg.norm(y), y.var()])
        if rows > 1:
            yield np.corrcoef(y.astype(np.float64)[:, :4], rowvar=False)
    yield np.linalg.svd(np.resize(ramp, (12, 10)).astype(np.float64), compute_uv=False)
    # Sums of more than 8,192 numbers, NumPy's buffer, are put together otherwise by 2.0 and by 2.4.
    for part in (ramp[:10_000], ramp):
        yield np.array(
            [np.square(part).mean(), (part**3).mean(), part.var(), np.abs(part).sum()], np.float64
        )


if __name__ == "__main__":
    print(json.dumps(asdict(arithmetic())))
