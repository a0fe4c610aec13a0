import builders_remedies as make
import numpy as np
import pandas as pd
import pytest

from study.analysis.figures import overfitting, parts, style

TRAIN = (0.1, 0.4, 0.6, 0.85, 0.95)
TEST = (0.1, 0.3, 0.5, 0.7, 0.75)


def curves(*records):
    return parts.accuracy_curves(make.results("e", records), "e")


def finals(*records):
    return parts.final_runs(make.results("e", records), "e")


def lines(axes):
    return {line.get_label(): line for line in axes.lines}


def test_the_gap_is_shaded_between_the_curves_and_written_beside_them():
    with style.house_style():
        axes = overfitting.draw_gap(curves(make.record(), make.record(seed=1)), str).axes[0]
    np.testing.assert_allclose(lines(axes)["train"].get_ydata(), TRAIN)
    np.testing.assert_allclose(lines(axes)["test"].get_ydata(), TEST)
    shaded = axes.collections[-1].get_paths()[0].vertices
    for height in (0.75, 0.95):
        assert np.isclose(shaded, (4, height)).all(axis=1).any()
    texts = [text.get_text() for text in axes.texts]
    assert texts == ["test 75%", "gap 20.0 ± 0.0 points", "train 95%"]


def test_one_run_has_a_gap_without_interval():
    with style.house_style():
        axes = overfitting.draw_gap(curves(make.record()), str).axes[0]
    assert "gap 20.0 points" in [text.get_text() for text in axes.texts]


def test_a_diverged_run_pulls_the_mean_to_chance_and_is_marked():
    frame = curves(make.record(), make.diverged(seed=1))
    with style.house_style():
        axes = overfitting.draw_gap(frame, str).axes[0]
    assert lines(axes)["train"].get_ydata()[-1] == pytest.approx((0.95 + 0.1) / 2)
    assert "✕ 1/2 diverged" in [text.get_text() for text in axes.texts]


def test_the_curves_without_the_remedy_are_drawn_for_comparison():
    with style.house_style():
        axes = overfitting.draw_gap(
            curves(make.record(train=[0.1] * 5)), str,
            without=curves(make.record(seed=7)), without_label="without",
        ).axes[0]  # fmt: skip
    assert any(np.allclose(line.get_ydata(), TRAIN) for line in axes.lines)
    assert [text.get_text() for text in axes.get_legend().texts] == ["without"]


def test_the_table_has_about_ten_epochs_and_the_last():
    long = pd.concat(
        [curves(make.record()).iloc[[-1]].assign(epoch=float(epoch)) for epoch in range(41)]
    )
    table = overfitting.table_gap(long)
    assert len(table) == 11
    assert table["epoch"].iloc[[0, -1]].tolist() == [0, 40]
    short = overfitting.table_gap(curves(make.record(), make.record(seed=1)))
    assert short["epoch"].tolist() == [0, 1, 2, 3, 4]
    assert short.loc[3, "gap"].mean == pytest.approx(0.15)
    assert short.loc[3, "train accuracy"].n == 2


def doses():
    return finals(
        *(make.record(weight_decay=0.0, seed=seed) for seed in (0, 1)),
        *(make.record(weight_decay=0.1, seed=seed, test=[0.8] * 5) for seed in (0, 1)),
        make.record(weight_decay=0.001),
        make.diverged(weight_decay=0.001, seed=1),
    )


def test_dose_and_response_are_means_of_the_final_metrics():
    with style.house_style():
        above, below = overfitting.draw_doses(
            doses(), "weight_decay", str, label="λ", log=True
        ).axes
    drawn = {line.get_label(): line for axes in (above, below) for line in axes.lines}
    heights = [
        container.lines[0].get_ydata() for axes in (above, below) for container in axes.containers
    ]
    np.testing.assert_allclose(heights[0], [0.95, 0.525, 0.95])  # train
    np.testing.assert_allclose(heights[1], [0.75, 0.425, 0.8])  # test
    np.testing.assert_allclose(heights[2], [0.2, 0.1, 0.15])  # gap
    assert drawn
    labels = [tick.get_text() for tick in below.get_xticklabels()]
    assert labels == ["0", "10⁻³", "0.1"]
    places = below.containers[0].lines[0].get_xdata()
    np.testing.assert_allclose(places, [-4, -3, -1])
    texts = [text.get_text() for text in above.texts]
    assert "//" in texts
    assert "✕ 1/2\ndiverged" in texts


def test_a_linear_axis_shows_doses_where_they_are():
    runs = finals(make.record(dropout=0.0), make.record(dropout=0.5, seed=1))
    with style.house_style():
        above, below = overfitting.draw_doses(runs, "dropout", str, label="p", log=False).axes
    np.testing.assert_allclose(below.containers[0].lines[0].get_xdata(), [0, 0.5])
    assert "//" not in [text.get_text() for text in above.texts]


def test_the_table_of_doses_counts_diverged_runs():
    table = overfitting.table_doses(doses(), "weight_decay", "λ")
    assert list(table.columns) == ["λ", "train accuracy", "test accuracy", "gap", "diverged"]
    assert table["λ"].tolist() == [0, 0.001, 0.1]
    assert table["diverged"].tolist() == ["0/2", "1/2", "0/2"]
    assert table.loc[1, "test accuracy"].mean == pytest.approx(0.425)
    assert table.loc[2, "gap"].mean == pytest.approx(0.15)


@pytest.mark.parametrize(
    ("dose", "text"),
    [(0.0, "0"), (0.03, "0.03"), (0.001, "10⁻³"), (3e-4, "3·10⁻⁴"), (0.5, "0.5")],
)
def test_doses_are_short(dose, text):
    assert overfitting.dose_text(dose) == text


def test_gap_limits_show_zero_and_every_mean():
    assert overfitting.gap_limits(pd.Series([0.2, 0.1])) == (0, pytest.approx(0.26))
    low, high = overfitting.gap_limits(pd.Series([-0.1, 0.1]))
    assert low < -0.1
    assert high > 0.1
