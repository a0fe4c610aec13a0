"""Claims on synthetic runs: planted effects are found, null effects are not, nothing is biased."""

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import builders_claims as make
import numpy as np
import pytest

from study.analysis.claims import Judgement, judge, spent
from study.analysis.declarations import Claim, Reduction, selects
from study.analysis.frames import CONFIG_COLUMNS, RUN_COLUMNS, Results
from study.analysis.verdict_json import to_json
from study.analysis.verdicts import REASONS, VERDICTS
from study.records.cells import columns
from study.records.plan import StudyPlan, pack_rows
from study.records.record import RunRecord


def test_a_planted_effect_is_found():
    found = make.finding(make.part(), make.both_sides(0.05))
    assert found.verdict == found.uncorrected == "supported"
    assert found.effect.mean == pytest.approx(0.05)
    assert found.effect.n == 10
    assert found.treatment.mean - found.control.mean == pytest.approx(0.05)
    assert found.reason is None
    assert found.p < 0.001


def test_a_planted_sign_flip_flips_the_verdict():
    assert make.finding(make.part(), make.both_sides(-0.05)).verdict == "refuted"
    less = make.part(direction="less")
    assert make.finding(less, make.both_sides(-0.05)).verdict == "supported"
    assert make.finding(less, make.both_sides(0.05)).verdict == "refuted"


def test_no_effect_is_a_verdict_where_it_is_certain_and_open_where_it_is_not():
    found = make.finding(make.part(), make.both_sides(0.0, noise=0.004))
    assert (found.verdict, found.reason) == ("no_effect", None)
    assert -0.01 < found.narrow.low < found.narrow.high < 0.01
    found = make.finding(make.part(), make.both_sides(0.0, noise=0.03))
    assert (found.verdict, found.reason) == ("inconclusive", "interval")


def test_an_effect_below_the_smallest_that_matters_is_decided_too():
    records = make.both_sides(0.009, noise=0.0001)
    assert make.finding(make.part(), records).verdict == "no_effect"
    assert make.finding(make.part(smallest=0.008), records).verdict == "supported"


def test_an_effect_too_small_to_matter_refutes_nothing():
    assert make.finding(make.part(), make.both_sides(-0.001, noise=0.0001)).verdict == "no_effect"
    assert make.finding(make.part(), make.both_sides(-0.011, noise=0.0001)).verdict == "refuted"


@pytest.mark.parametrize("noise", [0.0, 0.001])
def test_equivalence_is_a_verdict_of_its_own(noise: float):
    equal = make.part(direction="equal")
    assert make.finding(equal, make.both_sides(0.002, noise=noise)).verdict == "supported"
    assert make.finding(equal, make.both_sides(0.05, noise=noise)).verdict == "refuted"
    assert make.finding(equal, make.both_sides(-0.05, noise=noise)).verdict == "refuted"
    wide = make.finding(equal, make.both_sides(0.009, noise=0.01))
    assert wide.verdict == "inconclusive"


def test_no_more_than_so_much():
    at_most = make.part(direction="at_most")
    assert make.finding(at_most, make.both_sides(-0.2)).verdict == "supported"
    assert make.finding(at_most, make.both_sides(0.0, noise=0.001)).verdict == "supported"
    assert make.finding(at_most, make.both_sides(0.05)).verdict == "refuted"
    at_least = make.part(direction="at_least")
    assert make.finding(at_least, make.both_sides(-0.05)).verdict == "refuted"
    assert make.finding(at_least, make.both_sides(0.0, noise=0.001)).verdict == "supported"


@pytest.mark.parametrize("direction", ["greater", "less", "equal", "at_most", "at_least"])
def test_effects_that_are_all_equal_leave_no_doubt(direction: str):
    records = [
        make.run(seed, test=accuracy, weight_decay=decay)
        for seed in range(6)
        for decay, accuracy in ((0.0, 0.5), (0.1, 0.75))
    ]
    found = make.finding(make.part(direction=direction), records)
    assert found.effect[:4] == (0.25, 0.25, 0.25, 6)
    assert found.verdict != "inconclusive"
    assert found.p == found.p_corrected == 0


def test_no_effect_at_all_leaves_no_doubt_either():
    found = make.finding(make.part(), make.both_sides(0.0, noise=0.0))
    assert (found.verdict, found.p) == ("no_effect", 0.0)


