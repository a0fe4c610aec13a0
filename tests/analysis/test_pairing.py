"""Pairs: nothing is averaged unasked, what is missing is no effect, and what chooses is known."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

import builders_claims as make
import numpy as np
import pandas as pd
import pytest

from study.analysis.declarations import Part, Reduction
from study.analysis.metrics import measure
from study.analysis.pairing import (
    MergedCells,
    Side,
    by_seed,
    lacking,
    pairs,
    prepared,
    selected,
    sides,
)
from study.records.record import RunRecord


def rows_of(part: Part, records: Iterable[RunRecord]) -> dict[str, pd.DataFrame]:
    return selected(part, prepared(measure(make.results(records), "e", part.metric, part.options)))


def sides_of(
    part: Part, records: Iterable[RunRecord], chooser: Mapping[str, float] | None = None
) -> dict[str, Side]:
    return sides(part, rows_of(part, records), chooser=chooser or {})


def paired(
    part: Part, records: Iterable[RunRecord], chooser: Mapping[str, float] | None = None
) -> list[tuple[float, float]]:
    """Treatment and control of each pair, without what rounding adds."""
    table = pairs(part, sides_of(part, records, chooser))
    both = table[["treatment", "control"]].to_numpy().round(9)
    return [(float(treatment), float(control)) for treatment, control in both]


def grid(seeds: int = 2, **tests: float) -> list[RunRecord]:
    """Runs of names like ``on1``: with (``off`` without) decay, at the first learning rate."""
    return [
        make.run(seed, test=value + 0.01 * seed, lr=0.1 * int(name[-1]),
                 weight_decay=0.1 if name.startswith("on") else 0.0)
        for seed in range(seeds) for name, value in tests.items()
    ]  # fmt: skip


def merged(part: Part, records: Iterable[RunRecord]) -> tuple[str, ...]:
    with pytest.raises(MergedCells) as caught:
        sides_of(part, records)
    return caught.value.columns


def test_several_cells_of_a_side_are_not_averaged_unasked():
    records = grid(on1=0.5, on2=0.7, off1=0.2, off2=0.4)
    assert merged(make.part(), records) == ("lr",)
    part = make.part(reduce=Reduction("mean", ("lr",)))
    assert paired(part, records) == [(0.6, 0.3), (0.61, 0.31)]


def test_the_columns_named_are_those_that_differ_within_a_pair():
    records = [
        make.run(seed, lr=lr, activation=activation, weight_decay=0.1, num_epochs=epochs)
        for seed in range(2)
        for activation, epochs in (("relu", 3), ("tanh", 5))
        for lr in (0.1, 0.2)
    ]
    by_activation = make.part(against=0.0, paired_by=("seed", "activation"))
    assert merged(by_activation, records) == ("lr",)
    assert merged(make.part(against=0.0), records) == (
        "activation", "activation_class", "lr", "num_epochs",
    )  # fmt: skip
    over_one = make.part(against=0.0, reduce=Reduction("mean", ("lr",)))
    assert merged(over_one, records) == ("activation", "activation_class", "num_epochs")


def test_cells_are_as_they_are_declared_whatever_seed_they_have():
    records = grid(seeds=3, on1=0.5, on2=0.7)
    part = make.part(against=0.0)
    assert lacking(rows_of(part, records)["treatment"]) == 0
    without = [r for r in records if (r.config["seed"], r.config["lr"]) != (1, 0.2)]
    assert lacking(rows_of(part, without)["treatment"]) == 1
    assert lacking(rows_of(part, [])["treatment"]) == 0


def test_a_pair_that_only_one_side_has_is_there_without_a_number():
    records = grid(on1=0.5, on2=0.7, off1=0.2)
    part = make.part(paired_by=("seed", "lr"))
    found = [[str(side) for side in pair] for pair in paired(part, records)]
    assert found == [["0.5", "0.2"], ["0.7", "nan"], ["0.51", "0.21"], ["0.71", "nan"]]
    table = by_seed(part, pairs(part, sides_of(part, records)))
    assert table["control"].isna().all()  # a seed that lacks a number has none
    assert table["treatment"].tolist() == [pytest.approx(0.6), pytest.approx(0.61)]


def test_pairs_of_a_seed_are_averaged_last():
    records = grid(seeds=3, on1=0.5, on2=0.7, off1=0.2, off2=0.3)
    part = make.part(paired_by=("lr", "seed"))
    table = by_seed(part, pairs(part, sides_of(part, records)))
    assert table["seed"].tolist() == [0, 1, 2]
    assert table["treatment"].to_numpy() == pytest.approx([0.6, 0.61, 0.62])
    assert table["control"].to_numpy() == pytest.approx([0.25, 0.26, 0.27])


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
        ("min", (0.3, 0.2)), ("regret", (0.3, 0.1)),
    ],
)  # fmt: skip
def test_reductions(function: str, expected: tuple[float, float]):
    records = grid(seeds=1, on1=0.3, on2=0.9, on3=0.6, off1=0.4, off2=0.3, off3=0.2)
    part = make.part(reduce=Reduction(function, ("lr",)))
    assert paired(part, records) == [pytest.approx(expected)]
    assert not sides_of(part, records)["treatment"].levels


def test_a_difference_of_differences_is_an_interaction():
    records = grid(seeds=1, on1=0.3, on2=0.9, off1=0.4, off2=0.5)
    part = make.part(reduce=Reduction("difference", ("lr",)))
    assert paired(part, records) == [pytest.approx((0.6, 0.1))]


def by_address(records: Iterable[RunRecord], found: Mapping[tuple[int, float], float]):
    """What chooses, by seed and learning rate."""
    return {r.address: found[r.config["seed"], r.config["lr"]] for r in records}


BY = Reduction("best", ("lr",), by="valid_accuracy")
VALID = {(0, 0.1): 0.5, (0, 0.2): 0.6, (1, 0.1): 0.9, (1, 0.2): 0.7}


def test_validation_samples_choose_one_level_for_all_seeds():
    records = grid(on1=0.5, on2=0.9, off1=0.4, off2=0.3)  # the test would choose otherwise
    chooser = by_address(records, VALID)
    found = sides_of(make.part(reduce=BY), records, chooser)
    assert paired(make.part(reduce=BY), records, chooser) == [(0.5, 0.4), (0.51, 0.41)]
    assert found["treatment"].levels == [(0.1,)]
    assert set(found["treatment"].rows["lr"]) == {0.1}
    worst = make.part(reduce=replace(BY, function="worst"))
    assert paired(worst, records, chooser) == [(0.9, 0.3), (0.91, 0.31)]


def test_a_level_that_lacks_a_number_for_a_seed_is_not_chosen():
    records = grid(on1=0.5, on2=0.9, off1=0.4, off2=0.3)
    chooser = by_address(records, VALID | {(1, 0.1): np.nan})
    assert paired(make.part(reduce=BY), records, chooser) == [(0.9, 0.3), (0.91, 0.31)]
    none = sides_of(make.part(reduce=BY), records)["treatment"]
    assert (none.levels, len(none.rows)) == ([], 0)
    assert np.isnan(list(none.numbers.values())).all()


def test_of_equal_levels_the_first_is_chosen():
    records = grid(on2=0.9, on1=0.5, off2=0.4, off1=0.4)
    chooser = {record.address: 0.5 for record in records}
    found = sides_of(make.part(reduce=BY), records, chooser)
    assert found["treatment"].levels == [(0.1,)]


@pytest.mark.parametrize(("best", "edge"), [(1, True), (2, False), (3, True)])
def test_a_choice_at_the_end_of_a_list_is_an_edge(best: int, edge: bool):
    records = grid(seeds=1, **{f"on{i}": 0.5 for i in (1, 2, 3)}, off1=0.5, off2=0.5)
    chooser = {r.address: float(np.isclose(r.config["lr"], 0.1 * best)) for r in records}
    found = sides_of(make.part(reduce=BY), records, chooser)
    assert found["treatment"].edge == edge
    assert not found["control"].edge  # of two levels each is an end


def test_names_have_no_edge():
    records = [
        make.run(0, init=init, weight_decay=decay)
        for init in ("he", "xavier", make.normal(1.0))
        for decay in (0.0, 0.1)
    ]
    part = make.part(reduce=Reduction("best", ("init",), by="valid_accuracy"))
    found = sides_of(part, records, {record.address: 0.5 for record in records})
    assert found["treatment"].levels == [("he",)]
    assert not found["treatment"].edge


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
        make.run(seed, loss=loss, lr=lr, weight_decay=decay, activation=activation)
        for seed in range(2)
        for activation, losses in (("relu", (0.3, 0.5)), ("tanh", (0.9, 0.7)))
        for lr, loss in zip((0.1, 0.2), losses, strict=True)
        for decay in (0.0, 0.1)
    ]
    best = Reduction("best", ("lr",), held_out=True)
    part = make.part(metric="train_loss", reduce=best, paired_by=("seed", "activation"))
    assert [one for one, _ in paired(part, records)] == [0.3, 0.7] * 2
    assert sides_of(part, records)["treatment"].levels == [(0.1,), (0.2,)]


def test_each_side_may_have_its_own_reduction():
    records = grid(on1=0.3, on2=0.9, off1=0.4, off2=0.5)
    part = make.part(reduce=Reduction("best", ("lr",), held_out=True))
    assert paired(part, records)[0] == (0.9, 0.5)
    other = replace(part, reduce_control=Reduction("mean", ("lr",)))
    assert paired(other, records)[0] == (0.9, 0.45)


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
    part = make.part(treatment=union, against=0.0, paired_by=("seed", "activation"))
    assert paired(part, records) == [(0.5, 0.0), (0.7, 0.0)]


def test_cells_that_differ_in_any_key_are_apart():
    for more in (
        {"hidden": [100, 50]},
        {"dtype": "float64"},
        {"init": make.INITS["he"] | {"scale": 1.0}},
    ):
        records = [make.run(0, weight_decay=0.1), make.run(0, weight_decay=0.1, **more)]
        with pytest.raises(MergedCells):
            paired(make.part(against=0.0), records)
