"""Intervals: known small answers, coverage in simulation, pairs and clusters."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from study.analysis.intervals import (
    Estimate,
    Evidence,
    bootstrap_evidence,
    clustered_bootstrap,
    holm,
    log_t_interval,
    paired_difference,
    pairs,
    summarise,
    t_evidence,
    t_interval,
)
from study.errors import StudyError


def test_t_interval_of_three_known_values():
    estimate = t_interval([1.0, 2.0, 3.0])
    # t(0.975, 2 degrees) = 4.302653, standard error 1 / √3
    assert estimate.mean == 2
    assert estimate.half_width == pytest.approx(4.302653 / np.sqrt(3), rel=1e-6)
    assert (estimate.n, estimate.method) == (3, "t")


def test_t_interval_at_another_level_is_shorter():
    assert t_interval([1.0, 2.0, 3.0], level=0.5).half_width == pytest.approx(0.8164966 / 3**0.5)


@pytest.mark.parametrize("n", [6, 10, 20])
def test_t_interval_covers_the_true_mean_as_often_as_it_says(n):
    samples = np.random.default_rng(n).normal(3.0, 2.0, size=(4000, n))
    estimates = [t_interval(sample) for sample in samples]
    covered = np.mean([estimate.low <= 3.0 <= estimate.high for estimate in estimates])
    assert 0.93 <= covered <= 0.97


def test_values_that_are_not_finite_are_left_out_and_not_counted():
    assert t_interval([1.0, np.nan, 3.0, np.inf]) == t_interval([1.0, 3.0])
    assert t_interval(pd.Series([1, None, 3], dtype="Int64")) == t_interval([1.0, 3.0])


def test_one_value_has_a_mean_and_no_interval_and_none_has_neither():
    one = t_interval([0.7])
    assert (one.mean, one.n) == (0.7, 1)
    assert np.isnan([one.low, one.high]).all()
    none = t_interval([np.nan])
    assert none.n == 0
    assert np.isnan(none.mean)


def test_log_t_interval_is_the_geometric_mean():
    estimate = log_t_interval([1.0, 100.0])
    assert estimate.mean == pytest.approx(10)
    assert estimate.low * estimate.high == pytest.approx(100)
    assert estimate.method == "log t"
    assert log_t_interval([0.0, 2.0]) == t_interval([0.0, 2.0])


@pytest.fixture
def runs() -> pd.DataFrame:
    """Seeds far apart, and within each of them a difference of 0.1 (0.2 for seed 2)."""
    return pd.DataFrame(
        {
            "seed": [2, 0, 1, 1, 0, 2],
            "batchnorm": [True, False, True, False, True, False],
            "accuracy": [0.9, 0.1, 0.6, 0.5, 0.2, 0.7],
        }
    )


def test_paired_difference_pairs_by_seed_and_not_by_row(runs):
    estimate = paired_difference(runs, "accuracy", "batchnorm", True, False)
    assert estimate.mean == pytest.approx(0.4 / 3)
    assert estimate.n == 3
    assert estimate.half_width == pytest.approx(t_interval([0.1, 0.1, 0.2]).half_width)


def test_paired_difference_turns_its_sign_with_its_sides(runs):
    there = paired_difference(runs, "accuracy", "batchnorm", True, False)
    back = paired_difference(runs, "accuracy", "batchnorm", False, True)
    assert back.mean == pytest.approx(-there.mean)


def test_runs_without_a_partner_or_without_a_number_do_not_count(runs):
    lonely = pd.DataFrame({"seed": [7], "batchnorm": [True], "accuracy": [99.0]})
    broken = pd.DataFrame({"seed": [8, 8], "batchnorm": [True, False], "accuracy": [np.nan, 0.5]})
    more = pd.concat([runs, lonely, broken])
    assert paired_difference(more, "accuracy", "batchnorm", True, False) == paired_difference(
        runs, "accuracy", "batchnorm", True, False
    )


def test_a_level_that_is_not_there_has_no_pairs(runs):
    assert paired_difference(runs, "accuracy", "batchnorm", "other", False).n == 0


def test_pairs_agree_in_every_column_and_not_available_agrees_with_itself():
    frame = pd.DataFrame(
        {
            "seed": [0, 0, 0, 0],
            "std": [1.0, 1.0, np.nan, np.nan],
            "on": [False, True, False, True],
            "accuracy": [0.1, 0.2, 0.5, 0.9],
        }
    )
    paired = pairs(frame, "accuracy", "on", True, False, ["seed", "std"])
    assert paired["difference"].tolist() == pytest.approx([0.1, 0.4])


def test_several_runs_on_one_side_of_a_pair_count_once():
    frame = pd.DataFrame(
        {
            "seed": [0, 0, 0, 1, 1],
            "on": [False, True, True, False, True],
            "accuracy": [0.0, 0.2, 0.4, 0.0, 0.1],
        }
    )
    estimate = paired_difference(frame, "accuracy", "on", True, False)
    assert estimate.n == 2
    assert estimate.mean == pytest.approx(0.2)


def test_summarise_keeps_the_order_of_first_appearance_and_the_types_of_its_keys():
    frame = pd.DataFrame(
        {"init": ["xavier", "he", "xavier"], "seed": [0, 0, 1], "a": [1.0, 2.0, 3.0]}
    )
    table = summarise(frame, "init", ["a"])
    assert table["init"].tolist() == ["xavier", "he"]
    assert table["a"].tolist()[0] == t_interval([1.0, 3.0])
    assert all(isinstance(cell, Estimate) for cell in table["a"])
    assert summarise(frame, ["init", "seed"], ["a"])["seed"].dtype == "int64"
    assert summarise(frame[:0], "init", ["a"]).empty


def correlated(clusters: int, rng: np.random.Generator) -> tuple[pd.Series, pd.Series]:
    """Five values of each cluster that differ little from each other."""
    labels = np.arange(clusters).repeat(5)
    values = rng.normal(size=clusters).repeat(5) + 0.1 * rng.normal(size=5 * clusters)
    return pd.Series(values), pd.Series(labels)


def test_bootstrap_is_deterministic_whatever_the_order_of_the_rows():
    values, clusters = correlated(12, np.random.default_rng(0))
    first = clustered_bootstrap(values, clusters)
    order = np.random.default_rng(1).permutation(len(values))
    assert clustered_bootstrap(values, clusters) == first
    assert clustered_bootstrap(values[order], clusters[order]) == first
    assert clustered_bootstrap(values, clusters, seed=1) != first


def test_bootstrap_by_cluster_is_wider_than_by_value_where_clusters_are_correlated():
    values, clusters = correlated(12, np.random.default_rng(0))
    naive = clustered_bootstrap(values, pd.Series(np.arange(len(values))))
    assert clustered_bootstrap(values, clusters).half_width > 1.5 * naive.half_width


@pytest.mark.parametrize("k", [8, 24])
def test_bootstrap_covers_the_true_mean_also_with_few_clusters(k):
    rng = np.random.default_rng(k)
    covered = []
    for _ in range(600):
        estimate = clustered_bootstrap(*correlated(k, rng), draws=1000)
        covered.append(estimate.low <= 0 <= estimate.high)
    assert 0.92 <= np.mean(covered) <= 0.98


def test_bootstrap_of_another_statistic_agrees_with_the_fast_mean():
    values, clusters = correlated(6, np.random.default_rng(3))
    slow = clustered_bootstrap(values[:-2], clusters[:-2], lambda array: array.mean(), draws=300)
    fast = clustered_bootstrap(values[:-2], clusters[:-2], draws=300)
    assert slow[:3] == pytest.approx(fast[:3])


def test_bootstrap_counts_clusters_and_leaves_out_what_is_not_finite():
    values = pd.Series([1.0, np.nan, 3.0, np.nan])
    estimate = clustered_bootstrap(values, pd.Series(["a", "a", "b", "c"]))
    assert (estimate.mean, estimate.n, estimate.method) == (2.0, 2, "bootstrap")
    one = clustered_bootstrap(values, pd.Series(["a"] * 4))
    assert (one.mean, one.n) == (2.0, 1)
    assert np.isnan(one.low)
    assert clustered_bootstrap(values[1:2], pd.Series(["a"] * 4)).n == 0


def test_p_values_of_the_t_test():
    values = [1.0, 2.0, 4.0, 5.0]
    evidence = t_evidence(values)
    expected = stats.ttest_1samp(values, 1.5, alternative="greater").pvalue
    assert evidence.p_greater(1.5) == pytest.approx(expected)
    assert evidence.p_less(1.5) == pytest.approx(1 - expected)
    assert evidence.estimate == t_interval(values)


def test_p_value_at_an_end_of_the_interval_is_what_the_level_leaves():
    evidence = t_evidence([1.0, 2.0, 4.0, 5.0])
    assert evidence.p_greater(evidence.estimate.low) == pytest.approx(0.025)
    assert evidence.p_less(evidence.estimate.high) == pytest.approx(0.025)
    values, clusters = correlated(12, np.random.default_rng(0))
    bootstrap = bootstrap_evidence(values, clusters)
    assert bootstrap.p_greater(bootstrap.estimate.low) == pytest.approx(0.025, rel=0.02)
    assert bootstrap.p_less(bootstrap.estimate.high) == pytest.approx(0.025, rel=0.02)


def test_p_values_of_the_bootstrap_fall_without_end_and_without_a_jump():
    values, clusters = correlated(12, np.random.default_rng(0))
    evidence = bootstrap_evidence(values, clusters)
    centre = evidence.estimate.mean
    bounds = np.linspace(0, 3, 400)
    p = np.array([evidence.p_greater(centre - bound) for bound in bounds])
    assert (np.diff(p) <= 0).all()
    assert np.abs(np.diff(p)).max() < 0.02
    assert 0 < p[-1] < 1e-5
    mirrored = bootstrap_evidence(-values, clusters)
    assert mirrored.p_less(-centre + 1) == pytest.approx(evidence.p_greater(centre - 1), rel=0.5)


def test_bootstrap_evidence_is_that_of_the_clustered_bootstrap():
    values, clusters = correlated(12, np.random.default_rng(0))
    values[3] = np.nan
    evidence = bootstrap_evidence(values, clusters)
    assert evidence.estimate == clustered_bootstrap(values, clusters)
    order = np.random.default_rng(1).permutation(len(values))
    again = bootstrap_evidence(values[order], clusters[order])
    assert again.estimate == evidence.estimate
    assert again.p_greater(-0.5) == evidence.p_greater(-0.5)


def test_names_of_clusters_do_not_change_the_bootstrap():
    values, clusters = correlated(12, np.random.default_rng(0))
    renamed = clusters.map(lambda cluster: f"cell {(7 * cluster) % 12}")
    assert clustered_bootstrap(values, renamed) == clustered_bootstrap(values, clusters)


def test_equal_values_leave_no_doubt_and_too_few_leave_all():
    for evidence in (t_evidence([0.5] * 4), clustered_evidence([0.5] * 4, "aabc")):
        assert evidence.estimate[:3] == (0.5, 0.5, 0.5)
        assert (evidence.p_greater(0.4), evidence.p_greater(0.5), evidence.p_less(0.4)) == (0, 1, 1)
    for evidence in (t_evidence([0.5]), t_evidence([]), clustered_evidence([0.5, 0.6], "aa")):
        assert np.isnan([evidence.p_greater(0.4), evidence.p_less(0.4)]).all()
    assert clustered_evidence([0.5, 0.6], "aa").estimate.mean == pytest.approx(0.55)
    assert clustered_evidence([], "").estimate.n == 0


def clustered_evidence(values: list[float], clusters: str) -> Evidence:
    return bootstrap_evidence(pd.Series(values, dtype=float), pd.Series(list(clusters), dtype=str))


def test_holm_on_a_known_table():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, np.nan, 0.6]) == pytest.approx([1.0, np.nan, 1.0], nan_ok=True)
    assert holm([]).tolist() == []


def test_summarise_refuses_several_runs_of_one_seed():
    frame = pd.DataFrame({"init": ["he", "he"], "lr": [0.01, 0.1], "seed": [0, 0], "a": [1, 2]})
    assert len(summarise(frame, ["init", "lr"], ["a"])) == 2
    with pytest.raises(StudyError, match="agree in init"):
        summarise(frame, "init", ["a"])
