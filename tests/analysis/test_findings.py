"""One part of a claim: why it cannot be judged, and that no number stands in for it then."""

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import builders_claims as make
import numpy as np
import pytest

from study.analysis import findings
from study.analysis.declarations import Part, Reduction
from study.analysis.findings import Measured, examine
from study.records.record import RunRecord


def examined(part: Part, records: Iterable[RunRecord], **options: Any) -> findings.Tested:
    return examine(part, Measured(make.results(records, **options)))


def reason(part: Part, records: Iterable[RunRecord], **options: Any) -> str | None:
    """Why the part is not judged; that it has no number is checked."""
    found = examined(part, records, **options)
    if found.finding.reason is None:
        assert found.evidence is not None
        return None
    assert found.evidence is None
    finding = found.finding
    assert math.isnan(finding.p)
    assert (finding.verdict, finding.uncorrected) == ("not_judged",) * 2
    for estimate in (finding.effect, finding.narrow, finding.treatment):
        assert np.isnan(estimate[:3]).all() or finding.reason == "few_seeds"
    return finding.reason


def rates(train: float = 0.9, test: tuple[float, ...] = (0.5, 0.7, 0.6)) -> list[RunRecord]:
    """Six seeds with and without decay at three learning rates."""
    return [
        make.run(seed, lr=lr, weight_decay=decay, train=train + 0.001 * seed,
                 test=value + 0.01 * seed + 0.1 * decay)
        for seed in range(6) for decay in (0.0, 0.1)
        for lr, value in zip((0.1, 0.2, 0.3), test, strict=True)
    ]  # fmt: skip


def test_an_experiment_that_is_not_planned_was_not_run():
    assert reason(make.part(experiment="other"), make.both_sides(0.05)) == "not_run"


def test_a_side_without_cells_is_not_judged():
    part = make.part(treatment=make.cells(weight_decay=0.7))
    assert reason(part, make.both_sides(0.05)) == "no_cells"


def test_the_same_cells_on_both_sides_compare_nothing():
    records = [make.run(seed, weight_decay=0.1) for seed in range(8)]
    part = make.part(control=make.cells(weight_decay=(0.1, 0.5)))
    assert reason(part, records) == "same_cells"


def test_the_same_cells_reduced_in_another_way_are_compared():
    part = make.part(
        treatment=make.WITH, control=make.cells(weight_decay=(0.1, 0.5)),
        reduce=Reduction("max", ("lr",)), reduce_control=Reduction("mean", ("lr",)),
    )  # fmt: skip
    assert reason(part, rates()) is None


def test_merged_cells_are_named():
    found = examined(make.part(), rates()).finding
    assert (found.reason, found.detail["columns"]) == ("merged", "lr")
    assert reason(make.part(), rates()) == "merged"


def test_a_number_that_a_run_does_not_have_is_no_mean_of_the_others():
    records = make.both_sides(0.05)
    records[1] = make.run(0, status="diverged", weight_decay=0.1)
    assert reason(make.part(), records) is None  # at chance
    assert reason(make.part(metric="train_loss", smallest=0.1), records) == "no_value"
    assert reason(make.part(metric="train_loss", smallest=0.1, against=0.0), records) == "no_value"
    everywhere = [make.run(seed, status="diverged", weight_decay=0.1) for seed in range(8)]
    assert reason(make.part(metric="test_loss", smallest=0.1, against=0.0), everywhere) == (
        "no_value"
    )


def test_a_run_without_a_row_of_the_metric_has_no_value():
    weights = {"end": {"weights": {"ranks": [10, 5]}}}
    records = [make.run(s, weight_decay=0.1, measurements=weights) for s in range(7)]
    part = make.part(metric="weight_rank", options={"layer": 1}, against=9.0, smallest=0.1)
    assert reason(part, records) is None
    assert reason(part, [*records, make.run(7, weight_decay=0.1)]) == "no_value"


def test_an_infinite_number_is_none():
    records = make.both_sides(0.05)
    broken = replace(records[0], final=dict(records[0].final) | {"train_loss": math.inf})
    part = make.part(metric="train_loss", smallest=0.1)
    assert reason(part, [broken, *records[1:]]) == "no_value"


