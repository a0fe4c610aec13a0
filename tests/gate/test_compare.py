"""The verdict of the gate on hand-made runs."""

import math
from dataclasses import replace

import numpy as np
import pytest
from builders_gate import (
    HE,
    RULES,
    SEEDS,
    XAVIER,
    baseline,
    changed,
    claim,
    config,
    diverged,
    failed,
    moved,
    record,
    records,
)

from study.gate.compare import check
from study.gate.result import ALL, CheckResult
from study.gate.rules import MetricRule, Rules
from study.records.record import RunRecord

QUIET = replace(RULES, metrics={"test_accuracy": RULES.metrics["test_accuracy"]})


def verdicts(result: CheckResult) -> dict[str, str]:
    return {c.cell: c.verdict for c in result.of_cells()}


# -- A


def test_the_same_runs_are_unchanged() -> None:
    result = check(baseline(), records(), RULES)
    assert (result.outcome, result.exit_code) == ("pass", 0)
    assert (result.compared, result.identical) == (3 * SEEDS, 3 * SEEDS)
    assert set(verdicts(result).values()) == {"unchanged"}
    assert list(result.notes) == []


def test_one_bit_changes_the_results_and_is_no_regression() -> None:
    runs = records()
    value = runs[0].final["test_accuracy"]
    runs[0].final["test_accuracy"] = math.nextafter(value, 1)
    result = check(baseline(), runs, RULES)
    assert (result.outcome, result.exit_code) == ("results changed", 5)
    assert verdicts(result)["he relu"] == "numerics changed"
    assert verdicts(result)["xavier relu"] == "unchanged"
    assert result.identical == 3 * SEEDS - 1
    (change,) = result.changes
    assert (change.cell, change.seed) == ("he relu", 0)
    (note,) = result.notes
    assert "something besides the seed decides" in note


def test_on_another_platform_bits_say_nothing_and_the_platform_is_named() -> None:
    before = baseline()
    before = replace(before, platform={**before.platform, "blas_kernel": "Other"})
    result = check(before, changed(moved(1e-9)), RULES)
    assert (result.outcome, list(result.changes), list(result.notes)) == ("pass", [], [])
    assert verdicts(result)["he relu"] == "within noise"
    assert "blas_kernel Other → " in (result.silent or "")


def test_runs_that_differ_in_their_curves_only_have_other_bits() -> None:
    runs = records()
    runs[0].history["batch_loss"][1] = 2.5
    result = check(baseline(), runs, RULES)
    assert (result.outcome, result.identical) == ("results changed", 3 * SEEDS - 1)
    (change,) = result.changes
    assert change.first == "in the learning curve or what is measured"
    assert change.size == "final metrics the same"


# -- B


@pytest.mark.parametrize("drop", [0.02, 0.1, 0.5])
def test_a_clear_drop_of_one_cell_is_a_regression(drop: float) -> None:
    result = check(baseline(), changed(moved(-drop, noise=0.002)), RULES)
    assert (result.outcome, result.exit_code) == ("regression", 1)
    first = result.comparisons[0]
    assert (first.cell, first.metric, first.verdict) == (
        "he relu", "test_accuracy", "regression",
    )  # fmt: skip
    assert first.change.mean == pytest.approx(-drop, abs=0.002)
    assert first.change.high < 0
    assert first.p_holm <= RULES.alpha
    assert first.now == pytest.approx(first.baseline - drop, abs=0.002)
    assert verdicts(result)["xavier relu"] == "unchanged"


def test_a_drop_within_the_margin_is_no_regression_however_certain_it_is() -> None:
    result = check(baseline(), changed(moved(-0.009)), RULES)
    assert result.outcome == "results changed"
    worst = result.comparisons[0]
    assert worst.change.high < 0
    assert worst.why == "within 1 point"


def test_a_large_drop_that_is_noise_is_no_regression() -> None:
    result = check(baseline(), changed(moved(-0.03, noise=0.05)), RULES)
    assert result.outcome == "results changed"
    worst = result.comparisons[0]
    assert worst.change.mean < -0.01
    assert worst.change.low < 0 < worst.change.high
    assert worst.why.startswith("noise: p = ")


def test_lower_is_better_for_losses_and_their_ratio_counts() -> None:
    worse = check(baseline(), changed(moved(times=1.2)), RULES)
    assert worse.outcome == "regression"
    assert worse.comparisons[0].metric == "train_loss"
    assert worse.comparisons[0].change.mean == pytest.approx(1.2)
    assert worse.comparisons[0].change.method == "log t"
    assert check(baseline(), changed(moved(times=1 / 1.2)), RULES).exit_code == 5


