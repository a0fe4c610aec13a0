"""The declared claims: all of the lecture's, each with cells to compare, a figure, sentences."""

import re
from collections.abc import Iterator
from types import SimpleNamespace

import pandas as pd
import pytest

from study.analysis import pairing
from study.analysis.declarations import SAID, Claim
from study.analysis.frames import CONFIG_COLUMNS
from study.analysis.intervals import Estimate
from study.analysis.metrics import METRICS
from study.analysis.verdicts import FEWEST, NO_EFFECT, OPEN_ENDED
from study.chapters import chapter_folders, load_chapters
from study.edge.gate import planned
from study.records.cells import COLUMNS, columns
from study.report.text import load_text

(CHAPTER,) = load_chapters(["lecture"], chapter_folders())
CLAIMS = CHAPTER.claims
FIGURES = {figure.id: figure for figure in CHAPTER.figures}
SECTIONS = [section.id for section in CHAPTER.sections]
BY_ID = {claim.id: claim for claim in CLAIMS}
LECTURE = {
    "M1", "M2", "M3", "S1", "S2", "I1", "I2", "I3a", "I3b", *(f"I{i}" for i in range(4, 10)), "E1",
    "B1", "B2", "B3", "B4", "W1", "W2", "D1", "D1b", "D2", "D3", "G1", "G2",
}  # fmt: skip
PARTS = [(claim.id, name) for claim in CLAIMS for name in claim.parts]
# Parts whose sides are single cells of the same pair, and so can be compared column by column.
DIRECT = [
    (claim, name)
    for claim, name in PARTS
    for part in [BY_ID[claim].parts[name]]
    if part.control is not None and part.reduce is None and not METRICS[part.metric].whole
]
# Columns that are empty without the factor.
APPLIES_WITH = {
    "batchnorm": ("batchnorm_eps", "batchnorm_momentum"),
    "dropout": ("dropout_scaling",),
}
HANGUL = re.compile(r"[\uac00-\ud7a3]")
LANGUAGES = ("en", "ko")


def test_every_claim_of_the_lecture_is_declared():
    assert {claim.id for claim in CLAIMS if not claim.beyond} == LECTURE
    assert len(LECTURE) >= 20


def test_there_are_claims_beyond_the_lecture():
    assert {claim.id for claim in CLAIMS if claim.beyond} >= {f"X{i}" for i in range(1, 7)}


def texts(claim: Claim, language: str) -> Iterator[str]:
    yield claim.statement[language]
    yield from (part.label[language] for part in claim.parts.values())
    yield from (sentences[language] for sentences in claim.finding.values())


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.id)
def test_claim_is_in_a_section_of_the_report_and_speaks_of_its_figure(claim):
    assert claim.section in SECTIONS
    assert claim.figure in FIGURES


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.id)
def test_figure_of_a_claim_shows_runs_that_it_is_judged_by(claim):
    assert set(FIGURES[claim.figure].experiments) & set(claim.experiments)


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.id)
def test_every_case_has_a_sentence_in_both_languages(claim):
    between = any(part.direction in OPEN_ENDED for part in claim.deciding.values())
    assert set(claim.finding) == {*SAID, *claim.cases} - (set() if between else {NO_EFFECT})
    for sentences in claim.finding.values():
        assert set(sentences) == set(LANGUAGES)


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.id)
def test_english_is_english_and_korean_is_korean(claim):
    assert not any(HANGUL.search(text) for text in texts(claim, "en"))
    labels = {part.label["ko"] for part in claim.parts.values()}
    korean = [text for text in texts(claim, "ko") if text not in labels]
    assert all(HANGUL.search(text) for text in korean)


