"""Sentences: those of the declaration where they fit, automatic ones where they do not."""

import pickle

import pytest
from builders_runs import figure, run, study

from study.analysis.findings import Measured
from study.figures.making import make
from study.figures.words import ALT, SAID, has, template
from study.report.text import load_text

PLOT = "kind: lines, experiment: e, x: lr, y: test_accuracy, colour: init"
VARYING = {"e": ["lr", "init", "seed"]}
GAIN = "quantities: {gain: {metric: test_accuracy, treatment: {init: he}, control: {init: xavier}}}"


def runs(*inits):
    return study(
        e=[run(s, init=i, lr=0.1, test=0.5 + 0.1 * k + s / 100)
           for k, i in enumerate(inits) for s in range(3)]
    )  # fmt: skip


def said(text, results, which=SAID, language="en"):
    own, words = figure(text, VARYING), load_text(language)
    facts = make(own, Measured(results)).facts
    return words.fill(template(own, facts, which, words.page, language), facts)


OWN = "{" + PLOT + ", " + GAIN + ", measured: {en: 'He gains {gain.effect:points}.'}}"


def test_the_words_of_the_declaration_are_filled():
    assert said(OWN, runs("xavier", "he")) == "He gains +10.0 ± 0.0 points."


def test_a_language_that_is_not_given_falls_back_to_english_and_is_known_to_lack():
    assert said(OWN, runs("xavier", "he"), language="ko") == "He gains +10.0 ± 0.0 %p."
    assert has(figure(OWN, VARYING), "en")
    assert not has(figure(OWN, VARYING), "ko")


@pytest.mark.parametrize("language", ["en", "ko"])
def test_a_number_that_is_not_there_is_never_told(language):
    sentence = said(OWN, runs("he"), language=language)
    assert "–" not in sentence
    assert "gain" not in sentence
    assert sentence == said("{" + PLOT + "}", runs("he"), language=language)  # the automatic one
    assert "51.0" in sentence


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize("which", [ALT, SAID])
@pytest.mark.parametrize(
    "text",
    [
        PLOT,
        "kind: lines, experiment: e, x: init, y: train_loss, where: {lr: 0.1}",
        "kind: cells, experiment: e, y: test_accuracy",
    ],
)
def test_without_words_there_are_automatic_ones(text, which, language):
    sentence = said("{" + text + "}", runs("xavier", "he"), which, language)
    assert sentence
    assert "{" not in sentence
    assert "nan" not in sentence


def test_where_nothing_is_shown_the_words_say_so():
    text = "{" + PLOT + ", where: {batchnorm: true}}"
    assert said(text, runs("he")) == "There is nothing to show."


def test_constants_of_a_declaration_are_facts():
    text = "{" + PLOT + ", facts: {symbol: λ}, measured: {en: '{symbol} ≤ {x_highest}'}}"
    assert said(text, runs("he")) == "λ ≤ 0.1"


def test_what_is_made_goes_to_another_process():
    own = figure(OWN, VARYING)
    made = make(own, Measured(runs("xavier", "he")))
    other = pickle.loads(pickle.dumps(made))  # noqa: S301
    assert other.facts["gain"].effect == made.facts["gain"].effect
    assert pickle.loads(pickle.dumps(own)) == own  # noqa: S301


def test_one_alternative_text_does_for_every_case_of_the_sentence():
    cases = "cases: {better: {gain: higher}, worse: {gain: lower}},"
    text = "{" + PLOT + ", " + GAIN + ", " + cases
    text += "alt: {en: 'Rates.'}, measured: {better: {en: 'He.'}, worse: {en: 'Xavier.'},"
    text += " measured: {en: 'Neither.'}}}"
    for schemes, sentence in ((("xavier", "he"), "He."), (("he", "xavier"), "Xavier.")):
        assert said(text, runs(*schemes)) == sentence
        assert said(text, runs(*schemes), ALT) == "Rates."
