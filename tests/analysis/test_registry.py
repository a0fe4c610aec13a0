"""What was declared before its runs: read, compared with the claims, and written."""

from datetime import date

import pytest
from builders_claims import claim, part

from study import chapters, registry
from study.analysis import registry as entries
from study.analysis.registry import (
    CHANGED,
    EXPLORATORY,
    LATE,
    REGISTERED,
    Registration,
    load_registry,
    outdated,
    write_registry,
)
from study.errors import ConfigError

DAY = date(2026, 11, 27)
OWN = claim()


def written(folder, text):
    path = folder / "registered.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def declared(folder, digest=OWN.digest, rules=""):
    text = f'{rules}claims:\n  C1: {{digest: "{digest}", declared: 2026-11-27}}\n'
    return load_registry(written(folder, text))


def test_without_a_file_everything_is_exploratory(tmp_path):
    found = load_registry(tmp_path / "none.yaml")
    assert not found.known
    assert found.of(OWN, ["2026-12-01T00:00:00+00:00"]) == Registration(EXPLORATORY)


@pytest.mark.parametrize(
    ("started", "status"),
    [
        (["2026-11-27T08:00:00+00:00", "2026-12-01T00:00:00+00:00"], REGISTERED),
        (["2026-12-01T00:00:00+00:00", "2026-11-26T23:59:59+00:00"], LATE),
        ([], REGISTERED),
    ],
)
def test_a_claim_is_registered_if_no_run_of_it_is_older(tmp_path, started, status):
    assert declared(tmp_path).of(OWN, started) == Registration(status, DAY)


def test_a_claim_that_was_changed_since_is_not_the_one_declared(tmp_path):
    other = claim({"only": part(smallest=0.02)})
    found = declared(tmp_path)
    assert found.of(other, ["2026-12-01T00:00:00+00:00"]) == Registration(CHANGED, DAY)


def test_words_of_a_claim_may_change(tmp_path):
    found = declared(tmp_path)
    reworded = claim({"only": part(label={"en": "x", "ko": "x"})}, statement={"en": "y", "ko": "y"})
    assert found.of(reworded, []).status == REGISTERED


def test_a_claim_that_nobody_declared_is_exploratory(tmp_path):
    assert declared(tmp_path).of(claim(id="C2"), []).status == EXPLORATORY


def test_runs_between_a_claim_and_the_rules_are_too_early(tmp_path):
    found = declared(tmp_path, rules="rules: {declared: 2026-11-29}\n")
    status = found.of(OWN, ["2026-11-28T00:00:00+00:00"])
    assert status == Registration(LATE, date(2026, 11, 29))


def test_seeds_that_earlier_reports_have_used(tmp_path):
    text = "seeds:\n  - {first: 0, last: 9, used: {en: the first report, ko: 첫 보고서}}\n"
    found = load_registry(written(tmp_path, text))
    assert found.used(range(100, 110)) == []
    assert [each.used["en"] for each in found.used([9, 100])] == ["the first report"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("claim: {}", "claim: expected a known key"),
        ("rules: 2026-11-27", "rules: expected a mapping"),
        ("rules: {declared: soon}", "rules.declared: expected a date"),
        ("claims: [B1]", "claims: expected a mapping"),
        ("claims: {B1: {digest: 0123456789abcdef}}", "claims.B1.declared: expected a value"),
        ("claims: {B1: {digest: 123, declared: 2026-11-27}}", "claims.B1.digest: expected 16 hex"),
        (
            "claims: {B1: {digest: 0123456789abcdef, declared: 2026-11-27 08:00:00}}",
            "claims.B1.declared: expected a date",
        ),
        ("seeds: {first: 0}", "seeds: expected a list"),
        ("seeds: [{first: 9, last: 0, used: {en: a, ko: b}}]", r"seeds\[0\].last: expected a seed"),
        (
            "seeds: [{first: true, last: 1, used: {en: a, ko: b}}]",
            r"seeds\[0\].first: expected a w",
        ),
        ("seeds: [{first: 0, last: 1, used: {ko: a}}]", r"seeds\[0\].used.en: expected a value"),
        ("claims: {}\nclaims: {}", "claims: expected each key once"),
        ("- 1", "expected a mapping"),
        ("{", "expected a YAML file"),
    ],
)
def test_a_file_that_cannot_be_used_says_where(tmp_path, text, message):
    with pytest.raises(ConfigError, match=message):
        load_registry(written(tmp_path, text))


def test_an_empty_file_declares_nothing(tmp_path):
    found = load_registry(written(tmp_path, "# nothing yet\n"))
    assert (found.known, dict(found.claims)) == (True, {})


