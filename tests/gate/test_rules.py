"""The gate's rules: read from files, and checked."""

from pathlib import Path

import pytest

from study.errors import ConfigError
from study.gate.rules import EXPERIMENT, load_rules
from study.records.record import METRICS

GOOD = """
alpha: 0.01
metrics:
  test_accuracy: {better: higher, compare: difference, margin: 0.01, margin_all: 0.005}
"""


def folder(tmp_path: Path, text: str) -> Path:
    (tmp_path / "claims").mkdir()
    (tmp_path / "rules.yaml").write_text(text)
    return tmp_path


def test_the_studys_own_rules_are_about_all_metrics_and_the_gates_cells() -> None:
    rules = load_rules()
    assert set(rules.metrics) == set(METRICS)
    assert rules.alpha == 0.01
    for name, rule in rules.metrics.items():
        assert rule.better == ("lower" if name.endswith("loss") else "higher")
    assert rules.claims
    assert {name for claim in rules.claims for name in claim.experiments} == {EXPERIMENT}


def test_good_rules_are_read(tmp_path: Path) -> None:
    rules = load_rules(folder(tmp_path, GOOD))
    assert rules.metrics["test_accuracy"].margin == 0.01
    assert rules.claims == ()


@pytest.mark.parametrize(
    ("before", "after", "key"),
    [
        ("alpha: 0.01", "alpha: 0", "alpha"),
        ("alpha: 0.01", "alpha: .nan", "alpha"),
        ("alpha: 0.01", "alpha: often", "alpha"),
        ("alpha: 0.01", "beta: 1", "just the keys alpha, metrics"),
        ("test_accuracy", "accuracy", "metrics"),
        ("better: higher", "better: yes", "metrics.test_accuracy.better"),
        ("difference", "product", "metrics.test_accuracy.compare"),
        ("margin: 0.01", "margin: 0", "metrics.test_accuracy.margin"),
        ("margin: 0.01", "margin: true", "metrics.test_accuracy.margin"),
        ("difference", "ratio", "a number > 1"),
        ("better: higher, ", "", "metrics.test_accuracy: expected just the keys"),
        (GOOD, "[1", "a YAML file"),
        (GOOD, "", "just the keys"),
        (GOOD, "!!python/object:os.system {}", "a YAML file"),
    ],
)
def test_a_wrong_value_is_named(tmp_path: Path, before: str, after: str, key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_rules(folder(tmp_path, GOOD.replace(before, after, 1)))
    assert "rules.yaml" in str(caught.value)
    assert key in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"rules\.yaml"):
        load_rules(tmp_path)
