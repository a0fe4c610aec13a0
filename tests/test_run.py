"""One run: the same bits from the same configuration, and everything that it leaves behind."""

import math
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from study import run as run_module
from study.data import idx
from study.edge.pool import run_cells
from study.errors import ConfigError, DataError
from study.network.probes import PROBES
from study.network.trainer import Point
from study.records.config import DataConfig, EvaluationConfig, RunConfig
from study.records.record import METRICS, VALIDATION, RunRecord
from study.records.store import RunStore
from study.run import check_data, choose_samples, identify, load_data, run, run_safely

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
        {"train_subset": "first"},
        {"valid_size": 100},
        {"batchnorm": True, "batchnorm_eps": 1e-3},
        {"dropout": 0.5, "dropout_scaling": "evaluation"},
        {"label_noise": 0.3},
        {"input_dropout": 0.2},
        {"output_init": {"name": "normal"} | SCHEMES["normal"]},
        {"max_norm": 1.0},
        {"lr_schedule": "cosine", "lr_warmup": 0.2},
        {"evaluation": EvaluationConfig(final_samples=10)},
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
    assert set(found.history) == set(Point.__dataclass_fields__) - set(VALIDATION)
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


def test_final_metrics_are_of_fewer_samples_where_asked() -> None:
    """Of the first training samples and the same test samples as the curve's."""
    sizes = {"points": 1, "train_samples": 40, "test_samples": 40}
    few = run(config(evaluation=EvaluationConfig(**sizes, final_samples=40), valid_size=200))
    every = run(config(evaluation=EvaluationConfig(**sizes), valid_size=200))
    for name in (*METRICS, *VALIDATION):
        assert few.final[name] == few.history[name][-1]
        assert few.final[name] != every.final[name]
    assert few.history == every.history
    more = run(config(evaluation=EvaluationConfig(**sizes, final_samples=5000), valid_size=200))
    assert more.final == every.final
    assert len({each.address for each in (few, every, more)}) == 3


def test_points_of_the_curve_are_measured_where_asked() -> None:
    found = run(config(measure=["unit_inputs", "gradients", "weights"]))
    assert set(found.measurements) == {"init", "points", "end"}
    assert set(found.measurements["init"]) == {"weights"}
    measured = found.measurements["points"]
    assert {name: own["step"].tolist() for name, own in measured.items()} == {
        "unit_inputs": found.history["step"], "gradients": found.history["step"],
    }  # fmt: skip
    assert measured["unit_inputs"]["percentiles"].shape == (4, 2, 3)
    for moment, place in (("init", 0), ("end", -1)):
        rows = found.layers[moment][:2]
        for name in ("gradient_norm", "weight_gradient_norm"):
            values = measured["gradients"][name][place]
            np.testing.assert_allclose(values, [row[name] for row in rows], rtol=1e-6)
    assert len(np.unique(measured["gradients"]["gradient_norm"][:, 0])) == 4
    assert RunRecord.from_json(found.to_json()).result_digest() == found.result_digest()


def test_a_run_that_diverges_keeps_the_points_before() -> None:
    found = run(config(lr=1e6, num_epochs=20, measure=["gradients"]))
    assert found.status == "diverged"
    steps = found.measurements["points"]["gradients"]["step"].tolist()
    assert steps == [step for step in found.history["step"] if step < found.diverged_at]


# -- changing rates, bounds, noise


def test_the_rate_of_a_warm_up_is_that_of_each_update() -> None:
    """One update at a third of the rate, one at two thirds, one at the whole."""
    warm = run(config(num_epochs=1, lr_warmup=0.99, lr=0.3))
    rates = [run(config(num_epochs=1, lr=rate)) for rate in (0.1, 0.3)]
    losses = [each.final["train_loss"] for each in (rates[1], warm, rates[0])]
    assert losses == sorted(losses)
    assert len(set(losses)) == 3


def test_a_schedule_knows_the_length_of_the_run_in_epochs_and_in_updates() -> None:
    options = {"lr_schedule": "cosine", "lr_warmup": 0.3, "lr": 0.2}
    epochs, steps = run(config(**options)), run(config(**options, num_epochs=None, num_steps=9))
    assert epochs.final == steps.final
    longer = run(config(**options, num_epochs=None, num_steps=90))
    assert longer.history["train_loss"][1] != epochs.history["train_loss"][-1]


