"""The data of the study: what changed of it is named."""

from typing import Any

import pytest
from builders_gate import HE, XAVIER, config

from study.edge.gate import declared_study
from study.gate.declared import Declaration, changed_claims, changed_study, declaration


def experiment(*cells: dict[str, Any]) -> Declaration:
    return declaration(config(seed, **cell) for cell in cells for seed in range(3))


GRID = experiment({"lr": 0.1}, {"lr": 0.1, "dropout": 0.2})


def changed(now: Declaration, before: Declaration = GRID) -> list[str]:
    return changed_study({"quick: grid": before}, {"quick: grid": now})


def test_the_same_cells_in_another_order_are_the_same() -> None:
    assert changed(experiment({"lr": 0.1, "dropout": 0.2}, {"lr": 0.1})) == []


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ([{"lr": 0.01}, {"lr": 0.01, "dropout": 0.2}], "lr 0.1 → 0.01"),
        ([{"lr": 0.1}, {"lr": 0.1, "dropout": 0.25}], "dropout 0.2 → 0.25"),
        ([{"lr": 0.1}, {"lr": 0.1, "dropout": 0.2}, {"lr": 0.2}], "lr – → 0.2, 6 → 9 runs"),
        ([{"lr": 0.1}], "dropout 0.2 → –, 6 → 3 runs"),
        ([{"lr": 0.1, "dtype": "float64"}, {"lr": 0.1, "dropout": 0.2}], "dtype – → float64"),
        (
            [{"lr": 0.1, "measure": ["weights"]}, {"lr": 0.1, "dropout": 0.2}],
            "measure – → ['weights']",
        ),
        (
            [{"lr": 0.1, "init": HE | {"scale": 1.0}}, {"lr": 0.1, "dropout": 0.2}],
            "init.scale – → 1",
        ),
    ],
)
def test_a_changed_setting_is_named(cells: list[dict[str, Any]], words: str) -> None:
    before = experiment({"lr": 0.1, "init": HE}, {"lr": 0.1, "dropout": 0.2, "init": HE})
    now = experiment(*({"init": HE} | cell for cell in cells))
    assert changed(now, before) == [f"grid: {words}"]


def test_the_same_values_in_other_cells_are_a_change() -> None:
    """Five epochs for the one batch size and fifty for the other, turned round."""
    one = experiment({"batch_size": 10, "num_epochs": 5}, {"batch_size": 50, "num_epochs": 50})
    two = experiment({"batch_size": 10, "num_epochs": 50}, {"batch_size": 50, "num_epochs": 5})
    assert changed(two, one) == ["grid: the same values in other combinations"]


def test_a_rate_that_moves_in_the_last_digit_is_a_change() -> None:
    one, two = (experiment({"lr": rate}) for rate in (0.1, 0.1000001))
    assert changed(two, one) == ["grid: lr 0.1 → 0.1000001"]


def test_presets_and_experiments_that_changed_alike_share_a_line() -> None:
    other = experiment({"lr": 0.01}, {"lr": 0.01, "dropout": 0.2})
    before = {f"{p}: {e}": GRID for p in ("quick", "full") for e in ("grid", "width")}
    assert changed_study(before, before | {"full: grid": other}) == ["grid (full): lr 0.1 → 0.01"]
    everywhere = dict.fromkeys(before, other)
    assert changed_study(before, everywhere) == ["grid, width: lr 0.1 → 0.01"]


def test_experiments_that_are_gone_are_a_change_and_new_ones_are_not() -> None:
    both = {"quick: grid": GRID, "quick: depth": GRID}
    assert changed_study(both, {"quick: grid": GRID}) == ["depth: gone"]
    assert changed_study({"quick: grid": GRID}, both) == []


def test_claims_that_changed_are_named() -> None:
    assert changed_claims({"D1": "a", "D2": "b", "D3": "c"}, {"D1": "a", "D2": "x"}) == [
        "claim D2: another rule (cells, metric, direction)",
        "claim D3: gone",
    ]


def test_the_study_is_declared_under_every_preset() -> None:
    study, claims = declared_study()
    assert {name.partition(": ")[0] for name in study} == {"default", "full", "quick"}
    assert study["full: grid"].values["lr"] == [0.1]
    assert study["full: grid"].cells == 720
    assert study["quick: activations"].values["dtype"] == ["float64"]
    assert {"D1", "W2", "G2"} <= set(claims)
    assert XAVIER["scale"] == 1
