"""The numbers of sentences: as in a claim, but told and not judged."""

import math

import pytest
from builders_runs import made, run, study

from study.analysis.intervals import t_interval

PLOT = "kind: lines, experiment: e, x: lr, y: test_accuracy, colour: init, quantities: "
VARYING = {"e": ["lr", "init", "seed"]}
RATES = (0.01, 0.1)


def rates():
    """He gains 0.2 at the smaller rate and loses 0.1 at the larger; three seeds."""
    return study(
        e=[
            run(seed, init=init, lr=lr, test=0.5 + 0.01 * seed + change)
            for lr, changes in zip(RATES, ((0.0, 0.2), (0.0, -0.1)), strict=True)
            for init, change in zip(("xavier", "he"), changes, strict=True)
            for seed in range(3)
        ]
    )


def facts(quantities, results, rest=""):
    return made("{" + PLOT + "{" + quantities + "}" + rest + "}", results, **VARYING).facts


GAIN = "metric: test_accuracy, treatment: {init: he}, control: {init: xavier}"


def test_a_quantity_is_paired_by_seed():
    gain = facts("gain: {" + GAIN + ", where: {lr: 0.01}}", rates())["gain"]
    assert gain.effect.mean == pytest.approx(0.2)
    assert gain.effect.half_width == pytest.approx(0)
    assert gain.treatment == t_interval([0.7, 0.71, 0.72])
    assert (gain.runs, gain.diverged) == (6, 0)


def test_without_a_control_the_treatment_is_the_number():
    own = facts("he: {metric: test_accuracy, treatment: {init: he, lr: highest}}", rates())["he"]
    assert own.effect == own.treatment == t_interval([0.4, 0.41, 0.5 + 0.02 - 0.1])
    assert own.control is None


def test_lowest_and_highest_are_those_that_there_are():
    text = "speed: {metric: test_accuracy, where: {init: he}, "
    text += "treatment: {lr: highest}, control: {lr: lowest}}"
    assert facts(text, rates())["speed"].effect.mean == pytest.approx(-0.3)


def test_each_counts_the_combinations_and_names_the_ends():
    gain = facts("gain: {" + GAIN + ", each: [lr]}", rates())["gain"]
    assert (gain.count, gain.higher, gain.lower, gain.unclear) == (2, 1, 1, 0)
    assert (gain.least.level, gain.most.level) == ("lr=0.1", "lr=0.01")
    assert gain.least.effect.mean == pytest.approx(-0.1)


def test_the_best_level_may_be_chosen_by_the_metric_itself():
    text = "best: {metric: test_accuracy, where: {init: he}, treatment: {}, "
    text += "reduce: {function: best, over: lr}, control: {lr: 0.1}}"
    best = facts(text, rates())["best"]
    assert best.treatment_level == "0.01"
    assert best.effect.mean == pytest.approx(0.3)


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ("all higher", False), ("some higher", True), ("no unclear", True), ("no lower", False),
        ("[all higher, some lower]", True),
    ],
)  # fmt: skip
def test_cases_of_combinations(condition, holds):
    rest = ", cases: {up: {gain: " + condition + "}}"
    case = facts("gain: {" + GAIN + ", each: [lr]}", rates(), rest)["case"]
    assert case == ("up" if holds else "measured")


def outcome_of(runs, wanted):
    rest = ", cases: {up: {gain: " + wanted + "}}"
    return facts("gain: {" + GAIN + "}", study(e=runs), rest)["case"] == "up"


def two(he, xavier, **changes):
    return [
        *(run(seed, init="he", test=test, lr=0.1, **changes) for seed, test in enumerate(he)),
        *(run(seed, init="xavier", test=test, lr=0.1) for seed, test in enumerate(xavier)),
    ]


@pytest.mark.parametrize(
    ("he", "changes", "outcomes"),
    [
        ((0.6, 0.7), {}, {"higher"}),
        ((0.3, 0.4), {}, {"lower"}),
        ((0.3, 0.7), {}, {"unclear"}),
        ((0.4, 0.5), {}, {"unclear", "same"}),
        ((), {}, {"missing"}),
        ((0.6, 0.7), {"status": "diverged"}, {"unclear", "diverged"}),
    ],
)
def test_outcomes(he, changes, outcomes):
    runs = two(he, (0.4, 0.5), **changes)
    every = ("higher", "lower", "unclear", "same", "missing", "diverged")
    assert {each for each in every if outcome_of(runs, each)} == outcomes


def test_networks_that_learn_nothing_have_numbers_all_the_same():
    gain = facts("gain: {" + GAIN + "}", study(e=two((0.1, 0.1), (0.1, 0.12))))["gain"]
    assert gain.effect.mean == pytest.approx(-0.01)


def test_what_diverged_altogether_is_told_by_the_word():
    text = "loss: {metric: train_loss, treatment: {init: he}}"
    runs = two((0.1, 0.1), (0.5, 0.5), status="diverged")
    loss = facts(text, study(e=runs))["loss"]
    assert (loss.treatment, loss.treatment.mean, loss.known) == ("diverged", "diverged", True)


def test_what_never_reaches_a_level_is_counted_and_not_averaged():
    curve = {0: (0.1, 0.5, 0.9), 1: (0.1, 0.2, 0.3)}
    runs = [run(seed, init="he", lr=0.1, curve=own) for seed, own in curve.items()]
    text = "when: {metric: {name: epochs_to, level: 0.9}, treatment: {init: he}}"
    when = facts(text, study(e=runs), ", cases: {all: {when: reached}}")
    assert (when["when"].treatment.mean, when["when"].reached, when["when"].runs) == (2.0, 1, 2)
    assert when["case"] == "measured"


def test_what_was_not_run_is_missing():
    gain = facts("gain: {" + GAIN + "}", study(e=two((0.5, 0.6), ())))["gain"]
    assert not gain.known
    assert math.isnan(gain.effect.mean)
