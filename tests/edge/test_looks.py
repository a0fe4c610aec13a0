"""``claim=open``: seeds are added where a claim is open, at the looks that the preset declares."""

import json
import os
import signal
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from builders_claims import cells, claim, part
from starter import PATIENCE, own_chapter, wait_until
from starting import Command

from study.analysis.declarations import Reduction
from study.edge.gate import planned
from study.edge.looks import further_cells
from study.errors import ConfigError
from study.records.config import RunConfig
from study.records.plan import StudyPlan, read_plan

# After so few steps the two widths are 4 points apart: whether by more than 4.2, nobody knows.
OPEN = """
  {id}:
    statement: {{en: It is the same}}
    parts:
      test:
        experiment: width
        metric: test_accuracy
        where: {{init: he}}
        treatment: {{width: 100}}
        control: {{width: 10}}
        direction: {direction}
        smallest: {smallest}
"""
TINY = ("study.seeds=6", "study.looks=[8,10]", "num_epochs=1", "train_size=200",
        "evaluation.points=1")  # fmt: skip


@pytest.fixture
def claims(command: Command) -> str:
    """A chapter of two claims: one that stays open and one that is decided at once."""
    claims = "".join(
        OPEN.format(id=name, direction=direction, smallest=smallest)
        for name, direction, smallest in (("same", "greater", 0.042), ("any", "at_most", 0.9))
    )
    own_chapter(command.folder / "mine", f"uses: [lecture]\nclaims:{claims}")
    return str(command.folder / "mine")


def reports(command: Command) -> dict[str, bytes]:
    """What there is of the report, by name of the file."""
    (folder,) = (command.folder / "reports").iterdir()
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def words(claims: str, *more: str) -> list[str]:
    return ["-m", "--config-dir", claims, "chapter=mine", "experiment=width", "hidden=[10],[100]",
            *TINY, "report.name=x", *more]  # fmt: skip


# -- which runs a look adds


@pytest.fixture(scope="module")
def width() -> tuple[dict[str, RunConfig], StudyPlan]:
    found = planned(["experiment=width", "study.seeds_from=20", "study.looks=[8,10]"])
    return found.cells, found.plan


def needed(
    found: tuple[Mapping[str, RunConfig], StudyPlan], seeds: int, own: int = 6, **keys: object
) -> list[tuple[int, str, int]]:
    configs, plan = found
    one = claim({"only": part(experiment="width", **keys)})
    further = further_cells(plan, dict(configs), [one], seeds, own)
    return [(c.hidden[0], c.init["name"], c.seed) for c in further.get("width", [])]


def test_a_look_adds_the_seeds_that_are_missing_of_the_cells_that_are_compared(
    width: tuple[dict[str, RunConfig], StudyPlan],
) -> None:
    sides = {"treatment": cells(width=100), "control": cells(width=10), "where": cells(init="he")}
    expected = [(hidden, "he", seed) for hidden in (10, 100) for seed in (26, 27)]
    assert needed(width, 8, **sides) == expected
    configs, plan = width
    kept = replace(plan, further={"width": []})
    one = claim({"only": part(experiment="width", **sides)})  # type: ignore[arg-type]
    first = further_cells(kept, configs, [one], 8, 6)["width"]
    kept.further["width"] = [cell.address for cell in first]
    second = further_cells(kept, configs, [one], 10, 6)["width"]
    assert sorted({cell.seed for cell in second}) == [28, 29]
    assert all(cell.measure == configs[plan.addresses[0]].measure for cell in second)


def test_an_experiment_that_the_preset_gives_fewer_seeds_keeps_them(
    width: tuple[dict[str, RunConfig], StudyPlan],
) -> None:
    sides = {"treatment": cells(width=100), "control": cells(width=10), "where": cells(init="he")}
    assert needed(width, 8, own=7, **sides) == []
    assert len(needed(width, 8, own=6, **sides)) == 4


def test_a_metric_of_the_whole_experiment_needs_all_its_cells(
    width: tuple[dict[str, RunConfig], StudyPlan],
) -> None:
    sides = {"treatment": cells(width=100), "control": cells(width=10), "where": cells(init="he")}
    assert len(needed(width, 8, metric="rank", options={"of": "test_accuracy"}, **sides)) == 12


