"""The figures of a map say what its statistics say."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from study.analysis.deciding import strengths
from study.analysis.figures.multiverse import draw_curve, draw_deciding
from study.analysis.figures.style import PALETTE, PHONE, house_style

EFFECT = [0.03, -0.02, 0.0, 0.005, 0.012, -0.03, 0.001, 0.02]
AXES = pd.DataFrame(
    {
        "train_size": [1000, 16000, 4000, 4000, 2000, 14000, 6000, 1500],
        "activation": ["relu", "tanh"] * 4,
        "batchnorm": [True, False, False, True] * 2,
        "init.std": pd.Series([None, 0.1, None, 0.2, 0.3, 0.4, 0.5, 0.6], dtype=object),
        "constant": 3,
    }
)


def drawn(draw, *arguments, **options) -> Figure:
    with house_style():
        figure = draw(*arguments, str, **options)
        figure.canvas.draw()
    return figure


def test_effects_are_sorted_and_counted_by_what_they_mean():
    above, _ = drawn(draw_curve, EFFECT, AXES).axes
    points = [line for line in above.lines if line.get_marker() in "^ov"]
    heights = np.concatenate([line.get_ydata() for line in points])
    places = np.concatenate([line.get_xdata() for line in points])
    np.testing.assert_allclose(heights[np.argsort(places)], 100 * np.sort(EFFECT))
    labels = [text.get_text() for text in above.get_legend().get_texts()]
    assert labels == ["helps: 3", "no difference that matters: 3", "harms: 2"]


def test_the_panel_has_what_each_setting_drew_under_its_effect():
    figure = drawn(draw_curve, EFFECT, AXES)
    assert figure.get_figwidth() == PHONE
    below = figure.axes[1]
    order = np.argsort(EFFECT, kind="stable")
    texts = [text.get_text() for text in below.get_yticklabels()]
    assert texts == [
        "train_size  16000", "1000", "activation  relu", "tanh", "batchnorm  on", "off",
        "init.std  0.6", "0.1", "constant  3", "3",
    ]  # fmt: skip
    dashes = {}
    for line in below.lines:
        if line.get_marker() == "|":
            dashes[texts[list(below.get_yticks()).index(line.get_ydata()[0])]] = line.get_xdata()
    sorted_names = AXES["activation"].iloc[order].tolist()
    assert dashes["tanh"].tolist() == [i for i, name in enumerate(sorted_names) if name == "tanh"]
    dots = next(line for line in below.lines if line.get_marker() == ".").get_ydata()
    sizes = AXES["train_size"].iloc[order].to_numpy()
    assert (np.argsort(dots, kind="stable") == np.argsort(sizes, kind="stable")).all()


def test_a_marked_setting_is_where_its_effect_is():
    figure = drawn(draw_curve, EFFECT, AXES, marked=5)  # the smallest effect
    for axes in figure.axes:
        (line,) = [line for line in axes.lines if line.get_color() == PALETTE["orange"]]
        assert list(line.get_xdata()) == [0, 0]


def test_axes_come_by_strength_with_its_number():
    figure = drawn(draw_deciding, EFFECT, AXES)
    titles = [axes.get_title().split("\n") for axes in figure.axes if axes.get_title()]
    found = [each for each in strengths(EFFECT, AXES) if np.isfinite(each.strength)]
    assert [name for name, _ in titles] == [each.axis for each in found]
    assert len(found) == 4  # one does not vary
    sizes = dict(titles)["train_size"]
    assert sizes.startswith("ρ = −0.9")
    assert dict(titles)["activation"].startswith("η = ")


def test_every_setting_is_drawn_once_against_each_axis():
    figure = drawn(draw_deciding, EFFECT, AXES)
    for axes in figure.axes:
        if not axes.get_title().startswith(("train_size", "activation")):
            continue
        points = [line for line in axes.lines if line.get_marker() in ("^", "o", "v")]
        assert sum(len(line.get_xdata()) for line in points) == len(EFFECT)


@pytest.mark.parametrize("draw", [draw_curve, draw_deciding])
def test_nothing_to_show_is_said(draw):
    figure = drawn(draw, [], AXES.iloc[:0])
    assert [text.get_text() for axes in figure.axes for text in axes.texts] in (
        ["no runs"], ["nothing to compare"],
    )  # fmt: skip
