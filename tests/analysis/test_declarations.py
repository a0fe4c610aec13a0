"""Claims in YAML: what is read, and what is refused with file, key and choices."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from study.analysis.declarations import SAID, UNITS, Claim, Reduction, load_claims, read_claim
from study.analysis.reading import Node, read
from study.errors import ConfigError
from study.report import text

PART: dict[str, Any] = {
    "label": {"en": "gap", "ko": "차이"},
    "experiment": "weight_decay",
    "metric": "gap",
    "treatment": {"weight_decay": 0.1},
    "control": {"weight_decay": 0},
    "direction": "less",
}
CLAIM: dict[str, Any] = {
    "section": "1.4.1",
    "figure": "1.4.1-a",
    "statement": {"en": "It is so.", "ko": "그렇다."},
    "parts": {"gap": PART},
}
SENTENCE = {"en": "Gap {gap.effect:points}.", "ko": "차이 {gap.effect:points}."}


def write(folder: Path, content: Any, name: str = "W2") -> Path:
    path = folder / f"{name}.yaml"
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content), "utf-8")
    return path


def load_claim(path: Path, chapter: str = "mine") -> Claim:
    return read_claim(Node(str(path), "", read(path)), path.stem, chapter)


def with_part(**keys: Any) -> dict[str, Any]:
    part = {key: value for key, value in (PART | keys).items() if value is not KeyError}
    return CLAIM | {"parts": {"gap": part}}


def test_a_claim_needs_no_more_than_a_test_and_its_place(tmp_path: Path):
    claim = load_claim(write(tmp_path, CLAIM))
    part = claim.parts["gap"]
    assert (claim.id, claim.section, claim.beyond, claim.finding) == ("W2", "1.4.1", False, {})
    assert (claim.chapter, claim.scope) == ("mine", ())
    assert (part.smallest, part.compare, part.unit, part.deciding) == (
        0.01, "difference", "points", True,
    )  # fmt: skip
    assert part.paired_by == ("seed",)
    assert part.treatment == ({"weight_decay": (0.1,)},)
    assert part.where == ({},)
    assert part.side_unit == "percent"


def test_every_key_arrives(tmp_path: Path):
    part = PART | {
        "metric": {"name": "layer", "column": "gradient_norm", "layer": 1, "relative_to": "last"},
        "where": [{"activation": "relu", "init": ["he", "normal 1"]}, {"batch_size": 100}],
        "paired_by": ["seed", "lr"],
        "reduce": {"function": "best", "over": "init_std", "held_out": True},
        "reduce_control": {"function": "best", "over": "init_std", "by": "valid_accuracy"},
        "compare": "ratio",
        "smallest": 1.25,
        "deciding": True,
    }
    content = CLAIM | {
        "beyond": True,
        "scope": ["width", "lr"],
        "short": {"en": "less", "ko": "감소"},
        "parts": {"gap": part},
        "cases": {"odd": {"gap": "inconclusive"}},
        "finding": dict.fromkeys((*SAID, "odd"), SENTENCE),
    }
    claim = load_claim(write(tmp_path, content), "lecture")
    found = claim.parts["gap"]
    assert claim.beyond
    assert claim.short == {"en": "less", "ko": "감소"}
    assert (claim.chapter, claim.scope) == ("lecture", ("width", "lr"))
    assert set(claim.finding) == {"supported", "no_effect", "refuted", "inconclusive", "odd"}
    assert claim.cases == {"odd": {"gap": "inconclusive"}}
    assert (found.metric, found.options["moment"], found.options["layer"]) == ("layer", "end", 1)
    assert found.where[0]["init"] == ("he", "normal 1")
    assert found.where[1] == {"batch_size": ("100",)}
    assert found.reduce == Reduction("best", ("init_std",), None, True)
    assert found.reduce_control == Reduction("best", ("init_std",), "valid_accuracy")
    assert (found.unit, found.side_unit) == ("times", "number")


def test_a_constant_takes_the_place_of_the_control(tmp_path: Path):
    part = load_claim(write(tmp_path, with_part(control=KeyError, against=0))).parts["gap"]
    assert part.control is None
    assert part.against == 0.0


# What is wrong with a part, and what the message has to name.
BAD_PARTS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "unknown key": ({"metrik": "gap"}, ["parts.gap.metrik", "known key", "metric"]),
    "missing key": ({"direction": KeyError}, ["parts.gap.direction", "a value"]),
    "unknown metric": ({"metric": "gapp"}, ["parts.gap.metric", "'gapp'", "test_accuracy"]),
    "metric is a number": ({"metric": 3}, ["parts.gap.metric", "3"]),
    "metric is a list": ({"metric": ["gap"]}, ["parts.gap.metric", "['gap']"]),
    "metric without name": ({"metric": {"level": 1}}, ["parts.gap.metric.name", "None"]),
    "unknown option": (
        {"metric": {"name": "epochs_to", "level": 0.9, "levle": 1}},
        ["parts.gap.metric.levle", "level"],
    ),
    "missing option": ({"metric": "epochs_to"}, ["parts.gap.metric.level", "a value"]),
    "wrong option": (
        {"metric": {"name": "epochs_to", "level": "high"}},
        ["parts.gap.metric.level", "a number", "'high'"],
    ),
    "option is huge": (
        {"metric": {"name": "epochs_to", "level": 10**400}},
        ["parts.gap.metric.level", "a huge number"],
    ),
    "option is a list": (
        {"metric": {"name": "layer", "column": ["gradient_norm"], "layer": 1}},
        ["parts.gap.metric.column"],
    ),
    "layer of no kind": (
        {"metric": {"name": "layer", "column": "gradient_norm", "layer": 0}},
        ["parts.gap.metric.layer", "last"],
    ),
    "options that exclude each other": (
        {"metric": {"name": "layer", "column": "gradient_norm", "layer": "all"}},
        ["parts.gap.metric", "statistics of weights"],
    ),
    "option of a metric without": ({"metric": {"name": "gap", "level": 1}}, ["metric.level"]),
    "unknown direction": ({"direction": "lower"}, ["parts.gap.direction", "less, greater"]),
    "unknown comparison": ({"compare": "quotient"}, ["parts.gap.compare", "difference, ratio"]),
    "unknown unit": ({"unit": "miles"}, ["parts.gap.unit", "'miles'", "points, percent"]),
    "unknown column": (
        {"treatment": {"weightdecay": 0.1}},
        ["parts.gap.treatment.weightdecay", "weight_decay"],
    ),
    "unknown column of a union": (
        {"where": [{}, {"x": 1}]}, ["parts.gap.where[1].x", "recommended"],
    ),
    "selection is text": ({"control": "all"}, ["parts.gap.control", "a mapping", "'all'"]),
    "no value": ({"where": {"init": []}}, ["parts.gap.where.init", "a value"]),
    "text for a number": ({"where": {"lr": "0.1"}}, ["parts.gap.where.lr", "a number", "'0.1'"]),
    "number for a name": ({"where": {"init": 1}}, ["parts.gap.where.init", "a name", "1"]),
    "number for a switch": (
        {"where": {"batchnorm": 1}}, ["parts.gap.where.batchnorm", "true or false", "1"],
    ),
    "value is a mapping": ({"where": {"lr": {"not": 0}}}, ["parts.gap.where.lr.not", "above"]),
    "control and against": ({"against": 1}, ["parts.gap", "either control"]),
    "neither": ({"control": KeyError}, ["parts.gap", "either control"]),
    "against text": ({"control": KeyError, "against": "1"}, ["parts.gap.against", "'1'"]),
    "against NaN": ({"control": KeyError, "against": float("nan")}, ["parts.gap.against", "nan"]),
    "ratio against 0": (
        {"control": KeyError, "against": 0, "compare": "ratio", "smallest": 2},
        ["parts.gap.against", "> 0"],
    ),
    "two runs against a number": (
        {"control": KeyError, "against": 0, "metric": "gap_at_equal_train"},
        ["parts.gap.against", "two runs"],
    ),
    "two runs reduced": (
        {"metric": "gap_at_equal_train", "reduce": {"function": "mean", "over": "lr"}},
        ["parts.gap.reduce", "two runs"],
    ),
    "smallest < 0": ({"smallest": -0.1}, ["parts.gap.smallest", ">= 0", "-0.1"]),
    "smallest is text": ({"smallest": "1 %"}, ["parts.gap.smallest", "'1 %'"]),
    "smallest is huge": ({"smallest": 10**400}, ["parts.gap.smallest", "a huge number"]),
    "smallest is a switch": ({"smallest": True}, ["parts.gap.smallest", "True"]),
    "ratio without smallest": ({"compare": "ratio"}, ["parts.gap.smallest", "ratio"]),
    "ratio below 1": ({"compare": "ratio", "smallest": 0.5}, ["parts.gap.smallest", ">= 1"]),
    "loss without smallest": ({"metric": "test_loss"}, ["parts.gap.smallest", "shares"]),
    "equal within nothing": (
        {"direction": "equal", "smallest": 0}, ["parts.gap.smallest", "> 0", "equal"],
    ),
    "ratio equal within nothing": (
        {"direction": "equal", "compare": "ratio", "smallest": 1}, ["parts.gap.smallest", "> 1"],
    ),
    "paired by nothing": ({"paired_by": []}, ["parts.gap.paired_by", "seed among"]),
    "paired without the seed": ({"paired_by": "lr"}, ["parts.gap.paired_by", "seed among"]),
    "paired by what is not there": ({"paired_by": ["sead"]}, ["parts.gap.paired_by", "seed"]),
    "paired by a mapping": ({"paired_by": {"seed": 1}}, ["parts.gap.paired_by"]),
    "paired twice": ({"paired_by": ["seed", "seed"]}, ["parts.gap.paired_by", "once"]),
    "clusters": ({"cluster_by": ["seed"]}, ["parts.gap.cluster_by", "known key"]),
    "same cells": ({"control": {"weight_decay": 0.1}}, ["parts.gap.control", "other cells"]),
    "unknown reduction": (
        {"reduce": {"function": "median", "over": "lr"}},
        ["parts.gap.reduce.function", "range"],
    ),
    "reduction over pairs": (
        {"reduce": {"function": "range", "over": "seed"}},
        ["parts.gap.reduce.over", "paired_by"],
    ),
    "reduction over nothing": (
        {"reduce": {"function": "range"}}, ["parts.gap.reduce.over", "a value"],
    ),
    "held out of a range": (
        {"reduce": {"function": "range", "over": "lr", "held_out": True}},
        ["parts.gap.reduce.held_out", "best or worst"],
    ),
    "best of what is judged": (
        {"reduce": {"function": "best", "over": "lr"}},
        ["parts.gap.reduce.by", "held_out", "valid_accuracy"],
    ),
    "chosen by the test": (
        {"reduce": {"function": "best", "over": "lr", "by": "test_accuracy"}},
        ["parts.gap.reduce.by", "'test_accuracy'", "valid_accuracy"],
    ),
    "chosen twice": (
        {"reduce": {"function": "best", "over": "lr", "by": "valid_loss", "held_out": True}},
        ["parts.gap.reduce.by", "held_out"],
    ),
    "chosen for a range": (
        {"reduce": {"function": "range", "over": "lr", "by": "valid_loss"}},
        ["parts.gap.reduce.by", "best or worst"],
    ),
    "sides chosen by different metrics": (
        {
            "reduce": {"function": "best", "over": "lr", "by": "valid_loss"},
            "reduce_control": {"function": "best", "over": "lr", "by": "valid_accuracy"},
        },
        ["parts.gap.reduce_control", "that the treatment is chosen by"],
    ),
    "deciding is text": ({"deciding": "yes"}, ["parts.gap.deciding", "true or false", "'yes'"]),
    "nothing decides": ({"deciding": False}, ["parts", "deciding: true"]),
    "label without English": ({"label": {"ko": "차이"}}, ["parts.gap.label.en", "a value"]),
    "label in another language": (
        {"label": {"en": "gap", "ko": "차이", "de": "Abstand"}},
        ["parts.gap.label.de", "en, ko"],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("keys", "named"), BAD_PARTS.values(), ids=BAD_PARTS)
def test_a_part_that_cannot_be_used(tmp_path: Path, keys: dict[str, Any], named: list[str]):
    check(tmp_path, with_part(**keys), named)


FINDING = dict.fromkeys(SAID, SENTENCE)
BAD_CLAIMS: dict[str, tuple[Any, list[str]]] = {
    "empty": ("", ["a mapping", "None"]),
    "a list": ("- id", ["a mapping"]),
    "text": ("W2", ["a mapping", "'W2'"]),
    "not YAML": ("id: [", ["a YAML file"]),
    "tab": ("id:\n\tW2", ["a YAML file"]),
    "object": ("!!python/object/apply:os.system ['true']", ["a YAML file", "python/object"]),
    "date of no month": ("id: 2001-99-99", ["a YAML file", "month"]),
    "unhashable key": ("? [a]\n: 1", ["a YAML file"]),
    "two documents": ("a: 1\n---\nb: 2", ["a YAML file"]),
    "loop": ("&a {statement: *a}", ["parts", "a value"]),
    "loop of words": (
        "statement: &a {en: *a}\nparts: {gap: {}}", ["parts.gap.experiment", "a value"],
    ),
    "loop of parts": (
        "statement: {en: x, ko: x}\nparts: &a {gap: *a}",
        ["parts.gap.gap", "known key"],
    ),
    "deep": ("[" * 2000, ["a YAML file"]),
    "huge number": (f"section: {'9' * 5000}", ["a YAML file"]),
    "huge number in hexadecimal": (f"0x{'f' * 5000}", ["a mapping", "a huge number"]),
    "same key twice": ("beyond: true\nbeyond: true", ["each key once"]),
    "id, which is the name of the file": (CLAIM | {"id": "W2"}, ["id", "a known key"]),
    "chapter, which is where it lies": (CLAIM | {"chapter": "x"}, ["chapter", "a known key"]),
    "missing statement": ({k: v for k, v in CLAIM.items() if k != "statement"}, ["statement"]),
    "empty statement": (CLAIM | {"statement": {"en": " ", "ko": "x"}}, ["statement.en", "text"]),
    "no English": (CLAIM | {"statement": {"ko": "x"}}, ["statement.en"]),
    "section is a number": (CLAIM | {"section": 1.1}, ["section", "quotes", "1.1"]),
    "figure is a list": (CLAIM | {"figure": ["1.1-a"]}, ["figure", "the id of a figure"]),
    "short without English": (CLAIM | {"short": {"ko": "감소"}}, ["short.en", "a value"]),
    "beyond is text": (CLAIM | {"beyond": "no"}, ["beyond", "'no'"]),
    "unknown key": (CLAIM | {"part": {}}, ["part", "parts"]),
    "key is a number": (CLAIM | {1: 2}, ["1", "known key"]),
    "parts is a list": (CLAIM | {"parts": [PART]}, ["parts", "mapping"]),
    "part of another name": (CLAIM | {"parts": {"Gap 1": PART}}, ["parts.Gap 1", "name"]),
    "part is nothing": (CLAIM | {"parts": {"gap": None}}, ["parts.gap", "a mapping"]),
    "no parts": (CLAIM | {"parts": {}}, ["parts", "at least one"]),
    "finding of one case": (CLAIM | {"finding": {"supported": SENTENCE}}, ["finding.no_effect"]),
    "finding of what is not judged": (
        CLAIM | {"finding": FINDING | {"not_judged": SENTENCE}}, ["finding.not_judged"],
    ),
    "scope of no column": (CLAIM | {"scope": ["lrr"]}, ["scope", "'lrr'", "width"]),
    "finding of no case": (CLAIM | {"finding": FINDING | {"odd": SENTENCE}}, ["finding.odd"]),
    "case of no part": (CLAIM | {"cases": {"odd": {"tset": "refuted"}}}, ["cases.odd.tset", "gap"]),
    "case of no verdict": (
        CLAIM | {"cases": {"odd": {"gap": "true"}}}, ["cases.odd.gap", "supported, no_effect"],
    ),
    "case named as a verdict": (
        CLAIM | {"cases": {"refuted": {"gap": "refuted"}}}, ["cases.refuted"],
    ),
    "case without sentence": (
        CLAIM | {"cases": {"odd": {"gap": "refuted"}}, "finding": FINDING}, ["finding.odd"],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("content", "named"), BAD_CLAIMS.values(), ids=BAD_CLAIMS)
def test_a_file_that_cannot_be_used(tmp_path: Path, content: Any, named: list[str]):
    check(tmp_path, content, named)


BAD_SENTENCES = {
    "{test.effect}": ["'{test.effect}'", "gap.effect"],
    "{gap.efect:points}": ["'{gap.efect}'", "gap.effect"],
    "{gap}": ["'{gap}'"],
    "{gap.effect:miles}": ["a format", "'miles'", "points"],
    "{gap.effect!r}": ["no conversion"],
    "{gap.effect.__class__}": ["gap.effect.mean"],
    "{gap.effect": ["braces"],
    "{}": ["'{}'"],
}


@pytest.mark.parametrize(("sentence", "named"), BAD_SENTENCES.items(), ids=BAD_SENTENCES)
def test_a_sentence_that_could_not_be_filled(tmp_path: Path, sentence: str, named: list[str]):
    finding = FINDING | {"refuted": SENTENCE | {"ko": sentence}}
    check(tmp_path, CLAIM | {"finding": finding}, ["finding.refuted.ko", *named])


def test_a_constant_has_no_control_to_name(tmp_path: Path):
    content = with_part(control=KeyError, against=0)
    finding = FINDING | {"supported": SENTENCE | {"en": "{gap.control:percent}"}}
    check(tmp_path, content | {"finding": finding}, ["finding.supported.en"])


def check(folder: Path, content: Any, named: list[str]) -> None:
    """Reading ``content`` raises an error of one readable line that names all of ``named``."""
    path = write(folder, content)
    with pytest.raises(ConfigError) as caught:
        load_claims(folder, "mine")
    message = str(caught.value)
    assert message.startswith(str(path))
    assert len(message) < 2000
    for words in named:
        assert words in message


def test_bytes_that_are_no_text(tmp_path: Path):
    (tmp_path / "W2.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="a YAML file"):
        load_claims(tmp_path, "mine")


def test_aliases_that_would_fill_the_memory_stay_short(tmp_path: Path):
    lines = ["section: G", "figure:", " - &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f" - &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 30)]
    lines += ["statement: {en: x, ko: x}", "parts: {}"]
    check(tmp_path, "\n".join(lines), ["figure", "the id of a figure"])


def test_claims_come_in_the_order_of_the_lecture(tmp_path: Path):
    for name, section, beyond in (
        ("G1", "G", False), ("I10", "1.2.4", False), ("I9", "1.2.4", False), ("A1", "1.1", True),
        ("S1", "1.2.1", False), ("M1", "1.1", False), ("Z1", "1.10", False),
    ):  # fmt: skip
        write(tmp_path, CLAIM | {"section": section, "beyond": beyond}, name)
    names = [claim.id for claim in load_claims(tmp_path, "mine")]
    assert names == ["M1", "S1", "I9", "I10", "Z1", "G1", "A1"]


@pytest.mark.parametrize("name", ["2", "W 2", "-W", "open", "W.2"])
def test_the_name_of_the_file_is_what_the_command_line_takes(tmp_path: Path, name: str):
    write(tmp_path, CLAIM, name)
    with pytest.raises(ConfigError, match=rf"{name}\.yaml: file name: expected .*, got '{name}'"):
        load_claims(tmp_path, "mine")


@pytest.mark.parametrize("key", ["section", "figure"])
def test_a_claim_needs_no_place_on_the_page(tmp_path: Path, key: str):
    write(tmp_path, {name: value for name, value in CLAIM.items() if name != key})
    (found,) = load_claims(tmp_path, "mine", figures=["1.4.1-a"], sections=["1.4.1"])
    assert getattr(found, key) == ""


def test_a_part_that_its_metric_names_well_enough_needs_no_label(tmp_path: Path):
    assert load_claim(write(tmp_path, with_part(label=KeyError))).parts["gap"].label == {}


def test_words_may_be_in_english_alone(tmp_path: Path):
    words = {"statement": {"en": "x"}, "short": {"en": "y"}}
    found = load_claim(write(tmp_path, with_part(label={"en": "z"}) | words))
    assert (found.statement, found.short) == ({"en": "x"}, {"en": "y"})
    assert found.parts["gap"].label == {"en": "z"}


def test_experiments_figures_and_sections_are_checked_where_they_are_known(tmp_path: Path):
    write(tmp_path, CLAIM)
    known = {
        "experiments": ["weight_decay"], "figures": ["1.4.1-a"], "sections": ["1.4.1"],
    }  # fmt: skip
    assert len(load_claims(tmp_path, "mine", **known)) == 1
    with pytest.raises(ConfigError, match=r"parts.gap.experiment.*choices: dropout"):
        load_claims(tmp_path, "mine", experiments=["dropout"])
    with pytest.raises(ConfigError, match=r"figure.*choices: 1.1-a"):
        load_claims(tmp_path, "mine", figures=["1.1-a"])
    with pytest.raises(ConfigError, match=r"section.*choices: 1.1"):
        load_claims(tmp_path, "mine", sections=["1.1"])


def test_units_are_formats_of_the_report():
    assert set(UNITS) <= set(text._FORMATS)


# --- digests ------------------------------------------------------------------------------------


def digest(tmp_path: Path, content: dict[str, Any], chapter: str = "mine") -> str:
    return load_claim(write(tmp_path, content), chapter).digest


def test_words_and_what_decides_nothing_do_not_change_the_digest(tmp_path: Path):
    first = digest(tmp_path, CLAIM)
    assert len(first) == 16
    shown = PART | {"label": {"en": "shown", "ko": "표시"}, "deciding": False}
    words = {
        "statement": {"en": "It is.", "ko": "그러하다."},
        "short": {"en": "so", "ko": "그럼"},
        "finding": FINDING,
        "figure": "1.4.1-b",
        "scope": "lr",
        "parts": {"gap": PART | {"label": {"en": "a", "ko": "b"}, "unit": "number"}, "b": shown},
    }
    for key, value in words.items():
        assert digest(tmp_path, CLAIM | {key: value}) == first, key
    assert digest(tmp_path, CLAIM | words) == first


def test_everything_that_decides_changes_the_digest(tmp_path: Path):
    changes: list[dict[str, Any]] = [
        {"direction": "greater"}, {"smallest": 0.02}, {"metric": "test_accuracy"},
        {"experiment": "dropout"}, {"where": {"lr": 0.1}}, {"treatment": {"weight_decay": 1}},
        {"control": {"weight_decay": 0.01}}, {"paired_by": ["seed", "lr"]},
        {"reduce": {"function": "mean", "over": "lr"}}, {"compare": "ratio", "smallest": 1.1},
        {"reduce_control": {"function": "max", "over": "lr"}},
        {"control": KeyError, "against": 0}, {"metric": {"name": "epochs_to", "level": 1},
                                              "smallest": 1},
    ]  # fmt: skip
    found = [digest(tmp_path, with_part(**change)) for change in changes]
    found += [digest(tmp_path, CLAIM, "lecture"), digest(tmp_path, CLAIM)]
    found.append(digest(tmp_path, CLAIM | {"parts": {"gap": PART, "more": PART}}))
    assert len(set(found)) == len(found)