# --- pairs --------------------------------------------------------------------------------------


def test_fewer_than_six_seeds_give_no_verdict():
    found = make.judgement(make.claim(), make.both_sides(0.3, n=5))
    assert (found.verdict, found.uncorrected, found.case) == ("not_judged",) * 3
    assert (found.reason, found.seeds) == ("few_seeds", 0)
    part = found.findings["only"]
    assert (part.verdict, part.reason, part.detail["seeds"]) == ("not_judged", "few_seeds", 5)
    assert math.isnan(part.p)
    assert math.isnan(part.p_corrected)
    assert math.isnan(found.p)
    assert part.effect.mean == pytest.approx(0.3)  # what they say is shown as it is
    assert make.finding(make.part(), make.both_sides(0.3, n=6)).verdict == "supported"


def failed(record: RunRecord) -> RunRecord:
    return replace(record, status="failed", final={}, history={})


@pytest.mark.parametrize("n", [0, 1, 9])
def test_missing_runs_give_no_verdict_and_no_crash(n: int):
    found = make.judgement(make.claim(), make.both_sides(0.3, n=10)[: 2 * n], missing=3)
    assert (found.verdict, found.reason) == ("not_judged", "missing")
    assert found.findings["only"].detail["count"] == 3
    assert_no_number(found)
    json.dumps(to_json([found], make.results().plan), allow_nan=False)


def assert_no_number(judged: Judgement, name: str = "only") -> None:
    """Nothing can pass for a finding."""
    found = judged.findings[name]
    numbers = [found.p, found.p_corrected, judged.p, judged.p_corrected]
    for estimate in (found.effect, found.narrow, found.treatment, found.control):
        numbers += [] if estimate is None else [estimate.mean, estimate.low, estimate.high]
    assert np.isnan(numbers).all()
    assert (found.verdict, found.uncorrected, judged.case) == ("not_judged",) * 3
    assert found.seeds_needed is None


def test_a_run_that_failed_is_missing_where_it_is_needed():
    whole = [*make.both_sides(0.05), make.run(0, weight_decay=0.5)]
    found = make.judgement(make.claim(), [failed(whole[0]), *whole[1:]])
    assert (found.verdict, found.reason) == ("not_judged", "missing")
    assert_no_number(found)
    elsewhere = make.judgement(make.claim(), [*whole[:-1], failed(whole[-1])])
    assert elsewhere.verdict == "supported"


def test_a_seed_that_lacks_a_cell_of_the_others_is_missing_one():
    records = grid(0.05, seeds=6)
    one = next(r for r in records if r.config["seed"] == 3 and r.config["lr"] == 0.02)
    part = make.part(paired_by=("seed", "lr"))
    assert make.finding(part, records).verdict == "supported"
    found = make.judgement(make.claim({"only": part}), [r for r in records if r is not one])
    assert (found.reason, found.findings["only"].detail["count"]) == ("missing", 1)


def test_diverged_runs_count_at_chance_and_are_counted():
    records = make.both_sides(0.05)
    records[1] = make.run(0, status="diverged", weight_decay=0.1)
    found = make.finding(make.part(), records)
    assert found.diverged == 1
    assert found.pairs["treatment"].iloc[0] == 0.1
    assert found.effect.n == 10


def test_all_of_a_side_diverged_is_an_outcome():
    records = make.both_sides(0.05)
    records[1::2] = [make.run(s, status="diverged", weight_decay=0.1) for s in range(10)]
    assert make.finding(make.part(), records).verdict == "refuted"


def test_a_constant_is_the_control_of_every_pair():
    records = [make.run(s, test=0.6 + 0.001 * s, weight_decay=0.1) for s in range(8)]
    found = make.finding(make.part(against=0.5), records)
    assert found.control is None
    assert found.verdict == "supported"
    assert found.effect.mean == pytest.approx(0.1035)
    assert set(found.pairs["control"]) == {0.5}


# --- ratios, grids ------------------------------------------------------------------------------


def ratio_part(**keys: object):
    return make.part(compare="ratio", smallest=1.25, unit="times", **keys)


def in_ratio(ratio: float, n: int = 8):
    deviations = 0.02 * np.sin(np.arange(n))
    factors = ratio * np.exp(deviations - deviations.mean())
    return [
        make.run(
            seed, test=(0.2 + 0.01 * seed) * (float(factor) if decay else 1), weight_decay=decay
        )
        for seed, factor in enumerate(factors)
        for decay in (0.0, 0.1)
    ]


