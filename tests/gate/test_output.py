"""What the gate tells people and programs."""

import json
from dataclasses import replace
from xml.etree import ElementTree

import pytest
from builders_gate import RULES, baseline, changed, claim, failed, moved, records

from study.gate.compare import check
from study.gate.output import ROWS, annotations, as_json, as_junit, as_markdown, as_text
from study.gate.result import CheckResult

RULES_C = replace(RULES, claims=(claim(),))


def red() -> CheckResult:
    """A flipped claim, a regression, an improvement, a cell that stays the same but for a run."""
    runs = [
        moved(-0.3, noise=0.002)(run) if run.config["init"]["name"] == "he" and
        not run.config["dropout"] else run for run in records()
    ]  # fmt: skip
    runs = [moved(0.1)(run) if run.config["dropout"] else run for run in runs]
    runs[9] = failed(runs[9], "it | `broke`\n<b>%s\x00</b>")
    return check(baseline(RULES_C), runs, RULES_C)


def green() -> CheckResult:
    return check(baseline(), records(), RULES)


# -- the terminal


def test_nothing_changed_is_two_lines() -> None:
    first, second = as_text(green()).splitlines()
    assert first == "baseline of 2026-01-01 (tests); the same bits: 24 of 24 runs"
    assert second == "pass: 3 unchanged"


def test_the_table_has_the_worst_first_and_the_verdict_last() -> None:
    lines = as_text(red(), 200).splitlines()
    assert lines[1].split() == [
        "cell", "metric", "baseline", "now", "difference", "interval", "verdict", "why",
    ]  # fmt: skip
    assert lines[2].startswith("claim high")
    assert "flipped" in lines[2]
    assert lines[3].startswith("he relu ")
    assert "test accuracy" in lines[3]
    assert "regression" in lines[3]
    assert "beyond 1 point" in lines[3]
    assert lines[-1].startswith("REGRESSION: 1 run without a result, 1 claim flipped, 1 regression")
    assert any(line.startswith("no result: xavier relu, seed 1: <b>%s") for line in lines)
    assert any("accept it: python -m study.check --update" in line for line in lines)


def test_it_fits_a_screen_however_many_cells_there_are() -> None:
    result = red()
    many = [replace(c, cell=f"cell {i}") for i in range(40) for c in result.comparisons]
    lines = as_text(replace(result, comparisons=many), 100).splitlines()
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 110
    assert f"… and {1 + 40 - ROWS} rows that are no worse" in "\n".join(lines)


def test_a_long_name_leaves_room_for_the_verdict() -> None:
    result = red()
    long = [replace(c, cell=f"{c.cell}{'x' * 100}") for c in result.comparisons]
    for width in (120, 140):
        row = next(r for r in as_text(replace(result, comparisons=long), width).splitlines()
                   if "regression" in r)  # fmt: skip
        assert row.startswith("he relu")
        assert "beyond 1 point, p = " in row
        assert not row.endswith("…")
        assert len(row) <= width


def test_numbers_have_their_units() -> None:
    text = as_text(check(baseline(), changed(moved(-0.1)), RULES), 200)
    row = next(line for line in text.splitlines() if line.startswith("he relu "))
    assert "−10.0" in row
    assert "%" in row
    text = as_text(check(baseline(), changed(moved(times=1.5)), RULES), 200)
    assert "× 1.50" in text


# -- Markdown


def test_the_summary_is_a_table_that_nothing_in_it_can_break() -> None:
    text = as_markdown(red())
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert len(rows) >= 4
    assert {row.count("|") - row.count(r"\|") for row in rows} == {9}
    assert "<b>" not in text
    assert "&lt;b&gt;" in text
    assert text.startswith("## REGRESSION")
    assert as_markdown(green()).startswith("## pass")


# -- JSON


def test_the_json_has_everything() -> None:
    result = red()
    content = json.loads(json.dumps(as_json(result), allow_nan=False))
    assert content["outcome"] == "regression"
    assert content["exit_code"] == 1
    assert content["baseline"]["reason"] == "tests"
    assert len(content["comparisons"]) == len(result.comparisons)
    first = content["comparisons"][0]
    assert first["change"]["low"] < first["change"]["mean"] < first["change"]["high"]
    assert content["claims"][0]["verdict"] == "flipped"
    assert content["failures"][0]["cell"] == "xavier relu"
    assert as_json(check(None, [], RULES))["baseline"] is None


# -- JUnit


def test_junit_has_a_case_for_each_cell_claim_and_failure() -> None:
    suite = ElementTree.fromstring(as_junit(red()))
    cases = {case.get("name"): case for case in suite}
    assert cases["he relu"].find("failure") is not None
    assert cases["high"].find("failure") is not None
    assert cases["he relu, dropout 0.2"].find("failure") is None
    error = cases["xavier relu, seed 1"].find("error")
    assert error is not None
    assert "<b>%s" in error.get("message", "")
    # the cell, the mean of all cells, the claim, the bits; and the run
    assert (suite.get("failures"), suite.get("errors")) == ("4", "1")
    assert suite.get("tests") == str(len(cases))
    green_suite = ElementTree.fromstring(as_junit(green()))
    assert (green_suite.get("failures"), green_suite.get("errors")) == ("0", "0")
    incomparable = ElementTree.fromstring(as_junit(check(None, [], RULES)))
    assert incomparable.get("errors") == "1"


# -- GitHub


def test_annotations_are_escaped_commands() -> None:
    lines = list(annotations(red()))
    assert all("\n" not in line for line in lines)
    assert any(line.startswith("::error title=claim high flipped::") for line in lines)
    assert any(
        line.startswith("::error title=accuracy gate%3A he relu::test acc") for line in lines
    )
    assert any("<b>%25s" in line for line in lines)
    notice = "::notice title=accuracy gate::if that is as intended (better in 1 row), accept it"
    assert any(line.startswith(notice) for line in lines)
    assert list(annotations(green())) == []


def test_other_bits_are_an_error_and_another_platform_is_no_annotation_at_all() -> None:
    runs = changed(moved(1e-6))
    lines = list(annotations(check(baseline(), runs, RULES)))
    assert any(
        line.startswith("::error title=accuracy gate::other bits in 8 of 24") for line in lines
    )
    before = baseline()
    elsewhere = replace(before, platform={**before.platform, "blas_kernel": "Other"})
    result = check(elsewhere, runs, RULES)
    assert list(annotations(result)) == []
    assert "bits are not compared, only means: another platform" in as_text(result)


@pytest.mark.parametrize("form", [as_text, as_markdown, as_junit])
def test_every_form_copes_with_no_comparison(form: object) -> None:
    assert form(check(None, [], RULES))  # type: ignore[operator]
    assert form(check(baseline(), [], RULES))  # type: ignore[operator]
