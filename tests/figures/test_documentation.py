"""The examples of docs/figures.md are figures, and the names it lists are those there are."""

import re
from pathlib import Path

import pytest
import yaml
from builders_runs import run, study

from study.analysis.findings import Measured
from study.analysis.reading import Node
from study.chapters import columns_of
from study.figures.declare import read_figure
from study.figures.kinds import KINDS, kind
from study.figures.making import make
from study.figures.quantities import FORMATS, OUTCOMES
from study.figures.words import SAID, template
from study.report.text import load_text

DOCUMENT = (Path(__file__).parents[2] / "docs" / "figures.md").read_text(encoding="utf-8")
EXAMPLES = [
    item
    for block in re.findall(r"```yaml\n(.*?)```", DOCUMENT, re.DOTALL)
    for item in yaml.safe_load(block).items()
]
VARYING = {"depth": [c for key in ("depth", "init", "batchnorm", "seed") for c in columns_of(key)]}


@pytest.mark.parametrize(("name", "declared"), EXAMPLES)
def test_an_example_shows_and_says_something(name, declared):
    results = study(
        depth=[
            run(seed, init=init, batchnorm=on, hidden=[10] * depth, test=0.5 + good / 10,
                curve=(0.1, 0.5))
            for depth in (2, 20)
            for init, good in (("xavier", 0), ("he", 1))
            for on in (False, True)
            for seed in range(3)
        ]
    )  # fmt: skip
    figure = read_figure(Node("figures.md", name, declared), name, VARYING, references=["he2015"])
    made, text = make(figure, Measured(results)), load_text()
    assert made.facts["shown"] > 0
    sentence = text.fill(template(figure, made.facts, SAID, text.page, "en"), made.facts)
    assert sentence
    if name == "depth":
        assert sentence == "At 20 layers He is better by +10.0 ± 0.0 points."


def test_every_kind_mark_fact_outcome_and_format_is_described():
    names = [*KINDS, *OUTCOMES, *FORMATS, *kind("lines").FACTS]
    names += [mark for name in ("lines", "histograms", "effects") for mark in kind(name).MARKS]
    left_out = {"shown", "unit"}
    assert [n for n in names if n not in left_out and not re.search(rf"\b{n}\b", DOCUMENT)] == []