def test_a_ratio_of_what_is_not_positive():
    part = make.part(compare="ratio", smallest=1.25)
    records = [make.run(0, test=0.0, weight_decay=0.0), *make.both_sides(0.05)[1:]]
    assert reason(part, records) == "not_positive"


@pytest.mark.parametrize(("train", "expected"), [(0.12, "neither_learns"), (0.3, None)])
def test_sides_that_have_not_left_chance_decide_nothing(train: float, expected: str | None):
    records = [
        make.run(seed, weight_decay=decay, train=train, test=0.1 + decay + 0.001 * seed)
        for seed in range(6) for decay in (0.0, 0.1)
    ]  # fmt: skip
    assert reason(make.part(), records) == expected
    assert reason(make.part(metric="diverged"), records) is None  # no number of learning


def test_one_side_that_learns_is_enough():
    records = [
        make.run(seed, weight_decay=decay, train=0.1 if decay else 0.9, test=0.1 if decay else 0.8)
        for seed in range(6) for decay in (0.0, 0.1)
    ]  # fmt: skip
    found = examined(make.part(direction="less"), records)
    assert found.finding.reason is None
    assert found.finding.effect.mean == pytest.approx(-0.7)


def test_that_nothing_learns_can_be_a_claim_against_a_number_but_not_its_spread():
    at_chance = rates(train=0.1, test=(0.1, 0.1, 0.1))
    one = make.part(against=0.1, where=make.cells(lr=0.1), direction="at_most")
    assert reason(one, at_chance) is None
    spread = make.part(against=0.0, reduce=Reduction("range", ("lr",)), direction="equal")
    assert reason(spread, at_chance) == "neither_learns"
    assert reason(spread, rates()) is None


def test_runs_that_never_reach_a_level_decide_nothing():
    part = make.part(
        metric="epochs_to", options={"level": 0.95, "column": "train_accuracy"}, smallest=1.0
    )
    never = [make.run(s, weight_decay=d, train=0.5) for s in range(6) for d in (0.0, 0.1)]
    assert reason(part, never) == "neither_reaches"
    one = [make.run(s, weight_decay=d, train=0.5 + 5 * d) for s in range(6) for d in (0.0, 0.1)]
    found = examined(part, one).finding
    assert (found.reason, found.censored) == (None, 6)


def test_too_few_seeds_that_have_not_learned_show_no_number_either():
    records = [make.run(s, weight_decay=d, train=0.1) for s in range(2) for d in (0.0, 0.1)]
    found = examined(make.part(), records).finding
    assert found.reason == "few_seeds"
    assert math.isnan(found.effect.mean)


def test_levels_that_were_chosen_are_said_and_their_runs_compared():
    best = Reduction("best", ("lr",), held_out=True)
    found = examined(make.part(reduce=best), rates())
    assert found.finding.levels == {"treatment": [(0.2,)], "control": [(0.2,)]}
    assert found.finding.treatment_level == found.finding.control_level == "0.2"
    assert found.finding.edges == ()
    assert len(found.addresses) == 12
    ends = examined(make.part(reduce=best), rates(test=(0.5, 0.6, 0.7))).finding
    assert ends.edges == ("treatment", "control")


def test_of_the_validation_samples_a_loss_chooses_the_lowest_that_does_not_diverge(monkeypatch):
    by = Reduction("best", ("lr",), by="valid_loss")
    records = rates()
    measured = Measured(make.results(records))
    runs = measured.runs("e")
    loss = runs["lr"].map({0.1: 0.3, 0.2: 0.5, 0.3: 0.1})
    status = runs["status"].where((runs["lr"] != 0.3) | (runs["seed"] > 0), "diverged")
    with_losses = runs.assign(valid_loss=loss.where(status == "completed"), status=status)
    monkeypatch.setattr(Measured, "runs", lambda self, experiment: with_losses)
    found = examine(make.part(reduce=by), measured).finding
    assert found.levels["treatment"] == [(0.1,)]


def test_an_estimate_comes_with_its_narrow_interval():
    found = examined(make.part(), make.both_sides(0.05, noise=0.02)).finding
    assert found.effect.low < found.narrow.low < found.narrow.high < found.effect.high
    assert found.effect.mean == found.narrow.mean
    assert found.p == pytest.approx(found.p)
    assert found.uncorrected == "supported"
