"""Sentences are filled with what was measured."""

import pytest

from study.analysis.intervals import Estimate
from study.report.text import kept_together, load_text

TEXT = load_text("en")
GAP = Estimate(-0.0662, -0.0801, -0.0523, 10)


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{gap:points}", "−6.6 ± 1.4 points"),
        ("{gap:percent}", "−6.6 ± 1.4 %"),
        ("{gap.n} runs", "10 runs"),
        ("{share:percent}", "93.5 %"),
        ("{share:points}", "+93.5 points"),
        ("{ratio:times}", "× 2.10 (1.90 to 2.40)"),
        ("{half:times}", "× 0.5"),
        ("{epochs} epochs", "3.0 ± 1.0 epochs"),
        ("{absent}", "never"),
        ("{name}", "He"),
        ("{count}", "1,200"),
        ("{tiny}", "4.10·10⁻⁷"),
        ("a\n  b", "a b"),
    ],
)
def test_formats(template: str, expected: str) -> None:
    facts = {
        "gap": GAP,
        "share": 0.935,
        "ratio": Estimate(2.1, 1.9, 2.4, 10, "log t"),
        "half": 0.5,
        "epochs": Estimate(3.0, 2.0, 4.0, 6),
        "absent": None,
        "name": "he",
        "count": 1200,
        "tiny": 4.1e-7,
    }
    assert TEXT.fill(template, facts) == expected


def test_numbers_stay_on_one_line() -> None:
    assert kept_together("a × 2 and 3.0 ± 1.0 % b") == "a ×\u00a02 and 3.0\u00a0±\u00a01.0\u00a0% b"


def test_one_seed_has_no_interval() -> None:
    lone = Estimate(0.5, float("nan"), float("nan"), 1)
    assert TEXT.fill("{a:percent}, {a:times}, {a}", {"a": lone}) == "50.0 %, × 0.5, 0.5"


@pytest.mark.parametrize("template", ["{gap.__class__}", "{gap.mean.__doc__}", "{_gap}"])
def test_templates_reach_numbers_only(template: str) -> None:
    with pytest.raises(KeyError):
        TEXT.fill(template, {"gap": GAP, "_gap": 1})


def test_an_unknown_format_is_named() -> None:
    with pytest.raises(ValueError, match=r"choices.*percent"):
        TEXT.fill("{gap:share}", {"gap": GAP})


@pytest.mark.parametrize(
    ("english", "korean"),
    [
        ("epoch, ≥ 0.8", "에폭, ≥ 0.8"),
        ("seconds of training, training accuracy ≥ 0.95", "학습 시간(초), 훈련 정확도 ≥ 0.95"),
        ("reached 1e-05", "도달 1e-05"),
        ("unheard of, ≥ 0.8", "unheard of, ≥ 0.8"),
        ("epoch, unheard of 2", "epoch, unheard of 2"),
    ],
)
def test_a_label_is_put_together_of_parts_that_are_there(english: str, korean: str) -> None:
    assert load_text("ko").label(english) == korean
    assert load_text("en").label(english) == english
