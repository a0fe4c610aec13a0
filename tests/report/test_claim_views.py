"""Verdicts as the page shows them: numbers that agree, bounds, and why one is open."""

import dataclasses
from datetime import date

import pandas as pd
import pytest

from study.analysis.claims import Judgement
from study.analysis.declarations import Claim, Part, Reduction
from study.analysis.findings import UNKNOWN, Finding
from study.analysis.intervals import Estimate
from study.analysis.registry import Registration
from study.analysis.verdicts import OPEN_REASONS, REASONS
from study.chapters import chapter_folders, load_chapters
from study.records.plan import StudyPlan
from study.report.claim_views import GROUPS, MARKS, claim_view, looks, part_view, summary, tally
from study.report.text import load_text

(LECTURE,) = load_chapters(["lecture"], chapter_folders())
TEXT = load_text("en").of(LECTURE)
DAY = date(2026, 11, 27)
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
        "p_corrected": 0.03,
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
    usual = {
        "id": "C1", "section": "1.1", "figure": "1.1-a", "beyond": False, "chapter": "lecture",
    }  # fmt: skip
    more = {name: keys.pop(name) for name in ("seeds_needed", "scope", "settings") if name in keys}
    claim = Claim(**(usual | {"statement": statement, "parts": parts} | keys))
    return Judgement(
        claim, dict(zip(parts, findings, strict=True)), verdict, uncorrected, verdict, reason,
        runs=("a",), **more,
    )  # fmt: skip


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


OPEN = {"verdict": "inconclusive", "uncorrected": "inconclusive", "reason": "interval"}
NONE = {"verdict": "not_judged", "uncorrected": "not_judged"}


def test_claim_that_only_the_correction_leaves_open_says_what_it_was():
    open_ = finding(verdict="inconclusive", reason="correction", p_corrected=0.2)
    shown = view(open_, verdict="inconclusive", reason="correction")
    assert shown.note == "supported before the correction"


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize("reason", REASONS)
def test_every_reason_is_said_in_a_few_words_and_in_a_sentence(language, reason):
    text = load_text(language)
    detail = {"count": 3, "columns": "init, lr", "seeds": 1, "fewest": 6}
    found = finding(reason=reason, detail=detail, **({} if reason in OPEN_REASONS else NONE))
    shown = claim_view(judgement(found, reason=reason, **NONE), text, "command")
    assert 0 < len(shown.note) < 35
    assert len(shown.reason) > len(shown.note)
    assert not set("{}") & set(shown.note + shown.reason)
    assert part_view(found, text).reason == shown.reason


@pytest.mark.parametrize(
    ("reason", "detail", "said"),
    [
        ("not_run", {}, "The experiment e, which it needs, is not part of this study."),
        ("left_out", {"count": 1200}, "Cells of e that it compares are not part"),
        ("left_out", {"count": 1200}, ": 1,200."),
        ("missing", {"count": 3}, "missing or failed: 3."),
        ("no_cells", {}, "No run of this study has the settings that it fixes."),
        (
            "few_seeds",
            {"seeds": 1, "fewest": 6},
            "Seeds: 1; no verdict is given with",
        ),
        ("merged", {"columns": "init, lr"}, "Runs that differ in init, learning rate would count"),
        ("neither_learns", {}, "within 5 points of chance"),
    ],
)
def test_a_reason_says_what_the_finding_knows(reason, detail, said):
    assert said in view(finding(reason=reason, detail=detail, **NONE), reason=reason, **NONE).reason


def test_what_is_not_judged_says_why_instead_of_a_finding():
    found = finding(effect=UNKNOWN, reason="neither_learns", **NONE)
    sentences = {"supported": {"en": "{p0.effect:points}"}}
    shown = view(found, reason="neither_learns", finding=sentences, **NONE)
    assert shown.sentence == shown.reason
    (part_shown,) = shown.parts
    assert (part_shown.instead, part_shown.interval) == ("neither learns", "")
    assert part_shown.strip is None
    assert shown.mark == "–"


