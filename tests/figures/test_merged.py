"""Whatever a figure takes apart, it never averages runs of two cells."""

from itertools import product

import pytest
from builders_runs import figure, run, study
from hypothesis import given, settings
from hypothesis import strategies as st

from study.analysis.findings import Measured
from study.errors import ConfigError, MergedCellsError
from study.figures.making import make
from study.records.cells import CELL

AXES = {
    "init": ("he", "xavier"), "activation": ("relu", "tanh"), "batchnorm": (False, True),
    "dropout": (0.0, 0.2), "lr": (0.01, 0.1),
}  # fmt: skip
NAMES = st.sampled_from(sorted(AXES))


@st.composite
def declarations(draw):
    """Axes of a grid, which of them have a place in a figure, and which are pinned."""
    axes = draw(st.lists(NAMES, min_size=1, max_size=4, unique=True))
    places = draw(st.permutations(axes))
    keys = dict(zip(("x", "colour", "column", "row"), places, strict=False))
    dropped = draw(st.sets(st.sampled_from(sorted(keys)))) - {"x"}
    pinned = draw(st.sets(st.sampled_from(axes)))
    lacking = draw(st.integers(0, 3))
    return axes, {k: v for k, v in keys.items() if k not in dropped}, pinned, lacking


@settings(max_examples=60, deadline=None)
@given(declarations())
def test_no_figure_averages_different_cells(declared):
    axes, keys, pinned, lacking = declared
    cells = [dict(zip(axes, values, strict=True)) for values in product(*(AXES[a] for a in axes))]
    runs = [run(seed, **cell) for cell in cells[: len(cells) - lacking] for seed in range(2)]
    if not runs:
        return
    where = {name: AXES[name][0] for name in sorted(pinned)}
    panel = {place: keys[place] for place in ("row", "column") if place in keys}
    text = str(
        {"kind": "lines", "experiment": "e", "x": keys["x"], "y": "test_accuracy", "where": where}
        | ({"colour": keys["colour"]} if "colour" in keys else {})
        | ({"panel": panel} if panel else {})
    )
    results = study(e=runs)
    taken = set(keys.values()) | pinned
    try:
        made = make(figure(text, {"e": [*axes, "seed"]}), Measured(results))
    except (ConfigError, MergedCellsError):
        return
    assert set(axes) <= taken
    shown = results.runs("e")
    for name, value in where.items():
        shown = shown[shown[name] == value]
    by = list(made.summaries[0].plot.keys)
    assert not shown.empty or made.facts["shown"] == 0
    for _, own in shown.groupby(by):
        assert len(own.drop_duplicates(list(CELL))) == 1
    counted = made.summaries[0].cells["runs"].sum()
    assert counted == len(shown)


def test_runs_that_differ_without_an_axis_are_refused_when_it_is_made():
    runs = [
        run(seed, init=init, lr=lr)
        for init, lr in (("he", 0.1), ("xavier", 0.2))
        for seed in (0, 1)
    ]
    own = figure(
        "{kind: lines, experiment: e, x: epoch, rows: points, y: train_loss}", {"e": ["seed"]}
    )
    with pytest.raises(MergedCellsError, match=r"differ in init \(he, xavier\); lr"):
        make(own, Measured(study(e=runs)))


def test_where_takes_them_apart_as_well():
    runs = [run(seed, init=init) for init in ("he", "xavier") for seed in (0, 1)]
    text = "{kind: lines, experiment: e, x: epoch, rows: points, y: train_loss, where: {init: he}}"
    assert make(figure(text, {"e": ["init"]}), Measured(study(e=runs))).facts["runs"] == 2
