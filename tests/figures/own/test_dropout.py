import builders_remedies as make
import numpy as np
import pytest

from study.figures import style
from study.figures.own import correlations, dropout_mask

MASKS = [
    np.array([1, 0, 1, 1, 1, 1, 1, 0, 0, 1], np.uint8),
    np.array([1, 1, 1, 1, 1, 1, 1, 1, 1, 0], np.uint8),
    np.array([0, 0, 1, 1, 1, 1, 1, 1, 1, 1], np.uint8),
    np.array([0, 0, 0, 0, 0, 0, 0, 0, 0, 1], np.uint8),
]


def voter(seed=0, *, full=0.8, offset=0.0):
    vote = np.array([0.5, 0.6, 0.7, 0.75]) + offset
    voting = {"single": np.array([0.5, 0.6, 0.55, 0.55]) + offset, "ensemble": vote,
              "full": full + offset, "masks": MASKS}  # fmt: skip
    return make.record(seed=seed, dropout=0.2, measurements={"voting": voting})


@pytest.fixture
def voting():
    return make.results("voting", [voter(seed, offset=0.01 * seed) for seed in (0, 1, 2)])


def run(rate, seed=0, **options):
    correlation = 0.1 if rate else 0.3
    counts = [0, 30, 10, 0] if rate else [10, 10, 10, 10]
    return make.record(
        dropout=rate,
        seed=seed,
        layers=[
            {"layer": n, "hidden": True, "mean_abs_correlation": correlation * n,
             "effective_units": 10.0 if rate else 5.0}
            for n in (1, 2)
        ] + [{"layer": 3, "hidden": False}],
        measurements={"correlations": {"layers": [make.histogram(counts, -1, 1)] * 2}},
        **options,
    )  # fmt: skip


@pytest.fixture
def study():
    return make.results("dropout", [run(rate, seed) for rate in (0, 0.1, 0.2) for seed in (0, 1)])


def test_dropped_units_are_crossed_out_and_lose_their_connections(voting):
    with style.house_style():
        full, thinned = dropout_mask.draw_mask(voting, str).axes
    crosses = [
        [len(line.get_xdata()) for line in axes.lines if line.get_marker() == "x"]
        for axes in (full, thinned)
    ]
    assert crosses == [[0] * 5, [0, 2, 0, 2, 0]]
    # the first 8 units: 6, 8 and 6 are kept; 6 inputs, 4 outputs
    connections = [len(axes.collections[0].get_segments()) for axes in (full, thinned)]
    assert connections == [
        6 * 8 + 8 * 8 + 8 * 8 + 8 * 4,
        6 * 6 + 6 * 8 + 8 * 6 + 6 * 4,
    ]


def test_the_picture_says_which_part_of_the_network_it_shows(voting):
    with style.house_style():
        figure = dropout_mask.draw_mask(voting, str)
    assert "first 8 of 10 units in 3 of 4 hidden layers" in figure.get_supxlabel()
    counts = [t.get_text() for t in figure.axes[1].texts if "kept" in t.get_text()]
    assert counts == ["7\nkept", "9\nkept", "8\nkept"]


def test_the_table_counts_the_whole_mask(voting):
    table = dropout_mask.table_mask(voting).set_index("layer")
    assert table.loc["1", ["units", "kept", "dropped"]].tolist() == [10, 7, 3]
    assert table.loc["all", ["units", "kept", "dropped"]].tolist() == [40, 25, 15]
    assert table.loc["4", "share dropped"] == pytest.approx(0.9)


def test_correlations_are_drawn_by_layer_with_and_without(study):
    with style.house_style():
        figure = correlations.draw_correlations(study, str)
    panels = [axes for axes in figure.axes if axes.axison]
    assert [axes.get_title("left") for axes in panels] == ["layer 1", "layer 2"]
    for axes in panels:
        without, _, with_dropout, _ = (patch.get_data().values for patch in axes.patches)
        np.testing.assert_allclose(without, 0.25)
        np.testing.assert_allclose(with_dropout, [0, 0.75, 0.25, 0])
    assert [text.get_text() for text in panels[1].texts] == ["0.600", "0.200", "mean |r|"]
    assert panels[1].get_title("right") == "−0.400 ± 0.000"
    assert panels[1]._right_title.get_fontweight() == "bold"


def test_correlation_and_effective_units_by_layer(study):
    table = correlations.table_correlations(study).set_index("layer")
    assert table.index.tolist() == [1, 2]
    assert table.loc[2, "mean |r| without dropout"].mean == pytest.approx(0.6)
    assert table.loc[2, "mean |r| with dropout"].mean == pytest.approx(0.2)
    assert table.loc[1, "effective units with dropout"].mean == 10
    assert table.loc[1, "effective units without dropout"].n == 2


TRAIN = (0.1, 0.4, 0.6, 0.85, 0.95)


def kind(test, without, train=TRAIN, seeds=(0, 1), **options):
    """Runs with p = 0.2, and the same without dropout."""
    scaling = {"dropout_scaling": options.pop("dropout_scaling", "training")}
    return [
        make.record(dropout=rate, seed=seed, train=train if rate else TRAIN,
                    test=[0.1, 0.3, 0.5, 0.6, end + 0.01 * seed], **options, **extra)
        for rate, end, extra in ((0.0, without, {}), (0.2, test, scaling))
        for seed in seeds
    ]  # fmt: skip


INVERTED = kind(0.7, 0.75)
TEXTBOOK = kind(0.5, 0.75, train=(0.1, 0.2, 0.3, 0.5, 0.6), dropout_scaling="evaluation")[2:]
FASTER = kind(0.9, 0.8, lr=0.1)
LONGER = kind(0.85, 0.78, num_epochs=40)