def test_a_bound_holds_in_the_trained_network() -> None:
    bound = 1.2
    options = {"lr": 0.1, "momentum": 0.9, "measure": ["weights"]}
    found, free = (run(config(**options, max_norm=value)) for value in (bound, None))
    norms = [
        np.linalg.norm(each.measurements["end"]["weights"]["matrices"][0].astype(float), axis=0)
        for each in (found, free)
    ]
    assert norms[0].max() == pytest.approx(bound, rel=2e-3)  # kept in half precision
    assert norms[1].max() > 1.1 * bound


def test_the_output_layer_alone_starts_from_its_own_scheme() -> None:
    own = {"name": "normal"} | SCHEMES["normal"]
    plain, other = (run(config(num_epochs=0, **more)) for more in ({}, {"output_init": own}))
    rows = [each.layers["init"] for each in (plain, other)]
    squares = [[row["weight_mean_square"] for row in each] for each in rows]
    assert squares[0][:-1] == squares[1][:-1]
    assert squares[0][-1] == pytest.approx(0.2, rel=0.5)  # He: 2 / 10
    assert squares[1][-1] == pytest.approx(5 * squares[0][-1])  # the same numbers, not scaled


def test_noisy_labels_are_of_training_samples_alone() -> None:
    clean, noisy = (config(**MNIST, label_noise=share, valid_size=100) for share in (0, 0.25))
    dataset = load_data(clean)
    (train, valid), (wrong, same) = (choose_samples(each, dataset) for each in (clean, noisy))
    np.testing.assert_array_equal(train.images, wrong.images)
    assert (train.labels != wrong.labels).sum() == 75
    assert valid is not None
    assert same is not None
    np.testing.assert_array_equal(valid.labels, same.labels)
    assert not wrong.labels.flags.writeable
    again, _ = choose_samples(replace(noisy, init={}, batch_size=10), dataset)
    np.testing.assert_array_equal(again.labels, wrong.labels)
    other, _ = choose_samples(replace(noisy, train_size=None, valid_size=0), dataset)
    assert (other.labels != dataset.train.labels).sum() == 1000
    seeded, _ = choose_samples(replace(noisy, train_size=None, valid_size=0, seed=1), dataset)
    both = (seeded.labels != dataset.train.labels) & (other.labels != dataset.train.labels)
    assert both.sum() < 400  # 250 by chance
    assert load_data(noisy) is dataset


def test_wrong_labels_are_learned_by_heart_and_cost_accuracy_on_clean_ones() -> None:
    options = MNIST | {"hidden": [100], "lr": 0.1, "num_epochs": 150, "batch_size": 50}
    clean, noisy = (run(config(**options, label_noise=share)).final for share in (0, 0.5))
    assert clean["train_accuracy"] == noisy["train_accuracy"] == 1
    assert noisy["test_accuracy"] < clean["test_accuracy"] - 0.2


def test_final_metrics_have_all_their_digits() -> None:
    """A curve and a final evaluation of the same samples give the same numbers, to the last bit."""
    everything = EvaluationConfig(points=3, train_samples=10**6, test_samples=10**6)
    found = run(config(evaluation=everything))
    assert found.final == {name: found.history[name][-1] for name in METRICS}
    for name in ("train_loss", "test_loss"):
        assert float(f"{found.final[name]:.6g}") != found.final[name]
    assert found.final["train_accuracy"] * 300 == pytest.approx(
        round(found.final["train_accuracy"] * 300), abs=1e-9
    )


def test_final_metrics_are_those_after_the_last_step_whatever_the_curve_was() -> None:
    """Not the best of the curve: at this rate the last point is not it."""
    everything = EvaluationConfig(points=40, train_samples=10**6, test_samples=10**6)
    found = run(config(num_epochs=40, lr=0.3, evaluation=everything))
    curve = found.history
    assert max(curve["test_accuracy"]) > curve["test_accuracy"][-1]
    assert min(curve["test_loss"]) < curve["test_loss"][-1]
    assert found.final == {name: curve[name][-1] for name in METRICS}


def test_a_final_loss_that_is_not_finite_is_a_divergence(monkeypatch: pytest.MonkeyPatch) -> None:
    """The curve's samples were finite to the end, others are not."""
    evaluate = run_module.evaluate

    def on_all(network: Any, samples: Any) -> tuple[float, float]:
        loss, accuracy = evaluate(network, samples)
        return (loss if len(samples.labels) == 300 else math.nan), accuracy

    monkeypatch.setattr(run_module, "evaluate", on_all)
    found = run(config())
    assert (found.status, found.diverged_at) == ("diverged", found.history["step"][-1])
    assert all(math.isnan(value) for value in found.final.values())
    assert all(math.isfinite(value) for value in found.history["test_loss"])


