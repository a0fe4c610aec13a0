"""No two levels look alike, and a thing looks the same wherever it is."""

import pytest

from study.figures import style
from study.figures.looks import LINES, looks

KNOWN = ["he", "xavier", "glorot", "normal 1", "normal 0.01", "constant 0.01"]
FOREIGN = ["orthogonal", "leaky_relu", "he mode=fan_out", "xavier × 0.5", "selu"]


@pytest.mark.parametrize(
    ("column", "levels"),
    [
        ("init", [*KNOWN, *FOREIGN]),
        ("activation", ["relu", "sigmoid", "tanh", "leaky_relu", "gelu"]),
        ("batchnorm", [False, True]),
        ("lr", [0.001, 0.01, 0.1, 1.0]),
        ("init_std", [10.0**-i for i in range(16)]),
        ("momentum", [0.0, 0.5, 0.9]),
        ("metric", ["train_accuracy", "test_accuracy", "gap"]),
        ("init", [f"mine {i}" for i in range(20)]),
    ],
)
def test_no_two_levels_have_the_same_colour_and_line(column, levels):
    found = looks(column, levels)
    assert len({(each.colour, str(each.line)) for each in found.values()}) == len(levels)


def test_up_to_seven_levels_have_colours_of_their_own():
    for levels in (["he", "xavier", "orthogonal"], FOREIGN, [1, 2, 3, 4]):
        assert len({each.colour for each in looks("init", levels).values()}) == len(levels)


def test_what_is_known_looks_as_everywhere():
    found = looks("init", ["he", "orthogonal"])
    assert found["he"][:2] == (style.colour("he"), style.line_style("he"))
    assert looks("batchnorm", [True])[True][0] == style.colour("on")


def test_a_foreign_name_keeps_its_look_beside_others():
    alone = looks("init", ["orthogonal"])["orthogonal"]
    assert looks("init", ["orthogonal", "he"])["orthogonal"] == alone
    assert looks("init", ["he", "orthogonal"])["orthogonal"] == alone


def test_line_styles_differ_too_for_readers_who_see_no_colours():
    found = looks("lr", [0.1 * i for i in range(len(LINES))])
    assert len({str(each.line) for each in found.values()}) == len(LINES)
