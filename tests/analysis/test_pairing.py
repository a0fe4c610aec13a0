"""Pairs: what is missing on one side must not pass for an effect; reductions."""

from collections.abc import Iterable
from dataclasses import replace

import builders_claims as make
import pytest

from study.analysis.declarations import Part, Reduction
from study.analysis.metrics import measure
from study.analysis.pairing import pairs, prepared, selected
from study.errors import StudyError
from study.records.config import EvaluationConfig
from study.records.record import RunRecord


def paired(part: Part, records: Iterable[RunRecord]) -> list[tuple[float, float]]:
    """Treatment and control of each pair, without what rounding adds."""
    frame = prepared(measure(make.results(records), "e", part.metric, part.options))
    table = pairs(part, selected(part, frame))
    sides = table[["treatment", "control"]].to_numpy().round(9)
    return [(float(treatment), float(control)) for treatment, control in sides]


def grid(seeds: int = 2, **tests: float) -> list[RunRecord]:
    """Runs of names like ``on1``: with (``off`` without) decay, at the first learning rate."""
    return [
        make.run(seed, test=value + 0.01 * seed, lr=0.1 * int(name[-1]),
                 weight_decay=0.1 if name.startswith("on") else 0.0)
        for seed in range(seeds) for name, value in tests.items()
    ]  # fmt: skip


def test_several_runs_of_a_side_are_averaged():
    records = grid(on1=0.5, on2=0.7, off1=0.2, off2=0.4)
    assert paired(make.part(), records) == [(0.6, 0.3), (0.61, 0.31)]


def test_runs_that_differ_in_what_no_column_shows_are_averaged_too():
    other = {"evaluation": EvaluationConfig(points=7)}
    records = grid(seeds=1, on1=0.5, off1=0.2)
    records.append(make.run(0, test=0.7, lr=0.1, weight_decay=0.1, **other))
    assert paired(make.part(), records) == [(0.6, 0.2)]


def test_a_side_that_lacks_one_of_its_cells_has_no_pair():
    records = grid(seeds=3, on1=0.5, on2=0.7, off1=0.2, off2=0.4)
    # Seed 2 without its worst treatment would look better than it is.
    found = paired(make.part(), [r for r in records if r.final["test_accuracy"] != 0.52])
    assert found == [(0.6, 0.3), (0.61, 0.31)]


def test_a_factor_that_pairs_needs_both_sides_only_where_it_is():
    records = grid(on1=0.5, on2=0.7, off1=0.2)
    part = make.part(paired_by=("seed", "lr"))
    assert paired(part, records) == [(0.5, 0.2), (0.51, 0.21)]


def test_what_is_not_available_pairs_with_itself():
    records = [
        make.run(0, init=init, weight_decay=decay, test=test + 0.1 * (decay > 0))
        for init, test in (("he", 0.5), (make.normal(0.01), 0.2))
        for decay in (0.0, 0.1)
    ]
    part = make.part(paired_by=("seed", "init_std"))
    assert sorted(paired(part, records)) == [(0.3, 0.2), (0.6, 0.5)]


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        ("range", (0.6, 0.2)), ("sd", (0.3, 0.1)), ("mean", (0.6, 0.3)), ("max", (0.9, 0.4)),
        ("min", (0.3, 0.2)), ("regret", (0.3, 0.1)), ("best", (0.9, 0.4)), ("worst", (0.3, 0.2)),
    ],
)  # fmt: skip
def test_reductions(function: str, expected: tuple[float, float]):
    records = grid(seeds=1, on1=0.3, on2=0.9, on3=0.6, off1=0.4, off2=0.3, off3=0.2)
    part = make.part(reduce=Reduction(function, ("lr",)))
    assert paired(part, records) == [pytest.approx(expected)]


def test_a_difference_of_differences_is_an_interaction():
    records = grid(seeds=1, on1=0.3, on2=0.9, off1=0.4, off2=0.5)
    part = make.part(reduce=Reduction("difference", ("lr",)))
    assert paired(part, records) == [pytest.approx((0.6, 0.1))]


def test_a_range_is_over_the_levels_that_both_sides_have():
    records = grid(seeds=1, on1=0.5, on2=0.6, off1=0.5, off2=0.6, off3=0.1)
    part = make.part(reduce=Reduction("range", ("lr",)))
    assert paired(part, records) == [pytest.approx((0.1, 0.1))]


