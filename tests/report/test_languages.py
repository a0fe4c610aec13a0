"""Both languages say everything: the same keys, the same placeholders, no label left in English."""

import re
import string
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest

from study.analysis.findings import Measured
from study.analysis.frames import Results
from study.analysis.reading import read
from study.chapters import chapter_folders, find_chapters, load_chapters
from study.figures import making, style, words
from study.figures.declare import Figure
from study.paths import templates_folder
from study.report import tables
from study.report.text import DEFAULT_LANGUAGE, Text, languages, load_text

OTHERS = [language for language in languages() if language != DEFAULT_LANGUAGE]
PARTS = ("page", "compare", "dials")
CHAPTERS = find_chapters(chapter_folders())
FIGURES = [
    figure
    for chapter in load_chapters(list(CHAPTERS), chapter_folders())
    for figure in chapter.figures
]

LATIN = re.compile(r"[A-Za-z]")
PLACEHOLDER = re.compile(r"\{.*?\}")
HANGUL = re.compile(r"[\uac00-\ud7a3]")
# What is the same in Korean: names, units, symbols, words of the command line, formulas.
SAME = {
    "ReLU", "He", "Xavier", "Glorot", "2 × Xavier", "tanh", "MNIST", "Affine", "voting",
    "std", "std 1", "std 0.01", "n", "%p", "SHA-256", "ko_KR",
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
    content: dict[str, Any] = read(templates_folder() / "text" / f"{language}.yaml")
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


def words_of_chapters(language: str) -> Iterator[tuple[str, str]]:
    """What chapters and their figures say; ``test_claim_files`` is about the claims."""

    def said(value: Any, path: str) -> Iterator[tuple[str, str]]:
        if isinstance(value, Mapping) and DEFAULT_LANGUAGE in value:
            yield from leaves(value.get(language, {}), path)
        elif isinstance(value, Mapping):
            for key, item in value.items():
                yield from said(item, f"{path}.{key}")

    for chapter in CHAPTERS.values():
        for path in sorted([chapter / "chapter.yaml", *chapter.glob("figures/*.yaml")]):
            yield from said(read(path), f"{chapter.name}.{path.stem}")


def words_of(language: str) -> dict[str, str]:
    page = leaves(strings(language)["page"], "page")
    return {**dict(page), **dict(words_of_chapters(language))}


def placeholders(template: str) -> set[str]:
    """``{name:format}`` of a template, each once: a language may repeat one."""
    pieces = string.Formatter().parse(template)
    return {f"{name}:{form}" for _, name, form, _ in pieces if name is not None}


def needs_words(label: str) -> bool:
    """Whether a label is more than a number, a count, a symbol such as λ or K, or a formula."""
    rest = NUMBER.sub("", label)
    return bool(re.search(r"[A-Za-z]{2}", rest)) and not CHOICE.fullmatch(label)


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
        if path in own and placeholders(text) != placeholders(own[path])
    }
    assert differing == {}


@pytest.mark.parametrize("language", OTHERS)
def test_labels_keep_their_placeholders(language):
    labels = strings(language)["labels"]
    assert {k for k, label in labels.items() if placeholders(k) != placeholders(label)} == set()


def test_the_words_of_the_lecture_itself_are_in_its_own_language():
    (lecture,) = load_chapters(["lecture"], chapter_folders())
    assert lecture.source == "ko"
    for section in lecture.sections:
        assert set(section.original) <= {"ko"}
        assert all(HANGUL.search(title) for title in section.original.values())


def is_formula(text: str) -> bool:
    """Whether it has names that are the same in Korean, letters of formulas, and nothing else."""
    return all(word in SAME or not LATIN.search(word[1:]) for word in re.split(r"[\s=/√]+", text))


def test_nothing_in_korean_is_left_in_english():
    entries = words_of("ko") | dict(leaves(strings("ko")["labels"], "labels"))
    english = {
        path: text
        for path, text in entries.items()
        if not HANGUL.search(text)
        and text.strip() not in SAME
        and not is_formula(text)
        and LATIN.search(PLACEHOLDER.sub("", text))
    }
    assert english == {}


def test_nothing_in_english_is_korean():
    assert {path for path, text in words_of("en").items() if HANGUL.search(text)} == set()


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


def figures_of(results: Results) -> Iterator[tuple[Figure, making.Made]]:
    """The figures that a page would show, and what they show."""
    measured = Measured(results)
    for figure in FIGURES:
        # those drawn by hand know what to do without any run
        if figure.own is not None or results.has(*figure.experiments):
            yield figure, making.make(figure, measured)


def labels_of(results: Results) -> set[str]:
    """Every label of every figure, its table and its sentences."""
    recorder = Recorder()
    for figure, made in figures_of(results):
        with style.house_style():
            making.draw(figure, made, recorder.label, measured=Measured(results))
        tables.view(made.table, recorder.label)
        sentences(figure, made, recorder)
    return recorder.asked


def sentences(figure: Figure, made: making.Made, text: Text) -> list[str]:
    """Its alternative text, and what it found."""
    templates = (
        words.template(figure, made.facts, which, text.page, text.language)
        for which in (words.ALT, words.SAID)
    )
    return [text.fill(template, made.facts) for template in templates]


@pytest.mark.xdist_group("tiny study")
def test_no_label_of_a_figure_or_a_table_is_missing_in_korean(studies):
    asked = set(SPECIAL).union(*(labels_of(results) for results in studies))
    labels, korean = strings("ko")["labels"], load_text("ko")
    missing = {label for label in asked - set(labels) if korean.label(label) == label}
    assert {label for label in missing if needs_words(label)} == set()


@pytest.mark.xdist_group("tiny study")
@pytest.mark.parametrize("language", languages())
def test_every_sentence_of_a_figure_can_be_filled(studies, language):
    text = load_text(language)
    for results in studies:
        for figure, made in figures_of(results):
            for sentence in sentences(figure, made, text):
                assert sentence, figure.id
                assert not re.search(r"[{}]|\bnan\b", sentence), (figure.id, sentence)
