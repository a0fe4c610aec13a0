"""Which cells ``lowest`` and ``highest`` stand for."""

import math

import pandas as pd

from study.figures.rows import resolved

STEPS = pd.DataFrame({"num_epochs": [math.nan, math.nan], "num_steps": [3.0, 3.0], "lr": [0.1, 1]})
WHERE = ({"num_epochs": ("lowest",), "lr": ("highest",)},)


def test_runs_told_in_updates_are_as_long_whatever_the_epochs():
    assert resolved(WHERE, STEPS) == ({"lr": (1.0,)},)


def test_of_epochs_that_there_are_the_extreme_is_taken():
    runs = STEPS.assign(num_epochs=[20.0, 10.0], num_steps=math.nan)
    assert resolved(WHERE, runs) == ({"num_epochs": (10.0,), "lr": (1.0,)},)


def test_a_number_that_nothing_has_selects_nothing():
    runs = STEPS.assign(num_steps=math.nan)
    assert resolved(WHERE[:1], runs)[0]["num_epochs"] == (math.inf,)
