"""Which machine computes the same bits, and how it is made to."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from study.gate import arithmetic
from study.gate.arithmetic import (
    KERNEL,
    fingerprint,
    not_pinned,
    pinned,
    pinned_arithmetic,
    pinned_environment,
)

needs_pinning = pytest.mark.skipif(not_pinned() is not None, reason=str(not_pinned()))


def in_a_process(**variables: str) -> dict[str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "study.gate.arithmetic"],
        capture_output=True, text=True, env=os.environ | variables, check=True,
    )  # fmt: skip
    assert done.stderr == ""
    return dict(json.loads(done.stdout))


def test_the_fingerprint_is_the_same_again() -> None:
    assert fingerprint() == fingerprint()
    assert len(fingerprint()) == 16


@pytest.mark.parametrize("name", ["exp", "tanh", "log", "sqrt", "reciprocal", "dot"])
def test_the_fingerprint_sees_one_bit_of_each_function(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, function = fingerprint(), getattr(np, name)
    monkeypatch.setattr(np, name, lambda *a, **k: np.nextafter(function(*a, **k), np.float32(9)))
    assert fingerprint() != before


@needs_pinning
def test_a_pinned_process_has_the_kernel_whatever_the_environment_said() -> None:
    found = pinned_arithmetic()
    assert found is not None
    assert KERNEL in found.words
    os.environ["OPENBLAS_CORETYPE"] = "Nehalem"
    try:
        assert pinned_arithmetic() == found
    finally:
        del os.environ["OPENBLAS_CORETYPE"]


@needs_pinning
def test_another_kernel_has_another_fingerprint() -> None:
    environment = pinned_environment()
    one = in_a_process(**environment)
    other = in_a_process(**environment | {"OPENBLAS_CORETYPE": "Nehalem"})
    assert one["fingerprint"] != other["fingerprint"]


def test_the_environment_is_as_before_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    before = dict(os.environ)
    with pinned():
        assert os.environ["OMP_NUM_THREADS"] == os.environ["OPENBLAS_NUM_THREADS"] == "1"
    assert dict(os.environ) == before


@pytest.mark.parametrize(
    ("machine", "blas", "simd", "reason"),
    [
        ("x86_64", "openblas", ["AVX2"], None),
        ("AMD64", "openblas", ["X86_V3"], None),
        ("aarch64", "openblas", ["NEON"], "the processor is aarch64, not x86-64"),
        ("x86_64", "mkl", ["AVX2"], "NumPy's BLAS is mkl, not OpenBLAS"),
        ("x86_64", "openblas", ["SSE42"], "the processor has no AVX2"),
    ],
)
def test_where_it_cannot_be_pinned_it_says_why(
    machine: str, blas: str, simd: list[str], reason: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arithmetic.platform, "machine", lambda: machine)
    monkeypatch.setattr(arithmetic, "libraries", lambda: {"blas": blas})
    monkeypatch.setattr(arithmetic, "_simd", lambda: simd)
    assert not_pinned() == reason
    assert ("OPENBLAS_CORETYPE" in pinned_environment()) == (reason is None)


def test_what_goes_beyond_avx2_is_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arithmetic, "not_pinned", lambda: None)
    monkeypatch.setattr(arithmetic, "_simd", lambda: ["X86_V2", "X86_V3", "X86_V4", "AVX512_ICL"])
    assert pinned_environment()["NPY_DISABLE_CPU_FEATURES"] == "X86_V4 AVX512_ICL"