def test_an_improvement_is_a_change_too() -> None:
    result = check(baseline(), changed(moved(0.1, noise=0.002)), RULES)
    assert result.outcome == "results changed"
    assert verdicts(result)["he relu"] == "improvement"


def test_one_better_cell_does_not_hide_a_worse_one() -> None:
    runs = changed(moved(-0.1, noise=0.002))
    runs = [moved(0.3)(run) if run.config["dropout"] else run for run in runs]
    result = check(baseline(), runs, RULES)
    assert result.outcome == "regression"
    assert verdicts(result)["he relu, dropout 0.2"] == "improvement"


def test_a_small_drop_of_all_cells_shows_in_their_mean() -> None:
    result = check(baseline(), changed(moved(-0.008, noise=0.0005), everywhere=True), RULES)
    assert result.outcome == "regression"
    assert [c.cell for c in result.having("regression")] == [ALL]


def test_a_metric_may_be_left_out() -> None:
    assert check(baseline(), changed(moved(times=2)), QUIET).outcome == "results changed"


def test_intervals_leave_zero_out_just_where_the_corrected_test_rejects() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        noise = {run.address: float(rng.normal(-0.01, 0.015)) for run in records()}
        runs = [moved(noise[run.address])(run) for run in records()]
        for c in check(baseline(), runs, QUIET).comparisons:
            assert (c.change.high < 0 or c.change.low > 0) == (c.p_holm <= RULES.alpha)


def test_a_diverged_run_guesses() -> None:
    result = check(baseline(), changed(diverged), RULES)
    assert result.outcome == "regression"
    worst = next(c for c in result.comparisons if c.metric == "test_accuracy")
    assert worst.now == pytest.approx(0.1)
    assert f"{SEEDS} diverged, before 0" in worst.why


def test_divergence_is_no_improvement_of_a_loss_that_was_worse_than_guessing() -> None:
    before = [replace(r, final=r.final | {"train_loss": 50.0}) for r in records()]
    loss = replace(RULES, metrics={"train_loss": RULES.metrics["train_loss"]})
    result = check(baseline(runs=before), [diverged(run) for run in before], loss)
    assert not result.having("improvement")


# -- C


def with_claim(**part: object) -> Rules:
    return replace(QUIET, claims=(claim(**part),))  # type: ignore[arg-type]


def test_a_claim_that_is_no_longer_supported_flips() -> None:
    # a rule so wide that only the claim can see it
    rules = replace(
        with_claim(), metrics={"test_accuracy": MetricRule("higher", "difference", 0.9, 0.9)}
    )
    before = baseline(rules)
    assert before.claims["high"].verdict == "supported"
    result = check(before, changed(moved(-0.3, noise=0.01)), rules)
    assert result.outcome == "regression"
    (flip,) = result.flips
    assert (flip.before, flip.now, flip.part) == ("supported", "no_effect", "only")
    assert flip.change.mean == pytest.approx(-0.3, abs=0.02)
    assert check(before, changed(moved(-1.2, noise=0.01)), rules).flips[0].now == "refuted"


def test_noise_alone_does_not_flip_a_claim() -> None:
    rules = with_claim(smallest=0.595)  # the mean is at 0.6 ± 0.01 / √8
    rng = np.random.default_rng(1)
    quiet = [moved(float(rng.normal(0, 0.002)))(run) for run in records()]
    lifted = [moved(0.01)(run) for run in records()]
    before = baseline(rules, lifted)
    assert before.claims["high"].verdict == "supported"
    nearly = [moved(0.01 + (0.05 if run.config["seed"] == 0 else -0.012))(run) for run in quiet]
    result = check(before, nearly, rules)
    (found,) = result.claims
    assert found.now == "inconclusive"
    assert (found.verdict, result.outcome) == ("within noise", "results changed")
    assert "within noise" in found.why


def test_a_claim_without_numbers_flips() -> None:
    rules = with_claim(metric="train_loss", against=0.0, smallest=0.1)
    before = baseline(rules)
    assert before.claims["high"].verdict == "supported"
    result = check(before, changed(diverged), rules)
    assert [flip.claim for flip in result.flips] == ["high"]