def test_a_ratio_is_judged_on_logarithms():
    found = make.finding(ratio_part(), in_ratio(2.0))
    assert found.effect.mean == pytest.approx(2.0)
    assert found.effect.low * found.effect.high == pytest.approx(4.0)
    assert (found.effect.method, found.verdict) == ("log t", "supported")
    assert found.treatment.mean / found.control.mean == pytest.approx(2.0)
    assert found.pairs["effect"].to_numpy() == pytest.approx(
        found.pairs["treatment"] / found.pairs["control"]
    )


@pytest.mark.parametrize(
    ("direction", "ratio", "verdict"),
    [
        ("greater", 1.2, "no_effect"), ("greater", 0.9, "no_effect"), ("greater", 0.7, "refuted"),
        ("less", 0.5, "supported"), ("less", 0.85, "no_effect"), ("less", 1.1, "no_effect"),
        ("less", 1.3, "refuted"), ("equal", 1.1, "supported"),
        ("equal", 0.9, "supported"), ("equal", 0.5, "refuted"), ("equal", 1.6, "refuted"),
        ("at_most", 1.1, "supported"), ("at_most", 1.6, "refuted"),
    ],
)  # fmt: skip
def test_bounds_of_a_ratio(direction: str, ratio: float, verdict: str):
    assert make.finding(ratio_part(direction=direction), in_ratio(ratio)).verdict == verdict


def test_a_ratio_of_zero_is_no_number_and_no_verdict():
    records = in_ratio(2.0)
    records[0] = make.run(0, test=0.0, weight_decay=0.0)
    found = make.judgement(make.claim({"only": ratio_part()}), records)
    assert (found.verdict, found.reason) == ("not_judged", "not_positive")
    assert_no_number(found)
    assert found.findings["only"].pairs["effect"].isna().tolist() == [True] + [False] * 7


def grid(effect: float, seeds: int = 3, cells: int = 8, scatter: float = 0.01):
    """Cells (learning rates) that differ in their effect more than seeds do."""
    rng = np.random.default_rng(1)
    own = effect + scatter * rng.standard_normal(cells)
    own += effect - own.mean()
    return [
        make.run(seed, lr=0.01 * (cell + 1), weight_decay=decay,
                 test=float(0.3 + 0.05 * cell + 0.001 * seed + (own[cell] if decay else 0)))
        for cell in range(cells) for seed in range(seeds) for decay in (0.0, 0.1)
    ]  # fmt: skip


GRID = {"paired_by": ("seed", "lr")}


def test_a_grid_is_fixed_and_only_seeds_are_drawn():
    found = make.finding(make.part(**GRID), grid(0.05, seeds=6))
    assert (found.effect.n, found.effect.method, len(found.pairs)) == (6, "t", 48)
    assert found.effect.mean == pytest.approx(0.05)
    assert found.verdict == "supported"
    assert make.finding(make.part(**GRID), grid(-0.05, seeds=6)).verdict == "refuted"
    assert make.finding(make.part(**GRID), grid(0.0, seeds=6)).verdict == "no_effect"


def test_many_cells_of_few_seeds_are_few():
    found = make.finding(make.part(**GRID), grid(0.05, seeds=5, cells=30))
    assert (found.verdict, found.reason, found.effect.n) == ("not_judged", "few_seeds", 5)


def test_the_order_of_the_records_does_not_matter():
    records = grid(0.02, seeds=6)
    there = make.finding(make.part(**GRID), records)
    back = make.finding(make.part(**GRID), records[::-1])
    assert there.effect == back.effect
    assert there.p == back.p
    assert there.pairs.equals(back.pairs)


# --- the table ----------------------------------------------------------------------------------


def weak_records() -> list[RunRecord]:
    """An effect whose p-value is some 0.01."""
    return make.both_sides(0.0159, noise=0.01, seed=3)


def test_the_correction_demotes_what_many_claims_would_find_by_chance():
    records = weak_records()
    alone = make.judgement(make.claim(), records)
    assert alone.verdict == "supported"
    assert 0.05 / 30 < alone.p < 0.05
    assert alone.p == alone.p_corrected
    judged = judge([make.claim(id=f"C{i}") for i in range(30)], make.results(records))
    for one in judged:
        assert (one.verdict, one.uncorrected) == ("inconclusive", "supported")
        assert one.reason == one.findings["only"].reason == "correction"
        assert one.p_corrected == one.findings["only"].p_corrected == min(30 * one.p, 1)
        assert one.seeds_needed == one.findings["only"].seeds_needed > 10


