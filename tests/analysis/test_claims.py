"""Claims on synthetic runs: planted effects are found, null effects are not, nothing is biased."""

import json
import math
from dataclasses import replace
from pathlib import Path

import builders_claims as make
import numpy as np
import pytest

from study.analysis.claims import judge
from study.analysis.declarations import Reduction, selects
from study.analysis.frames import CONFIG_COLUMNS, RUN_COLUMNS, Results
from study.analysis.verdict_json import to_json
from study.analysis.verdicts import REASONS
from study.records.cells import columns
from study.records.plan import StudyPlan


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


def test_no_effect_is_no_finding():
    found = make.finding(make.part(), make.both_sides(0.0))
    assert found.verdict == "inconclusive"
    assert found.reason == "interval"


def test_an_effect_below_the_smallest_that_matters_is_not_supported():
    records = make.both_sides(0.009, noise=0.0001)
    assert make.finding(make.part(), records).verdict == "inconclusive"
    assert make.finding(make.part(smallest=0.008), records).verdict == "supported"


def test_an_effect_so_small_on_the_other_side_refutes():
    assert make.finding(make.part(), make.both_sides(-0.001, noise=0.0001)).verdict == "refuted"


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
    assert found.p == found.p_holm == 0


def test_no_effect_at_all_leaves_no_doubt_either():
    records = make.both_sides(0.0, noise=0.0)
    found = make.finding(make.part(), records)
    assert (found.verdict, found.p) == ("inconclusive", 1.0)
    equal = make.finding(make.part(direction="equal", smallest=0.0), records)
    assert (equal.verdict, equal.p) == ("supported", 0.0)


# --- pairs --------------------------------------------------------------------------------------


def test_fewer_than_six_pairs_give_no_verdict():
    found = make.finding(make.part(), make.both_sides(0.3, n=5))
    assert (found.verdict, found.uncorrected, found.reason) == (
        "inconclusive", "inconclusive", "few_pairs",
    )  # fmt: skip
    assert found.effect.mean == pytest.approx(0.3)
    assert math.isnan(found.p_holm)
    assert make.finding(make.part(), make.both_sides(0.3, n=6)).verdict == "supported"


@pytest.mark.parametrize("n", [0, 1])
def test_one_pair_or_none_is_no_crash(n: int):
    found = make.judgement(make.claim(), make.both_sides(0.3, n=1)[: 2 * n], missing=3)
    assert found.verdict == "inconclusive"
    assert found.reason == ("few_pairs" if n else "missing")
    json.dumps(to_json([found], make.results().plan), allow_nan=False)


def test_missing_and_failed_runs_drop_their_pair_and_bias_nothing():
    whole = make.both_sides(np.linspace(0.0, 0.1, 10), noise=0.0)
    broken = [
        replace(record, status="failed", final={}, history={})
        if record.config["seed"] == 9 and record.config["weight_decay"] > 0
        else record
        for record in whole
        # seed 0 lacks its control, seed 9 its treatment
        if (record.config["seed"], record.config["weight_decay"]) != (0, 0.0)
    ]
    found = make.finding(make.part(), broken, missing=1)
    assert found.pairs["seed"].tolist() == list(range(1, 9))
    assert found.effect.mean == pytest.approx(0.05)
    assert found.control.n == found.treatment.n == 8


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


# --- ratios, clusters ---------------------------------------------------------------------------


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
        ("greater", 1.2, "inconclusive"), ("greater", 0.9, "refuted"), ("less", 0.5, "supported"),
        ("less", 0.85, "inconclusive"), ("less", 1.1, "refuted"), ("equal", 1.1, "supported"),
        ("equal", 0.9, "supported"), ("equal", 0.5, "refuted"), ("equal", 1.6, "refuted"),
        ("at_most", 1.1, "supported"), ("at_most", 1.6, "refuted"),
    ],
)  # fmt: skip
def test_bounds_of_a_ratio(direction: str, ratio: float, verdict: str):
    assert make.finding(ratio_part(direction=direction), in_ratio(ratio)).verdict == verdict


def test_a_ratio_of_zero_is_no_number_and_no_verdict():
    records = in_ratio(2.0)
    records[0] = make.run(0, test=0.0, weight_decay=0.0)
    found = make.finding(ratio_part(), records)
    assert (found.verdict, found.reason) == ("inconclusive", "not_positive")
    assert math.isnan(found.effect.mean)
    assert found.treatment.n == 8


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


CLUSTERED = {"paired_by": ("seed", "lr"), "cluster_by": ("lr",)}


def test_clusters_are_what_counts_in_the_grid():
    found = make.finding(make.part(**CLUSTERED), grid(0.05))
    assert (found.effect.n, found.effect.method, len(found.pairs)) == (8, "bootstrap", 24)
    assert found.verdict == "supported"
    assert found.effect.mean == pytest.approx(0.05)
    assert make.finding(make.part(**CLUSTERED), grid(-0.05)).verdict == "refuted"
    assert make.finding(make.part(**CLUSTERED), grid(0.0)).verdict == "inconclusive"


def test_many_seeds_of_few_cells_are_few():
    found = make.finding(make.part(**CLUSTERED), grid(0.05, seeds=10, cells=3))
    assert (found.verdict, found.reason, found.effect.n) == ("inconclusive", "few_pairs", 3)


