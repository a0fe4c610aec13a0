import builders_initial as make
import numpy as np
import pytest

from study.figures import style
from study.figures.own import initial_values


@pytest.fixture(autouse=True)
def _house_style():
    with style.house_style():
        yield


def curve_run(init, losses, *, seed=0, activation="relu", status="completed", accuracy=0.9):
    steps = [50 * index for index in range(len(losses))]
    return make.record(
        init=init,
        activation=activation,
        seed=seed,
        status=status,
        diverged_at=1 if status == "diverged" else None,
        history={"step": steps, "train_loss": losses},
        final={"test_accuracy": accuracy} if status == "completed" else {},
    )


def test_loss_curves_leave_out_diverged_runs_and_say_so():
    runs = (
        curve_run("he", [2.0, 1.0, 0.5]),
        curve_run("normal 1", [9e4], status="diverged"),
        curve_run("normal 1", [8.0, 4.0, 2.0], seed=1),
    )
    results = make.results("init_loss", *runs)
    figure = initial_values.draw_loss(results, make.translated)
    normal, he = figure.axes[0].lines[:2]
    assert list(normal.get_ydata()) == pytest.approx([8, 4, 2])
    assert list(he.get_ydata()) == pytest.approx([2, 1, 0.5])
    assert "✕ «normal 1»: 1/2 «diverged»" in make.texts(figure)
    table = initial_values.table_loss(results).set_index("init")
    assert table.loc["normal 1", "test accuracy"].mean == pytest.approx(0.5)  # 0.9 and chance
    assert table.loc["normal 1", "diverged"] == 1
    assert table.loc["he", "loss at start"].mean == 2
    assert table.loc["he", "loss halfway"].mean == 1
    assert table.loc["he", "loss at end"].mean == 0.5


def test_a_scheme_that_always_diverges_has_no_loss_but_an_accuracy():
    results = make.results("init_loss", curve_run("normal 1", [9e4], status="diverged"))
    row = initial_values.table_loss(results).iloc[0]
    assert row["loss at end"].n == 0
    assert row["test accuracy"].mean == 0.1
    assert "✕ «normal 1»: 1/1 «diverged»" in make.texts(
        initial_values.draw_loss(results, make.translated)
    )


def rate_run(
    init, lr, accuracy, *, loss=0.5, seed=0, activation="relu", status="completed", train=None,
    valid=None,
):  # fmt: skip
    """A run with training accuracy like the test's; ``valid`` gives it validation samples."""
    final = {"test_accuracy": accuracy, "train_loss": loss}
    final["train_accuracy"] = accuracy if train is None else train
    size = 0 if valid is None else 100
    if size:
        final["valid_accuracy"] = valid
    return make.record(
        init=init, lr=lr, activation=activation, seed=seed, status=status,
        final=final if status == "completed" else {}, valid_size=size,
    )  # fmt: skip


RATES = (
    rate_run("he", 0.01, 0.6),
    rate_run("he", 0.1, 0.9, loss=0.25),
    rate_run("he", 1.0, 0.95),
    rate_run("he", 1.0, np.nan, seed=1, status="diverged"),
    rate_run("normal 0.01", 0.01, 0.1),
    rate_run("normal 0.01", 0.1, 0.1),
)


def test_the_best_rate_counts_diverged_runs_at_chance():
    table = initial_values.by_rate(make.results("learning_rates", *RATES))
    he = table[table["init"] == "he"].set_index("lr")
    assert list(he["best"]) == [False, True, False]
    assert he.loc[1.0, "accuracy"].mean == pytest.approx(0.525)
    assert (he.loc[1.0, "diverged"], he.loc[1.0, "runs"]) == (1, 2)
    assert he.loc[1.0, "loss"].n == 1


def test_where_no_rate_is_better_than_the_others_none_is_marked():
    table = initial_values.by_rate(make.results("learning_rates", *RATES))
    assert not table.loc[table["init"] == "normal 0.01", "best"].any()


def test_the_rings_and_crosses_are_at_the_right_rates():
    results = make.results(
        "learning_rates", *RATES, rate_run("xavier", 0.1, 0.8, activation="tanh")
    )
    figure = initial_values.draw_rates(results, make.translated)
    assert len(figure.axes) == 4  # 2 activations × accuracy and loss
    tanh, relu = figure.axes[:2]
    assert (tanh.get_title(), relu.get_title()) == ("«tanh»", "«relu»")
    rings = [x for line in relu.lines if line.get_markersize() == 12 for x in line.get_xdata()]
    crosses = [x for line in relu.lines if line.get_marker() == "x" for x in line.get_xdata()]
    assert (rings, crosses) == ([0.1], [1.0])
    loss = figure.axes[3]
    rings = [y for line in loss.lines if line.get_markersize() == 12 for y in line.get_ydata()]
    assert rings == [0.25]