def test_every_seed_is_another_run() -> None:
    """Weights, mini-batches, training samples and validation samples: none repeats another's."""
    options = MNIST | {"train_size": 60, "valid_size": 50, "batch_size": 20, "hidden": [8]}
    runs = {seed: run(config(seed=seed, **options)) for seed in range(24)}
    for part in ("train_loss", "valid_loss", "batch_loss"):
        assert len({found.history[part][-1] for found in runs.values()}) == len(runs), part
    assert len({found.layers["init"][0]["weight_norm"] for found in runs.values()}) == len(runs)
    chosen = {tuple(map(tuple, samples(seed=seed, **options))) for seed in runs}
    assert len(chosen) == len(runs)


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


# -- which samples


MNIST = {"data": DataConfig("mnist5k")}


def rows_of(images: Any, among: Any) -> list[int]:
    """Where each of ``images`` stands in ``among``, which has none twice."""
    places = {image.tobytes(): row for row, image in enumerate(among)}
    assert len(places) == len(among)
    return [places[image.tobytes()] for image in images]


def samples(**changes: Any) -> tuple[list[int], list[int]]:
    """Rows of the training files that are trained on, and that are held out."""
    given = config(**MNIST | changes)
    dataset = load_data(given)
    train, valid = choose_samples(given, dataset)
    every = dataset.train.images
    return rows_of(train.images, every), [] if valid is None else rows_of(valid.images, every)


def test_the_first_samples_are_the_same_for_every_seed() -> None:
    for seed in (0, 1):
        assert samples(train_subset="first", seed=seed) == (list(range(300)), [])
        assert samples(train_size=None, seed=seed) == (list(range(4000)), [])


def test_each_seed_draws_its_own_samples_and_draws_them_again() -> None:
    (one, _), (same, _), (other, _) = (samples(seed=seed) for seed in (0, 0, 1))
    assert one == same
    assert len(set(one)) == 300
    assert len(set(one) & set(other)) < 60  # by chance 300² / 4000
    assert one != sorted(one)


def test_every_class_has_its_share_of_a_random_subset() -> None:
    given = config(**MNIST, train_size=305, valid_size=101)
    dataset = load_data(given)
    train, valid = choose_samples(given, dataset)
    assert valid is not None
    shares = np.bincount(dataset.train.labels) / len(dataset.train)
    for split in (train, valid):
        assert (np.abs(np.bincount(split.labels) - shares * len(split)) < 1).all()
        runs = 1 + np.count_nonzero(np.diff(split.labels))
        assert runs > 0.8 * len(split)  # not class by class


@pytest.mark.parametrize("subset", ["random", "first"])
@pytest.mark.parametrize("size", [300, 3900, None])
def test_validation_samples_are_never_trained_on_and_depend_on_the_seed_alone(
    subset: str, size: int | None
) -> None:
    options = {"train_subset": subset, "train_size": size, "valid_size": 100}
    train, valid = samples(**options)
    assert len(valid) == len(set(valid)) == 100
    assert not set(train) & set(valid)
    assert len(train) == len(set(train)) == (size or 3900)
    assert valid == samples(valid_size=100, train_size=20, init="constant", batch_size=10)[1]
    assert valid != samples(**options, seed=1)[1]
    if subset == "first" or size is None:
        assert train == sorted(train)


def test_validation_samples_are_measured_on_the_curve_and_in_the_end() -> None:
    given = config(valid_size=150, evaluation=EvaluationConfig(points=3, test_samples=100))
    found = run(given)
    assert set(found.final) == {*METRICS, *VALIDATION}
    assert set(found.history) == set(Point.__dataclass_fields__)
    assert all(math.isfinite(value) for name in VALIDATION for value in found.history[name])
    assert found.history["valid_accuracy"][-1] * 100 == pytest.approx(
        round(found.history["valid_accuracy"][-1] * 100)
    )
    assert found.final["valid_accuracy"] * 150 == pytest.approx(
        round(found.final["valid_accuracy"] * 150)
    )
    assert RunRecord.from_json(found.to_json()).result_digest() == found.result_digest()
    all_of_them = run(replace(given, evaluation=EvaluationConfig(points=3, test_samples=1000)))
    for name in VALIDATION:
        assert all_of_them.history[name][-1] == all_of_them.final[name] == found.final[name]