def placeholders(sentence: str) -> set[str]:
    return set(re.findall(r"\{([^{}]+)\}", sentence))


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.id)
def test_sentences_say_the_same_numbers_in_both_languages(claim):
    for case, sentences in claim.finding.items():
        assert placeholders(sentences["en"]) == placeholders(sentences["ko"]), case


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.id)
def test_no_sentence_is_without_the_effect_of_a_deciding_part(claim):
    deciding = [name for name, part in claim.parts.items() if part.deciding]
    for case, sentences in claim.finding.items():
        named = {placeholder.split(".")[0] for placeholder in placeholders(sentences["en"])}
        assert named & set(deciding), case


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.id)
def test_sentences_can_be_filled_in_every_case(claim, language):
    estimate = Estimate(0.5, 0.25, 0.75, 7)
    side = SimpleNamespace(effect=estimate, treatment=estimate, control=estimate,
                           p=0.01, p_corrected=0.02, diverged=0, censored=0,
                           treatment_level="0.1", control_level="1")  # fmt: skip
    facts = dict.fromkeys(claim.parts, side)
    for sentences in claim.finding.values():
        sentence = load_text(language).fill(sentences[language], facts)
        assert not re.search(r"[{}]", sentence)
        assert sentence[-1] == "."


def test_all_claims_are_one_family():
    assert {claim.chapter for claim in CLAIMS} == {"lecture"}


def test_under_fitting_has_a_name_of_its_own():
    for name in ("W2", "D1"):
        claim = BY_ID[name]
        assert [part for part, each in claim.parts.items() if each.deciding] == [
            "gap", "equal", "test",
        ]  # fmt: skip
        assert "under-fitting" in claim.finding["under_fitting"]["en"]
        assert claim.cases["under_fitting"]["test"] == "refuted"


def test_both_sentences_about_the_vanishing_gradient_are_judged_by_the_same_bound():
    vanishes, does_not = BY_ID["I2"].parts["first"], BY_ID["I4"].parts["first"]
    assert (vanishes.metric, vanishes.options) == (does_not.metric, does_not.options)
    assert (vanishes.against, vanishes.smallest) == (does_not.against, does_not.smallest)
    assert {vanishes.direction, does_not.direction} == {"less", "greater"}


# --- the cells that they compare ----------------------------------------------------------------


@pytest.fixture(scope="module", params=["default", "full"])
def preset(request) -> str:
    return request.param


@pytest.fixture(scope="module")
def cells(preset: str) -> dict[str, pd.DataFrame]:
    """The configurations of each experiment of a preset."""
    found = planned([f"study={preset}"])
    rows = {address: columns(each.to_dict()) for address, each in found.cells.items()}
    return {
        name: pairing.prepared(
            pd.DataFrame([rows[a] for a in addresses]).reindex(columns=CONFIG_COLUMNS)
        )
        for name, addresses in found.plan.experiments.items()
    }


@pytest.mark.parametrize(("claim", "name"), PARTS, ids=lambda each: each)
def test_both_sides_of_a_part_have_cells_and_enough_seeds(preset, cells, claim, name):
    part = BY_ID[claim].parts[name]
    sides = pairing.selected(part, cells[part.experiment])
    if preset == "default" and not any(len(rows) for rows in sides.values()):
        return  # it is about budgets that only the full study has
    assert all(len(rows) for rows in sides.values()), "no cell of the experiment is that"
    keys = [set(rows[list(part.paired_by)].itertuples(index=False)) for rows in sides.values()]
    pairs = set.intersection(*keys)
    assert pairs, "no pair has both sides"
    if part.deciding and (preset, part.experiment) != ("default", "grid"):
        assert len({pair[part.paired_by.index("seed")] for pair in pairs}) >= FEWEST
    assert not any(pairing.lacking(rows) for rows in sides.values()), "seeds differ in their cells"


@pytest.mark.parametrize(("claim", "name"), DIRECT, ids=lambda each: each)
def test_sides_differ_in_what_the_claim_is_about_only(cells, claim, name):
    part = BY_ID[claim].parts[name]
    sides = pairing.selected(part, cells[part.experiment])
    treatment, control = sides["treatment"], sides["control"]
    assert not set(treatment.index) & set(control.index), "a cell on both sides"
    chosen = {column for each in (*part.treatment, *part.control) for column in each}
    free = {"seed", "num_epochs", *part.paired_by} | chosen
    free |= {name for name, column in COLUMNS.items() if column.of in chosen}
    free |= {column.of for name, column in COLUMNS.items() if name in chosen}
    free |= {name for factor in chosen for name in APPLIES_WITH.get(factor, ())}
    for column in set(CONFIG_COLUMNS) - free - {"address"}:
        assert set(treatment[column].dropna()) == set(control[column].dropna()), column