VALIDATED = (
    rate_run("he", 0.01, 0.5, valid=0.9, train=0.6),
    rate_run("he", 0.1, 0.9, valid=0.8, train=1.0),
    rate_run("he", 1.0, np.nan, valid=0.0, status="diverged"),
)


def best_rates(*runs):
    table = initial_values.by_rate(make.results("learning_rates", *runs))
    return table.loc[table["best"], "lr"].tolist()


def test_the_best_rate_is_chosen_on_validation_samples_and_never_on_the_test():
    assert best_rates(*VALIDATED) == [0.01]
    unvalidated = [rate_run("he", lr, test, train=train) for lr, test, train in (
        (0.01, 0.5, 0.9), (0.1, 0.9, 0.8),
    )]  # fmt: skip
    assert best_rates(*unvalidated) == [0.01]  # by training accuracy
    # where only some have validation samples, rates chosen by different measures would be compared
    assert best_rates(*VALIDATED, rate_run("he", 3.0, 0.1, train=0.1)) == [0.1]


def test_figure_table_and_sentence_say_what_chose_the_rate():
    study = make.results("learning_rates", *VALIDATED)
    figure = initial_values.draw_rates(study, make.translated)
    assert figure.get_supxlabel().startswith("○  «best learning rate, by validation accuracy»")
    table = initial_values.table_rates(study)
    assert [cell.mean for cell in table["validation accuracy"]] == [0.9, 0.8, 0.1]
    facts = RATES_FIGURE.facts(study)
    assert (facts["case"], facts["relu_he_rate"], facts["relu_he"].mean) == ("validated", 0.01, 0.5)
    assert (facts["edges"], facts["schemes"]) == (1, 1)
    assert "best on validation samples" in make.sentences(RATES_FIGURE, study)["en measured"]
    trained = make.results("learning_rates", *RATES)
    figure = initial_values.draw_rates(trained, make.translated)
    assert figure.get_supxlabel().startswith("○  «best learning rate, by training accuracy»")
    assert "best training accuracy" in make.sentences(RATES_FIGURE, trained)["en measured"]


def test_each_activation_has_the_ticks_of_its_own_rates():
    runs = [rate_run("he", lr, 0.5, activation="sigmoid") for lr in (0.3, 1, 3, 10, 30)]
    runs += [rate_run("he", lr, 0.5) for lr in (0.01, 0.1)]
    figure = initial_values.draw_rates(make.results("learning_rates", *runs), make.translated)
    ticks = [[tick.get_text() for tick in axes.get_xticklabels()] for axes in figure.axes[2:]]
    assert ticks == [["0.3", "1", "3", "10", "30"], ["0.01", "0.1"]]


def test_the_table_of_rates_marks_the_best_one():
    table = initial_values.table_rates(make.results("learning_rates", *RATES))
    assert list(table.loc[table["best"] == "★", "learning rate"]) == [0.1]


def probe_run(init, squares, seed=0, activation="relu"):
    rows = [
        {"layer": number, "hidden": True, "activation_mean_square": square}
        for number, square in enumerate(squares, start=1)
    ]
    return make.record(init=init, activation=activation, seed=seed, layers={"init": rows})


def test_the_erratum_shows_measurement_and_theory():
    runs = (
        probe_run("he", (1.1, 0.9)),
        probe_run("he", (0.9, 1.1), seed=1),
        probe_run("xavier_doubled", (2.0, 5.0)),
        probe_run("he", (7.0, 7.0), activation="tanh"),
        probe_run("normal 1", (7.0, 7.0)),
    )
    results = make.results("activations", *runs)
    axes = initial_values.draw_erratum(results, make.translated).axes[0]
    measured, theory, doubled, doubled_theory = axes.lines[:4]
    assert measured.get_ydata() == pytest.approx([1.0, 1.0])
    assert list(theory.get_ydata()) == [1, 1, 1]
    assert list(doubled.get_ydata()) == [2, 5]
    assert list(doubled_theory.get_ydata()) == [1, 2, 4]
    table = initial_values.table_erratum(results).set_index(["init", "layer"])
    assert len(table) == 4
    assert table.loc[("he", 2), "mean square"].n == 2
    assert table.loc[("xavier_doubled", 2), "theory"] == 4


