"""One run: a configuration in, a record out."""

import functools
import math
import time
import traceback
from dataclasses import fields, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
from threadpoolctl import ThreadpoolController

from study import data
from study.data import Dataset, Split
from study.data.noise import noisy_labels
from study.data.subsets import stratified
from study.errors import ConfigError, DataError, StudyError
from study.network.network import Network
from study.network.optimizer import SGD
from study.network.probes import PROBES, ProbeInput, layer_statistics
from study.network.recorder import Recorder
from study.network.schedules import learning_rates
from study.network.streams import RngStreams
from study.network.trainer import (
    History,
    Point,
    Trainer,
    batches_per_epoch,
    evaluate,
    evaluation_schedule,
)
from study.records.config import FULL_BATCH, SAME, RunConfig, build
from study.records.provenance import provenance
from study.records.record import METRICS, VALIDATION, RunRecord

# Which test samples the learning curve and the probes see: the same in every run.
SAMPLE_SEED = 0


def run(config: RunConfig) -> RunRecord:
    """Train the network that ``config`` describes and measure it.

    BLAS has one thread meanwhile, in the whole process. Whoever calls this in several threads holds
    it at one around all of them (``threadpoolctl.threadpool_limits(1, "blas")``): the run that ends
    first gives BLAS its threads back, and with several of them the last bits are other ones.

    Returns:
        The record, ``completed`` or ``diverged``.

    Raises:
        ConfigError, DataError: the configuration or the data set cannot be used.
    """
    started, clock = datetime.now(UTC), time.perf_counter()
    config.validate()
    with _one_blas_thread():
        dataset = load_data(config)
        chosen, held_out = choose_samples(config, dataset)
        train, test = (_in_precision(split, config.dtype) for split in (chosen, dataset.test))
        valid = None if held_out is None else _in_precision(held_out, config.dtype)
        network, streams = build_network(config, dataset)
        trainer = build_trainer(config, network, train, streams.batches)
        record = RunRecord(address=config.address, config=config.to_dict(), status="completed")
        setup = time.perf_counter() - clock

        test_sample = _sample(test, config.evaluation.test_samples)
        probe_input = ProbeInput(train, test_sample, streams.probe)
        probe_seconds = _measure(record, "init", network, config, probe_input)
        recorder = Recorder(config.measure, network, probe_input)
        history = trainer.fit(
            schedule(config, trainer.steps_per_epoch),
            train_sample=_first(train, config.evaluation.train_samples),
            test_sample=test_sample,
            valid_sample=valid and _first(valid, config.evaluation.test_samples),
            observe=recorder if recorder.names else None,
        )
        _keep_history(record, history)
        if recorder.names:
            record.measurements["points"] = recorder.results()
            probe_seconds += recorder.seconds
        evaluation_seconds = history.evaluation_seconds
        if record.status == "completed":
            clock_final = time.perf_counter()
            _keep_final(record, network, *_final_samples(config, train, test, valid))
            evaluation_seconds += time.perf_counter() - clock_final
            if history.points[-1].step:
                probe_seconds += _measure(record, "end", network, config, probe_input)
    record.timing |= {
        "total": time.perf_counter() - clock,
        "setup": setup,
        "training": history.training_seconds,
        "evaluation": evaluation_seconds,
        "probes": probe_seconds,
    }
    record.provenance = _provenance(config, started) | {"data": _describe(dataset)}
    return record


def run_safely(config: RunConfig) -> RunRecord:
    """Like ``run``, but an exception becomes a record with status ``failed``.

    Its ``error`` is the message where the user can put it right, else the traceback.
    """
    clock = time.perf_counter()
    try:
        return run(config)
    except StudyError as error:
        return failed(config, str(error), time.perf_counter() - clock)
    except Exception:
        return failed(config, traceback.format_exc(), time.perf_counter() - clock)


def failed(config: RunConfig, error: str, seconds: float) -> RunRecord:
    """The record of a run that did not end by itself, for the reason ``error``."""
    return RunRecord(
        address=config.address,
        config=config.to_dict(),
        status="failed",
        error=error,
        timing={"total": seconds},
        provenance=_provenance(config, datetime.now(UTC)),
    )


def identify(config: RunConfig) -> RunConfig:
    """``config`` with the checksum of its files, where nothing else says which data they are.

    Any folder can be ``idx``: without the checksum two of them would share addresses. Call it
    before anything is planned or run.

    Raises:
        ConfigError, DataError: the files cannot be used, or are not those of the checksum given.
    """
    if config.data.name != "idx":
        return config
    found = data.checksum(config.data.name, root=config.data.root)
    _check_identity(config, found)
    return replace(config, data=replace(config.data, checksum=found))


