import builders_remedies as make
import pytest

from study.figures.own import parts

TRAIN = (0.1, 0.4, 0.6, 0.85, 0.95)
TEST = (0.1, 0.3, 0.5, 0.7, 0.75)


def study(*records):
    return make.results("e", records)


def lines(axes):
    return {line.get_label(): line for line in axes.lines}


@pytest.fixture
def doses():
    return study(
        *(make.record(weight_decay=0.0, seed=seed) for seed in (0, 1)),
        *(make.record(weight_decay=0.1, seed=seed, test=[0.8] * 5) for seed in (0, 1)),
        make.record(weight_decay=0.001),
        make.diverged(weight_decay=0.001, seed=1),
    )


def runs(dose, train, test, *, noise=0.001, seeds=3):
    """Runs that end at these accuracies, give or take ``noise``, different at each seed."""
    return [
        make.record(
            weight_decay=dose, seed=seed, train=[train + noise * seed * bool(dose)] * 5,
            test=[test + noise * (seed % 2) * bool(dose)] * 5,
        )
        for seed in range(seeds)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("dose", "text"),
    [(0.0, "0"), (0.03, "0.03"), (0.001, "10⁻³"), (3e-4, "3·10⁻⁴"), (0.5, "0.5")],
)
def test_doses_are_short(dose, text):
    assert parts.dose_text(dose) == text
