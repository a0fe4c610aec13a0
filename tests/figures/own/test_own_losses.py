"""Losses of N samples and of mini-batches: what was planted is drawn, listed and said."""

import builders_own as make
import numpy as np
import pytest
from builders_runs import run, study, texts, translated

from study.figures import style
from study.figures.own import losses


@pytest.fixture(autouse=True)
def _house_style():
    with style.house_style():
        yield


SIZE, NOISE = losses.FIGURES


def results(*runs):
    return study(minibatch_noise=runs)


def sentences(spec, results):
    return make.sentences(spec.id, spec.facts(results))


def noise_run(seed=0, *, scale=1.0):
    """Batch losses that are 2 ± scale/√B exactly, around a full loss of 2."""
    sizes = np.array([1, 100, 1000])
    losses = np.array([2 + scale / np.sqrt(size) * np.tile([1.0, -1.0], 250) for size in sizes])
    noise = {
        "batch_sizes": sizes, "losses": losses, "cosines": np.full((3, 50), [[0.1], [0.5], [0.9]]),
        "full_loss": 2.0, "sigma": scale, "population": 1001,
    }  # fmt: skip
    sizes = np.array([10, 1000])
    by_size = {"sizes": sizes, "means": np.array([[1.5, 2.5] * 10, [2.0] * 20])}
    return run(seed, measured={"minibatch_noise": noise, "loss_by_size": by_size})


def test_the_summed_loss_grows_with_n_and_the_mean_does_not():
    found = results(noise_run())
    figure = losses.draw_loss_by_size(found, translated)
    total, mean = (axes.lines[0] for axes in figure.axes)
    assert list(total.get_xdata()) == [10, 1000]
    assert list(total.get_ydata()) == [20, 2000]
    assert list(mean.get_ydata()) == [2, 2]


def test_the_table_of_losses_holds_sum_mean_and_sd_of_the_draws():
    table = losses.table_loss_by_size(results(noise_run(), noise_run(1)))
    row = table[(table["moment"] == "end") & (table["N"] == 10)].iloc[0]
    assert (row["sum"].mean, row["mean"].mean, row["mean"].n) == (20, 2, 2)
    assert row["sd of the mean"].mean == pytest.approx(np.std([1.5, 2.5] * 10, ddof=1))
    whole = table[(table["moment"] == "end") & (table["N"] == 1000)].iloc[0]
    assert whole["sd of the mean"].mean == 0


def test_draws_that_differ_by_rounding_only_have_no_sd():
    assert losses._sd(np.array([0.1 + 0.2, 0.3, 0.3])) == 0
    assert losses._sd(np.array([0.3, 0.4])) > 0.05


def test_the_noise_table_compares_with_the_finite_population_theory():
    table = losses.table_minibatch_noise(results(noise_run()))
    row = table[(table["moment"] == "init") & (table["B"] == 100)].iloc[0]
    assert row["bias"].mean == pytest.approx(0, abs=1e-12)
    assert row["bias"].n == 500
    assert row["bias"].low < 0 < row["bias"].high
    assert row["sd"].mean == pytest.approx(0.1, rel=0.01)
    assert row["σ/√B with correction"] == pytest.approx(0.1 * np.sqrt(901 / 1000))
    assert row["cosine"].mean == pytest.approx(0.5)


def test_the_noise_figure_has_a_panel_for_each_batch_size_and_counts_what_lies_outside():
    figure = losses.draw_minibatch_noise(results(noise_run(scale=3.0)), translated)
    titles = [axes.get_title() for axes in figure.axes]
    assert titles[:3] == ["B = 1", "B = 100", "B = 1000"]
    assert "«outside» 100 %" in texts(figure)  # 2 ± 3 is beyond the axis
    measured = next(line for line in figure.axes[3].lines if line.get_marker() == "o")
    assert measured.get_ydata() == pytest.approx(3 / np.sqrt([1, 100, 1000]), rel=0.01)
    assert list(figure.axes[4].lines[0].get_ydata()) == pytest.approx([0.1, 0.5, 0.9])


@pytest.mark.parametrize("spec", losses.FIGURES, ids=lambda spec: spec.id)
def test_nothing_stored_gives_a_message_and_an_empty_table(spec):
    found = results()
    assert "«no runs»" in texts(spec.draw(found, translated))
    assert spec.table(found).empty


def test_facts_of_the_losses_are_ratios_by_seed():
    facts = SIZE.facts(results(noise_run(), noise_run(1)))
    assert (facts["smallest"], facts["largest"]) == (10, 1000)
    assert facts["sum_change"].mean == pytest.approx(100)
    assert facts["mean_change"].mean == pytest.approx(1)
    assert facts["training_change"].mean == pytest.approx(1)
    assert (facts["end"].mean, facts["end"].n) == (2, 2)


def test_facts_of_the_noise_divide_the_finite_population_correction_out():
    runs = [noise_run(seed) for seed in range(3)]
    for each in runs:  # sd of the mean of B out of 1001 values, as in theory
        noise = each.measurements["end"]["minibatch_noise"]
        correction = np.sqrt((1001 - noise["batch_sizes"]) / 1000)
        noise["losses"] = 2.5 + (noise["losses"] - 2) * correction[:, None]
    facts = NOISE.facts(results(*runs))
    assert facts["tenfold"].mean == pytest.approx(10**-0.5)
    assert facts["size"] == 100
    assert (facts["bias"].mean, facts["bias"].n) == (pytest.approx(0.5), 3)  # planted
    assert facts["sd_smallest"].mean == pytest.approx(1, rel=0.01)
    assert facts["cosine_largest"].mean == pytest.approx(0.9)


def test_one_batch_size_has_no_slope():
    one = noise_run()
    noise = one.measurements["end"]["minibatch_noise"]
    noise.update({key: noise[key][:1] for key in ("batch_sizes", "losses", "cosines")})
    found = results(one)
    assert NOISE.facts(found)["tenfold"].n == 0
    assert sentences(NOISE, found)["en measured"] == make.PARTIAL


@pytest.mark.parametrize("spec", losses.FIGURES, ids=lambda spec: spec.id)
def test_sentences_fill_with_one_seed_and_with_no_run_at_all(spec):
    assert "±" not in "".join(sentences(spec, results(noise_run())).values())
    sentences(spec, results())