def test_the_number_of_claims_declared_counts_and_not_how_they_turn_out_or_what_was_run():
    clear = make.claim({"only": make.part(metric="train_accuracy", smallest=0)}, id="clear")
    elsewhere = make.claim({"only": make.part(experiment="other")}, id="elsewhere")
    few = make.claim({"only": make.part(where=make.cells(seed=(0, 1)))}, id="few")
    for other in (clear, elsewhere, few):
        judged = judge([make.claim(), other], make.results(weak_records()))
        assert judged[0].p_corrected == 2 * judged[0].p


def test_each_chapter_is_corrected_on_its_own():
    lecture = [make.claim(id=f"C{i}", chapter="lecture") for i in range(30)]
    own = make.claim(id="mine", chapter="mine")
    *others, mine = judge([*lecture, own], make.results(weak_records()))
    assert mine.verdict == "supported"
    assert {one.verdict for one in others} == {"inconclusive"}


def test_what_decides_nothing_is_not_corrected_and_corrects_nothing():
    parts = {f"shown{i}": make.part(deciding=False) for i in range(30)} | {"only": make.part()}
    judged = make.judgement(make.claim(parts), weak_records())
    assert judged.verdict == "supported"
    assert judged.findings["only"].p == judged.findings["only"].p_corrected
    assert math.isnan(judged.findings["shown0"].p_corrected)
    assert judged.findings["shown0"].verdict == "supported"


def test_one_deciding_part_that_cannot_be_judged_leaves_the_claim_unjudged():
    few = make.part(where=make.cells(seed=(0, 1, 2)))
    parts = {"few": few, "only": make.part(), "shown": make.part(deciding=False)}
    judged = make.judgement(make.claim(parts), make.both_sides(0.05))
    assert (judged.verdict, judged.reason) == ("not_judged", "few_seeds")
    assert judged.findings["only"].verdict == "not_judged"
    assert judged.findings["shown"].verdict == "supported"


def test_a_claim_is_as_strong_as_its_weakest_part():
    yes, no = make.part(), make.part(direction="less")
    none = make.part(smallest=0.2)
    open_ = make.part(smallest=0.05)
    records = make.both_sides(0.05)

    def verdict(*parts: object) -> str:
        declared = make.claim({f"part{i}": each for i, each in enumerate(parts)})
        return make.judgement(declared, records).verdict

    assert verdict(yes, yes) == "supported"
    assert verdict(yes, none) == "no_effect"
    assert verdict(yes, open_) == "inconclusive"
    assert verdict(none, open_) == "no_effect"  # the other may be supported, but is not refuted
    assert verdict(yes, none, open_, no) == "refuted"
    assert verdict(yes, replace(no, deciding=False)) == "supported"


def test_the_first_case_that_holds_chooses_the_sentence():
    cases = {
        "never": {"gap": "supported", "test": "supported"},
        "under_fitting": {"gap": "supported", "test": "refuted"},
        "too_late": {"gap": "supported"},
    }
    parts = {"gap": make.part(metric="gap", direction="less"), "test": make.part()}
    records = [
        make.run(seed, weight_decay=decay, train=train + 0.001 * seed, test=test)
        for seed in range(8)
        for decay, train, test in ((0.0, 0.95, 0.8), (0.1, 0.72, 0.7))
    ]
    judged = make.judgement(make.claim(parts, cases=cases), records)
    assert (judged.verdict, judged.case) == ("refuted", "under_fitting")
    assert make.judgement(make.claim(parts), records).case == "refuted"


def test_refuted_is_corrected_within_the_claim_and_supported_is_not():
    records = weak_records()
    against, beside = make.part(direction="less"), make.part(direction="at_least")
    one = make.judgement(make.claim({"a": against}), records)
    assert one.verdict == "refuted"
    others = {f"b{i}": beside for i in range(7)}
    eight = make.judgement(make.claim({"a": against} | others), records)
    assert (eight.verdict, eight.p) == ("inconclusive", pytest.approx(8 * one.p))
    assert (eight.findings["a"].verdict, eight.findings["a"].reason) == (
        "inconclusive",
        "correction",
    )
    yes = make.judgement(make.claim({"a": make.part()} | others), records)
    assert (yes.verdict, yes.p) == ("supported", pytest.approx(one.p))
    assert {found.verdict for found in yes.findings.values()} == {"supported"}


