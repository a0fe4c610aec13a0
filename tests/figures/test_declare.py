"""Declarations that cannot be: one line each, with key, expectation, what came and the choices."""

import pytest
from builders_runs import figure

from study.errors import ConfigError

PLAIN = "{kind: lines, experiment: depth, x: depth, y: test_accuracy, colour: init"
VARYING = {"depth": ["depth", "init", "seed"], "voting": ["seed"], "activations": ["init"]}


def problem(text, others=None):
    with pytest.raises(ConfigError) as caught:
        figure(text, VARYING, others)
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (PLAIN + ", kind: bars}", "figures: a.kind: expected one of the choices, got 'bars'"),
        (PLAIN + ", experiment: width}", "a.experiment: expected one of the choices, got 'width'"),
        (PLAIN + ", x: width}", "a.x: expected an axis that varies, got 'width' (choices: depth"),
        (PLAIN + ", x: dept}", "did you mean depth?"),
        (PLAIN + ", y: accuracy}", "a.y: expected one of the choices, got 'accuracy'"),
        (PLAIN + ", colour: dropout}", "a.colour: expected a column that varies, got 'dropout'"),
        (PLAIN + ", colour: metric}", "a.colour: expected several y for metric, got 'metric'"),
        (PLAIN + ", panel: batchnorm}", "a.panel: expected a column that varies"),
        (PLAIN + ", panel: init}", "expected each column once as x, colour or panel"),
        (PLAIN + ", rows: dots}", "a.rows: expected one of the choices, got 'dots'"),
        (PLAIN + ", marks: [arrows]}", "a.marks[0]: expected one of the choices, got 'arrows'"),
        (PLAIN + ", marks: [{chance: 3}]}", "a.marks[0].chance: expected no options, got 3"),
        (PLAIN + ", marks: [{level: 0.9}]}", "expected rows: points"),
        (PLAIN + ", marks: [ends, ends]}", "a.marks: expected each mark once"),
        (PLAIN + ", marks: [{theory: open('x')}]}", "a.marks[0].theory: expected a formula of x"),
        (PLAIN + ", marks: [gap]}", "expected from and to, or two measures"),
        (PLAIN + ", scale: {x: cubic}}", "a.scale.x: expected one of the choices, got 'cubic'"),
        (PLAIN + ", height: 0}", "a.height: expected inches, at most 12, got 0"),
        (PLAIN + ", where: {dept: 2}}", "a.where.dept: expected a known key"),
        (PLAIN + ", where: {init: he}}", "a.colour: expected a column that varies, got 'init'"),
        (PLAIN + ", wher: {}}", "a.wher: expected a known key, got 'wher'"),
        (PLAIN + ", title: {ko: 제목}}", "a.title.en: expected a value, got None"),
        (PLAIN + ", labels: {x: {ko: 깊이}}}", "a.labels.x.en: expected a value"),
        (PLAIN + ", y: [test_accuracy, train_loss]}", "a.y: expected measures of one unit"),
        (PLAIN + ", y: [test_accuracy, train_accuracy]}", "a.y: expected one measure, or colour"),
        (PLAIN + ", table: [speed]}", "a.table[0]: expected one of the choices, got 'speed'"),
        ("{kind: lines, experiment: depth, x: depth}", "a.y: expected a value, got None"),
        (
            "{kind: lines, experiment: depth, x: depth, y: test_accuracy}",
            "a.where: expected one value of init, or init as x, colour or panel: its cells differ",
        ),
        (
            "{kind: lines, experiment: depth, rows: points, x: layer, y: train_loss, colour: init}",
            "a.x: expected an axis that varies, got 'layer' (choices: step, epoch,",
        ),
        (
            "{kind: lines, experiment: voting, rows: voting, x: voters, y: votes}",
            "a.y: expected one of the choices, got 'votes' (choices: vote, single, full)",
        ),
        (
            "{kind: histograms, experiment: activations, panel: init}",
            "a.panel: expected layer as a panel: layers differ",
        ),
        (
            "{kind: histograms, experiment: activations, rows: weight_histogram, of: activation}",
            "a.of: expected nothing: there is one histogram",
        ),
        ("{kind: own, own: 9-a, experiment: depth}", "a.own: expected one of the choices"),
        (PLAIN + ", stack: []}", "a.stack: expected at least one plot"),
        (PLAIN + ", stack: [{y: speed}]}", "a.stack[0].y: expected one of the choices"),
        (PLAIN + ", like: b}", "a.like: expected another figure, got 'b'"),
        (PLAIN + ", measured: {en: '{gain.effect}'}}", "got '{gain.effect}' (choices: shown,"),
        (PLAIN + ", measured: {en: '{x_highest:feet}'}}", "expected a format, got 'feet'"),
        (PLAIN + ", measured: {en: 'a { b'}}", "expected a sentence with placeholders"),
        (PLAIN + ", alt: {gain: {en: a}}}", "a.alt.gain: expected a known key"),
        (PLAIN + ", quantities: {runs: {}}}", "expected a name that is not taken, got 'runs'"),
        (PLAIN + ", cases: {up: {gain: higher}}}", "a.cases.up.gain: expected a known key"),
    ],
)  # fmt: skip
def test_a_wrong_declaration_says_what_is_wrong(text, said):
    assert said in problem(text)


