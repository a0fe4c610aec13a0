"""The baseline as a file: what it keeps, how it reads, and what it refuses."""

import contextlib
import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
from builders_gate import (
    CELLS,
    HE,
    RULES,
    baseline,
    claim,
    config,
    diverged,
    exact,
    failed,
    record,
    records,
)
from hypothesis import given
from hypothesis import strategies as st

from study.errors import StudyError
from study.gate.baseline import BaselineError, make_baseline
from study.gate.baseline_text import from_text, read_baseline, to_text, write_baseline
from study.gate.names import cell_names

WITH_CLAIM = replace(RULES, claims=(claim(),))


def test_a_baseline_reads_back_as_it_was_to_the_last_bit() -> None:
    runs = records()
    runs[0].final["test_accuracy"] = math.nextafter(0.8, 1)
    runs[1] = diverged(runs[1])
    before = baseline(WITH_CLAIM, runs)
    after = from_text(to_text(before))
    assert to_text(after) == to_text(before)
    assert after.claims == before.claims
    assert after.runs[runs[0].address] == before.runs[runs[0].address]
    assert after.runs[runs[1].address].status == "diverged"
    assert math.isnan(after.runs[runs[1].address].final["test_loss"])
    assert list(after.runs) == list(before.runs)


def test_the_order_of_the_records_does_not_matter() -> None:
    assert to_text(baseline(WITH_CLAIM, records()[::-1])) == to_text(baseline(WITH_CLAIM))


def test_a_changed_result_is_one_changed_line() -> None:
    runs = records()
    before = to_text(baseline(runs=runs)).splitlines()
    runs[5] = replace(runs[5], final=runs[5].final | {"train_loss": 0.25})
    after = to_text(baseline(runs=runs)).splitlines()
    assert sum(one != other for one, other in zip(before, after, strict=True)) == 1


def test_runs_are_sorted_and_the_head_says_why_when_and_where() -> None:
    content = json.loads(to_text(baseline()))
    assert list(content) == [
        "schema", "reason", "date", "code", "commit", "history", "platform", "data", "settings",
        "cells", "columns", "runs", "claims", "arithmetic", "exact_settings", "exact_cells",
        "exact_columns", "exact_runs", "study_settings", "study", "study_claims",
    ]  # fmt: skip
    assert content["runs"] == sorted(content["runs"], key=lambda run: run[:2])
    assert (content["reason"], content["date"]) == ("tests", "2026-01-01")
    assert content["data"] == {"mnist5k": "d" * 64}
    assert content["cells"]["he relu, dropout 0.2"] == {"dropout": 0.2}


# -- what cannot become one


def test_a_reason_is_needed() -> None:
    with pytest.raises(BaselineError, match="needs a reason"):
        make_baseline(records(), RULES, reason="  ", date="")


def test_runs_that_failed_are_refused() -> None:
    runs = records()
    runs[4] = failed(runs[4])
    with pytest.raises(BaselineError, match=rf"runs that failed \(1 of {len(runs)}\)"):
        baseline(runs=runs)
    with pytest.raises(BaselineError, match="of no runs"):
        baseline(runs=[])


def test_five_seeds_are_too_few() -> None:
    with pytest.raises(BaselineError, match="of 5 seeds: at least 6"):
        baseline(runs=records(seeds=5))


def test_all_cells_need_the_same_seeds() -> None:
    with pytest.raises(BaselineError, match="has seeds"):
        baseline(runs=records()[:-1])


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ({"code": "another"}, "2 versions of the code"),
        ({"machine": {"system": "Other"}}, "2 platforms"),
        ({"data": {"checksum": "other", "num_classes": 10}}, "different data of the same name"),
    ],
)
def test_runs_that_do_not_belong_together_are_refused(
    part: dict[str, object], message: str
) -> None:
    runs = records()
    runs[0] = replace(runs[0], provenance=runs[0].provenance | part)
    with pytest.raises(BaselineError, match=message):
        baseline(runs=runs)


# -- names


