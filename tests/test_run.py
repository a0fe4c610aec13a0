"""One run: the same bits from the same configuration, and everything that it leaves behind."""

import math
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from study import run as run_module
from study.edge.pool import run_cells
from study.errors import ConfigError
from study.network.probes import PROBES
from study.network.trainer import Point
from study.records.config import DataConfig, EvaluationConfig, RunConfig
from study.records.record import METRICS, RunRecord
from study.records.store import RunStore
from study.run import check_data, run, run_safely

SCHEMES: dict[str, dict[str, Any]] = {
    "he": {"_target_": "study.network.initializers.VarianceScaling", "scale": 2.0},
    "constant": {"_target_": "study.network.initializers.Constant", "value": 0.01},
    "normal": {"_target_": "study.network.initializers.RandomNormal", "std": 1.0},
}


def config(init: str = "he", **changes: Any) -> RunConfig:
    """A run of a few milliseconds on the Gaussian probe: 1,000 samples of 100 features."""
    return replace(
        RunConfig(
            data=DataConfig("gaussian"),
            hidden=[12, 10],
            init={"name": init} | SCHEMES[init],
            activation={"name": "relu", "_target_": "study.network.activations.ReLU"},
            num_epochs=3,
            train_size=300,
            evaluation=EvaluationConfig(points=3, train_samples=200, test_samples=100),
        ),
        **changes,
    )


def test_the_same_configuration_gives_the_same_bits() -> None:
    given = config(dropout=0.2, batchnorm=True, weight_decay=0.01, momentum=0.5, measure=["voting"])
    assert run(given).result_digest() == run(given).result_digest()
    assert run(given).result_digest() != run(replace(given, seed=1)).result_digest()


def test_results_do_not_depend_on_what_ran_before() -> None:
    alone = run(config(seed=3)).result_digest()
    run(config(seed=4, dropout=0.3, hidden=[30]))
    np.random.seed(99)  # noqa: NPY002
    assert run(config(seed=3)).result_digest() == alone


def test_measuring_does_not_change_the_training() -> None:
    plain = run(config(dropout=0.2))
    measured = run(config(dropout=0.2, measure=sorted(PROBES)))
    assert plain.history["train_loss"] == measured.history["train_loss"]
    assert plain.final == measured.final
    assert plain.layers == measured.layers


@pytest.fixture
def batches(monkeypatch: pytest.MonkeyPatch) -> Callable[[RunConfig], list[list[int]]]:
    """The rows of each mini-batch of a run."""

    def of(given: RunConfig) -> list[list[int]]:
        seen: list[list[int]] = []
        gather = run_module.Trainer._gather

        def spy(self: Any, rows: Any) -> Any:
            seen.append(rows.tolist())
            return gather(self, rows)

        with monkeypatch.context() as patch:
            patch.setattr(run_module.Trainer, "_gather", spy)
            run(given)
        return seen

    return of