def load_data(config: RunConfig) -> Dataset:
    """The data set of ``config``; the Gaussian probe draws its inputs from the run's seed.

    Raises:
        ConfigError, DataError: it cannot be used, or is not that of ``data.checksum``.
    """
    dataset = data.load(config.data.name, root=config.data.root, seed=config.seed)
    _check_identity(config, dataset.checksum)
    return dataset


def _check_identity(config: RunConfig, found: str) -> None:
    expected = config.data.checksum
    if expected not in (None, found):
        where = f" in {config.data.root}" if config.data.root else ""
        raise DataError(
            f"data.checksum: expected the data set {expected}, found {found}{where}. Point "
            "data.root to the files that the run was made with, or leave data.checksum out."
        )


def check_data(config: RunConfig) -> None:
    """Raise an error if the data set is missing or too small for ``config``."""
    batch_size(config, training_size(config, len(load_data(config).train)))


def training_size(config: RunConfig, total: int) -> int:
    """How many of ``total`` samples of the training files ``config`` trains on.

    Raises:
        ConfigError: it wants more than there are.
    """
    held_out, size = config.valid_size, config.train_size
    if held_out >= total:
        raise ConfigError("valid_size", f"an integer in [0, {total - 1}]", held_out)
    rest = total - held_out
    if size is None:
        return rest
    if size > rest:
        without = f", the {total} without those of valid_size" if held_out else ""
        raise ConfigError("train_size", f"an integer in [1, {rest}]{without}", size)
    return size


def choose_samples(config: RunConfig, dataset: Dataset) -> tuple[Split, Split | None]:
    """The training samples of a run and its validation samples, None where it wants none.

    Validation samples come from the training files, never from the test's. They depend on the
    seed and on ``valid_size`` alone, so that all cells with one seed are chosen by the same ones;
    training samples are drawn from the rest, the same ones for each cell of their number. Of their
    labels the share ``label_noise`` is wrong, those of validation samples never are.

    Raises:
        ConfigError: the data set is too small.
    """
    train, valid = _choose_rows(config, dataset.train)
    if config.label_noise:
        rng = RngStreams.from_seed(config.seed).label_noise
        noisy = noisy_labels(train.labels, config.label_noise, dataset.num_classes, rng)
        noisy.setflags(write=False)
        train = Split(train.images, noisy)
    return train, valid


def _choose_rows(config: RunConfig, every: Split) -> tuple[Split, Split | None]:
    size = training_size(config, len(every))
    drawn = config.train_size is not None and config.train_subset == "random"
    if not config.valid_size and not drawn:
        return every.first(config.train_size), None
    streams = RngStreams.from_seed(config.seed)
    held_out = stratified(every.labels, config.valid_size, streams.validation)
    rest = np.delete(np.arange(len(every)), held_out)
    rows = rest[stratified(every.labels[rest], size, streams.subset)] if drawn else rest[:size]
    return every.take(rows), every.take(held_out) if config.valid_size else None


def batch_size(config: RunConfig, num_train: int) -> int:
    """Samples per update of a training set of ``num_train``."""
    if config.batchnorm and num_train < 2:
        raise ConfigError("batchnorm", "false with a single training sample", True)
    if config.batch_size == FULL_BATCH:
        return num_train
    size = int(config.batch_size)
    if size > num_train:
        raise ConfigError("batch_size", f"at most the {num_train} training samples", size)
    return size


def build_trainer(
    config: RunConfig, network: Network, train: Split, rng: np.random.Generator
) -> Trainer:
    """What trains ``network`` on the samples ``train`` as ``config`` says."""
    size = batch_size(config, len(train))
    steps = num_steps(config, batches_per_epoch(len(train), size))
    changing = config.lr_warmup or config.lr_schedule != "constant"
    rates = learning_rates(
        config.lr,
        steps,
        schedule=config.lr_schedule,
        warmup=config.lr_warmup,
        milestones=config.lr_milestones,
        factor=config.lr_factor,
    )
    optimizer = SGD(
        network,
        lr=config.lr,
        momentum=config.momentum,
        weight_decay=config.weight_decay,
        max_norm=config.max_norm,
    )
    return Trainer(
        network, optimizer, train, batch_size=size, rng=rng, rates=rates if changing else None
    )


