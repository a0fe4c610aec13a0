"""Speed without a clock: matrix products, evaluations, calls and files are counted.

A doubled product or a record read twice costs nothing that another test would see, and what it
takes in seconds drowns on a busy machine.
"""

import itertools
import tracemalloc
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from builders_gate import HE, config
from work import calls, no_sleep, opened, products

from study import run as run_module
from study.analysis import frames
from study.analysis.frames import Results
from study.data import Split
from study.edge.running import take_stock
from study.network.activations import ReLU
from study.network.initializers import VarianceScaling
from study.network.network import EVALUATION_ROWS, Network
from study.network.optimizer import SGD
from study.network.streams import RngStreams
from study.network.trainer import Trainer
from study.records import compaction
from study.records.config import DataConfig, EvaluationConfig, RunConfig
from study.records.plan import StudyPlan
from study.records.segment import Segment
from study.records.store import RunStore
from study.run import run

ROWS, WIDTHS = 30, (20, 16, 12, 10)


def make_trainer(
    *, batchnorm: bool = False, dropout: float = 0.0, momentum: float = 0.0, decay: float = 0.0
) -> Trainer:
    """A trainer of a 20-16-12-10 network on 300 samples."""
    rng = np.random.default_rng(0)
    images = rng.standard_normal((300, WIDTHS[0])).astype(np.float32)
    samples = Split(images, rng.integers(0, WIDTHS[-1], 300))
    streams = RngStreams.from_seed(0)
    network = Network.build(
        num_features=WIDTHS[0], hidden=WIDTHS[1:-1], num_classes=WIDTHS[-1],
        initializer=VarianceScaling(2.0), activation=ReLU, batchnorm=batchnorm, dropout=dropout,
        streams=streams,
    )  # fmt: skip
    optimizer = SGD(network, lr=0.01, momentum=momentum, weight_decay=decay)
    trainer = Trainer(network, optimizer, samples, batch_size=ROWS, rng=streams.batches)
    trainer.step()  # makes the buffers
    return trainer


VARIANTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "batch norm": {"batchnorm": True},
    "dropout": {"dropout": 0.2},
    "everything": {"batchnorm": True, "dropout": 0.2, "momentum": 0.9, "decay": 0.01},
}


# -- a step


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_step_has_three_products_for_each_layer_but_the_first(variant: str) -> None:
    """x W, xᵀ g and g Wᵀ; the first layer needs no gradient of its input."""
    trainer = make_trainer(**VARIANTS[variant])
    with products() as found:
        trainer.step()
    expected: Counter[Any] = Counter()
    for place, (a, b) in enumerate(itertools.pairwise(WIDTHS)):
        expected[(ROWS, a), (a, b)] += 1
        expected[(a, ROWS), (ROWS, b)] += 1
        if place:
            expected[(ROWS, b), (b, a)] += 1
    matrices = {shapes: count for shapes, count in found.items() if len(shapes[0]) == 2}
    assert matrices == expected
    # sums over the batch are products with a vector: of a bias; of batch norm's μ, σ², β and γ
    hidden = len(WIDTHS) - 2
    sums = {b: n for ((*_, b), n) in ((s[1], c) for s, c in found.items() if len(s[0]) == 1)}
    assert sums.pop(ROWS) == 1 + 0  # the softmax's denominator
    each = 4 if VARIANTS[variant].get("batchnorm") else 1
    assert sums == {WIDTHS[1]: each, WIDTHS[2]: each, WIDTHS[3]: 1}
    assert len(sums) == hidden + 1


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_step_goes_through_each_layer_once_each_way(variant: str) -> None:
    trainer = make_trainer(**VARIANTS[variant])
    layers = Counter(type(layer).__name__ for layer in trainer.network.layers)
    with no_sleep(), calls() as found:
        trainer.step()
    assert found["Trainer.step"] == found["SGD.step"] == found["Trainer._gather"] == 1
    assert found["Network.forward"] == found["Network.backward"] == 1
    assert found["SoftmaxCrossEntropy.forward"] == found["SoftmaxCrossEntropy.backward"] == 1
    for name in ("Affine", "BatchNorm", "Dropout"):
        assert found[f"{name}.forward"] == found[f"{name}.backward"] == layers[name], name
    hidden = len(WIDTHS) - 2
    assert found["Activation.forward"] == found["Activation.backward"] == hidden
    assert found["ReLU.value"] == found["ReLU.derivative"] == hidden
    assert found["Dropout.sample_mask"] == layers["Dropout"]
    # everything else of this project that a step calls: buffers, constants, the next batch
    assert sum(found.values()) <= 30 + 10 * len(trainer.network.layers)


def test_a_step_allocates_less_than_one_layers_values() -> None:
    """The labels' places and the logits; no copy of a batch, of a gradient, of the parameters."""
    trainer = make_trainer()
    trainer.step()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        trainer.step()
        after, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    logits = ROWS * WIDTHS[-1] * 4
    assert peak - before < 5 * logits + 4000
    assert after - before < 2000  # nothing is kept


def test_the_update_is_a_few_passes_over_two_vectors() -> None:
    """As many for a network of three layers as for one of six."""
    trainer = make_trainer(momentum=0.9, decay=0.01)
    with calls() as found:
        trainer.optimizer.step()
    assert found == {"SGD.step": 1, "SGD._accumulate": 1}


# -- a run


def of_a_run(**changes: Any) -> RunConfig:
    options: dict[str, Any] = {
        "data": DataConfig("gaussian"), "hidden": [12, 10], "train_size": 300, "num_epochs": 3,
        "evaluation": EvaluationConfig(points=3, train_samples=200, test_samples=100),
    }  # fmt: skip
    return replace(config(init=HE), **options | changes)