def test_claims_without_any_of_their_experiments_are_left_out():
    other = make.claim({"only": make.part(experiment="other")}, id="other")
    half = make.claim({"here": make.part(), "there": make.part(experiment="other")}, id="half")
    judged = judge([other, half], make.results(make.both_sides(0.05)))
    assert [each.claim.id for each in judged] == ["half"]
    assert judged[0].findings["there"].reason == "not_run"
    assert (judged[0].verdict, judged[0].reason) == ("not_judged", "not_run")


# --- what was run -------------------------------------------------------------------------------


def study(records: Sequence[RunRecord], **plan: Any) -> Results:
    """A study of the experiment ``e`` whose plan has further fields."""
    base = make.results(records)
    return Results(replace(base.plan, **plan), {record.address: record for record in records})


def left_out(*records: RunRecord) -> dict[str, Any]:
    rows = [columns(record.config) for record in records]
    return {"left_out": {"e": pack_rows(rows)}}


def test_a_cell_that_the_study_left_out_leaves_the_claim_unjudged():
    whole = make.both_sides(0.05)
    part_of = study(
        whole, **left_out(make.run(11, weight_decay=0.1), make.run(0, weight_decay=1.0))
    )
    (judged,) = judge([make.claim()], part_of)
    assert (judged.verdict, judged.reason) == ("not_judged", "left_out")
    assert judged.findings["only"].detail["count"] == 1
    assert_no_number(judged)
    (judged,) = judge([make.claim()], study(whole, **left_out(make.run(0, weight_decay=1.0))))
    assert judged.verdict == "supported"


def ranked(**keys: Any) -> Claim:
    options = {"of": "test_accuracy"}
    part = make.part(metric="rank", options=options, against=0.1, direction="less", **keys)
    return make.claim({"only": part})


def test_a_metric_of_the_whole_experiment_needs_just_its_cells():
    whole = make.both_sides(0.05)
    (judged,) = judge([ranked()], study(whole))
    assert judged.verdict == "supported"
    (judged,) = judge([ranked()], study(whole, **left_out(make.run(0, weight_decay=1.0))))
    assert judged.reason == "left_out"
    (judged,) = judge([ranked()], study(whole, added={"e": [whole[0].address]}))
    assert (judged.verdict, judged.reason) == ("not_judged", "other_cells")
    assert_no_number(judged)


def test_settings_that_replaced_what_is_declared_are_named_where_they_are_compared():
    whole = make.both_sides(0.05)
    plan = {"settings": ["lr=0.1"]}
    (judged,) = judge([make.claim()], study(whole, added={"e": [whole[0].address]}, **plan))
    assert (judged.verdict, judged.settings) == ("supported", ("lr=0.1",))
    other = [*whole, make.run(0, weight_decay=0.7)]
    (judged,) = judge([make.claim()], study(other, added={"e": [other[-1].address]}, **plan))
    assert judged.settings == ()


def test_scope_says_what_the_deciding_runs_have_in_common_and_where_they_differ():
    records = grid(0.05, seeds=6, cells=2)
    declared = make.claim({"only": make.part(**GRID)}, scope=("lr", "width", "init_std"))
    (judged,) = judge([declared], study(records))
    assert judged.scope == {"lr": [0.01, 0.02], "width": [100]}
    (judged,) = judge([make.claim({"only": make.part(**GRID)})], study(records))
    assert set(judged.scope) == {"data", "train_size", "depth", "width", "lr"}


# --- looks --------------------------------------------------------------------------------------


SCATTERED = [0.009, 0.031] * 3  # open at six seeds
SOON = [*SCATTERED, *[0.021] * 4]  # decided at ten
LATE = [*SCATTERED, *[0.0, 0.04] * 2, *[0.025] * 6]  # open at ten, decided at sixteen