def test_the_order_of_the_records_does_not_matter():
    records = grid(0.02)
    there = make.finding(make.part(**CLUSTERED), records)
    back = make.finding(make.part(**CLUSTERED), records[::-1])
    assert there.effect == back.effect
    assert there.p == back.p
    assert there.pairs.equals(back.pairs)


# --- the table ----------------------------------------------------------------------------------


def weak_records():
    """An effect whose p-value is some 0.02."""
    return make.both_sides(0.0172, noise=0.01, seed=3)


def test_holm_demotes_what_many_tests_would_find_by_chance():
    records = weak_records()
    alone = make.judgement(make.claim(), records)
    assert alone.verdict == "supported"
    assert 0.05 / 30 < alone.findings["only"].p < 0.05
    table = [make.claim(id=f"C{i}") for i in range(30)]
    judged = judge(table, make.results(records))
    for one in judged:
        assert (one.verdict, one.uncorrected, one.reason) == ("inconclusive", "supported", "holm")
        assert one.findings["only"].p_holm == pytest.approx(min(30 * one.findings["only"].p, 1))


def test_what_decides_nothing_is_not_corrected_and_corrects_nothing():
    parts = {f"shown{i}": make.part(deciding=False) for i in range(30)} | {"only": make.part()}
    judged = make.judgement(make.claim(parts), weak_records())
    assert judged.verdict == "supported"
    assert judged.findings["only"].p == judged.findings["only"].p_holm
    assert math.isnan(judged.findings["shown0"].p_holm)
    assert judged.findings["shown0"].verdict == "supported"


def test_tests_without_enough_pairs_do_not_make_the_others_stricter():
    few = make.part(where=make.cells(seed=(0, 1, 2)))
    judged = make.judgement(make.claim({"few": few, "only": make.part()}), weak_records())
    assert judged.findings["only"].p == judged.findings["only"].p_holm
    assert (judged.verdict, judged.reason) == ("inconclusive", "few_pairs")


def test_a_claim_is_as_strong_as_its_weakest_part():
    yes, no = make.part(), make.part(direction="less")
    open_ = make.part(smallest=0.2)
    records = make.both_sides(0.05)

    def verdict(*parts: object) -> str:
        declared = make.claim({f"part{i}": each for i, each in enumerate(parts)})
        return make.judgement(declared, records).verdict

    assert verdict(yes, yes) == "supported"
    assert verdict(yes, open_) == "inconclusive"
    assert verdict(yes, open_, no) == "refuted"
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


def test_claims_without_any_of_their_experiments_are_left_out():
    other = make.claim({"only": make.part(experiment="other")}, id="other")
    half = make.claim({"here": make.part(), "there": make.part(experiment="other")}, id="half")
    judged = judge([other, half], make.results(make.both_sides(0.05)))
    assert [each.claim.id for each in judged] == ["half"]
    assert judged[0].findings["there"].reason == "missing"
    assert (judged[0].verdict, judged[0].reason) == ("inconclusive", "missing")


def test_an_experiment_without_any_run_is_missing():
    judged = make.judgement(make.claim(), [], missing=4)
    assert (judged.verdict, judged.reason) == ("inconclusive", "missing")


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
    ranked = make.part(metric="rank", options={"of": "test_accuracy"}, against=0.1)
    declared = make.claim({"only": ranked})
    assert selects(declared, "e", columns(make.run(weight_decay=0.77).config))


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
        "t": make.part(),
        "grid": make.part(**CLUSTERED),
        "best": make.part(reduce=Reduction("best", ("lr",), held_out=True)),
        "ratio": ratio_part(metric="train_loss"),
        "none": make.part(against=0.5, where=make.cells(activation="tanh")),
    }
    judged = make.judgement(make.claim(parts), grid(0.05, seeds=6))
    content = json.loads(
        json.dumps(to_json([judged], StudyPlan("n", "c", "d", "p")), allow_nan=False)
    )
    assert (content["schema"], content["study"], content["alpha"]) == (1, "n", 0.05)
    assert content["tests"] == 4
    (one,) = content["claims"]
    assert one["id"] == "C1"
    assert one["verdict"] == judged.verdict
    found = one["parts"]["t"]
    assert found["effect"]["mean"] == judged.findings["t"].effect.mean
    assert found["effect"]["n"] == found["pairs"] == len(found["values"]["effect"]) == 6
    assert found["values"]["seed"] == list(range(6))
    assert found["treatment"] == [{"weight_decay": [0.1]}]
    assert one["parts"]["none"]["effect"]["mean"] is None
    assert one["parts"]["none"]["control_mean"] is None
    assert one["parts"]["none"]["reason"] == "missing"
    assert one["parts"]["best"]["reduce"] == {
        "function": "best", "over": ["lr"], "held_out": True,
    }  # fmt: skip


def test_the_same_runs_give_the_same_bytes():
    judged = [
        make.judgement(make.claim({"only": make.part(**CLUSTERED)}), order)
        for order in (grid(0.05), grid(0.05)[::-1])
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
    for field in (*content, *one, *one["parts"]["only"], *CONFIG_COLUMNS, *RUN_COLUMNS, *REASONS):
        assert f"`{field}`" in text, field