@pytest.mark.parametrize(
    ("seeds", "said"),
    [
        (24, "about 24 seeds would probably decide it"),
        (1_000_000, "more than 10,000 seeds would be needed to decide it"),
        (None, "the estimate lies at the edge, so no number of seeds can be said"),
    ],
)
def test_what_is_open_says_how_many_seeds_would_decide_it(seeds, said):
    open_ = finding(seeds_needed=seeds, **OPEN)
    shown = view(open_, seeds_needed=seeds, **OPEN)
    assert (shown.needs, shown.parts[0].needs) == (said, said)


def test_what_is_decided_or_decides_nothing_needs_no_more_seeds():
    shown_only = finding(part(deciding=False), **OPEN)
    shown = view(finding(), shown_only)
    assert [shown.needs, *(each.needs for each in shown.parts)] == ["", "", ""]


def test_no_effect_that_matters_shows_the_interval_that_says_so():
    narrow = Estimate(0.001, -0.002, 0.004, 10)
    flat = finding(
        effect=Estimate(0.001, -0.003, 0.005, 10), narrow=narrow, verdict="no_effect",
        uncorrected="no_effect",
    )  # fmt: skip
    shown = part_view(flat, TEXT)
    assert (shown.mark, shown.narrow) == ("≈", "90\u00a0%: −0.2 to 0.4")
    assert shown.strip.narrow is not None
    assert part_view(finding(narrow=narrow), TEXT).narrow == ""


def chosen(**keys):
    reduction = Reduction("best", ("lr",), "valid_accuracy")
    declared = part(reduce=reduction, reduce_control=reduction)
    return finding(declared, levels={"treatment": [(10.0,)], "control": [(0.1,)]}, **keys)


def test_levels_that_were_chosen_are_shown_and_the_end_of_the_list_is_said():
    shown = part_view(chosen(edges=("treatment",)), TEXT)
    assert shown.chosen == "compared at learning rate 10 (with), learning rate 0.1 (against)"
    assert shown.edge == (
        "learning rate 10 (with) is at the end of what was tried; a better one may lie beyond."
    )
    assert part_view(chosen(), TEXT).edge == ""
    assert part_view(finding(), TEXT).chosen == ""


def test_scope_is_short():
    scope = {"data": ["mnist5k"], "train_size": [4000], "width": [100], "lr": [0.01]}
    shown = claim_view(judgement(finding(), scope=scope), TEXT, "command", data="mnist5k")
    assert shown.scope == ["4,000 samples", "width 100", "lr 0.01"]


@pytest.mark.parametrize(
    ("column", "values", "words"),
    [
        ("lr", [0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0], "lr 0.01 to 10 (7 values)"),
        ("lr", [0.0001, 0.1], "lr 1.00·10⁻⁴, 0.1"),
        ("init", ["he", "xavier"], "init He, Xavier"),
        ("init", ["glorot", "he", "xavier"], "init 3 values"),
        ("batchnorm", [False, True], "batch norm off, on"),
        ("data", ["gaussian"], "Gaussian inputs"),
        ("depth", [1], "1 hidden layer"),
        ("depth", [1, 2], "1, 2 hidden layers"),
    ],
)
def test_scope_of_several_values_is_a_range(column, values, words):
    shown = view(finding(), scope={column: values})
    assert shown.scope == [words]


@pytest.mark.parametrize(
    ("keys", "group"),
    [
        ({}, "declared"),
        ({"beyond": True}, "beyond"),
        ({"chapter": "depth"}, "declared"),
        ({"chapter": "depth", "beyond": True}, "beyond"),
        ({"settings": ("lr=0.1",)}, "settings"),
    ],
)
def test_claims_are_counted_with_their_own_kind(keys, group):
    assert view(finding(), **keys).group == group


def test_claim_at_other_settings_is_named():
    shown = view(finding(), settings=("lr=0.1", "num_epochs=30"))
    assert shown.settings == "The lecture’s claim at other settings: lr=0.1, num_epochs=30"
    judged = judgement(finding(), settings=("lr=0.1",))
    own = claim_view(judged, load_text("en"), "command")
    assert own.settings == "This claim at other settings: lr=0.1"
    assert view(finding()).settings == ""


@pytest.mark.parametrize(
    ("registration", "said"),
    [
        (Registration("registered", DAY), "declared 2026-11-27, before its runs"),
        (Registration("changed", DAY), "changed since it was declared on 2026-11-27"),
        (Registration("late", DAY), "declared 2026-11-27, after some of its runs"),
        (Registration("exploratory"), "exploratory: declared after looking, or by you"),
        (None, "exploratory: declared after looking, or by you"),
    ],
)
def test_claim_says_whether_it_was_declared_before_its_runs(registration, said):
    shown = claim_view(judgement(finding()), TEXT, "command", registration=registration)
    assert shown.registration == said