@pytest.mark.parametrize("spec", initial_values.FIGURES, ids=lambda spec: spec.id)
def test_nothing_stored_gives_a_message_and_an_empty_table(spec):
    results = make.results(spec.experiments[0])
    assert "«no runs»" in make.texts(spec.draw(results, make.translated))
    assert spec.table(results).empty


LOSS, RATES_FIGURE, ERRATUM = initial_values.FIGURES


def test_facts_of_the_loss_say_where_every_run_diverged():
    runs = (
        curve_run("he", [2.0, 1.0, 0.5]),
        curve_run("normal 1", [9e4], status="diverged"),
        curve_run("xavier", [2.0, 1.0, 0.7]),
        curve_run("xavier", [9e4], seed=1, status="diverged"),
    )
    results = make.results("init_loss", *runs)
    facts = LOSS.facts(results)
    assert facts["relu_he"].mean == 0.5
    assert facts["relu_wide"] == "diverged"
    assert (facts["relu_xavier"].mean, facts["relu_xavier"].n) == (
        0.7,
        1,
    )  # of the one that did not
    assert facts["sigmoid_he"].n == 0
    assert (facts["updates"], facts["diverged"]) == (100, 2)
    assert facts["chance"] == pytest.approx(np.log(10))
    filled = make.sentences(LOSS, results)
    assert "std 1 diverged" in filled["en measured"]
    assert "std 1 발산" in filled["ko measured"]


def test_facts_of_the_rates_compare_each_scheme_at_its_own_best_rate_by_seed():
    runs = [
        rate_run(init, lr, accuracy + 0.01 * seed, seed=seed)
        for init, lr, accuracy in (
            ("he", 0.01, 0.6), ("he", 0.1, 0.9), ("xavier", 0.01, 0.8), ("xavier", 0.1, 0.5),
        )
        for seed in range(3)
    ]  # fmt: skip
    results = make.results("learning_rates", *runs)
    facts = RATES_FIGURE.facts(results)
    assert (facts["relu_he_rate"], facts["relu_xavier_rate"]) == (0.1, 0.01)
    assert facts["relu_difference"].mean == pytest.approx(0.1)
    assert facts["relu_difference"].n == 3
    assert facts["tanh_difference"].n == 0
    assert "+10.0 ± 0.0 points with ReLU" in make.sentences(RATES_FIGURE, results)["en measured"]


def test_where_no_rate_is_best_the_sentence_names_none():
    runs = [rate_run("he", lr, np.nan, status="diverged") for lr in (0.1, 1.0)]
    results = make.results("learning_rates", *runs)
    facts = RATES_FIGURE.facts(results)
    assert np.isnan(facts["relu_he_rate"])
    assert facts["relu_he"].mean == 0.1
    make.sentences(RATES_FIGURE, results)


def test_facts_of_the_erratum_are_the_change_from_layer_to_layer():
    results = make.results("activations", probe_run("xavier_doubled", (2.0, 9.0)))
    facts = ERRATUM.facts(results)
    assert facts["xavier_doubled_step"].mean == pytest.approx(3)
    assert facts["xavier_doubled_last"].mean == pytest.approx(9)
    assert facts["xavier_doubled_theory"] == 2
    assert facts["he_step"].n == 0


ONE = {
    "init_loss": curve_run("he", [2.0, 1.0]),
    "learning_rates": rate_run("he", 0.1, 0.9),
    "activations": probe_run("he", (1.0, 1.0)),
}
LOST = {
    "init_loss": curve_run("he", [9e4], status="diverged"),
    "learning_rates": rate_run("he", 0.1, np.nan, status="diverged"),
}


@pytest.mark.parametrize("spec", initial_values.FIGURES, ids=lambda spec: spec.id)
def test_sentences_fill_with_one_seed_with_diverged_runs_only_and_with_none(spec):
    (name,) = spec.experiments
    assert "±" not in "".join(make.sentences(spec, make.results(name, ONE[name])).values())
    if name in LOST:
        make.sentences(spec, make.results(name, LOST[name]))
    assert make.sentences(spec, make.results(name))["en alt"] == "There are no runs to show."
