"""Papers that figures repeat: read, refused in one line, and judged by equivalence."""

import math

import pytest
import yaml
from builders_runs import columns_of, run, study

from study.analysis.findings import Measured
from study.analysis.reading import Node
from study.errors import ConfigError
from study.figures.declare import read_figure
from study.figures.making import make
from study.figures.papers import Agreement, agreement, read_references

REFERENCES = yaml.safe_load("""
he2015:
  kind: inproceedings
  authors: [Kaiming He, Xiangyu Zhang, Shaoqing Ren, Jian Sun]
  title: "Delving deep into rectifiers"
  year: 2015
  venue: ICCV
  doi: 10.1109/ICCV.2015.123
  arxiv: "1502.01852"
""")
VARYING = {"depth": [c for key in ("depth", "init", "seed") for c in columns_of(key)]}
FIGURE = """
title: {en: Title}
kind: lines
experiment: depth
x: depth
y: test_accuracy
colour: init
quantities:
  gain: {metric: test_accuracy, treatment: {init: he}, control: {init: xavier}}
  stalls: {metric: test_accuracy, treatment: {init: xavier}, against: 0.2}
  each: {metric: test_accuracy, treatment: {init: he}, control: {init: xavier}, each: [depth]}
paper:
  cites: he2015
  where: {en: figure 3}
"""
GAIN = "{what: gain, value: 0.1, margin: 0.05, of: gain}"
STALLS = (
    "{what: stalls, says: {en: Xavier stalls}, here: {en: '{stalls.treatment:percent}'}, "
    "agrees: {stalls: lower}, differs: {stalls: higher}}"
)


def figure(settings="[]", published="[]", **paper):
    content = yaml.safe_load(FIGURE)
    content["paper"] |= {
        "settings": yaml.safe_load(settings), "published": yaml.safe_load(published), **paper,
    }  # fmt: skip
    references = read_references(Node("chapter", "references", REFERENCES))
    return read_figure(Node("figures", "a", content), "a", VARYING, references=references)


def facts(of, xavier=0.1, he=0.2, spread=0.001, seeds=6):
    """Of runs with these accuracies, which scatter by ``spread``."""
    runs = [
        run(seed, init=init, hidden=[10] * 2, test=test + spread * (seed % 3 - 1) * (init == "he"))
        for init, test in (("xavier", xavier), ("he", he))
        for seed in range(seeds)
    ]
    return make(of, Measured(study(depth=runs))).facts


def test_a_reference_has_its_bibtex_and_the_best_link():
    (own,) = read_references(Node("chapter", "references", REFERENCES)).values()
    assert own.short == "He et al. 2015"
    assert own.link == "https://doi.org/10.1109/ICCV.2015.123"
    assert own.identifier == "doi:10.1109/ICCV.2015.123, arXiv:1502.01852"
    assert own.bibtex.splitlines()[:3] == [
        "@inproceedings{he2015,",
        "  author = {Kaiming He and Xiangyu Zhang and Shaoqing Ren and Jian Sun},",
        "  title = {{Delving deep into rectifiers}},",
    ]
    assert "eprint = {1502.01852}" in own.bibtex


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"doi": "1502.01852"}, "he2015.doi: expected a doi as it is written, got '1502.01852'"),
        ({"arxiv": 1502.01852}, "he2015.arxiv: expected a arxiv as it is written, got 1502.01852"),
        ({"doi": None, "arxiv": None}, "expected a doi as it is written"),
        ({"authors": []}, "he2015.authors: expected at least one author, got []"),
        ({"year": "2015"}, "he2015.year: expected a year, got '2015'"),
        ({"kind": "book"}, "he2015.kind: expected one of the choices, got 'book'"),
        ({"pages": 3}, "he2015.pages: expected a known key"),
    ],
)
def test_a_wrong_reference_says_what_is_wrong(change, said):
    with pytest.raises(ConfigError) as caught:
        read_references(Node("chapter", "references", {"he2015": REFERENCES["he2015"] | change}))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_reference_can_be_found():
    own = {k: v for k, v in REFERENCES["he2015"].items() if k not in ("doi", "arxiv")}
    with pytest.raises(ConfigError, match="expected a doi, an arxiv number or a url"):
        read_references(Node("chapter", "references", {"he2015": own}))


