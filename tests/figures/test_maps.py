"""``settings`` and ``deciding``: the effect of advice in settings drawn at random, in YAML."""

from dataclasses import replace

import numpy as np
import pytest
import yaml
from builders_map import CURVE, DECIDES, EFFECTS, declared, drawn_map
from builders_runs import texts

from study.analysis.deciding import strengths
from study.analysis.findings import Measured
from study.analysis.frames import Results
from study.analysis.multiverse import share
from study.analysis.reading import Node
from study.chapters import varied_columns
from study.errors import ConfigError
from study.figures import making, style
from study.figures.declare import Figure, read_figure
from study.figures.words import ALT, SAID, brief
from study.report.drawing import template
from study.report.text import load_text


@pytest.fixture(autouse=True)
def _house_style():
    with style.house_style():
        yield


def said(figure: Figure, results: Results, language: str = "en") -> list[str]:
    text, facts = load_text(language), making.make(figure, Measured(results)).facts
    return [text.fill(template(figure, facts, which, text), facts) for which in (ALT, SAID)]


@pytest.mark.parametrize("rates", [(0.1,), (0.1, 0.2, 0.3)])
def test_effects_are_of_the_rates_that_validation_samples_choose(rates) -> None:
    made = making.make(declared(), Measured(drawn_map(EFFECTS, rates)))
    assert made.table["effect"].tolist() == pytest.approx(EFFECTS)
    assert made.table["depth"].tolist() == [1, 2, 3, 4]
    assert made.table["init"].tolist() == ["he", "xavier", "he", "xavier"]
    assert made.table["treatment_lr"].tolist() == [rates[-1]] * 4
    assert made.facts["helps"] == share(2, 4)
    assert made.facts["harms"] == share(1, 4)
    assert made.facts["mean"].mean == pytest.approx(np.mean(EFFECTS))
    assert made.facts["at_edge"] == (4 if len(rates) > 1 else 0)
    assert made.facts["runs"] == 8 * len(rates)


def test_what_diverged_counts_at_chance() -> None:
    results = drawn_map([0.1, 0.1])
    lost = next(a for a, place in results.plan.maps["map"]["cells"].items() if place == [0, "with"])
    records = dict(results.stored)
    final = dict.fromkeys(records[lost].final, np.nan)
    records[lost] = replace(records[lost], status="diverged", diverged_at=1, final=final)
    made = making.make(declared(), Measured(Results(results.plan, records)))
    assert made.table["effect"].tolist() == pytest.approx([0.1 - 0.5, 0.1])
    assert made.facts["diverged"] == 1


def test_the_sentence_tells_shares_and_mean_in_the_page_s_language() -> None:
    alt, measured = said(declared(), drawn_map(EFFECTS))
    assert "2 help, 1 harm, 1 make no difference" in alt
    assert measured.startswith(
        "In 4 settings, the advice: a gain of a point or more of test accuracy in 2 (50.0 %,"
        " interval 15.0 % to 85.0 %), no difference that matters in 1 (25.0 %), a loss"
    )
    named = declared(facts={"advice": {"en": "more of it", "ko": "더 많이"}})
    assert said(named, drawn_map(EFFECTS))[1].startswith("In 4 settings, more of it: a gain")
    assert said(named, drawn_map(EFFECTS), "ko")[1].startswith(
        "더 많이: 설정 4개 가운데 2개(50.0 %"
    )


def test_other_chapters_tell_it_in_a_few_words() -> None:
    text, figure = load_text(), declared()
    facts = making.make(figure, Measured(drawn_map(EFFECTS))).facts
    found = text.fill(brief(figure, facts, text.page), facts)
    assert found.startswith("in 4 settings drawn at random a gain of a point or more in 2, a loss")
    assert brief(declared(DECIDES), facts, text.page) == ""


def test_the_picture_has_effects_in_order_over_what_was_drawn() -> None:
    made = making.make(declared(), Measured(drawn_map(EFFECTS)))
    picture = making.draw(declared(), made, str)
    above, below = picture.axes[:2]
    heights = {
        round(float(x)): round(float(y), 6)
        for line in above.get_lines() if line.get_marker() in "^ov"
        for x, y in zip(*line.get_data(), strict=True)
    }  # fmt: skip
    assert heights == {0: -3.0, 1: 0.0, 2: 2.0, 3: 10.0}
    words = texts(picture)
    assert {"helps: 2", "no difference that matters: 1", "harms: 1"} <= set(words)
    labels = [each.get_text() for each in below.get_yticklabels()]
    assert labels == ["hidden layers  4", "1", "initial value  xavier", "he"]


def test_what_decides_goes_by_strength_and_has_the_training_accuracy_without_a_test() -> None:
    effects = [0.01 * i for i in range(8)]
    results = drawn_map(effects)
    made = making.make(declared(DECIDES), Measured(results))
    assert made.table["axis"].tolist() == ["depth", "init", "training_accuracy_with_the_advice"]
    (depth, *_) = strengths(effects, results.settings("map")[["depth", "init"]])
    assert made.table["p, corrected"].tolist()[0] == depth.p_corrected
    assert np.isnan(made.table["p, corrected"].tolist()[-1])
    assert (made.facts["axes"], made.facts["strongest"]) == (2, "hidden layers")
    titles = [axes.get_title() for axes in making.draw(declared(DECIDES), made, str).axes]
    assert titles[0].startswith("hidden layers\nρ = 1.00, p < 0.001")
    assert "training accuracy with the advice\nρ = 1.00" in titles


def test_the_rule_of_thumb_is_said_where_it_holds() -> None:
    effects = [0.05 if i < 15 else -0.05 for i in range(30)]
    measured = said(declared(DECIDES), drawn_map(effects))[1]
    assert "A rule of thumb, found in half of the settings, tells the effect in the 15" in measured
    assert "depth ≤" in measured
    noise = np.random.default_rng(3).normal(0, 0.01, 30).tolist()
    assert "No rule of thumb" in said(declared(DECIDES), drawn_map(noise))[1]


@pytest.mark.parametrize("kind", [CURVE, DECIDES])
@pytest.mark.parametrize("count", [0, 1, 2])
def test_few_settings_are_no_error(kind, count) -> None:
    results, figure = drawn_map(EFFECTS[:count]), declared(kind)
    made = making.make(figure, Measured(results))
    assert texts(making.draw(figure, made, str))
    for language in ("en", "ko"):
        assert all("nan" not in words for words in said(figure, results, language))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"treatment": "wiht"}, r"f\.yaml: treatment: .*'wiht'.*without, with.*mean with\?"),
        ({"treatment": []}, r"f\.yaml: treatment: expected an arm"),
        ({"treatment": ["with", "without"]}, r"control: expected arms that the treatment does not"),
        ({"panel": "init"}, r"f\.yaml"),
        ({"treatmnt": "with"}, r"f\.yaml.*treatmnt"),
    ],
)
def test_what_cannot_be_is_one_line(changes, message) -> None:
    with pytest.raises(ConfigError, match=message):
        declared(**changes)


def test_an_experiment_without_arms_has_no_map() -> None:
    node = Node("f.yaml", "", yaml.safe_load(CURVE))
    with pytest.raises(ConfigError, match="an experiment with arms"):
        read_figure(node, "f", {"map": varied_columns({"axes": {"depth": [1, 2]}})})
