"""Factorial arithmetic: planted effects are found, null effects are not, gaps do not bias."""

from functools import partial
from itertools import product

import numpy as np
import pandas as pd
import pytest

from study.analysis import effects
from study.analysis.effects import is_switch, levels, over_seeds
from study.analysis.intervals import t_interval

FACTORS = ("init", "activation", "batchnorm", "dropout", "weight_decay")
blocks, interaction, main_effects, spread_by, switch_effect = (
    partial(function, factors=FACTORS)
    for function in (
        effects.blocks, effects.interaction, effects.main_effects, effects.spread_by,
        effects.switch_effect,
    )
)  # fmt: skip

INIT = {"constant": -0.2, "xavier": 0.05, "he": 0.15}


def accuracy(init: str, activation: str, batchnorm: bool, dropout: float, seed: int) -> float:
    """Additive, but for batch norm, which helps xavier alone."""
    value = 0.5 + INIT[init] + 0.03 * (activation == "relu") - 0.1 * (dropout > 0)
    return value + 0.2 * (batchnorm and init == "xavier") + 0.05 * seed


@pytest.fixture
def frame() -> pd.DataFrame:
    rows = [
        (*cell, 0.0, seed, accuracy(*cell, seed))
        for *cell, seed in product(INIT, ("tanh", "relu"), (False, True), (0.0, 0.2), range(3))
    ]
    return pd.DataFrame(rows, columns=[*FACTORS, "seed", "accuracy"])


def effect_of(table: pd.DataFrame, factor: str, level: object) -> float:
    row = table[(table["factor"] == factor) & (table["level"] == level)]
    return row["effect"].item().mean


def test_main_effects_are_those_planted(frame):
    table = main_effects(frame, "accuracy")
    assert effect_of(table, "dropout", 0.2) == pytest.approx(-0.1)
    assert effect_of(table, "batchnorm", True) == pytest.approx(0.2 / 3)
    assert effect_of(table, "activation", "relu") == pytest.approx(0.015)
    assert effect_of(table, "activation", "tanh") == pytest.approx(-0.015)
    # with half of batch norm's help to xavier: 0.15 of a mean of 0.1 / 3
    assert effect_of(table, "init", "xavier") == pytest.approx(0.05 + 0.1 - 0.1 / 3)
    assert effect_of(table, "init", "he") == pytest.approx(0.15 - 0.1 / 3)


def test_a_switch_has_one_row_and_a_factor_of_one_level_none(frame):
    table = main_effects(frame, "accuracy")
    assert table["factor"].value_counts().to_dict() == {
        "init": 3, "activation": 2, "batchnorm": 1, "dropout": 1,
    }  # fmt: skip
    assert table.set_index("factor").loc["dropout", "against"] == 0


def test_an_effect_equal_in_all_cells_has_an_interval_of_no_length(frame):
    effect = switch_effect(frame, "accuracy", "dropout")["difference"]
    assert effect[:3] == pytest.approx((-0.1, -0.1, -0.1))


def test_what_counts_is_the_number_of_seeds_and_not_of_cells(frame):
    values = switch_effect(frame, "accuracy", "dropout")
    assert (values["difference"].n, values["difference"].method) == (3, "t")
    assert values["blocks"] == 3 * 2 * 2 * 3


def test_an_estimate_is_over_the_means_of_the_seeds(frame):
    rng = np.random.default_rng(0)
    noisy = frame.assign(accuracy=frame["accuracy"] + 0.1 * rng.standard_normal(len(frame)))
    found = switch_effect(noisy, "accuracy", "dropout")["difference"]
    on, off = (noisy[noisy["dropout"] == d].groupby("seed")["accuracy"].mean() for d in (0.2, 0.0))
    assert found[:4] == pytest.approx(t_interval(on - off)[:4])


def test_twins_among_the_cells_do_not_make_it_more_certain(frame):
    rng = np.random.default_rng(0)
    noisy = frame.assign(accuracy=frame["accuracy"] + 0.1 * rng.standard_normal(len(frame)))
    twice = pd.concat([noisy, noisy.assign(weight_decay=0.001)])
    one, two = (switch_effect(each, "accuracy", "dropout") for each in (noisy, twice))
    assert two["difference"][:4] == pytest.approx(one["difference"][:4])
    assert two["blocks"] == 2 * one["blocks"]


def test_a_seed_that_lacks_a_block_is_left_out(frame):
    bad = (frame["seed"] == 1) & (frame["init"] == "he") & frame["batchnorm"]
    values = switch_effect(frame[~bad], "accuracy", "dropout")
    assert values["difference"].n == 2
    assert values["off"].mean == pytest.approx(
        frame[(frame["dropout"] == 0) & (frame["seed"] != 1)]["accuracy"].mean()
    )
    other = (frame["seed"] == 0) & (frame["init"] == "xavier")
    third = (frame["seed"] == 2) & (frame["init"] == "constant")
    assert switch_effect(frame[~(bad | other | third)], "accuracy", "dropout") is None
    gaps = frame[~bad].set_index([*FACTORS, "seed"])["accuracy"]
    assert over_seeds(gaps).n == 2


def test_null_effects_mostly_have_zero_in_their_interval(frame):
    found = []
    for seed in range(20):
        noise = np.random.default_rng(seed).normal(size=len(frame))
        found += main_effects(frame.assign(accuracy=noise), "accuracy")["effect"].tolist()
    inside = [effect.low < 0 < effect.high for effect in found]
    assert 0.9 < np.mean(inside) < 0.99


