"""Both languages say everything: the same keys, the same placeholders, no label left in English."""

import re
import string
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest
import yaml

from study.analysis.figures import style
from study.analysis.frames import Results
from study.paths import templates_folder
from study.report import tables
from study.report.sections import FIGURES
from study.report.text import DEFAULT_LANGUAGE, Text, languages, load_text

OTHERS = [language for language in languages() if language != DEFAULT_LANGUAGE]
PARTS = ("page", "sections", "figures", "dials")

LATIN = re.compile(r"[A-Za-z]")
PLACEHOLDER = re.compile(r"\{.*?\}")
HANGUL = re.compile(r"[\uac00-\ud7a3]")
# What is the same in Korean: names, units, symbols, words of the command line, formulas.
SAME = {
    "ReLU", "He", "Xavier", "Glorot", "2 × Xavier", "tanh", "MNIST", "Affine", "voting",
    "std", "std 1", "std 0.01", "n", "%p", "SHA-256",
}  # fmt: skip
NUMBER = re.compile(r"\d[\d.,]*(e[-+]?\d+)?")
# Names of choices with a number that only some runs have, as normal 0.0857696.
CHOICE = re.compile(r"(normal|constant) [\d.e-]+")
# Words of the figures for what the tiny study does not have: diverged and missing runs, levels
# that no run reaches.
SPECIAL = (
    "diverged", "runs diverged", "runs that diverged", "no runs", "no finished run",
    "no pairs to compare", "never", "to", "failed", "mnist", "mnist5k", "layer 6",
)  # fmt: skip


def strings(language: str) -> dict[str, Any]:
    path = templates_folder() / "text" / f"{language}.yaml"
    content: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return content


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Every string under ``value`` with its path."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from leaves(item, f"{path}.{key}" if path else str(key))
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for index, item in enumerate(value):
            yield from leaves(item, f"{path}[{index}]")
    else:
        yield path, value


def words_of(language: str) -> dict[str, str]:
    return {path: text for part in PARTS for path, text in leaves(strings(language)[part], part)}


def placeholders(template: str) -> set[str]:
    """``{name:format}`` of a template, each once: a language may repeat one."""
    pieces = string.Formatter().parse(template)
    return {f"{name}:{form}" for _, name, form, _ in pieces if name is not None}


def needs_words(label: str) -> bool:
    """Whether a label is more than a number, a count, a symbol such as λ or K, or a formula."""
    rest = NUMBER.sub("", label)
    return bool(re.search(r"[A-Za-z]{2}", rest)) and not CHOICE.fullmatch(label)


def is_formula(path: str) -> bool:
    return ".formulas[" in path


@pytest.mark.parametrize("language", OTHERS)
def test_every_language_has_the_same_keys(language):
    assert set(words_of(language)) == set(words_of(DEFAULT_LANGUAGE))


@pytest.mark.parametrize("language", languages())
def test_every_word_is_text_and_not_empty(language):
    entries = words_of(language) | dict(leaves(strings(language)["labels"], "labels"))
    assert [path for path, text in entries.items() if not isinstance(text, str) or not text] == []


@pytest.mark.parametrize("language", OTHERS)
def test_templates_have_the_same_placeholders(language):
    own, reference = words_of(language), words_of(DEFAULT_LANGUAGE)
    differing = {
        path: placeholders(text) ^ placeholders(own[path])
        for path, text in reference.items()
        if path in own and not is_formula(path) and placeholders(text) != placeholders(own[path])
    }
    assert differing == {}


@pytest.mark.parametrize("language", OTHERS)
def test_labels_keep_their_placeholders(language):
    labels = strings(language)["labels"]
    assert {k for k, label in labels.items() if placeholders(k) != placeholders(label)} == set()


@pytest.mark.parametrize("language", OTHERS)
def test_formulas_are_the_same(language):
    own, reference = words_of(language), words_of(DEFAULT_LANGUAGE)
    formulas = {path: text for path, text in reference.items() if is_formula(path)}
    assert formulas == {path: text for path, text in own.items() if is_formula(path)}


def test_the_lecture_s_own_titles_are_the_same_in_all_languages():
    for name, section in load_text().sections.items():
        for language in OTHERS:
            assert load_text(language).sections[name]["lecture_title"] == section["lecture_title"]


def test_nothing_in_korean_is_left_in_english():
    entries = words_of("ko") | dict(leaves(strings("ko")["labels"], "labels"))
    english = {
        path: text
        for path, text in entries.items()
        if not is_formula(path) and not HANGUL.search(text)
        if text.strip() not in SAME and LATIN.search(PLACEHOLDER.sub("", text))
    }
    assert english == {}


def test_nothing_in_english_is_korean_but_the_lecture_s_titles():
    korean = {path for path, text in words_of("en").items() if HANGUL.search(text)}
    assert {path for path in korean if not path.endswith(".lecture_title")} == set()


class Recorder(Text):
    """English that remembers every label it was asked for."""

    def __init__(self) -> None:
        super().__init__(DEFAULT_LANGUAGE, strings(DEFAULT_LANGUAGE))
        self.asked: set[str] = set()

    def label(self, english: str) -> str:
        self.asked.add(english)
        return super().label(english)


@pytest.fixture(scope="module")
def studies(tiny_study) -> tuple[Results, Results]:
    """A study with all its runs, and one with none."""
    return tiny_study.results, Results(tiny_study.results.plan, {})


def labels_of(results: Results) -> set[str]:
    """Every label of every figure, its table and its sentences."""
    recorder = Recorder()
    for spec in FIGURES.values():
        with style.house_style():
            spec.draw(results, recorder.label)
        tables.view(spec.table(results), recorder.label)
        facts = spec.facts(results)
        for template in ("alt", "measured"):
            recorder.fill(recorder.figures[spec.id][template], facts)
    return recorder.asked


@pytest.mark.xdist_group("report")
def test_no_label_of_a_figure_or_a_table_is_missing_in_korean(studies):
    asked = set(SPECIAL).union(*(labels_of(results) for results in studies))
    missing = asked - set(strings("ko")["labels"])
    assert {label for label in missing if needs_words(label)} == set()


@pytest.mark.xdist_group("report")
@pytest.mark.parametrize("language", languages())
def test_every_sentence_of_a_figure_can_be_filled(studies, language):
    text = load_text(language)
    for spec in FIGURES.values():
        for results in studies:
            facts = spec.facts(results)
            for template in ("alt", "measured"):
                sentence = text.fill(text.figures[spec.id][template], facts)
                assert sentence, (spec.id, template)
                assert not re.search(r"[{}]|\bnan\b", sentence), (spec.id, template, sentence)