def looks(
    effects: Sequence[float], first: int = 6, *, missing: int | None = None,
    broken: int | None = None, start: int = 0, **plan: Any,
) -> Results:  # fmt: skip
    """Seeds with these effects, of which the first few are the study's own.

    Args:
        missing, broken: a seed whose runs are not stored, or failed.
    """
    records = [
        make.run(start + seed, test=test, weight_decay=decay)
        for seed, effect in enumerate(effects)
        for decay, test in ((0.0, 0.5), (0.1, 0.5 + effect))
    ]
    own = [r.address for r in records if r.config["seed"] < start + first]
    further = [record.address for record in records[len(own) :]]
    addresses = {"experiments": {"e": own}, "further": {"e": further}}
    stored = [
        failed(record) if record.config["seed"] == broken else record
        for record in records
        if record.config["seed"] != missing
    ]
    return study(stored, **(addresses | {"looks": [10, 16], "seeds_from": start} | plan))


def test_the_error_is_spent_over_the_looks():
    def plan(*further: int) -> StudyPlan:
        return StudyPlan("n", "c", "d", "p", looks=list(further))

    assert spent(plan()) == [0.05]
    assert spent(plan(10)) == [0.025, 0.025]
    assert spent(plan(10, 16, 24)) == pytest.approx([0.025] + [0.025 / 3] * 3)


def test_declared_looks_make_the_first_one_stricter_whether_or_not_there_are_others():
    records = weak_records()
    (judged,) = judge([make.claim()], study(records))
    assert (judged.verdict, judged.alpha) == ("supported", 0.05)
    four = [make.claim(id=f"C{i}") for i in range(4)]
    assert 0.025 < 4 * judged.p < 0.05
    assert judge(four, study(records))[0].verdict == "supported"
    (judged, *_) = judge(four, study(records, looks=[16, 24]))
    assert (judged.verdict, judged.alpha) == ("inconclusive", 0.025)


def test_further_seeds_decide_what_is_open():
    (judged,) = judge([make.claim()], looks(LATE, further={}))
    assert (judged.verdict, judged.alpha, judged.seeds) == ("inconclusive", 0.025, 6)
    (judged,) = judge([make.claim()], looks(LATE[:10]))
    assert (judged.verdict, judged.alpha, judged.seeds) == ("inconclusive", 0.0125, 10)
    (judged,) = judge([make.claim()], looks(LATE))
    assert (judged.verdict, judged.alpha, judged.seeds) == ("supported", 0.0125, 16)


def test_what_is_decided_stays_so_whatever_further_seeds_say():
    (judged,) = judge([make.claim()], looks([*[0.05, 0.051] * 3, *[-0.5] * 10]))
    assert (judged.verdict, judged.seeds, judged.alpha) == ("supported", 6, 0.025)
    assert judged.findings["only"].effect.n == 6


def test_a_look_sees_its_own_seeds_only():
    (judged,) = judge([make.claim()], looks([*SOON, *[-0.9] * 6]))
    assert (judged.verdict, judged.seeds) == ("supported", 10)
    assert len(judged.findings["only"].pairs) == 10


def test_a_look_that_is_not_complete_is_none():
    for gone in ({"missing": 15}, {"broken": 15}):
        (judged,) = judge([make.claim()], looks(LATE, **gone))
        assert (judged.verdict, judged.seeds) == ("inconclusive", 10)


@pytest.mark.parametrize("gone", ["missing", "broken"])
def test_a_run_that_a_later_look_lacks_revokes_no_verdict(gone: str):
    (judged,) = judge([make.claim()], looks([*SOON, *[0.02] * 6], **{gone: 15}))
    assert (judged.verdict, judged.seeds) == ("supported", 10)


def test_looks_count_from_the_first_seed_of_the_study():
    (judged,) = judge([make.claim()], looks(SOON, start=50))
    assert (judged.verdict, judged.seeds) == ("supported", 10)
    assert judged.findings["only"].pairs["seed"].tolist() == list(range(50, 60))


def test_too_few_seeds_at_first_can_be_enough_at_a_further_look():
    (judged,) = judge([make.claim()], looks(SOON, first=3))
    assert (judged.verdict, judged.seeds, judged.alpha) == ("supported", 10, 0.0125)


# --- selections and JSON ------------------------------------------------------------------------


def test_only_the_cells_of_a_claim_are_selected():
    declared = make.claim({"only": make.part(where=make.cells(activation="relu"))})

    def wanted(experiment: str = "e", **config: object) -> bool:
        return selects(declared, experiment, columns(make.run(**config).config))

    assert wanted(weight_decay=0.1)
    assert wanted(weight_decay=0.0)
    assert not wanted(weight_decay=0.01)
    assert not wanted(weight_decay=0.1, activation="tanh")
    assert not wanted("other", weight_decay=0.1)