@pytest.mark.parametrize(
    ("settings", "published", "said"),
    [
        ("[{what: depth, theirs: 30, is: less}]", "[]", "settings[0].is: expected one of the cho"),
        ("[{what: depth, is: same}]", "[]", "settings[0].theirs: expected what the paper has"),
        ("[{what: rate, theirs: 1, ours: 2, is: not_said}]", "[]", "expected nothing, as the pap"),
        ("[{what: depth, theirs: 30, is: scaled}]", "[]", "settings[0].ours: expected what is he"),
        ("[{what: d, theirs: 3, ours: {column: dept}, is: other}]", "[]", "did you mean depth?"),
        ("[{what: {ko: 층}, theirs: 30, is: same}]", "[]", "what.en: expected a value"),
        ("[]", "[{what: gain, of: gain}]", "expected either value (a number) or"),
        ("[]", "[{what: gain, value: 1, says: a}]", "expected either value (a number) or"),
        ("[]", "[{what: gain, value: 1, of: gain}]", "expected either margin (declared he"),
        ("[]", "[{what: g, value: 1, of: gain, margin: 0}]", "margin: expected a number > 0"),
        ("[]", "[{what: g, value: 1, of: gai, margin: 1}]", "expected a quantity of the"),
        ("[]", "[{what: g, value: 1, of: each, margin: 1}]", "expected a quantity of the"),
        ("[]", "[{what: g, value: 1, of: stalls.control, margin: 1}]", "expected a quantity of"),
        ("[]", STALLS.replace("stalls: lower", "stall: lower"), "stall: expected a known key"),
        ("[]", STALLS.replace("higher", "above"), "differs.stalls: expected one of the choices"),
        ("[]", STALLS.replace("{stalls.t", "{stall.t"), "here.en: expected a placeholder for what"),
    ],
)  # fmt: skip
def test_a_wrong_declaration_says_what_is_wrong(settings, published, said):
    published = published if published.startswith("[") else f"[{published}]"
    with pytest.raises(ConfigError) as caught:
        figure(settings, published)
    assert said in str(caught.value)
    assert str(caught.value).startswith("figures: a.paper.")
    assert "\n" not in str(caught.value)


def test_a_paper_has_to_be_a_reference_of_the_chapter():
    with pytest.raises(ConfigError, match=r"a\.paper\.cites: expected one of the choices, got 'he"):
        figure(cites="he2016")


def test_a_setting_is_told_in_words_or_by_the_runs():
    settings = "[{what: depth, theirs: 30, is: same}, {what: r, ours: {column: lr}, is: not_said}]"
    same, unsaid = figure(settings).paper.settings
    assert (same.what, same.theirs["ko"], same.ours, same.column) == (
        {"en": "depth", "ko": "depth"}, "30", {}, None,
    )  # fmt: skip
    assert (unsaid.theirs, unsaid.column) == ({}, "lr")


@pytest.mark.parametrize(
    ("he", "spread", "outcome"),
    [
        (0.2, 0.01, "agrees"),
        (0.2, 0.2, "open"),
        (0.245, 0.01, "open"),
        (0.4, 0.01, "differs"),
        (0.1, 0.001, "differs"),
    ],
)
def test_a_number_agrees_where_the_interval_lies_within_the_margin(he, spread, outcome):
    own = figure(published=f"[{GAIN}]")
    found = agreement(own.paper.published[0], facts(own, he=he, spread=spread))
    assert found.outcome == outcome
    assert found.reason == ("interval" if outcome == "open" else "")
    assert found.measured.mean == pytest.approx(he - 0.1)


def test_few_seeds_and_no_numbers_say_nothing():
    own = figure(published=f"[{GAIN}, {STALLS}]")
    for each in own.paper.published:
        assert agreement(each, facts(own, seeds=3)).reason == "few_seeds"
    nothing = make(own, Measured(study(other=[run(0)]))).facts
    for each in own.paper.published:
        assert agreement(each, nothing) == Agreement("open", "missing")


@pytest.mark.parametrize(("xavier", "outcome"), [(0.1, "agrees"), (0.5, "differs"), (0.2, "open")])
def test_words_agree_as_declared(xavier, outcome):
    own = figure(published=f"[{STALLS}]")
    (each,) = own.paper.published
    assert agreement(each, facts(own, xavier=xavier)).outcome == outcome
    ways = STALLS.replace("differs: {", "differs: [{stalls: missing}, {").replace("}}", "}]}")
    (each,) = figure(published=f"[{ways}]").paper.published
    assert agreement(each, facts(own, xavier=xavier)).outcome == outcome


def test_units_are_those_of_the_quantity():
    whole = "{what: g, value: 0.2, precision: 0.001, of: gain.treatment}"
    difference, side = figure(published=f"[{GAIN}, {whole}]").paper.published
    assert (difference.unit, difference.printed) == ("points", False)
    assert (side.unit, side.printed) == ("percent", True)
    assert math.isclose(side.margin, 0.001)