@pytest.mark.parametrize(
    "changes",
    [
        {"init": "constant"},
        {"hidden": [5]},
        {"dropout": 0.5},
        {"batchnorm": True},
        {"lr": 0.1},
        {"measure": ["minibatch_noise"]},
        {"dtype": "float64"},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_a_factor_does_not_move_the_mini_batches(
    changes: dict[str, Any], batches: Callable[[RunConfig], list[list[int]]]
) -> None:
    assert batches(config(**changes)) == batches(config())


def test_the_seed_moves_the_mini_batches(
    batches: Callable[[RunConfig], list[list[int]]],
) -> None:
    assert batches(config(seed=1)) != batches(config())


# -- what a record holds


def test_a_record_holds_what_it_says() -> None:
    given = config(measure=["weights", "histograms"])
    found = run(given)
    assert found.address == given.address
    assert found.run_config == given
    assert (found.status, found.diverged_at, found.error) == ("completed", None, None)
    assert set(found.history) == set(Point.__dataclass_fields__)
    assert {len(column) for column in found.history.values()} == {4}
    assert found.history["step"] == [0, 3, 6, 9]
    assert found.history["epoch"] == [0, 1, 2, 3]
    assert found.history["samples_seen"] == [0, 300, 600, 900]
    assert set(found.final) == set(METRICS)
    assert all(0 <= found.final[f"{split}_accuracy"] <= 1 for split in ("train", "test"))
    assert all(math.isfinite(value) for value in found.final.values())
    assert {moment: len(rows) for moment, rows in found.layers.items()} == {"init": 3, "end": 3}
    assert set(found.measurements["init"]) == set(found.measurements["end"])
    assert set(found.measurements["end"]) == {"weights", "histograms"}
    timing = found.timing
    assert set(timing) == {"total", "setup", "training", "evaluation", "probes", "at"}
    parts = timing["setup"] + timing["training"] + timing["evaluation"] + timing["probes"]
    assert 0 < parts <= timing["total"]
    assert timing["at"] == sorted(timing["at"])
    assert len(timing["at"]) == 4
    origin = found.provenance
    assert {"study", "code", "commit", "libraries", "machine", "started", "data"} == set(origin)
    assert origin["data"]["num_classes"] == 10
    assert (origin["data"]["train_samples"], origin["data"]["test_samples"]) == (1000, 1000)
    assert origin["started"].endswith("+00:00")


def test_a_record_of_every_measurement_survives_its_file() -> None:
    found = run(config(dropout=0.2, batchnorm=True, measure=sorted(PROBES)))
    assert RunRecord.from_json(found.to_json()).result_digest() == found.result_digest()


def test_final_metrics_are_of_all_samples() -> None:
    found = run(config(evaluation=EvaluationConfig(points=1, train_samples=7, test_samples=7)))
    whole = run(config(evaluation=EvaluationConfig(points=1)))
    assert found.final == whole.final
    assert found.history["test_loss"] != whole.history["test_loss"]


def test_random_labels_are_learned_by_heart_and_not_beyond_the_training_samples() -> None:
    """The Gaussian probe's labels say nothing: who knows those of the test has seen them."""
    final = run(config(train_size=50, hidden=[100], lr=0.1, batch_size=10, num_epochs=40)).final
    assert final["train_accuracy"] == 1
    assert final["test_accuracy"] < 0.2
    assert final["train_loss"] < 0.2 < final["test_loss"]


def test_without_training_only_the_start_is_measured() -> None:
    found = run(config(num_epochs=0, measure=["histograms"]))
    assert found.status == "completed"
    assert found.history["step"] == [0]
    assert set(found.layers) == set(found.measurements) == {"init"}
    assert math.isfinite(found.final["test_loss"])


def test_a_run_can_be_counted_in_steps() -> None:
    found = run(config(num_epochs=None, num_steps=5))
    assert found.history["step"][-1] == 5


def test_full_batch_is_one_step_per_epoch() -> None:
    assert run(config(batch_size="full")).history["step"][-1] == 3


def test_softmax_regression_has_no_hidden_layer() -> None:
    found = run(config(hidden=[], measure=["weights"]))
    assert found.status == "completed"
    assert len(found.layers["end"]) == 1


def test_precision_is_double_where_asked() -> None:
    single, double = (run(config(dtype=dtype, num_epochs=1)) for dtype in ("float32", "float64"))
    assert single.result_digest() != double.result_digest()
    assert double.final["train_loss"] == pytest.approx(single.final["train_loss"], rel=1e-4)
    assert single.layers["init"][0]["weight_norm"] != double.layers["init"][0]["weight_norm"]


def test_a_diverged_run_is_an_outcome() -> None:
    found = run(config(lr=1e6, num_epochs=20))
    assert found.status == "diverged"
    assert found.error is None
    assert found.diverged_at is not None
    assert found.diverged_at >= found.history["step"][-1]
    assert all(math.isnan(value) for value in found.final.values())
    assert set(found.layers) == {"init"}
    assert len(found.timing["at"]) == len(found.history["step"])
    assert RunRecord.from_json(found.to_json()).result_digest() == found.result_digest()


def test_real_images_give_the_same_bits_too() -> None:
    given = config(data=DataConfig("mnist5k"))
    assert run(given).result_digest() == run(given).result_digest()


# -- runs that fail


def test_a_wrong_configuration_raises() -> None:
    with pytest.raises(ConfigError, match="dropout"):
        run(config(dropout=1))
    with pytest.raises(ConfigError, match=r"train_size: expected an integer in \[1, 1000\]"):
        run(config(train_size=1001))
    with pytest.raises(ConfigError, match="batch_size: expected at most the 1000 training"):
        check_data(config(train_size=None, batch_size=1001))


def test_a_failed_run_leaves_a_record_with_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: Any, **kwargs: Any) -> Any:
        raise RuntimeError("the buffer is upside down")

    monkeypatch.setattr(run_module.Trainer, "fit", broken)
    found = run_safely(config())
    assert found.status == "failed"
    assert found.error is not None
    assert found.error.startswith("Traceback")
    assert "in broken" in found.error
    assert found.error.rstrip().endswith("RuntimeError: the buffer is upside down")
    assert all(math.isnan(value) for value in found.final.values())
    assert found.provenance["code"]
    assert found.timing["total"] >= 0
    assert RunRecord.from_json(found.to_json()).result_digest() == found.result_digest()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dropout": 1}, "dropout: expected a number in [0, 1), got 1"),
        ({"lr": math.nan}, "lr: expected a finite number > 0, got nan"),
        ({"train_size": 5000}, "train_size: expected an integer in [1, 1000], got 5000"),
        ({"init": {"name": "x", "_target_": "nowhere.X"}}, "init._target_: expected an importable"),
    ],
)
def test_what_the_user_can_put_right_has_a_message_and_no_traceback(
    changes: dict[str, Any], message: str
) -> None:
    found = run_safely(replace(config(), **changes))
    assert found.status == "failed"
    assert found.error is not None
    assert found.error.startswith(message)
    assert "Traceback" not in found.error


def test_running_out_of_memory_fails_one_run(monkeypatch: pytest.MonkeyPatch) -> None:
    def hungry(*args: Any) -> Any:
        raise MemoryError

    monkeypatch.setattr(run_module, "build_network", hungry)
    assert "MemoryError" in (run_safely(config()).error or "")


# -- many runs


def cells() -> list[RunConfig]:
    return [
        config(init, seed=seed, dropout=dropout, measure=["histograms"])
        for init in SCHEMES
        for seed in (0, 1)
        for dropout in (0.0, 0.3)
    ]


@pytest.fixture(scope="module")
def digests() -> dict[str, str]:
    return {given.address: run(given).result_digest() for given in cells()}


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_the_number_of_workers_and_the_order_do_not_matter(
    workers: int, tmp_path: Path, digests: dict[str, str]
) -> None:
    store = RunStore(tmp_path)
    order = np.random.default_rng(workers).permutation(len(digests))
    given = cells()
    assert run_cells([given[i] for i in order], store, workers=workers) == []
    found = {address: store.read(address) for address in store.addresses()}
    assert {a: r.result_digest() for a, r in found.items() if r is not None} == digests


def test_runs_in_threads_of_one_process_agree(digests: dict[str, str]) -> None:
    """A notebook may do this; nothing that runs share may be written to."""
    found: dict[str, str] = {}

    def work(part: list[RunConfig]) -> None:
        for given in part:
            found[given.address] = run(given).result_digest()

    given = cells()
    threads = [threading.Thread(target=work, args=[given[i::2]]) for i in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == digests
