"""The workflow for GitHub runs what it says."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from study.check import BASELINE
from study.gate.baseline_text import read_baseline

ROOT = Path(__file__).parents[2]
WORKFLOWS = ROOT / ".github" / "workflows"
WORKFLOW = WORKFLOWS / "study.yml"

pytestmark = pytest.mark.skipif(not WORKFLOW.is_file(), reason="not in a checkout")


def steps(workflow: Path = WORKFLOW) -> list[dict[str, Any]]:
    content = yaml.safe_load(workflow.read_text(encoding="utf-8"))
    return [step for job in content["jobs"].values() for step in job["steps"]]


@pytest.mark.parametrize("workflow", sorted(WORKFLOWS.glob("*.yml")), ids=lambda path: path.stem)
def test_official_actions_of_a_fixed_major_version_are_used(workflow: Path) -> None:
    for step in steps(workflow):
        if "uses" in step:
            owner, _, version = step["uses"].partition("@")
            assert owner.startswith("actions/")
            assert version.removeprefix("v").isdigit()


def test_it_tests_gates_and_uploads_the_report() -> None:
    commands = [step.get("run", "") for step in steps()]
    assert ".ci/run" in commands
    assert any(command.startswith("python -m study.check ") for command in commands)
    assert any(step.get("with", {}).get("name") == "report" for step in steps())


def test_a_change_of_the_gate_itself_is_said_and_steps_are_timed_by_a_schedule() -> None:
    content = yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))
    gate = content["jobs"]["gate"]["steps"]
    assert gate[0]["with"]["fetch-depth"] == 0
    (check,) = [step for step in gate if "study.check" in step.get("run", "")]
    assert '--against "$REF"' in check["run"]
    assert check["env"]["REF"].startswith("origin/")
    speed = content["jobs"]["speed"]
    assert speed["if"] == "github.event_name == 'schedule'"
    assert any("benchmarks/step.py --check" in step.get("run", "") for step in speed["steps"])


def test_what_is_red_is_uploaded_and_stays_red() -> None:
    for step in steps():
        assert "continue-on-error" not in step
        if step.get("uses", "").startswith("actions/upload-artifact@"):
            assert step["if"] == "always()"


def test_the_baseline_in_the_repository_can_be_read() -> None:
    baseline = read_baseline(ROOT / BASELINE)
    assert baseline.reason
    assert {claim.verdict for claim in baseline.claims.values()} == {"supported"}
    seeds = dict.fromkeys(baseline.cells, 0)
    for run in baseline.runs.values():
        seeds[run.cell] += 1
    assert min(seeds.values()) == max(seeds.values()) >= 6
    assert len(baseline.exact.arithmetic) == 16
    assert len(baseline.exact.traces) >= len(baseline.exact.cells) >= 40
    assert {trace.status for trace in baseline.exact.traces.values()} == {"completed", "diverged"}
    assert {name.partition(": ")[0] for name in baseline.exact.study} >= {
        "quick",
        "default",
        "full",
    }
    assert baseline.history


def test_the_baseline_covers_what_the_gate_promises() -> None:
    cells = read_baseline(ROOT / BASELINE).cells.values()
    assert {cell["init"]["name"] for cell in cells} == {
        path.stem for path in (ROOT / "conf" / "init").glob("*.yaml")
    }
    assert {cell["init"].get("std") for cell in cells} >= {1, 0.01}
    assert {cell["activation"]["name"] for cell in cells} == {
        path.stem for path in (ROOT / "conf" / "activation").glob("*.yaml")
    }
    for key in ("batchnorm", "dropout", "weight_decay", "momentum"):
        assert {bool(cell[key]) for cell in cells} == {True, False}, key
    assert "full" in {cell["batch_size"] for cell in cells}