def test_claim_without_runs_is_not_before_any():
    judged = dataclasses.replace(judgement(finding()), runs=())
    shown = claim_view(judged, TEXT, "command", registration=Registration("registered", DAY))
    assert shown.registration == "declared 2026-11-27"


def test_a_clear_verdict_needs_no_note():
    assert view(finding()).note == ""


def test_words_that_are_not_translated_are_in_english():
    untranslated = {"statement": {"en": "It helps."}, "short": {"en": "decay helps"}}
    found = finding(part(label={"en": "gap"}))
    shown = claim_view(judgement(found, **untranslated), load_text("ko"), "command")
    assert (shown.statement, shown.short) == ("It helps.", "decay helps")
    assert shown.parts[0].label == "gap"


def test_a_part_without_a_label_is_called_by_its_metric():
    found = finding(part(label={}, metric="test_accuracy"))
    names = [part_view(found, load_text(language)).label for language in ("en", "ko")]
    assert names == ["test accuracy", "시험 정확도"]


def test_the_words_of_the_source_are_shown_beside_a_translation_and_nowhere_else():
    for language, source, original in (
        ("en", "ko", "도움이 된다."), ("ko", "ko", ""), ("en", "en", ""), ("ko", "en", "It helps."),
    ):  # fmt: skip
        text = load_text(language)
        shown = claim_view(judgement(finding()), text, "command", source=source)
        assert shown.original == original
    beyond = claim_view(judgement(finding(), beyond=True), TEXT, "command", source="ko")
    assert beyond.original == ""
    alone = judgement(finding(), statement={"en": "It helps."})
    assert claim_view(alone, load_text("ko"), "command", source="en").original == ""


def test_short_name_is_in_the_language_and_may_be_left_out():
    assert view(finding()).short == ""
    assert view(finding(), short={"en": "decay helps", "ko": "감소"}).short == "decay helps"


def test_tally_counts_each_group_apart():
    views = [
        view(finding()),
        view(finding(), verdict="inconclusive", reason="correction"),
        view(finding(), **OPEN),
        view(finding(reason="missing", **NONE), reason="missing", **NONE),
        view(finding(), verdict="inconclusive", reason="correction", beyond=True),
        view(finding(), settings=("lr=1",)),
    ]
    counts = tally(views)
    assert counts["declared"] == {
        "total": 4, "corrected": 1, "supported": 1, "no_effect": 0, "refuted": 0,
        "inconclusive": 2, "not_judged": 1,
    }  # fmt: skip
    assert [counts[name]["total"] for name in GROUPS] == [4, 1, 1]


COUNTS = {"total": 7, "corrected": 0} | dict.fromkeys(MARKS, 0)


def test_summary_names_the_verdicts_there_are():
    counts = COUNTS | {"supported": 4, "no_effect": 1, "refuted": 2}
    assert summary("declared", counts, 7, TEXT) == (
        "Of the lecture’s 7 claims, the runs support 4, find no effect that matters in 1 and "
        "refute 2."
    )
    counts = COUNTS | {"inconclusive": 7, "corrected": 3}
    assert summary("declared", counts, 7, load_text("en")) == (
        "Claims of this chapter: 7. The runs leave 7 inconclusive. "
        "Left open by the correction alone: 3."
    )


@pytest.mark.parametrize("language", ["en", "ko"])
def test_summary_of_a_part_says_of_how_many(language):
    for text in (load_text(language), load_text(language).of(LECTURE)):
        said = summary("declared", COUNTS | {"supported": 7}, 26, text)
        assert "26" in said
        assert "7" in said


def test_spending_of_the_error_level_is_said_where_there_are_looks():
    plan = StudyPlan("name", "command", "data", "preset")
    assert looks(plan, TEXT) == ""
    said = looks(dataclasses.replace(plan, looks=[16, 24]), TEXT)
    assert "16, 24" in said
    assert "2.5\u00a0% at the first one and 1.25\u00a0% at each later one" in said
