"""A store, and what to put into it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from study.records import provenance
from study.records.store import RunStore


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path / "runs")


@pytest.fixture
def fresh_fingerprint() -> Iterator[None]:
    """What a fresh process knows of the code: nothing."""
    provenance.code_fingerprint.cache_clear()
    provenance._code_only.cache_clear()
    yield
    provenance.code_fingerprint.cache_clear()
    provenance._code_only.cache_clear()