def test_a_claim_whose_runs_are_missing_does_not_flip() -> None:
    rules = with_claim()
    result = check(baseline(rules), changed(failed), rules)
    assert not result.flips
    assert result.outcome == "runs failed"


def test_a_claim_that_is_decided_now_is_an_improvement() -> None:
    rules = with_claim(smallest=0.7)
    wide = baseline(rules, changed(moved(0.1, noise=0.05)))
    assert wide.claims["high"].verdict == "inconclusive"
    result = check(wide, changed(moved(0.3)), rules)
    assert result.claims[0].verdict == "improvement"
    assert result.outcome == "results changed"


def test_claims_that_come_and_go_are_named() -> None:
    assert "claims not in the baseline: high" in check(baseline(), records(), with_claim()).notes
    gone = check(baseline(replace(with_claim(), claims=(claim(), replace(claim(), id="old")))),
                 records(), with_claim())  # fmt: skip
    assert "claims no longer declared: old" in gone.notes


# -- failures, and what cannot be compared


def test_failed_runs_are_named_and_the_others_compared() -> None:
    runs = records()
    runs[3] = failed(runs[3], "Traceback\nValueError: broken")
    result = check(baseline(), runs, RULES)
    assert (result.outcome, result.exit_code) == ("runs failed", 2)
    (failure,) = result.failures
    assert (failure.cell, failure.seed, failure.why) == ("he relu", 3, "ValueError: broken")
    assert result.compared == 3 * SEEDS - 1


def test_missing_runs_are_failures() -> None:
    result = check(baseline(), records()[:-2], RULES)
    assert result.exit_code == 2
    assert {failure.why for failure in result.failures} == {"there is no record of it"}


def test_a_regression_is_said_even_if_other_runs_failed() -> None:
    runs = changed(moved(-0.1, noise=0.002))
    runs[-1] = failed(runs[-1])
    assert check(baseline(), runs, RULES).exit_code == 1


def test_without_a_baseline_nothing_is_comparable() -> None:
    result = check(None, records(), RULES)
    assert result.exit_code == 3
    assert list(result.incomparable) == ["there is no baseline"]


def test_other_data_are_not_compared() -> None:
    runs = records()
    for run in runs:
        run.provenance["data"] = run.provenance["data"] | {"checksum": "e" * 64}
    result = check(baseline(), runs, RULES)
    assert (result.exit_code, result.compared) == (3, 0)
    assert "other data: mnist5k has the checksum eeeeeeeeeeee" in result.incomparable[0]


def test_other_settings_are_named() -> None:
    runs = [
        record(config(seed, init=init, lr=0.5, **more))
        for init, more in ((HE, {}), (XAVIER, {}), (HE, {"dropout": 0.2}))
        for seed in range(SEEDS)
    ]
    result = check(baseline(), runs, RULES)
    assert result.exit_code == 3
    assert list(result.incomparable) == ["other settings: lr 0.01 → 0.5 (all cells)"]


def test_other_settings_of_one_cell_leave_the_rest_compared() -> None:
    runs = [run for run in records() if not run.config["dropout"]]
    runs += [record(config(seed, init=HE, dropout=0.5)) for seed in range(SEEDS)]
    result = check(baseline(), runs, RULES)
    assert (result.exit_code, result.compared) == (3, 2 * SEEDS)
    assert list(result.incomparable) == ["other settings: dropout 0.2 → 0.5 (he relu, dropout 0.2)"]


def test_other_seeds_are_named() -> None:
    runs = [record(config(seed + 100, **{"init": r.config["init"], "dropout": r.config["dropout"]}))
            for r in records() for seed in [r.config["seed"]]]  # fmt: skip
    assert check(baseline(), runs, RULES).incomparable == [
        "other settings: other seeds (all cells)"
    ]


def test_cells_that_the_baseline_does_not_know_change_nothing() -> None:
    more = [record(config(seed, init=HE, weight_decay=0.1)) for seed in range(SEEDS)]
    result = check(baseline(), [*records(), *more], RULES)
    assert result.outcome == "pass"
    assert "not in the baseline, not compared: he relu, decay 0.1" in result.notes


def test_no_records_at_all_are_failures_not_a_pass() -> None:
    assert check(baseline(), [], RULES).exit_code == 2


def test_the_rules_of_the_study_are_the_default() -> None:
    runs: list[RunRecord] = records()
    assert {c.metric for c in check(baseline(), runs).comparisons} == {
        "test_accuracy", "train_accuracy", "test_loss", "train_loss",
    }  # fmt: skip