@pytest.mark.parametrize("valid", [0, 50])
def test_a_run_evaluates_each_point_once_and_everything_at_the_end(
    valid: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(of_a_run())  # where a result comes from is looked up once, by processes it waits for
    evaluated: list[int] = []
    predict = Network.predict

    def counted(network: Network, x: Any) -> Any:
        evaluated.append(len(x))
        return predict(network, x)

    monkeypatch.setattr(Network, "predict", counted)
    with no_sleep():
        run(of_a_run(valid_size=valid))
    held_out = [valid] if valid else []
    point = [200, 100, *held_out]
    assert evaluated == [*point * 4, 300, 1000, *held_out]


def test_a_run_makes_as_many_steps_as_it_says_and_one_network() -> None:
    with calls() as found:
        record = run(of_a_run())
    assert found["Trainer.step"] == record.history["step"][-1] == 9
    assert found["Network.backward"] == found["SGD.step"] == 9
    blocks = 2 * sum(-(-rows // EVALUATION_ROWS) for rows in (200, 100)) * 2
    blocks += sum(-(-rows // EVALUATION_ROWS) for rows in (300, 1000))
    assert found["Network.forward"] == 9 + blocks
    assert found["load_data"] == found["Network.build"] == found["choose_samples"] == 1
    assert found["layer_statistics"] == found["trace"] == 2


@pytest.mark.parametrize("name", ["histograms", "correlations", "normalisation"])
def test_a_measurement_costs_one_pass_at_each_moment(name: str) -> None:
    with calls() as plain:
        run(of_a_run())
    with calls() as measured:
        run(of_a_run(measure=[name]))
    assert measured["trace"] - plain["trace"] <= 2


# -- reading


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    store = RunStore(tmp_path / "runs")
    for seed in range(12):
        store.write(run(short(seed)))
    return store


def short(seed: int) -> RunConfig:
    return of_a_run(seed=seed, num_epochs=1)


def test_every_record_is_read_once_whoever_wants_it(store: RunStore) -> None:
    addresses = list(store.addresses())
    paths = {str(store.path(address)): 1 for address in addresses}
    with opened(store.folder) as found:
        loaded = store.load(addresses)
    assert {path: n for path, n in found.items() if path.endswith(".json")} == paths
    assert len(loaded.runs) == 12
    plan = StudyPlan("x", "", "", "", [], {"gate": addresses})
    with opened(store.folder) as found:  # the frames, the claims and the figures
        results = Results(plan, loaded.runs)
        results.runs("gate"), results.points("gate"), results.layers("gate")
        list(results.measured("gate", "weights"))
    assert not found


def test_a_sweep_that_has_everything_reads_every_record_once(store: RunStore) -> None:
    cells = {short(seed).address: short(seed) for seed in range(12)}
    with opened(store.folder) as found:
        take_stock(store, cells)
    assert {n for path, n in found.items() if path.endswith(".json")} == {1}
    assert sum(path.endswith(".json") for path in found) == 12


def test_a_single_record_is_read_once(store: RunStore) -> None:
    address = next(iter(store.addresses()))
    with opened(store.folder) as found:
        assert store.read(address) is not None
    assert found[str(store.path(address))] == 1


def test_a_segment_is_read_once_for_all_runs_and_once_for_each_kind_of_numbers(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    addresses = list(store.addresses())
    monkeypatch.setattr(compaction, "SEEN_SECONDS", 0.0)
    assert compaction.compact(store, many=1) == 12
    reads: list[tuple[str, ...]] = []
    read = Segment.read

    def counted(segment: Segment, names: Any, rows: Any = None) -> Any:
        names = list(names)
        reads.append(tuple(names))
        return read(segment, names, rows)

    monkeypatch.setattr(Segment, "read", counted)
    fresh = RunStore(store.folder)
    loaded = fresh.load(addresses)
    assert len(loaded.runs) == 12
    assert len(reads) == len(set(reads)) <= 2
    reads.clear()
    results = Results(StudyPlan("x", "", "", "", [], {"gate": addresses}), loaded.runs)
    for _ in range(3):
        results.points("gate"), results.layers("gate")
    assert len(reads) <= 2


# -- what a report makes of it


def test_summaries_are_computed_once_however_many_figures_want_them(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts: Counter[str] = Counter()
    for name in ("runs_frame", "_points", "_layers"):
        function = getattr(frames, name)

        def counted(*args: Any, name: str = name, function: Any = function) -> Any:
            counts[name] += 1
            return function(*args)

        monkeypatch.setattr(frames, name, counted)
    addresses = list(store.addresses())
    plan = StudyPlan("x", "", "", "", [], {"one": addresses[:6], "two": addresses[4:]})
    results = Results(plan, store.load(addresses).runs)
    for _ in range(5):
        for experiment in ("one", "two"):
            results.runs(experiment), results.points(experiment), results.layers(experiment)
        results.runs()
    assert counts == {"runs_frame": 1, "_points": 2, "_layers": 2}
    results.forget()  # curves, but not what all runs are
    results.runs("one"), results.points("one")
    assert counts == {"runs_frame": 1, "_points": 3, "_layers": 2}


def test_a_record_is_written_once(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "runs")
    given = of_a_run()
    with opened(tmp_path) as found:
        store.write(run_module.run(given))
    written = [path for path in found if given.address in path]
    assert len(written) == 1
    assert found[written[0]] == 1