def test_writing_enters_what_is_new_and_keeps_the_rest(tmp_path):
    path = written(
        tmp_path,
        "# head\nrules: {declared: 2026-11-01}\n\nclaims:\n"
        f'  C1: {{digest: "{OWN.digest}", declared: 2026-11-02}}\n\n'
        '  GONE: {digest: "0123456789abcdef", declared: 2026-11-02}\n\n'
        "# used before\nseeds:\n  - {first: 0, last: 9, used: {en: a, ko: b}}\n",
    )
    other = claim(id="C2")
    assert write_registry([OWN, other], DAY, path) == [other]
    found = load_registry(path)
    assert {name: entry.declared for name, entry in found.claims.items()} == {
        "C1": date(2026, 11, 2), "C2": DAY,
    }  # fmt: skip
    text = path.read_text(encoding="utf-8")
    assert text.startswith("# head\nrules: {declared: 2026-11-01}\n\nclaims:\n  C1")
    assert text.endswith(
        "\n\n# used before\nseeds:\n  - {first: 0, last: 9, used: {en: a, ko: b}}\n"
    )
    assert outdated([OWN, other], found) == []
    assert write_registry([OWN, other], date(2027, 1, 1), path) == []
    assert path.read_text(encoding="utf-8") == text


def test_writing_makes_the_file(tmp_path):
    path = tmp_path / "registered.yaml"
    assert write_registry([OWN], DAY, path) == [OWN]
    assert load_registry(path).of(OWN, []) == Registration(REGISTERED, DAY)


def test_a_claim_that_was_changed_is_declared_anew(tmp_path):
    path = written(tmp_path, 'claims:\n  C1: {digest: "0123456789abcdef", declared: 2026-11-02}\n')
    write_registry([OWN], DAY, path)
    assert load_registry(path).claims["C1"].declared == DAY


def test_every_claim_of_the_study_is_declared_as_it_is():
    """A claim whose direction, cells or metric are changed is another claim, and says so."""
    folders = chapters.chapter_folders()
    every = chapters.load_chapters(list(chapters.find_chapters(folders)), folders)
    claims = [claim for chapter in every for claim in chapter.claims]
    assert [claim.id for claim in outdated(claims, load_registry())] == []
    assert len(claims) == len(load_registry().claims)


CLAIM = """
title: {en: Mine}
experiments:
  dropout:
    axes: {dropout: [0, 0.2], seed: [0, 1, 2]}
claims:
  C1:
    statement: {en: It helps.}
    parts:
      test:
        experiment: dropout
        metric: test_accuracy
        treatment: {dropout: 0.2}
        control: {dropout: 0}
        direction: greater
"""


@pytest.fixture
def conf(tmp_path, monkeypatch):
    """A folder in the place of the study's own."""
    monkeypatch.setattr(chapters, "conf_folder", lambda: tmp_path)
    monkeypatch.setattr(entries, "conf_folder", lambda: tmp_path)
    (tmp_path / "chapter").mkdir()
    return tmp_path


def test_command_says_what_is_not_declared_and_declares_it(conf, capsys):
    path = conf / "chapter" / "mine.yaml"
    path.write_text(CLAIM, encoding="utf-8")
    assert registry.main([]) == 1
    assert "not declared as they are: C1" in capsys.readouterr().out
    assert registry.main(["--write"]) == 0
    assert "declared: C1" in capsys.readouterr().out
    assert registry.main([]) == 0
    (declared,) = chapters.load_chapter(path).claims
    assert load_registry().claims["C1"].digest == declared.digest


def test_command_is_about_the_claims_of_all_chapters(conf, capsys):
    for name in ("one", "two"):
        text = CLAIM.replace("C1", f"{name}-C").replace("dropout:\n    axes", f"{name}:\n    axes")
        text = text.replace("experiment: dropout", f"experiment: {name}")
        (conf / "chapter" / f"{name}.yaml").write_text(text, encoding="utf-8")
    assert registry.main([]) == 1
    assert capsys.readouterr().out == "not declared as they are: one-C, two-C\n"


def test_command_says_what_is_wrong_with_the_file(conf, capsys):
    written(conf, "rules: 1")
    assert registry.main([]) == 1
    assert "rules: expected a mapping" in capsys.readouterr().err


def test_command_says_what_is_wrong_with_a_chapter(conf, capsys):
    (conf / "chapter" / "mine.yaml").write_text("titel: {en: Mine}", encoding="utf-8")
    assert registry.main([]) == 1
    assert "mine.yaml: titel: expected a known key" in capsys.readouterr().err