def test_missing_runs_do_not_pass_for_an_effect(frame):
    """Without dropout only good runs are left: unpaired means would make it look harmful."""
    bad = (frame["init"] == "constant") & (frame["dropout"] == 0)
    table = main_effects(frame[~bad], "accuracy")
    assert effect_of(table, "dropout", 0.2) == pytest.approx(-0.1)
    missing_seed = frame[~((frame["seed"] == 2) & frame["batchnorm"])]
    assert effect_of(main_effects(missing_seed, "accuracy"), "batchnorm", True) == pytest.approx(
        0.2 / 3
    )


def test_interaction_is_the_departure_from_the_mean_difference(frame):
    table = interaction(frame, "accuracy", "init", "batchnorm").set_index("level")
    assert table.index.tolist() == list(INIT)
    assert table.loc["xavier", "difference"].mean == pytest.approx(0.2)
    assert table.loc["he", "difference"].mean == pytest.approx(0)
    assert table.loc["xavier", "interaction"].mean == pytest.approx(0.2 - 0.2 / 3)
    assert table.loc["he", "interaction"].mean == pytest.approx(-0.2 / 3)
    additive = interaction(frame, "accuracy", "init", "dropout")
    assert [row.mean for row in additive["interaction"]] == pytest.approx([0, 0, 0], abs=1e-12)


def test_a_level_without_pairs_has_no_row_and_leaves_the_others(frame):
    some = frame[~((frame["init"] == "he") & frame["batchnorm"])]
    table = interaction(some, "accuracy", "init", "batchnorm").set_index("level")
    assert table.index.tolist() == ["constant", "xavier"]
    assert table.loc["xavier", "difference"].mean == pytest.approx(0.2)
    assert table.loc["xavier", "interaction"].n == 0  # there is no block with all levels


def test_spread_is_largest_minus_smallest_within_a_block(frame):
    values = spread_by(frame, "accuracy", "init", "batchnorm")
    assert values["off"].mean == pytest.approx(0.35)
    assert values["on"].mean == pytest.approx(0.45)
    assert values["difference"].mean == pytest.approx(0.1)
    assert values["difference"].n == 3


def test_one_cell_is_judged_over_its_seeds(frame):
    one = frame[(frame["init"] == "he") & (frame["activation"] == "relu") & ~frame["batchnorm"]]
    noisy = one.assign(accuracy=[0.0, 0.1, 0.2, 0.5, 0.5, 0.5])
    estimate = switch_effect(noisy, "accuracy", "dropout")["difference"]
    assert (estimate.n, estimate.method) == (3, "t")
    assert estimate.mean == pytest.approx(0.4)


def test_one_seed_has_no_interval(frame):
    estimate = main_effects(frame[frame["seed"] == 0], "accuracy")["effect"].iloc[0]
    assert np.isfinite(estimate.mean)
    assert np.isnan(estimate.low)


def test_nothing_to_compare_is_no_error(frame):
    empty = frame[:0]
    assert main_effects(empty, "accuracy").empty
    assert blocks(empty, "accuracy", "init").empty
    assert interaction(empty, "accuracy", "init", "batchnorm").empty
    assert switch_effect(empty, "accuracy", "batchnorm") is None
    assert spread_by(frame[frame["batchnorm"]], "accuracy", "init", "batchnorm") is None
    assert interaction(frame[frame["batchnorm"]], "accuracy", "init", "batchnorm").empty


def test_levels_and_switches():
    frame = pd.DataFrame({"init": ["xavier", "he", "xavier"], "dropout": [0.2, 0.0, 0.2]})
    assert levels(frame, "init") == ["xavier", "he"]
    assert levels(frame, "dropout") == [0.0, 0.2]
    assert is_switch([False, True])
    assert is_switch([0.0, 0.2])
    assert not is_switch([0.1, 0.2])
    assert not is_switch(["he", "xavier"])
    assert not is_switch([0.0, 0.1, 0.2])


def test_names_that_are_numbers_go_by_size_and_what_does_not_apply_comes_last():
    sizes = pd.DataFrame({"batch_size": ["1000", "full", "10", "100"]})
    assert levels(sizes, "batch_size") == ["10", "100", "1000", "full"]
    widths = pd.DataFrame({"hidden": ["5×100", "100-50"]})
    assert levels(widths, "hidden") == ["5×100", "100-50"]
    epsilon = pd.DataFrame({"batchnorm_eps": [1e-3, np.nan, 1e-7]})
    assert levels(epsilon, "batchnorm_eps") == [1e-7, 1e-3, None]
    assert not is_switch([0.0, None])


def test_a_factor_that_does_not_apply_to_some_runs_is_compared_where_it_does(frame):
    """Epsilon is nothing without batch norm: that is a block of its own, and no level."""
    applies = pd.concat(
        [frame[frame["batchnorm"]].assign(weight_decay=value, bonus=10 * value)
         for value in (0.001, 0.002)]
    )  # fmt: skip
    runs = pd.concat([applies, frame[~frame["batchnorm"]].assign(weight_decay=np.nan, bonus=0)])
    runs["accuracy"] += runs["bonus"]
    table = main_effects(runs, "accuracy")
    assert effect_of(table, "weight_decay", 0.002) == pytest.approx(0.005)
    assert effect_of(table, "dropout", 0.2) == pytest.approx(-0.1)
    assert set(table["factor"]) == {"init", "activation", "dropout", "weight_decay"}
