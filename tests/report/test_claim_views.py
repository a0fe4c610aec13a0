"""Verdicts as the page shows them: numbers that agree, bounds, and why one is open."""

import math

import pandas as pd
import pytest

from study.analysis.claims import Judgement
from study.analysis.declarations import Claim, Part
from study.analysis.findings import Finding
from study.analysis.intervals import Estimate
from study.report.claim_views import claim_view, count_tests, part_view, tally
from study.report.text import load_text

TEXT = load_text("en")
EFFECT = Estimate(-0.06548, -0.0768, -0.0541, 10)


def part(**keys):
    usual = {
        "label": {"en": "gap", "ko": "차이"},
        "experiment": "e",
        "metric": "gap",
        "treatment": ({},),
        "control": ({},),
        "direction": "less",
    }
    return Part(**(usual | keys))


def finding(declared=None, effect=EFFECT, **keys):
    usual = {
        "treatment": Estimate(0.176, 0.161, 0.191, 10),
        "control": Estimate(0.242, 0.235, 0.249, 10),
        "p": 0.001,
        "p_holm": 0.03,
        "verdict": "supported",
        "uncorrected": "supported",
        "reason": None,
        "diverged": 0,
        "censored": 0,
        "pairs": pd.DataFrame(),
    }
    return Finding(part=declared or part(), effect=effect, **(usual | keys))


def against(value, treatment, **keys):
    """A finding of values held against a constant."""
    declared = part(control=None, against=value, **keys)
    return finding(declared, treatment=treatment, control=None)


def judgement(*findings, verdict="supported", uncorrected="supported", reason=None, **keys):
    statement = {"en": "It helps.", "ko": "도움이 된다."}
    parts = {f"p{i}": each.part for i, each in enumerate(findings)}
    usual = {"id": "C1", "section": "1.1", "figure": "1.1-a", "beyond": False}
    claim = Claim(**(usual | {"statement": statement, "parts": parts} | keys))
    return Judgement(
        claim, dict(zip(parts, findings, strict=True)), verdict, uncorrected, verdict, reason
    )


def view(*args, **keys):
    return claim_view(judgement(*args, **keys), TEXT, "command")


def test_effect_in_the_table_is_the_one_in_the_sentence():
    shown = part_view(finding(), TEXT)
    sentence = TEXT.fill("{gap:points}", {"gap": EFFECT})
    assert shown.effect == "−6.5 points"  # not −6.6, as of −6.55
    assert sentence.startswith("−6.5 ")
    assert shown.interval == "−7.7 to −5.4"


@pytest.mark.parametrize(
    ("effect", "shown"),
    [
        (Estimate(0.6, 0.561, 0.641, 10, "log t"), "× 0.60 (0.56 to 0.64)"),
        (Estimate(1.0014, 0.993, 1.0098, 10, "log t"), "× 1.001 (0.993 to 1.010)"),
        (Estimate(13.1, 11.1, 15.3, 10, "log t"), "× 13.1 (11.1 to 15.3)"),
        (Estimate(3.95e-7, 3.79e-7, 4.11e-7, 10), "× 3.95·10⁻⁷ (3.79·10⁻⁷ to 4.11·10⁻⁷)"),
    ],
)
def test_mean_and_ends_of_a_ratio_have_equal_decimals(effect, shown):
    declared = part(compare="ratio", smallest=1.25, unit="times")
    found = part_view(finding(declared, effect), TEXT)
    assert f"{found.effect} ({found.interval})" == shown
    assert TEXT.fill("{e:times}", {"e": effect}) == shown


def test_what_is_held_against_a_constant_is_shown_itself():
    share = Estimate(0.678, 0.674, 0.683, 10)
    shown = part_view(against(0.5, share, metric="test_accuracy", direction="greater"), TEXT)
    assert (shown.effect, shown.interval) == ("67.8 %", "67.4 to 68.3")
    assert shown.claimed == "at least 51.0 %"
    assert shown.control == "50.0 %"


@pytest.mark.parametrize(
    ("keys", "claimed"),
    [
        ({"direction": "greater"}, "at least +1.0 points"),
        ({"direction": "less"}, "at most −1.0 points"),
        ({"direction": "at_most"}, "at most +1.0 points"),
        ({"direction": "at_least"}, "at least −1.0 points"),
        ({"direction": "equal"}, "between −1.0 points and +1.0 points"),
        ({"compare": "ratio", "smallest": 1.25, "unit": "times"}, "at most × 0.8"),
    ],
)
def test_smallest_effect_that_matters_is_said(keys, claimed):
    assert part_view(finding(part(**keys)), TEXT).claimed == claimed


def test_bound_of_a_ratio_to_a_constant():
    gradient = against(
        0.1, Estimate(0.957, 0.888, 1.03, 10), metric="train_loss", compare="ratio", smallest=1.25,
        unit="times",
    )  # fmt: skip
    shown = part_view(gradient, TEXT)
    assert (shown.effect, shown.claimed) == ("0.96", "at most 0.08")


def test_claim_that_only_the_correction_leaves_open_says_what_it_was():
    open_ = finding(verdict="inconclusive", reason="holm", p_holm=0.2)
    shown = view(open_, verdict="inconclusive", reason="holm")
    assert shown.note == "supported before Holm’s correction"


@pytest.mark.parametrize(
    ("reason", "note"),
    [
        ("interval", "interval too wide"),
        ("holm", "interval too wide"),  # of another part
        ("few_pairs", "fewer than six pairs"),
        ("missing", "runs missing"),
        ("not_positive", "no ratio"),
    ],
)
def test_claim_that_is_open_on_its_own_says_why(reason, note):
    shown = view(finding(), verdict="inconclusive", uncorrected="inconclusive", reason=reason)
    assert shown.note == note


def test_a_clear_verdict_needs_no_note():
    assert view(finding()).note == ""


def test_short_name_is_in_the_language_and_may_be_left_out():
    assert view(finding()).short == ""
    assert view(finding(), short={"en": "decay helps", "ko": "감소"}).short == "decay helps"


def test_tally_counts_what_only_the_correction_left_open():
    views = [
        view(finding()),
        view(finding(), verdict="inconclusive", reason="holm"),
        view(finding(), verdict="inconclusive", uncorrected="inconclusive", reason="interval"),
        view(finding(), verdict="inconclusive", reason="holm", beyond=True),
    ]
    counts = tally(views)
    assert counts["lecture"] == {
        "total": 3, "corrected": 1, "supported": 1, "refuted": 0, "inconclusive": 2,
    }  # fmt: skip
    assert counts["all"]["corrected"] == 2


def test_only_what_holm_corrects_is_a_test():
    shown_only = finding(part(deciding=False), p_holm=math.nan)
    assert count_tests([judgement(finding(), shown_only), judgement(finding())]) == 2