def test_cells_are_named_after_what_tells_them_apart() -> None:
    cells = [
        config(init=HE),
        config(init=HE, batch_size="full"),
        config(init=HE, batchnorm=True, weight_decay=0.1, momentum=0.9),
        config(init=HE, hidden=[3]),
        config(
            init={
                "name": "normal",
                "_target_": "study.network.initializers.RandomNormal",
                "std": 0.01,
            }
        ),
    ]
    assert cell_names([cell.to_dict() for cell in cells]) == [
        "he relu", "he relu, batch_size full", "he relu, batch norm, decay 0.1, momentum 0.9",
        "he relu, hidden [3]", "normal 0.01 relu",
    ]  # fmt: skip


def test_the_seed_is_no_part_of_a_name() -> None:
    runs = [record(config(seed, **cell)) for cell in CELLS.values() for seed in range(3, 9)]
    assert list(baseline(runs=runs).cells) == sorted(CELLS)


# -- files


def test_a_missing_file_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(BaselineError, match="make a new one with --update"):
        read_baseline(tmp_path / "none.json")


def test_a_folder_or_other_bytes_are_no_baseline(tmp_path: Path) -> None:
    (tmp_path / "bytes").write_bytes(b"\xff\xfe\x00")
    for path in (tmp_path, tmp_path / "bytes"):
        with pytest.raises(BaselineError, match="cannot be read"):
            read_baseline(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", r"no JSON \(line 1\)"),
        ("[" * 10**5, "no JSON"),
        ("[]", "a field schema is missing"),
        ('{"schema": 2}', "'reason' is missing"),
        ('{"schema": 2, "reason": 3}', "'date' is missing|reason is no text"),
        (
            "{\n<<<<<<< HEAD\n1\n=======\n2\n>>>>>>> x\n}",
            "has merge conflicts: take the file of one",
        ),
    ],
)
def test_messages_are_for_people(text: str, message: str) -> None:
    with pytest.raises(BaselineError, match=message) as caught:
        from_text(text)
    for word in ("Error", "object", "NoneType", "subscript", "Traceback"):
        assert word not in str(caught.value)


@pytest.mark.parametrize(("value", "text"), [(5.0, "5"), (-0.1, "-0.1")])
def test_an_accuracy_of_500_percent_is_refused(value: float, text: str) -> None:
    runs = records()
    runs[0].final["test_accuracy"] = value
    with pytest.raises(BaselineError, match=rf"test_accuracy = {text}, not in \[0, 1\]"):
        from_text(to_text(baseline(runs=runs)))


def test_an_update_keeps_the_reasons_before() -> None:
    first = baseline()
    second = make_baseline(records(), RULES, reason="two", date="2026-01-02", before=first)
    third = make_baseline(records(), RULES, reason="three", date="2026-01-03", before=second)
    assert from_text(to_text(third)).history == [("2026-01-02", "two"), ("2026-01-01", "tests")]


def test_another_schema_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "b.json"
    write_baseline(baseline(), path)
    path.write_text(path.read_text().replace('"schema": 2', '"schema": 7'))
    with pytest.raises(BaselineError, match=r"schema 7, this version reads 2.*--update"):
        read_baseline(path)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('"completed", ', '"failed", '),
        ('["he relu", 1, ', '["he relu", 0, '),
        ('["he relu", 1, ', '["hee relu", 1, '),
        ('["he relu", 1, ', '["he relu", -1, '),
        ('"lr": 0.01', '"lr": -1'),
        ('"lr": 0.01', '"learning": 1'),
        ('"columns": ["cell"', '"columns": ["sell"'),
        ('"supported"', '"true"'),
        ('"blas": ', '"glas": '),
        ('"runs": [', '"walks": ['),
    ],
)
def test_what_was_edited_by_hand_and_wrong_is_refused(before: str, after: str) -> None:
    text = to_text(baseline(WITH_CLAIM))
    assert before in text
    with pytest.raises(BaselineError):
        from_text(text.replace(before, after, 1))


TEXT = to_text(replace(baseline(WITH_CLAIM, records(seeds=6)), exact=exact()))


@given(st.data())
def test_whatever_the_text_is_there_is_no_other_error(data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(TEXT)))
    end = data.draw(st.integers(start, min(start + 40, len(TEXT))))
    odd = st.sampled_from(["null", "[]", "{}", "1e999"])
    words = data.draw(st.one_of(st.text(max_size=8), odd))
    with contextlib.suppress(StudyError):
        from_text(TEXT[:start] + words + TEXT[end:])