def test_a_ranking_needs_every_cell():
    assert selects(ranked(), "e", columns(make.run(weight_decay=0.77).config))


def test_the_recipe_can_be_selected():
    part = make.part(treatment=make.cells(recommended=True), against=0.5)
    declared = make.claim({"only": part})
    recipe = {"init": "he", "batchnorm": True, "dropout": 0.2}
    assert selects(declared, "e", columns(make.run(**recipe).config))
    assert not selects(declared, "e", columns(make.run(**recipe | {"dropout": 0.0}).config))
    records = [make.run(s, test=0.9 - 0.001 * s, **recipe) for s in range(6)]
    records += [make.run(s, test=0.1) for s in range(6)]
    assert make.finding(part, records).treatment.mean == pytest.approx(0.8975)


def test_json_is_plain_and_complete():
    parts = {
        "t": make.part(where=make.cells(lr=0.01)),
        "grid": make.part(**GRID),
        "best": make.part(reduce=Reduction("best", ("lr",), held_out=True)),
        "ratio": ratio_part(metric="train_loss", **GRID),
        "none": make.part(against=0.5, where=make.cells(activation="tanh"), deciding=False),
    }
    judged = make.judgement(make.claim(parts), grid(0.05, seeds=6))
    plan = StudyPlan("n", "c", "d", "p", looks=[10], settings=["lr=0.1"])
    content = json.loads(json.dumps(to_json([judged], plan), allow_nan=False))
    assert (content["schema"], content["study"], content["alpha"]) == (2, "n", 0.05)
    assert content["looks"] == [{"seeds": None, "alpha": 0.025}, {"seeds": 10, "alpha": 0.025}]
    assert content["settings"] == ["lr=0.1"]
    (one,) = content["claims"]
    assert (one["id"], one["chapter"], one["digest"]) == ("C1", "lecture", judged.claim.digest)
    assert one["verdict"] == judged.verdict == "no_effect"
    assert (one["seeds"], one["p"], one["p_corrected"]) == (6, judged.p, judged.p_corrected)
    assert one["scope"]["lr"] == [0.01, *[pytest.approx(0.01 * i) for i in range(2, 9)]]
    found = one["parts"]["t"]
    assert found["effect"]["mean"] == judged.findings["t"].effect.mean
    assert found["effect_90"]["low"] >= found["effect"]["low"]
    assert found["effect"]["n"] == found["pairs"] == len(found["values"]["effect"]) == 6
    assert found["values"]["seed"] == list(range(6))
    assert found["treatment"] == [{"weight_decay": [0.1]}]
    assert one["parts"]["none"]["effect"]["mean"] is None
    assert one["parts"]["none"]["control_mean"] is None
    assert one["parts"]["none"]["reason"] == "no_cells"
    assert one["parts"]["best"]["reduce"] == {
        "function": "best", "over": ["lr"], "by": None, "held_out": True,
    }  # fmt: skip
    assert one["parts"]["best"]["levels"] == {"treatment": [[0.08]], "control": [[0.08]]}
    assert one["parts"]["best"]["edges"] == ["treatment", "control"]


def test_the_same_runs_give_the_same_bytes():
    judged = [
        make.judgement(make.claim({"only": make.part(**GRID)}), order)
        for order in (grid(0.05, seeds=6), grid(0.05, seeds=6)[::-1])
    ]
    plan = StudyPlan("n", "c", "d", "p")
    first, second = (json.dumps(to_json([each], plan)) for each in judged)
    assert first == second


def test_results_are_left_as_they_are():
    study: Results = make.results(make.both_sides(0.05))
    before = study.runs("e")
    judge([make.claim()], study)
    assert study.runs("e").equals(before)


def test_every_field_for_programs_is_documented():
    text = (Path(__file__).parents[2] / "docs" / "claims.md").read_text(encoding="utf-8")
    content = to_json([make.judgement(make.claim(), make.both_sides(0.05))], make.results().plan)
    (one,) = content["claims"]
    fields = (*content, *one, *one["parts"]["only"], *CONFIG_COLUMNS, *RUN_COLUMNS)
    for field in (*fields, *REASONS, *VERDICTS):
        assert f"`{field}`" in text, field