@pytest.fixture
def all_kinds():
    return make.results("dropout_kinds", [*LONGER, *FASTER, *TEXTBOOK, *INVERTED])


def test_a_rate_whose_runs_all_diverged_does_not_break_the_correlations():
    runs = [run(0.0), make.diverged(dropout=0.2)]
    study = make.results("dropout", runs)
    with style.house_style():
        figure = correlations.draw_correlations(study, str)
    assert [text.get_text() for text in figure.legends[0].texts] == ["without dropout (p = 0)"]
    assert correlations.table_correlations(study).loc[0, "mean |r| with dropout"].n == 0


def facts_of(figure_id, study):
    return next(spec for spec in dropout_mask.FIGURES if spec.id == figure_id).facts(study)


def test_the_mask_is_counted_and_so_are_those_of_all_runs(voting):
    facts = facts_of("1.4.2-a", voting)
    assert (facts["units"], facts["kept"], facts["dropped"]) == (40, 25, 15)
    assert (facts["drawn"], facts["crossed"]) == (24, 4)
    assert (facts["share"].mean, facts["share"].n) == (pytest.approx(15 / 40), 3)
    words = make.sentences("1.4.2-a", facts)
    assert "drops 15 of 40" in words["en measured"]
    assert "p is 0.2" in words["en measured"]


@pytest.mark.parametrize(
    ("offsets", "case"),
    [((0.2, 0.21, 0.22), "higher"), ((-0.2, -0.21, -0.22), "lower"), ((-0.2, 0, 0.2), "unclear")],
)
def test_the_vote_is_judged_against_one_network(offsets, case):
    runs = []
    for seed, offset in enumerate(offsets):
        run = voter(seed)
        run.measurements["end"]["voting"]["ensemble"] = np.array([0.55, 0.55 + offset])
        runs.append(run)
    facts = facts_of("1.4.2-d", make.results("voting", runs))
    assert (facts["case"], facts["voters"]) == (case, 2)
    assert facts["gain"].mean == pytest.approx(np.mean(offsets))
    assert facts["against_full"].mean == pytest.approx(np.mean(offsets) - 0.25)
    make.sentences("1.4.2-d", facts)


def test_one_run_is_no_evidence_for_the_vote():
    facts = facts_of("1.4.2-d", make.results("voting", [voter()]))
    assert facts["case"] == "unclear"
    assert "(+20.0 points)" in make.sentences("1.4.2-d", facts)["en measured"]


@pytest.mark.parametrize(
    ("shifts", "case"),
    [
        ((-0.1, -0.11, -0.12), "lower"),
        ((0.1, 0.11, 0.12), "higher"),
        ((-0.1, 0.0, 0.12), "unclear"),
        ((-0.1,), "unclear"),
    ],
)
def test_correlations_are_judged_by_seed_over_all_layers(shifts, case):
    runs = []
    for seed, shift in enumerate(shifts):
        without, with_it = run(0, seed), run(0.2, seed)
        for before, after in zip(without.layers["end"], with_it.layers["end"], strict=True):
            if before["hidden"]:
                after["mean_abs_correlation"] = before["mean_abs_correlation"] + shift
        runs += [without, with_it]
    facts = facts_of("1.4.2-e", make.results("dropout", runs))
    assert (facts["case"], facts["layers"]) == (case, 2)
    assert facts["average"].mean == pytest.approx(np.mean(shifts))
    assert facts["average"].n == len(shifts)
    assert (facts["lower"], facts["higher"]) == (2 * (case == "lower"), 2 * (case == "higher"))
    make.sentences("1.4.2-e", facts)


def test_the_dose_that_is_told_is_that_of_dropout(study):
    facts = facts_of("1.4.2-c", study)
    assert facts["symbol"] == "p"
    assert "p" in make.sentences("1.4.2-c", facts)["en alt"]
    assert facts["strongest"] == "0.2"


@pytest.mark.parametrize("spec", dropout_mask.FIGURES, ids=lambda spec: spec.id)
@pytest.mark.parametrize(
    "runs",
    [
        [make.failed(dropout=0.2)],
        [run(0.0), make.failed(dropout=0.2)],
        [run(0.2)],
        [run(0.0), make.diverged(dropout=0.2)],
        [make.diverged(dropout=rate) for rate in (0.0, 0.2)],
    ],
)
def test_whatever_is_missing_or_diverged_there_is_a_sentence(spec, runs):
    facts = spec.facts(make.results(spec.experiments[0], runs, missing=2))
    assert facts["case"] in make.cases(spec.id)
    assert all(make.sentences(spec.id, facts).values())


@pytest.mark.parametrize("spec", dropout_mask.FIGURES, ids=lambda spec: spec.id)
def test_nothing_but_failed_and_missing_runs_is_no_error(spec):
    study = make.results(spec.experiments[0], [make.failed(dropout=0.2)], missing=2)
    with style.house_style():
        figure = spec.draw(study, str)
    assert any(text.get_text() == "no finished run" for a in figure.axes for text in a.texts)
    assert spec.table(study).empty


@pytest.mark.parametrize("spec", dropout_mask.FIGURES, ids=lambda spec: spec.id)
def test_every_word_is_translated(spec, study, voting, all_kinds):
    named = {"voting": voting, "dropout_kinds": all_kinds}
    results = named.get(spec.experiments[0], study)
    with style.house_style():
        figure = spec.draw(results, lambda text: "한" * len(text))
    words = [figure.get_supxlabel(), figure.get_supylabel()]
    words += [
        text.get_text()
        for axes in figure.axes
        for text in (*axes.texts, axes.title, axes.xaxis.label, axes.yaxis.label)
    ]
    words += [text.get_text() for legend in figure.legends for text in legend.texts]
    left = {c for word in words for c in word if c.isalpha() and c != "한"}
    assert left <= set("pKab")
