"""Experiments without a figure show by themselves; the example of the documentation, too."""

import pytest
import yaml
from builders_runs import run, study, texts, translated

from study.analysis.findings import Measured
from study.analysis.reading import Node, read
from study.chapters import columns_of
from study.figures.declare import automatic, axes_of, read_figure
from study.figures.making import draw, make
from study.figures.style import house_style

CURVE = (0.1, 0.5, 0.6)


def columns(*keys):
    return [column for key in keys for column in columns_of(key)]


@pytest.mark.parametrize(
    ("keys", "axes"),
    [
        (("depth", "init", "seed"), ["depth", "init"]),
        (("hidden", "seed"), ["hidden"]),
        (("depth", "width"), ["depth", "width"]),
        (("init.std", "batchnorm"), ["init", "batchnorm"]),
        (("seed",), []),
    ],
)
def test_axes_are_what_varies_by_itself(keys, axes):
    assert axes_of(columns(*keys)) == axes


AXES = {
    "init": ("he", "xavier"), "activation": ("relu", "leaky_relu"), "momentum": (0.0, 0.9),
    "dropout": (0.0, 0.1),
}  # fmt: skip


def crossed(names):
    cells = [{}]
    for name in names:
        cells = [{**cell, name: value} for cell in cells for value in AXES[name]]
    return study(e=[run(seed, curve=CURVE, **cell) for cell in cells for seed in range(2)])


@pytest.mark.parametrize(
    ("number", "kinds"),
    [
        (0, ["e-curves"]),
        (1, ["e-final", "e-curves"]),
        (2, ["e-cells", "e-curves"]),
        (3, ["e-cells", "e-curves"]),
        (4, ["e-cells"]),
    ],
)
def test_what_varies_decides_which_figures_there_are(number, kinds):
    names = list(AXES)[:number]
    figures = automatic("e", columns(*names, "seed"))
    assert [figure.id for figure in figures] == kinds
    measured = Measured(crossed(names))
    for figure in figures:
        made = make(figure, measured)
        assert made.facts["shown"] > 0
        assert len(made.table) >= 2 ** len(names)
        with house_style("ko"):
            assert texts(draw(figure, made, translated, "ko"))


DEPTH = """
title: {en: Test accuracy by depth}
kind: lines
experiment: depth
rows: runs               # runs | points | layers | a probe: which tidy frame
x: depth
y: test_accuracy
colour: init
panel: batchnorm
marks: [ends, diverged, chance]
"""


def test_the_example_of_the_documentation_is_drawn():
    node = Node("depth.yaml", "figures.a", yaml.safe_load(DEPTH))
    figure = read_figure(node, "a", {"depth": columns("depth", "init", "batchnorm", "seed")})
    results = study(
        depth=[
            run(seed, init=init, batchnorm=on, hidden=[10] * depth, test=0.9 - depth / 100)
            for depth in (2, 5, 10, 20)
            for init in ("xavier", "he")
            for on in (False, True)
            for seed in range(2)
        ]
    )
    made = make(figure, Measured(results))
    assert len(made.table) == 16
    with house_style():
        drawn = texts(draw(figure, made, translated))
    assert {"«without batch norm»", "«with batch norm»", "«he»", "«xavier»", "«chance»"} <= set(
        drawn
    )


def test_a_question_mark_in_braces_is_a_question_mark(tmp_path):
    (tmp_path / "a.yaml").write_text("title: {en: How deep before it stops learning?}\n")
    assert read(tmp_path / "a.yaml") == {"title": {"en": "How deep before it stops learning?"}}
