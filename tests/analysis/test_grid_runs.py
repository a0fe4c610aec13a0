"""An experiment as a grid: what varies in it is found in its runs, whatever it is."""

import builders_grid as make
import pytest

from study.analysis.declarations import recommended
from study.analysis.grid import Grid, varying

FACTORS = ("init", "activation", "batchnorm", "dropout", "weight_decay")
RECIPE = ("he", "relu", True, 0.2, 0.0)


def grid_of(records, missing=0):
    return Grid(make.results(records, missing), "grid", recommended())


def constant(**cell):
    return 0.5


@pytest.mark.parametrize(
    ("axes", "factors"),
    [
        ({}, ()),
        ({"momentum": [0.0, 0.9]}, ("momentum",)),
        ({"momentum": [0.0, 0.9], "dropout": [0.0, 0.2]}, ("dropout", "momentum")),
        ({"batch_size": [10, 100]}, ("batch_size",)),
        ({"train_size": [100, None]}, ("train_size",)),
        # what shows another column already, or has no effect beside it, is no factor
        ({"init": [make.INITS["normal 1"], make.INITS["he"]]}, ("init",)),
        ({"dropout": [0.0, 0.2], "dropout_scaling": ["train"]}, ("dropout",)),
        ({"hidden": [[10], [10, 10], [10, 10, 10]]}, ("depth",)),
        ({"hidden": [[5, 5], [10, 10]]}, ("width",)),
        ({"hidden": [[5], [10], [5, 5], [10, 10]]}, ("depth", "width")),
        ({"hidden": [[10, 5], [10, 7]]}, ("hidden",)),
        ({"hidden": [[10, 5], [10, 10, 10]]}, ("hidden",)),
    ],
    ids=str,
)  # fmt: skip
def test_factors_are_the_columns_that_vary(axes, factors):
    assert grid_of(make.crossed(constant, **axes)).factors == factors


def test_the_lectures_grid_has_its_five_and_a_sixth_is_one_more():
    five = make.full_grid(lambda cell, seed: 0.5, seeds=[0])
    assert grid_of(five).factors == FACTORS
    six = [make.record(cell, momentum=m) for cell in make.CELLS for m in (0.0, 0.9)]
    assert grid_of(six).factors == (*FACTORS, "momentum")
    assert len(grid_of(six).cells) == 240


def test_two_classes_of_one_name_are_two_cells():
    """Whatever two cells differ in, a factor takes it apart: nothing is averaged over them."""
    inits = [{"name": "mine", "_target_": target} for target in ("one.Mine", "other.Mine")]
    grid = grid_of(make.crossed(constant, init=[*inits, make.INITS["he"]]))
    assert grid.factors == ("init", "init_class")
    assert len(grid.cells) == 3
    assert all(row["n"] == 2 for row in grid.cells)


def test_cells_are_counted_and_averaged_by_the_levels_of_all_factors():
    records = make.crossed(
        lambda seed, momentum, batch_size: 0.5 + momentum / 10 + 0.01 * seed + batch_size / 1e4,
        momentum=[0.0, 0.5, 0.9], batch_size=[10, 100],
    )  # fmt: skip
    records[0] = make.record(make.BASE, 0, status="diverged", momentum=0.0, batch_size=10)
    grid = grid_of(records)
    assert grid.levels == {"momentum": [0.0, 0.5, 0.9], "batch_size": ["10", "100"]}
    assert [grid.cell_of(row) for row in grid.cells] == [
        (m, b) for m in (0.0, 0.5, 0.9) for b in ("10", "100")
    ]
    first, *_, last = grid.cells
    assert (first["n"], first["completed"], first["diverged"]) == (2, 1, 1)
    assert first["test_accuracy"].mean == pytest.approx((0.1 + 0.511) / 2)
    assert last["test_accuracy"].mean == pytest.approx(0.5 + 0.09 + 0.005 + 0.01)
    assert grid.ranking[0]["momentum"] == 0.9
    assert [row["rank"] for row in grid.ranking] == list(range(1, 7))


def test_what_does_not_apply_is_a_level_of_its_own():
    records = make.crossed(constant, batchnorm=[True], batchnorm_eps=[1e-7, 1e-3])
    records += make.crossed(constant, batchnorm=[False])
    grid = grid_of(records)
    assert grid.factors == ("batchnorm", "batchnorm_eps")
    assert [grid.cell_of(row) for row in grid.cells] == [
        (False, None), (True, 1e-7), (True, 1e-3),
    ]  # fmt: skip
    assert all(row["n"] == 2 for row in grid.cells)


def test_cells_without_runs_are_shown_only_where_runs_can_be_missing_from_them():
    records = make.crossed(constant, seeds=[0], momentum=[0.0, 0.9], dropout=[0.0, 0.2])
    assert len(grid_of(records[:3], missing=1).cells) == 4
    assert [row["missing"] for row in grid_of(records[:3], missing=1).cells] == [0, 0, 0, 1]
    assert len(grid_of(records[:3]).cells) == 3  # nobody asked for the fourth
    paired = [records[0], records[3]]  # two cells lack, but only one run does
    assert len(grid_of(paired, missing=1).cells) == 2


def test_recommended_cells_are_those_of_the_selection():
    five = grid_of(make.full_grid(lambda cell, seed: 0.5, seeds=[0]))
    found = [five.cell_of(row) for row in five.cells if five.is_recommended(row)]
    assert len(found) == 9  # an initial value for each activation; dropout, decay, both
    assert {cell[:3] for cell in found} == {
        ("he", "relu", True), ("xavier", "sigmoid", True), ("xavier", "tanh", True),
    }  # fmt: skip
    assert all(dropout or decay for *_, dropout, decay in found)


def test_what_does_not_vary_counts_for_the_recommendation():
    records = [make.record(RECIPE, momentum=momentum) for momentum in (0.0, 0.9)]
    grid = grid_of(records)
    assert grid.factors == ("momentum",)
    assert all(grid.is_recommended(row) for row in grid.cells)
    assert not any(grid.is_recommended(row, batchnorm=False) for row in grid.cells)
    assert not any(Grid(grid.results, "grid").is_recommended(row) for row in grid.cells)


def test_a_part_of_the_cells_has_the_factors_that_vary_there():
    whole = make.results(make.full_grid(lambda cell, seed: 0.5, seeds=[0]))
    part = Grid(whole, "grid", where=({"init": ("he", "xavier"), "dropout": (0.0,)},))
    assert part.factors == ("init", "activation", "batchnorm", "weight_decay")
    assert len(part.cells) == len(part.runs) == 24
    assert set(part.curves["address"]) == set(part.runs["address"])


def test_no_runs_have_no_cells():
    empty = grid_of([])
    assert (empty.factors, empty.cells, empty.ranking) == ((), [], [])
    assert varying(empty.runs) == ()
