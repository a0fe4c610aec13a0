"""Summaries in columns: what comes out is what went in, and what runs share is there once."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from builders_records import config, record

from study.records.record import RunSummary, loads
from study.records.segment import to_table
from study.records.summaries import Summaries


def summary(**changes: object) -> RunSummary:
    """As a segment gives it to those who load it."""
    seed = changes.pop("seed", 0)
    whole = replace(record(config(seed=seed)), **changes)
    return RunSummary.from_content(
        loads(to_table([whole], [whole.to_json()])["summary"][0].as_py())
    )


GIVEN = (
    summary(seed=3),
    summary(seed=4, status="diverged", diverged_at=0, final={"train_loss": float("nan")}),
    summary(seed=5, status="failed", error="no", final={}, timing={"total": 0.5}),
    summary(seed=6, final={"test_loss": 1.0, "test_accuracy": 0.1 + 0.2}),
    summary(seed=2**64 + 1),
)


def test_each_comes_back_as_it_was() -> None:
    kept = Summaries()
    for each in GIVEN:
        kept.add(each)
    assert len(kept) == len(GIVEN)
    for number in (2, 0, 4, 3, 1):
        found, given = kept[number], GIVEN[number]
        for name in ("address", "status", "diverged_at", "error", "timing", "provenance"):
            assert getattr(found, name) == getattr(given, name), name
        assert dict(found.config) == dict(given.config)
        assert list(found.final) == list(given.final)
        np.testing.assert_array_equal([*found.final.values()], [*given.final.values()])


def test_a_number_that_there_is_not_has_no_summary() -> None:
    with pytest.raises(IndexError):
        Summaries()[0]


def test_what_is_changed_in_one_is_not_changed_in_another() -> None:
    kept = Summaries()
    for each in GIVEN[:2]:
        kept.add(each)
    kept[0].final.clear()
    kept[0].provenance["started"] = "never"
    assert kept[0].final
    assert kept[0].provenance["started"] == kept[1].provenance["started"] != "never"


def test_a_thousand_take_less_than_half_a_megabyte() -> None:
    given = [summary(seed=seed) for seed in range(1000)]
    tracemalloc.start()
    kept = Summaries()
    for each in given:
        kept.add(each)
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(kept) == 1000
    assert size < 500_000