GAIN = "gain: {metric: test_accuracy, treatment: {init: he}, control: {init: xavier}"


@pytest.mark.parametrize(
    ("quantity", "said"),
    [
        (GAIN + ", each: [dropout]}", "quantities.gain.each: expected one of the choices"),
        (GAIN + ", experiment: width}", "quantities.gain.experiment: expected one of the choices"),
        (GAIN + ", direction: less}", "quantities.gain.direction: expected a known key"),
        (GAIN + ", where: {depth: largest}}", "expected a number, null, lowest or highest"),
        (GAIN + ", where: {batchnorm: maybe}}", "gain.where.batchnorm: expected true or false"),
    ],
)
def test_a_wrong_quantity_says_what_is_wrong(quantity, said):
    assert said in problem(PLAIN + ", quantities: {" + quantity + "}}")


def test_the_outcomes_of_a_quantity_for_each_combination_are_others():
    each = PLAIN + ", quantities: {" + GAIN + ", each: [depth]}}"
    assert "choices: all higher" in problem(each + ", cases: {up: {gain: higher}}}")
    assert figure(each + ", cases: {up: {gain: all higher}}}", VARYING).cases


def test_every_case_has_its_sentence():
    text = PLAIN + ", quantities: {" + GAIN + "}}, cases: {up: {gain: higher}}, measured: "
    assert "a.measured.measured: expected a value" in problem(text + "{up: {en: a}}}")
    whole = figure(text + "{up: {en: '{gain.effect:points}'}, measured: {en: b}}}", VARYING)
    assert whole.measured["up"] == {"en": "{gain.effect:points}"}


def test_a_figure_that_is_like_another_takes_what_it_lacks_in_any_chain():
    others = {
        "b": "{like: c, colour: init, title: {en: B}}",
        "c": "{kind: lines, experiment: depth, x: depth, y: train_loss, scale: {y: log}}",
    }
    own = figure("{like: b, y: test_loss}", VARYING, others)
    (plot,) = own.plots
    assert (own.title, plot.colour, plot.y[0].name) == ({"en": "Title"}, "init", "test_loss")
    assert plot.log("y")


def test_figures_that_are_like_each_other_are_refused():
    message = problem("{like: b}", {"b": "{like: a}", "c": "{}"})
    assert "a.like: expected another figure, got 'a' (choices: c)" in message


def test_a_stack_shares_the_keys_of_the_figure():
    text = PLAIN + ", stack: [{scale: {x: log}}, {y: gap, height: 2}]}"
    above, below = figure(text, VARYING).plots
    assert above.log("x")
    assert not below.log("x")
    assert (above.y[0].name, below.y[0].name) == ("test_accuracy", "gap")
    assert (above.height, below.height) == (None, 2.0)


def test_what_follows_from_a_column_need_not_be_told_apart():
    # axes of depth vary hidden, those of init its class and its standard deviation
    assert figure(PLAIN + "}", VARYING).by == ("init", "depth")
