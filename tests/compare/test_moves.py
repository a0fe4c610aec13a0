"""By how much numbers, verdicts and cells moved between two studies."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from study.analysis.frames import runs_frame
from study.compare.moves import cell_moves, claim_moves, move
from study.compare.sides import Side, read_side
from study.errors import ConfigError, StoreError
from study.records.config import RunConfig
from study.records.record import RunRecord

RNG = np.random.default_rng(0)


def seeded(values: Sequence[float], first: int = 0) -> pd.Series:
    return pd.Series(values, index=range(first, first + len(values)), dtype=float)


# -- a number on both sides


def test_the_same_seeds_are_paired() -> None:
    common = RNG.normal(size=8)
    a, b = seeded(common), seeded(common + 1 + 0.01 * RNG.normal(size=8))
    moved, p = move(a, b.sample(frac=1, random_state=0))  # whatever their order
    expected = stats.ttest_rel(b, a)
    low, high = expected.confidence_interval()
    assert moved[:4] == pytest.approx((b.mean() - a.mean(), low, high, 8))
    assert p == pytest.approx(expected.pvalue)
    assert moved.half_width < 0.02  # what both have in common is no noise


def test_other_seeds_are_independent() -> None:
    a, b = seeded(RNG.normal(size=6)), seeded(RNG.normal(1, 2, size=10), first=100)
    moved, p = move(a, b)
    expected = stats.ttest_ind(b, a, equal_var=False)
    low, high = expected.confidence_interval()
    assert moved[:4] == pytest.approx((b.mean() - a.mean(), low, high, 6))
    assert moved.method == "Welch"
    assert p == pytest.approx(expected.pvalue)


@pytest.mark.parametrize("first", [0, 100])
def test_equal_values_leave_no_doubt(first: int) -> None:
    moved, p = move(seeded([1, 1]), seeded([1, 1], first))
    assert (moved.mean, moved.low, moved.high, p) == (0, 0, 0, 1)
    moved, p = move(seeded([1, 1]), seeded([3, 3], first))
    assert (moved.mean, moved.low, moved.high, p) == (2, 2, 2, 0)


def test_one_seed_moves_without_an_interval_and_none_does_not_move() -> None:
    for first in (0, 100):
        moved, p = move(seeded([1]), seeded([3], first))
        assert moved.mean == 2
        assert math.isnan(moved.low)
        assert math.isnan(p)
    moved, p = move(seeded([]), seeded([1]))
    assert math.isnan(moved.mean)
    assert math.isnan(p)


# -- claims


def part(effects: Sequence[float], compare: str = "difference", **more: Any) -> dict[str, Any]:
    """A part with two pairs for each seed, as it stands in a ``claims.json``."""
    values = np.array(effects)
    found = dict.fromkeys(("experiment", "metric", "where", "treatment", "control", "against",
                           "paired_by", "reduce", "reduce_control"))  # fmt: skip
    mean = float(np.exp(np.log(values).mean()) if compare == "ratio" else values.mean())
    return found | {
        "label": {"en": "test", "ko": "시험"}, "deciding": True, "compare": compare,
        "unit": "times" if compare == "ratio" else "points", "verdict": "supported",
        "effect": {"mean": mean, "low": None, "high": None, "n": len(values), "method": "t"},
        "values": {"seed": [s for s in range(len(values)) for _ in "ab"],
                   "effect": [v for effect in effects for v in (effect * 0.9, effect * 1.1)]},
    } | more  # fmt: skip


def claim(name: str, verdict: str, parts: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    return {"id": name, "statement": {"en": f"{name}.", "ko": f"{name}."}, "verdict": verdict,
            "digest": "d", "settings": [], "parts": parts} | more  # fmt: skip


def side(folder: Path, *claims: dict[str, Any]) -> Side:
    folder.mkdir(parents=True)
    content = {"schema": 2, "study": folder.name, "command": "python -m study -m", "data": "mnist",
               "preset": "quick", "claims": claims}  # fmt: skip
    (folder / "claims.json").write_text(json.dumps(content), encoding="utf-8")
    return read_side(str(folder))


def test_verdicts_that_differ_are_told_apart_from_those_that_contradict(tmp_path: Path) -> None:
    parts = {"only": part([0.1, 0.2])}
    a = side(tmp_path / "a", claim("same", "refuted", parts), claim("open", "inconclusive", parts),
             claim("turned", "supported", parts), claim("gone", "supported", parts))  # fmt: skip
    b = side(tmp_path / "b", claim("new", "supported", parts), claim("turned", "refuted", parts),
             claim("open", "refuted", parts),
             claim("same", "refuted", parts, digest="e"))  # fmt: skip
    moves = {each.id: each for each in claim_moves(a, b)}
    assert list(moves) == ["same", "open", "turned", "gone", "new"]
    assert [name for name, each in moves.items() if each.differs] == ["open", "turned"]
    assert [name for name, each in moves.items() if each.contradicts] == ["turned"]
    assert [name for name, each in moves.items() if each.redeclared] == ["same"]
    assert moves["gone"].b is None
    assert moves["new"].a is None


def test_an_effect_moves_by_a_difference_and_a_ratio_by_a_factor(tmp_path: Path) -> None:
    a = side(tmp_path / "a", claim("c", "supported", {
        "gap": part([0.1, 0.2, 0.3]), "speed": part([2.0, 4.0, 8.0], "ratio")}))  # fmt: skip
    b = side(tmp_path / "b", claim("c", "supported", {
        "gap": part([0.2, 0.3, 0.4]), "speed": part([6.0, 12.0, 24.0], "ratio")}))  # fmt: skip
    (found,) = claim_moves(a, b)
    gap, speed = found.parts
    assert gap.move[:4] == pytest.approx((0.1, 0.1, 0.1, 3), abs=1e-12)
    assert speed.move[:4] == pytest.approx((3, 3, 3, 3))


def test_another_declaration_of_a_part_does_not_move(tmp_path: Path) -> None:
    a = side(tmp_path / "a", claim("c", "supported", {"gap": part([0.1, 0.2])}))
    b = side(tmp_path / "b", claim("c", "supported", {"gap": part([0.1, 0.2], metric="x")}))
    assert math.isnan(claim_moves(a, b)[0].parts[0].move.mean)


# -- cells


def table(
    data: str, accuracy: Mapping[tuple[float, int], float | None], **config: Any
) -> pd.DataFrame:
    """Runs by learning rate and seed; None is a run that diverged."""
    records = []
    for (lr, seed), value in accuracy.items():
        init = {"name": "he", "_target_": "study.network.initializers.VarianceScaling"}
        relu = {"name": "relu", "_target_": "study.network.activations.ReLU"}
        run = RunConfig(lr=lr, seed=seed, init=init, activation=relu, num_epochs=1, **config)
        run.data.name = data
        status = "completed" if value is not None else "diverged"
        final = dict.fromkeys(("train_loss", "train_accuracy", "test_loss", "test_accuracy"),
                              math.nan if value is None else value)  # fmt: skip
        records.append(RunRecord(run.address, run.to_dict(), status, final=final))
    text = runs_frame(records).to_csv(index=False)
    path = Path("runs.csv")
    path.write_text(text, encoding="utf-8")
    return pd.read_csv(path, dtype=str, keep_default_na=False)


def study(runs: pd.DataFrame | None, path: str = "somewhere") -> Side:
    return Side(path, "name", "command", "data", "quick", {}, runs)


@pytest.fixture(autouse=True)
def _somewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_cells_of_two_data_sets_are_the_same_and_those_that_moved_most_come_first() -> None:
    a = table("mnist5k", {(0.1, 0): 0.5, (0.1, 1): 0.6, (0.2, 0): 0.5, (0.2, 1): 0.7, (1, 0): 0.3})
    b = table("mnist", {(0.2, 0): 0.9, (0.2, 1): 0.9, (0.1, 0): 0.5, (0.1, 1): 0.6, (2, 0): 0.3})
    found = cell_moves(study(a), study(b))
    assert found is not None
    assert [each.words for each in found.cells] == [[("lr", "0.2")], [("lr", "0.1")]]
    assert [each.move.mean for each in found.cells] == pytest.approx([0.3, 0.0])
    assert [each.equal for each in found.cells] == [False, True]
    assert (found.equal, found.only_a, found.only_b, found.unpaired) == (1, 1, 1, 0)
    assert found.shared == [
        ("init", "he (no mode) (no scale)"), ("activation", "relu"), ("num_epochs", "1")
    ]  # fmt: skip


def test_what_is_clear_is_corrected_for_the_number_of_cells() -> None:
    def accuracies(shift: float) -> dict[tuple[float, int], float | None]:
        noise = np.random.default_rng(1).normal(0, 0.01, (20, 6))
        noise -= noise.mean(axis=1, keepdims=True)
        # sure of the first cell; of the second only if it were alone: t = 3, p = 0.03
        moved = {0: 0.1, 1: 3 * noise[1].std(ddof=1) / math.sqrt(6)}
        return {(float(lr + 1), seed): 0.5 + shift * (moved.get(lr, 0.0) + noise[lr, seed])
                for lr in range(20) for seed in range(6)}  # fmt: skip

    found = cell_moves(study(table("mnist", accuracies(0))), study(table("mnist", accuracies(1))))
    assert found is not None
    assert [each.words[0][1] for each in found.cells if each.p <= 0.05] == ["1.0"]
    assert found.moved == 1


def test_diverged_runs_count_at_chance_and_failed_ones_do_not_count() -> None:
    a = table("mnist", {(0.1, 0): 0.5, (0.1, 1): 0.5})
    b = table("mnist", {(0.1, 0): None, (0.1, 1): 0.1})
    found = cell_moves(study(a), study(b))
    assert found is not None
    assert found.cells[0].move.mean == pytest.approx(-0.4)
    b.loc[1, "status"] = "failed"
    found = cell_moves(study(a), study(b))
    assert found is not None
    assert found.cells[0].b.n == 1
    assert found.unpaired == 1
    loss = cell_moves(study(a), study(b), "test_loss")
    assert loss is not None
    assert math.isnan(loss.cells[0].move.mean)


def test_a_column_that_an_older_version_had_not_is_left_out_unless_cells_merge() -> None:
    a = table("mnist", {(0.1, 0): 0.5})
    b = table("mnist", {(0.1, 0): 0.6})
    found = cell_moves(study(a.drop(columns="batchnorm_momentum")), study(b))
    assert found is not None
    assert len(found.cells) == 1
    other = table("mnist", {(0.1, 0): 0.7}, momentum=0.9)
    merged = pd.concat([b, other], ignore_index=True)
    with pytest.raises(StoreError, match="new: the table of runs has a cell twice with seed 0"):
        cell_moves(study(a.drop(columns="momentum")), study(merged, "new"))


def test_without_runs_there_are_no_cells() -> None:
    assert cell_moves(study(None), study(table("mnist", {(0.1, 0): 0.5}))) is None


def test_what_cannot_be_compared_is_said() -> None:
    good = table("mnist", {(0.1, 0): 0.5})
    with pytest.raises(ConfigError, match=r"--metric: .*'tset_loss'.*did you mean test_loss\?"):
        cell_moves(study(good), study(good), "tset_loss")
    with pytest.raises(StoreError, match="bad: the table of runs has no column status"):
        cell_moves(study(good), study(good.drop(columns="status"), "bad"))
    with pytest.raises(StoreError, match="bad: the table of runs has no numbers"):
        cell_moves(study(good), study(good.assign(test_accuracy="x"), "bad"))
