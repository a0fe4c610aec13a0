"""Chapters: read from files and folders, refused with file and key; those of the study whole."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import yaml

from study.analysis.reading import LANGUAGES
from study.chapters import (
    Chapter,
    chapter_folders,
    columns_of,
    find_chapters,
    load_chapter,
    load_chapters,
    varied_columns,
)
from study.errors import ConfigError
from study.paths import conf_folder

GRID: dict[str, Any] = {
    "fixed": {"hidden": [4]},
    "axes": {"lr": [0.1, 0.2], "init": ["he", {"init": "normal", "init.std": 1}], "seed": [0, 1]},
}
FIGURE: dict[str, Any] = {
    "title": {"en": "Accuracy by rate", "ko": "학습률에 따른 정확도"},
    "section": "1",
    "kind": "lines",
    "experiment": "rates",
    "x": "lr",
    "y": "test_accuracy",
    "colour": "init",
}
CLAIM: dict[str, Any] = {
    "section": "1",
    "figure": "a",
    "statement": {"en": "Faster is better.", "ko": "빠를수록 좋다."},
    "parts": {
        "test": {
            "experiment": "rates",
            "metric": "test_accuracy",
            "where": {"init": "he"},
            "treatment": {"lr": 0.2},
            "control": {"lr": 0.1},
            "direction": "greater",
        }
    },
}
SECTIONS = {
    "2": {"title": {"en": "Later", "ko": "나중"}},
    "1": {"title": {"en": "First", "ko": "처음"}, "says": {"en": "It says.", "ko": "말한다."}},
}
CHAPTER: dict[str, Any] = {
    "title": {"en": "Rates", "ko": "학습률"},
    "sections": SECTIONS,
    "experiments": {"rates": GRID},
    "figures": {"a": FIGURE, "b": FIGURE | {"section": "2"}},
    "claims": {"faster": CLAIM, "aside": CLAIM | {"beyond": True}},
}


def dump(path: Path, content: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(content, sort_keys=False, allow_unicode=True), "utf-8")
    return path


def as_file(folder: Path, content: Any = CHAPTER, name: str = "mine") -> Path:
    return dump(folder / "chapter" / f"{name}.yaml", content)


def as_folder(folder: Path, content: dict[str, Any] = CHAPTER, name: str = "mine") -> Path:
    """Each experiment, figure and claim in a file of its own."""
    path = folder / "chapter" / name
    parts = ("experiments", "figures", "claims")
    dump(path / "chapter.yaml", {k: v for k, v in content.items() if k not in parts})
    for part in parts:
        for key, value in content.get(part, {}).items():
            dump(path / part / f"{key}.yaml", value)
    return path


def without(content: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in content.items() if key not in keys}


# -- one chapter, in its forms


def test_a_file_holds_everything(tmp_path: Path) -> None:
    found = load_chapter(as_file(tmp_path))
    assert (found.name, found.title["en"], found.source, found.own) == (
        "mine", "Rates", "en", False,
    )  # fmt: skip
    assert found.experiments == {"rates": GRID}
    assert [section.id for section in found.sections] == ["2", "1"]
    assert [figure.id for figure in found.figures] == ["b", "a"]  # as the sections come
    assert [claim.id for claim in found.claims] == ["faster", "aside"]  # beyond comes last
    assert {claim.chapter for claim in found.claims} == {"mine"}
    assert found.untranslated("ko") == []


def test_a_folder_says_the_same_as_a_file(tmp_path: Path) -> None:
    file, folder = load_chapter(as_file(tmp_path)), load_chapter(as_folder(tmp_path / "other"))
    assert folder.name == file.name
    by_id = {claim.id: claim.digest for claim in file.claims}
    assert {claim.id: claim.digest for claim in folder.claims} == by_id
    assert dataclasses.replace(folder, claims=()) == dataclasses.replace(file, claims=())


def test_a_folder_may_have_some_in_its_main_file(tmp_path: Path) -> None:
    path = as_folder(tmp_path, without(CHAPTER, "experiments"))
    content = yaml.safe_load((path / "chapter.yaml").read_text("utf-8"))
    dump(path / "chapter.yaml", content | {"experiments": {"rates": GRID}})
    dump(path / "experiments" / "more.yaml", GRID)
    found = load_chapter(path)
    assert list(found.experiments) == ["rates", "more"]
    dump(path / "experiments" / "rates.yaml", GRID)
    with pytest.raises(ConfigError, match=r"rates\.yaml: expected a name that chapter\.yaml does"):
        load_chapter(path)


def test_a_title_and_an_experiment_are_enough(tmp_path: Path) -> None:
    found = load_chapter(as_file(tmp_path, {"title": {"en": "x"}, "experiments": {"e": GRID}}))
    assert (found.sections, found.claims) == ((), ())
    assert found.experiments == {"e": GRID}
    assert {figure.experiments for figure in found.figures} == {("e",)}  # automatic ones


def test_figures_and_claims_need_no_section(tmp_path: Path) -> None:
    content = without(CHAPTER, "sections") | {
        "figures": {"a": without(FIGURE, "section")},
        "claims": {"faster": without(CLAIM, "section", "figure")},
    }
    found = load_chapter(as_file(tmp_path, content))
    assert [figure.id for figure in found.figures] == ["a"]
    assert (found.claims[0].section, found.claims[0].figure) == ("", "")


def test_words_that_are_not_translated_are_named(tmp_path: Path) -> None:
    english = {"en": "x"}
    content = CHAPTER | {
        "title": english,
        "sections": SECTIONS | {"2": {"title": english}},
        "figures": {"a": FIGURE, "b": FIGURE | {"look": english}},
        "claims": {"faster": CLAIM | {"short": english}, "aside": CLAIM},
    }
    found = load_chapter(as_file(tmp_path, content))
    assert found.untranslated("ko") == ["title", "2", "b", "faster"]
    assert found.untranslated("en") == []


def test_uses_makes_the_experiments_of_another_chapter_known(tmp_path: Path) -> None:
    as_file(tmp_path)
    other = without(CLAIM, "section", "figure")
    content = {"title": {"en": "x"}, "uses": ["mine"], "claims": {"other": other}}
    path = as_folder(tmp_path, content, "second")
    dump(path / "experiments" / "own.yaml", GRID)
    _, second = load_chapters(["mine", "second"], [tmp_path / "chapter"])
    assert list(second.experiments) == ["own", "rates"]
    test = CLAIM["parts"]["test"] | {"experiment": "own"}
    dump(path / "claims" / "other.yaml", other | {"parts": {"test": test}})
    (alone,) = load_chapters(["second"], [tmp_path / "chapter"])
    assert list(alone.experiments) == ["own"]  # what nothing of it names is not its own


# -- what is refused


def with_part(part: str, key: str, **changes: Any) -> dict[str, Any]:
    """The chapter with other keys in one experiment, figure or claim; KeyError takes one away."""
    own = CHAPTER[part][key] | changes
    own = {name: value for name, value in own.items() if value is not KeyError}
    return CHAPTER | {part: CHAPTER[part] | {key: own}}


BAD: dict[str, tuple[Any, str]] = {
    "nothing": (None, r"mine\.yaml: expected a mapping, got None"),
    "a list": ([], r"mine\.yaml: expected a mapping"),
    "no title": (without(CHAPTER, "title"), r"title: expected a value"),
    "unknown key": (CHAPTER | {"figure": {}}, r"figure: expected a known key.*mean figures\?"),
    "title in Korean alone": (CHAPTER | {"title": {"ko": "x"}}, r"title\.en: expected a value"),
    "title is text": (CHAPTER | {"title": "x"}, r"title: expected a mapping"),
    "another language": (CHAPTER | {"title": {"en": "x", "de": "y"}}, r"title\.de: .*en, ko"),
    "source": (CHAPTER | {"source": "de"}, r"source: expected one of the choices, got 'de' .*en, "),
    "sections are a list": (CHAPTER | {"sections": ["1"]}, r"sections: expected a mapping"),
    "unknown key of a section": (
        CHAPTER | {"sections": SECTIONS | {"3": {"title": {"en": "x"}, "formula": []}}},
        r"sections\.3\.formula: expected a known key.*mean formulas\?",
    ),
    "page of no language": (CHAPTER | {"page": {"de": {}}}, r"page\.de: expected a known key"),
    "experiments are a list": (CHAPTER | {"experiments": ["rates"]}, r"experiments: .* a mapping"),
    "name of an experiment": (
        CHAPTER | {"experiments": {"my rates": GRID, "rates": GRID}},
        r"experiments\.my rates: expected a name .* got 'my rates'",
    ),
    "unknown key of an experiment": (
        with_part("experiments", "rates", axis={}),
        r"experiments\.rates\.axis: expected a known key, got 'axis' .*mean axes\?",
    ),
    "experiment is nothing": (
        CHAPTER | {"experiments": {"rates": None}}, r"experiments\.rates: expected a mapping",
    ),
    "section of a figure": (
        with_part("figures", "a", section="9"),
        r"figures\.a\.section: expected a section of the chapter, got '9' .*2, 1",
    ),
    "experiment of a figure": (
        with_part("figures", "a", experiment="ratse"), r"figures\.a\.experiment: .*mean rates\?",
    ),
    "unknown key of a figure": (
        with_part("figures", "a", colur="init"), r"figures\.a\.colur: expected .*mean colour\?",
    ),
    "kind of a figure": (
        with_part("figures", "a", kind="line"), r"figures\.a\.kind: .*'line' .*mean lines\?",
    ),
    "column of a figure": (
        with_part("figures", "a", x="learning_rate"), r"figures\.a\.x: .*'learning_rate'",
    ),
    "column that does not vary": (
        with_part("figures", "a", colour="dropout"), r"figures\.a\.colour: .*'dropout'",
    ),
    "by hand, of no name": (
        CHAPTER | {"figures": {"a": {"kind": "own", "own": "9", "title": {"en": "x"},
                                     "experiment": "rates"}}},
        r"figures\.a\.own: expected one of the choices, got '9'",
    ),
    "section of a claim": (
        with_part("claims", "faster", section="9"),
        r"claims\.faster\.section: expected a section of the chapter, got '9' .*2, 1",
    ),
    "figure of a claim": (
        with_part("claims", "faster", figure="c"),
        r"claims\.faster\.figure: expected a figure of the chapter, got 'c' .*a",
    ),
    "experiment of a claim": (
        with_part("claims", "faster", parts={"t": CLAIM["parts"]["test"] | {"experiment": "x"}}),
        r"claims\.faster\.parts\.t\.experiment: .*got 'x' .*rates",
    ),
    "name of a claim": (
        CHAPTER | {"claims": {"1a": CLAIM}}, r"claims\.1a: expected letters, .* got '1a'",
    ),
    "a claim called open": (
        CHAPTER | {"claims": {"open": CLAIM}},
        r"claims\.open: .* another name",
    ),
    "uses no chapter": (CHAPTER | {"uses": ["lectur"]}, r"uses\[0\]: expected one of the choices"),
    "uses is a name": (CHAPTER | {"uses": "mine"}, r"uses: expected a list, got 'mine'"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_a_chapter_that_cannot_be_used_says_where(tmp_path: Path, case: str) -> None:
    content, message = BAD[case]
    path = as_file(tmp_path, content)
    with pytest.raises(ConfigError, match=message) as caught:
        load_chapter(path)
    assert str(path) in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("case", [
    "unknown key of an experiment", "section of a figure", "experiment of a figure",
    "figure of a claim", "section of a claim",
])  # fmt: skip
def test_in_a_folder_the_file_is_named(tmp_path: Path, case: str) -> None:
    content, message = BAD[case]
    part, key = message.split(r"\.")[:2]
    with pytest.raises(ConfigError) as caught:
        load_chapter(as_folder(tmp_path, content))
    assert str(tmp_path / "chapter" / "mine" / part / f"{key}.yaml: ") in str(caught.value)


@pytest.mark.parametrize("name", ["1st", "my chapter", "a.b", "index"])
def test_a_chapter_is_called_what_the_command_line_and_a_page_can_be(
    tmp_path: Path, name: str
) -> None:
    with pytest.raises(ConfigError, match=r"expected .*, got '.*'"):
        load_chapter(as_file(tmp_path, name=name))


# -- several


def test_chapters_are_found_in_the_study_and_in_added_folders(tmp_path: Path) -> None:
    as_file(tmp_path / "added")
    as_folder(tmp_path / "added", name="second")
    (tmp_path / "none").mkdir()
    folders = chapter_folders([tmp_path / "added", tmp_path / "none", tmp_path / "added"])
    assert folders == [conf_folder().resolve() / "chapter", tmp_path / "added" / "chapter"]
    assert list(find_chapters(folders)) == ["gate", "lecture", "map", "papers", "mine", "second"]
    found = load_chapters(["mine", "lecture", "mine"], folders)
    assert [(chapter.name, chapter.own) for chapter in found] == [
        ("mine", False), ("lecture", True),
    ]  # fmt: skip


def test_an_unknown_chapter_names_those_there_are() -> None:
    with pytest.raises(ConfigError, match=r"chapter: .*'lectur' .*gate, lecture.*mean lecture\?"):
        load_chapters(["lectur"], chapter_folders())


@pytest.mark.parametrize("name", ["mine", "lecture"])
def test_two_chapters_of_one_name_are_refused(tmp_path: Path, name: str) -> None:
    as_file(tmp_path, name=name)
    as_folder(tmp_path, name=name)
    with pytest.raises(
        ConfigError, match=rf"chapter: expected a name of its own \(.*has it\).*{name}"
    ):
        find_chapters(chapter_folders([tmp_path]))


def test_a_name_means_one_thing_in_all_chapters_of_a_study(tmp_path: Path) -> None:
    as_file(tmp_path, without(CHAPTER, "claims"), "one")
    as_file(tmp_path, without(CHAPTER, "claims"), "two")
    folders = [tmp_path / "chapter"]
    assert len(load_chapters(["one", "two"], folders)) == 2  # the same grid
    other = GRID | {"fixed": {"hidden": [5]}}
    as_file(tmp_path, without(CHAPTER, "claims") | {"experiments": {"rates": other}}, "two")
    with pytest.raises(ConfigError, match=r"two: experiments: .*chapter one has another.*'rates'"):
        load_chapters(["one", "two"], folders)
    assert load_chapters(["two"], folders)[0].experiments == {"rates": other}


def test_a_claim_belongs_to_one_chapter(tmp_path: Path) -> None:
    for name in ("one", "two"):
        as_file(tmp_path, name=name)
    with pytest.raises(ConfigError, match=r"two: claims: .*chapter one has it.*'faster'"):
        load_chapters(["one", "two"], [tmp_path / "chapter"])


# -- what varies


@pytest.mark.parametrize(
    ("axes", "columns"),
    [
        ({"lr": [1, 2], "seed": "${seeds:3}"}, {"lr", "seed"}),
        ({"evaluation.points": [1, 2]}, {"evaluation_points"}),
        ({"depth": [1, 2]}, {"depth", "hidden"}),
        ({"cell": [{"dropout": 0.1}, {"weight_decay": 0.1}]}, {"dropout", "weight_decay"}),
        ({"lr": [0.1, {"momentum": 0.9}]}, {"lr", "momentum"}),
    ],
)
def test_what_axes_vary(axes: dict[str, Any], columns: set[str]) -> None:
    found = varied_columns({"axes": axes})
    assert columns <= set(found)
    assert len(found) == len(set(found))


def test_a_choice_of_a_group_varies_its_options() -> None:
    assert {"init", "init_std"} <= set(columns_of("init.std"))
    assert {"init", "init_std", "init_class"} <= set(columns_of("init"))
    assert "lr" not in columns_of("init")


# -- those that come with the study

OWN = load_chapters(list(find_chapters(chapter_folders())), chapter_folders())
FIGURES = [(chapter, figure) for chapter in OWN for figure in chapter.figures]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("chapter", OWN, ids=lambda chapter: chapter.name)
def test_every_chapter_speaks_every_language(chapter: Chapter, language: str) -> None:
    assert chapter.own
    assert chapter.untranslated(language) == []
    assert language in chapter.title
    for claim in chapter.claims:
        words = [claim.statement, *claim.finding.values()]
        words += [part.label for part in claim.parts.values()]
        assert all(language in each for each in words), claim.id
    for figure in chapter.figures:
        labels = [words for plot in figure.plots for words in plot.labels.values()]
        symbols = [words for words in labels if len(words["en"]) <= len("std")]
        assert all(language in words for words in labels if words not in symbols), figure.id


@pytest.mark.parametrize("chapter", OWN, ids=lambda chapter: chapter.name)
def test_every_figure_and_claim_has_a_section_that_there_is(chapter: Chapter) -> None:
    sections = {section.id for section in chapter.sections}
    automatic = {figure.id for figure in chapter.figures if figure.section is None}
    assert not automatic or not sections
    shown = {figure.section for figure in chapter.figures if figure.id not in automatic}
    assert shown == sections  # there are all of them, and none is empty
    assert {claim.section for claim in chapter.claims} <= sections
    assert {claim.figure for claim in chapter.claims} <= {figure.id for figure in chapter.figures}


@pytest.mark.parametrize("chapter", OWN, ids=lambda chapter: chapter.name)
def test_every_experiment_is_for_something(chapter: Chapter) -> None:
    shown = {name for figure in chapter.figures for name in figure.experiments}
    judged = {name for claim in chapter.claims for name in claim.experiments}
    assert shown | judged <= set(chapter.experiments)
    assert set(chapter.experiments) <= shown