def test_validating_does_not_change_the_training() -> None:
    """The first 300 samples are the same ones as long as none of them is held out."""
    given = config(**MNIST, dropout=0.2, train_subset="first", train_size=5, batch_size=5)
    held_out = samples(valid_size=100, train_subset="first", train_size=5)
    assert held_out[0] == list(range(5))
    plain, validated = run(given), run(replace(given, valid_size=100))
    assert plain.history == {k: v for k, v in validated.history.items() if k not in VALIDATION}
    assert plain.layers == validated.layers


def test_a_diverged_run_has_no_validation_result() -> None:
    found = run(config(lr=1e12, num_epochs=20, valid_size=100))
    assert found.status == "diverged"
    assert all(math.isnan(value) for value in found.final.values())


def test_one_sample_more_than_whole_batches_does_not_spoil_batchnorm() -> None:
    options = MNIST | {"batchnorm": True, "hidden": [100] * 5, "num_epochs": 20}
    finals = [run(config(**options, train_size=n)).final for n in (300, 301)]
    for metric in ("train_accuracy", "test_accuracy"):
        assert finals[1][metric] == pytest.approx(finals[0][metric], abs=0.05)


# -- whose data


@pytest.fixture
def folders(tmp_path: Path) -> list[Path]:
    """Two folders with different sets of 60 training and 20 test images each."""
    for seed, name in enumerate("ab"):
        rng = np.random.default_rng(seed)
        (tmp_path / name).mkdir()
        for role in idx.ROLES:
            shape, top = ((5, 4), 256) if role.endswith("images") else ((), 3)
            n = 60 if role.startswith("train") else 20
            array = rng.integers(top, size=(n, *shape), dtype=np.uint8)
            (tmp_path / name / idx.file_name(role)).write_bytes(idx.encode(array))
    return [tmp_path / "a", tmp_path / "b"]


def of_folder(folder: Path, **changes: Any) -> RunConfig:
    data = DataConfig("idx", str(folder), **changes)
    return config(data=data, train_size=40, batch_size=10, measure=[])


def test_two_folders_have_two_addresses_and_results(folders: list[Path], tmp_path: Path) -> None:
    one, other = (identify(of_folder(folder)) for folder in folders)
    assert one.address != other.address
    assert one.data.checksum == load_data(one).checksum
    copied = tmp_path / "copied"
    folders[0].rename(copied)
    assert identify(of_folder(copied)).address == one.address  # where the files lie is no matter
    assert run(other).provenance["data"]["checksum"] == other.data.checksum


def test_a_label_stays_in_the_address(folders: list[Path]) -> None:
    addresses = {identify(of_folder(folders[0], label=label)).address for label in (None, "a", "b")}
    assert len(addresses) == 3


def test_a_data_set_that_is_known_by_its_name_needs_no_checksum() -> None:
    for name in ("gaussian", "mnist5k"):
        given = config(data=DataConfig(name))
        assert identify(given) is given


@pytest.mark.parametrize("act", [identify, check_data, run])
def test_other_files_than_those_of_the_checksum_are_refused(
    folders: list[Path], act: Callable[[RunConfig], Any]
) -> None:
    given = of_folder(folders[1], checksum=identify(of_folder(folders[0])).data.checksum)
    with pytest.raises(DataError, match=r"data\.checksum: expected the data set .* found .*/b\."):
        act(given)


def test_the_checksum_of_any_data_set_is_looked_at() -> None:
    good = load_data(config()).checksum
    assert run(config(data=DataConfig("gaussian", checksum=good))).status == "completed"
    failed = run_safely(config(data=DataConfig("gaussian", checksum="0")))
    assert failed.error is not None
    assert failed.error.startswith("data.checksum: expected the data set 0, found ")


# -- runs that fail


def test_a_wrong_configuration_raises() -> None:
    with pytest.raises(ConfigError, match="dropout"):
        run(config(dropout=1))
    with pytest.raises(ConfigError, match=r"train_size: expected an integer in \[1, 1000\]"):
        run(config(train_size=1001))
    with pytest.raises(ConfigError, match="batch_size: expected at most the 1000 training"):
        check_data(config(train_size=None, batch_size=1001))
    for act in (run, check_data):
        with pytest.raises(
            ConfigError, match=r"train_size: expected an integer in \[1, 900\], the"
        ):
            act(config(train_size=901, valid_size=100))
        with pytest.raises(ConfigError, match=r"valid_size: expected an integer in \[0, 999\]"):
            act(config(train_size=None, valid_size=1000))
        with pytest.raises(ConfigError, match="batchnorm: expected false with a single"):
            act(config(train_size=None, valid_size=999, batch_size="full", batchnorm=True))


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
    with threadpool_limits(1, "blas"):  # as the docstring of ``run`` asks for
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert found == digests