def test_a_seed_that_lacks_a_level_is_no_pair():
    records = grid(seeds=3, on1=0.5, on2=0.6, off1=0.5, off2=0.9)
    part = make.part(reduce=Reduction("range", ("lr",)))
    kept = [r for r in records if r.final["test_accuracy"] != 0.91]
    assert paired(part, kept) == [(0.1, 0.4), (0.1, 0.4)]


def test_best_is_one_level_for_all_seeds_and_not_the_best_run_of_each():
    records = [
        make.run(seed, test=test, lr=lr, weight_decay=decay)
        for seed, tests in enumerate([(0.5, 0.4), (0.5, 0.8), (0.5, 0.6)])
        for lr, test in zip((0.1, 0.2), tests, strict=True)
        for decay in (0.0, 0.1)
    ]
    part = make.part(reduce=Reduction("best", ("lr",)))
    assert [one for one, _ in paired(part, records)] == [0.4, 0.8, 0.6]
    worst = make.part(reduce=Reduction("worst", ("lr",)))
    assert [one for one, _ in paired(worst, records)] == [0.5, 0.5, 0.5]


def test_a_level_that_is_held_out_is_not_chosen_by_its_own_luck():
    lucky = [(0.5, 0.4), (0.5, 0.4), (0.5, 0.9)]  # the second is better in one seed only
    records = [
        make.run(seed, test=test, lr=lr, weight_decay=decay)
        for seed, tests in enumerate(lucky)
        for lr, test in zip((0.1, 0.2), tests, strict=True)
        for decay in (0.0, 0.1)
    ]
    held_out = make.part(reduce=Reduction("best", ("lr",), held_out=True))
    # Without seed 2 the first is better, so that it is judged there; with it the second.
    assert [one for one, _ in paired(held_out, records)] == [0.4, 0.4, 0.5]


def test_best_of_a_loss_is_the_lowest_and_each_group_has_its_own():
    records = [
        make.run(0, loss=loss, lr=lr, weight_decay=decay, activation=activation)
        for activation, losses in (("relu", (0.3, 0.5)), ("tanh", (0.9, 0.7)))
        for lr, loss in zip((0.1, 0.2), losses, strict=True)
        for decay in (0.0, 0.1)
    ]
    part = make.part(
        metric="train_loss", reduce=Reduction("best", ("lr",)), paired_by=("seed", "activation")
    )
    assert [one for one, _ in paired(part, records)] == [0.3, 0.7]


def test_each_side_may_have_its_own_reduction():
    records = grid(seeds=1, on1=0.3, on2=0.9, off1=0.4, off2=0.5)
    part = make.part(reduce=Reduction("best", ("lr",)))
    assert paired(part, records) == [(0.9, 0.5)]
    other = replace(part, reduce_control=Reduction("mean", ("lr",)))
    assert paired(other, records) == [(0.9, 0.45)]


def test_a_union_of_cells_and_levels_that_agree_to_five_digits():
    records = [
        make.run(0, init=make.normal(std), activation=activation, test=test, weight_decay=0.1)
        for std, activation, test in (
            (0.08576958985908941, "relu", 0.5), (0.0857, "relu", 0.1), (0.5, "tanh", 0.7),
            (0.5, "relu", 0.2),
        )
    ]  # fmt: skip
    union = (
        {"init_std": (0.0857696,), "activation": ("relu",)},
        {"activation": ("tanh",)},
    )
    assert paired(make.part(treatment=union, against=0.0), records) == [pytest.approx((0.6, 0.0))]


def test_the_same_cell_twice_is_an_error_that_names_both_runs():
    one, other = make.run(0, weight_decay=0.1), make.run(0, weight_decay=0.1)
    other.address = "f" * 20
    with pytest.raises(StudyError, match=f"{one.address} and {other.address} .*'e'"):
        paired(make.part(against=0.0), [one, other])


def test_cells_that_differ_in_any_key_are_apart():
    records = [
        make.run(0, weight_decay=0.1, **more)
        for more in (
            {},
            {"hidden": [100, 50]},
            {"dtype": "float64"},
            {"init": make.INITS["he"] | {"scale": 1.0}},
        )
    ]
    assert len(paired(make.part(against=0.0), records)) == 1