def test_a_reduction_needs_all_its_levels(
    width: tuple[dict[str, RunConfig], StudyPlan],
) -> None:
    keys = {"treatment": cells(init="he"), "against": 0.0, "reduce": Reduction("range", ("width",))}
    assert len(needed(width, 8, **keys)) == 3 * 2


# -- from the command line


def test_open_claims_get_more_seeds_and_the_report_is_the_same_without_asking_again(
    command: Command, claims: str
) -> None:
    done = command(*words(claims, "claim=same,any,open", "workers=2"))
    assert done.returncode == 0, done.stderr
    assert "look 2, 8 seeds: same open, 4 runs\n" in done.stderr
    assert "look 3, 10 seeds: same open, 4 runs\n" in done.stderr
    assert "20 completed, 0 diverged, 0 failed" in done.stderr
    assert "\nany: supported\n" in done.stderr
    assert "\nsame: inconclusive" in done.stderr
    plan = read_plan(command.store, "x")
    assert len(plan.experiments["width"]) == 12
    assert len(plan.further["width"]) == 8
    assert plan.command.endswith("claim=same,any,open workers=2")
    seeds = {r.run_config.seed for a, r in command.records().items() if a in plan.further["width"]}
    assert seeds == {6, 7, 8, 9}
    before = reports(command)
    verdicts = {each["id"]: each for each in json.loads(before["claims.json"])["claims"]}
    assert verdicts["same"]["verdict"] == "inconclusive"

    # the same command, and the one that does not ask for more
    for more in ("claim=same,any,open", "claim=same,any"):
        again = command(*words(claims, more, "workers=2"))
        assert again.returncode == 0, again.stderr
        assert "to run" not in again.stderr
        assert reports(command) == before
        assert read_plan(command.store, "x") == plan


def test_without_asking_for_it_no_further_seed_is_run(command: Command, claims: str) -> None:
    done = command(*words(claims, "claim=same"))
    assert done.returncode == 0, done.stderr
    assert "look" not in done.stderr
    assert read_plan(command.store, "x").further == {}
    assert len(command.records()) == 12


def test_after_control_c_at_a_look_the_same_command_ends_with_the_same_bytes(
    command: Command, claims: str
) -> None:
    whole = command(*words(claims, "claim=same,open", "store=other"))
    assert whole.returncode == 0, whole.stderr
    expected = reports(command)["claims.json"].replace(b" store=other", b"")
    assert command(*words(claims, "claim=same")).returncode == 0
    process = command.start(*words(claims, "claim=same,open", "workers=1"))
    assert wait_until(lambda: len(command.records()) >= 14)  # in the first further look
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=PATIENCE)
    if process.returncode == 130:  # else it was faster
        assert "stored, run again to continue" in err
        assert "Traceback" not in err
    done = command(*words(claims, "claim=same,open"))
    assert done.returncode == 0, done.stderr
    assert "look 3, 10 seeds: same open, 4 runs" in done.stderr
    assert reports(command)["claims.json"] == expected


def test_a_look_whose_runs_fail_is_the_last(command: Command, claims: str) -> None:
    assert command(*words(claims, "claim=same")).returncode == 0
    done = command(*words(claims, "claim=same,open", "timeout=0.01"))
    assert done.returncode == 1
    assert "look 2, 8 seeds: same open, 4 runs" in done.stderr
    assert "look 3" not in done.stderr
    again = command(*words(claims, "claim=same,open"))
    assert again.returncode == 0, again.stderr
    assert "look 3, 10 seeds" in again.stderr


def test_without_looks_the_command_says_who_has_some(command: Command) -> None:
    done = command("-m", "experiment=width", "data=gaussian", "claim=open")
    assert done.returncode == 1
    assert done.stderr.strip() == (
        "study.looks: expected further looks for claim=open (as in study=full), got []"
    )
    assert not command.store.folder.exists()


def test_no_claim_may_be_called_open(tmp_path: Path) -> None:
    claims = OPEN.format(id="open", direction="equal", smallest=1)
    known = own_chapter(tmp_path, f"uses: [lecture]\nclaims:{claims}")
    with pytest.raises(ConfigError, match=r"claims\.open: expected another name: claim=open"):
        planned([known, "chapter=mine"])