def build_network(config: RunConfig, dataset: Dataset) -> tuple[Network, RngStreams]:
    """The untrained network of ``config`` and the run's random streams."""
    streams = RngStreams.from_seed(config.seed)
    output = config.output_init
    network = Network.build(
        num_features=dataset.train.images.shape[1],
        hidden=config.hidden,
        num_classes=dataset.num_classes,
        initializer=build(config.init, "init"),
        activation=build(config.activation, "activation"),
        batchnorm=config.batchnorm,
        dropout=config.dropout,
        streams=streams,
        batchnorm_eps=config.batchnorm_eps,
        batchnorm_momentum=config.batchnorm_momentum,
        dropout_scaling=config.dropout_scaling,
        input_dropout=config.input_dropout,
        output_initializer=None if output == SAME else build(output, "output_init"),
        dtype=np.dtype(config.dtype),
    )
    return network, streams


def num_steps(config: RunConfig, steps_per_epoch: int) -> int:
    """How many updates the run has."""
    if config.num_steps is not None:
        return config.num_steps
    assert config.num_epochs is not None  # validate() wants exactly one of the two
    return config.num_epochs * steps_per_epoch


def schedule(config: RunConfig, steps_per_epoch: int) -> list[int]:
    """The steps at which the learning curve is evaluated."""
    return evaluation_schedule(
        num_steps(config, steps_per_epoch),
        points=config.evaluation.points,
        spacing=config.evaluation.spacing,
        steps_per_epoch=steps_per_epoch if config.num_steps is None else 1,
    )


def _in_precision(split: Split, dtype: str) -> Split:
    """``split`` with images in the network's precision, so that no step converts them."""
    if split.images.dtype == dtype:
        return split
    return Split(split.images.astype(dtype), split.labels)


def _sample(split: Split, size: int) -> Split:
    """A fixed random part of ``split``: MNIST's first test images are easier than its last."""
    total = len(split.labels)
    if size >= total:
        return split
    return _cached_sample(split, size)


def _first(split: Split, size: int) -> Split:
    return split.first(min(size, len(split)))


def _final_samples(
    config: RunConfig, train: Split, test: Split, valid: Split | None
) -> tuple[Split, Split, Split | None]:
    """What the final metrics are of."""
    most = config.evaluation.final_samples
    if most is None:
        return train, test, valid
    return _first(train, most), _sample(test, most), valid and _first(valid, most)


@functools.lru_cache(maxsize=8)
def _cached_sample(split: Split, size: int) -> Split:
    rows = np.sort(
        np.random.default_rng(SAMPLE_SEED).choice(len(split.labels), size, replace=False)
    )
    return Split(split.images[rows], split.labels[rows])


def _measure(
    record: RunRecord, moment: str, network: Network, config: RunConfig, given: ProbeInput
) -> float:
    """Take all measurements of ``moment`` into ``record``; return the seconds it took."""
    started = time.perf_counter()
    with np.errstate(over="ignore", invalid="ignore"):
        record.layers[moment] = layer_statistics(network, given.sample)
        record.measurements[moment] = {
            name: PROBES[name].measure(network, given)
            for name in sorted(config.measure)
            if moment in PROBES[name].moments
        }
    return time.perf_counter() - started


def _keep_history(record: RunRecord, history: History) -> None:
    record.status = history.status
    record.diverged_at = history.diverged_at
    names = [item.name for item in fields(Point)]
    if not record.config["valid_size"]:
        names = [name for name in names if name not in VALIDATION]
    record.history = {name: [getattr(point, name) for point in history.points] for name in names}
    record.timing["at"] = history.seconds_at


def _keep_final(
    record: RunRecord, network: Network, train: Split, test: Split, valid: Split | None
) -> None:
    with np.errstate(over="ignore", invalid="ignore"):
        values = [*evaluate(network, train), *evaluate(network, test)]
        if valid is not None:
            values += evaluate(network, valid)
    if all(math.isfinite(value) for value in values):
        names = METRICS if valid is None else (*METRICS, *VALIDATION)
        record.final = dict(zip(names, values, strict=True))
    else:  # the learning curve's samples were finite to the end, others are not
        record.status, record.diverged_at = "diverged", int(record.history["step"][-1])


def _describe(dataset: Dataset) -> dict[str, Any]:
    return {
        "checksum": dataset.checksum,
        "num_classes": dataset.num_classes,
        "train_samples": len(dataset.train),
        "test_samples": len(dataset.test),
    }


def _provenance(config: RunConfig, started: datetime) -> dict[str, Any]:
    targets = [str(choice.get("_target_", "")) for choice in config.choices.values()]
    origin = provenance(target for target in targets if "." in target)
    return origin | {"started": started.isoformat(timespec="seconds")}


@functools.lru_cache(maxsize=1)
def _threadpools() -> ThreadpoolController:
    return ThreadpoolController()


def _one_blas_thread() -> Any:
    """One BLAS thread for each run: runs are the unit of parallel work, and bits do not change."""
    return _threadpools().limit(limits=1, user_api="blas")
