"""What claims can be about: one number for each run, by name.

A metric is a function of the stored runs of an experiment and its options. It returns a row for
each run that has it: the configuration (``frames.CONFIG_COLUMNS``), ``status``, ``value``, and
for some ``censored``. Failed runs have no row; a run that diverged counts at chance accuracy with
gap 0 and as *never* reaching a level, and has no loss and nothing that is measured on a trained
network. ``docs/claims.md`` lists all metrics with their options.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from study.analysis import curves
from study.analysis.frames import (
    CONFIG_COLUMNS,
    HIDDEN_STATISTICS,
    SECONDS,
    WEIGHT_STATISTICS,
    Results,
    count_diverged,
)
from study.analysis.reading import HUGE
from study.network.trainer import Point
from study.records.cells import CELL
from study.records.record import METRICS as SPLIT_METRICS
from study.records.record import VALIDATION

FINAL_METRICS = (*SPLIT_METRICS, *VALIDATION)
COLUMNS = [*CONFIG_COLUMNS, "status", "value"]
REQUIRED = object()
SHARES = ("saturated_share", "mean_abs_correlation")  # layer statistics in [0, 1]
MOMENTS = ("init", "end")
OVER_LAYERS = ("last", "mean", "max", "min")  # of the hidden layers


class Option(NamedTuple):
    """An option of a metric.

    Attributes:
        expected: what a value has to be, in words.
        valid: whether a value is.
        default: REQUIRED where there is none.
        choices: all valid values, where there is a finite list of them.
    """

    expected: str
    valid: Callable[[Any], bool]
    default: Any = REQUIRED
    choices: tuple[Any, ...] | None = None


def _choice(*choices: Any, default: Any = REQUIRED) -> Option:
    return Option("one of the choices", lambda value: value in choices, default, choices)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < HUGE


def _is_layer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value < HUGE


def _layer_option(*words: str, default: Any = REQUIRED) -> Option:
    expected = "the number of a layer (the first is 1)"
    expected += f" or one of {', '.join(words)}" if words else ""
    return Option(
        expected,
        lambda value: _is_layer(value) or value in words or (value is None and default is None),
        default,
    )


@dataclass(frozen=True)
class Metric:
    """A metric of the registry.

    Attributes:
        measure: ``(results, experiment, **options) -> frame``.
        options: by name.
        unit: ``share`` (in [0, 1], shown as per cent) or ``number``; or a function of the options.
        lower_is_better: what *best* means.
        of_learning: a number of two networks that have both learned nothing says nothing.
        whole: needs all cells of the experiment, not only those that are compared.
        match: for a metric that needs both runs of a pair: takes what ``measure`` gave for each,
            returns the two numbers.
        problem: what is wrong with options that are valid one by one, or None.
    """

    measure: Callable[..., pd.DataFrame]
    options: Mapping[str, Option] = field(default_factory=dict)
    unit: str | Callable[[Mapping[str, Any]], str] = "number"
    lower_is_better: bool = False
    of_learning: bool = False
    whole: bool = False
    match: Callable[[Any, Any], tuple[float, float]] | None = None
    problem: Callable[[Mapping[str, Any]], str | None] = lambda options: None

    def unit_of(self, options: Mapping[str, Any]) -> str:
        """The unit with these options."""
        return self.unit if isinstance(self.unit, str) else self.unit(options)


# --- final metrics of a run ---------------------------------------------------------------------


def final(results: Results, experiment: str, *, column: str) -> pd.DataFrame:
    """A column of the runs frame, diverged runs counted (``frames.count_diverged``)."""
    runs = count_diverged(results.runs(experiment))
    return runs.assign(value=runs[column])[COLUMNS]


def diverged(results: Results, experiment: str) -> pd.DataFrame:
    """1 for a run that diverged, else 0."""
    runs = count_diverged(results.runs(experiment))
    return runs.assign(value=(runs["status"] == "diverged").astype(float))[COLUMNS]


def rank(results: Results, experiment: str, *, of: str) -> pd.DataFrame:
    """Share of all cells of the experiment that are strictly better with the same seed: 0 is best.

    A seed for which not every cell has a run that counts is left out: the places of the others
    would depend on what is missing.
    """
    runs = count_diverged(results.runs(experiment))
    runs = runs[np.isfinite(runs[of].to_numpy(float))]
    cells = runs.groupby(list(CELL), dropna=False, sort=False).ngroup()
    complete = cells.groupby(runs["seed"]).nunique() == cells.nunique()
    runs = runs[runs["seed"].map(complete).astype(bool)] if len(runs) else runs
    better = runs.groupby("seed")[of].rank(method="min", ascending=of.endswith("loss")) - 1
    ranked: pd.DataFrame = runs.assign(value=better / max(cells.nunique(), 1))[COLUMNS]
    return ranked


# --- learning curves ----------------------------------------------------------------------------


def time_to(
    results: Results, experiment: str, *, axis: str, level: float, column: str
) -> pd.DataFrame:
    """When the curve is first at a level, as ``curves.time_to``."""
    return curves.time_to(results, experiment, axis, column, level)


def curve_mean(results: Results, experiment: str, *, column: str) -> pd.DataFrame:
    """Mean of an accuracy over the epochs (trapezoids): high for what learns fast.

    Diverged runs are at chance from there to the planned end.
    """
    points = curves.accuracy_curves(results, experiment, ()).sort_values(["address", "step"])
    values = {
        str(address): _trapezoids(own["epoch"].to_numpy(float), own[column].to_numpy(float))
        for address, own in points.groupby("address", sort=False)[["epoch", column]]
    }
    return _of_runs(results, experiment, pd.Series(values, dtype=float))


def _trapezoids(x: np.ndarray, y: np.ndarray) -> float:
    return float(np.trapezoid(y, x) / np.ptp(x)) if len(x) > 1 else math.nan


# --- statistics of layers -----------------------------------------------------------------------


def layer(
    results: Results, experiment: str, *, column: str, moment: str, layer: Any,
    relative_to: Any, minus: Any,
) -> pd.DataFrame:  # fmt: skip
    """A statistic of one layer, or over the hidden layers, or of all weights together."""
    layers = _measured_at(results, experiment, moment, column)
    if layer == "all":
        values = _of_all_weights(layers, column)
    else:
        wide, hidden = _wide(layers, column)
        values = _pick(wide, hidden, layer)
        if relative_to is not None:
            reference = _pick(wide, hidden, relative_to)
            values = values / reference.where(reference != 0)
        if minus is not None:
            values = values - _pick(wide, hidden, minus)
    return _of_runs(results, experiment, values)


def _measured_at(results: Results, experiment: str, moment: str, column: str) -> pd.DataFrame:
    """The layers at a moment, without their configurations, which would be copied for each."""
    of_weights = WEIGHT_STATISTICS if column in WEIGHT_STATISTICS else ()
    kept = dict.fromkeys(["address", "layer", "is_hidden", *of_weights, column])
    layers = results.layers(experiment, kept)
    return layers.loc[layers["moment"] == moment, list(kept)]


def _wide(layers: pd.DataFrame, column: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Values by run (address) and layer, and whether they are of a hidden layer."""
    runs, addresses = pd.factorize(layers["address"].to_numpy(object))
    places, numbers = pd.factorize(layers["layer"].to_numpy(), sort=True)
    wide = np.full((len(addresses), len(numbers)), np.nan)
    wide[runs, places] = layers[column].to_numpy(float)
    hidden = np.zeros(wide.shape, bool)
    hidden[runs, places] = layers["is_hidden"].to_numpy(bool)
    return pd.DataFrame(wide, addresses, numbers), pd.DataFrame(hidden, addresses, numbers)


def _pick(wide: pd.DataFrame, hidden: pd.DataFrame, layer: Any) -> pd.Series:
    """One value for each row: of layer number ``layer``, or over the hidden layers."""
    if layer not in OVER_LAYERS:
        column = wide[layer].to_numpy(float) if layer in wide else np.nan
        return pd.Series(column, index=wide.index, dtype=float)
    own = wide.where(hidden)
    if layer == "last":
        last = hidden.to_numpy().cumsum(axis=1).argmax(axis=1) if wide.shape[1] else []
        return pd.Series(own.to_numpy()[np.arange(len(own)), last], index=own.index)
    # Of all hidden layers or not at all: what a layer lacks is not to be hidden by the others.
    complete = (own.notna() | ~hidden).all(axis=1)
    over_layers: pd.Series = own.agg(layer, axis=1).where(complete)
    return over_layers


def _of_all_weights(layers: pd.DataFrame, column: str) -> pd.Series:
    """Statistics of the weights of all layers of each run together (table 1.4.1-c).

    The kurtosis is the mean of the layers' own, each weight counting once: layers of different
    spread, thrown together, would look heavy-tailed even if each were normal.
    """
    squares = layers["weight_norm"] ** 2
    counts = squares / layers["weight_mean_square"]  # weights in each layer
    columns = {
        "weight_norm": squares,
        "weight_mean_square": squares,
        "weight_kurtosis": counts * layers["weight_kurtosis"],
        "weight_max": layers["weight_max"],
    }
    runs = columns[column].groupby(layers["address"].to_numpy(object))
    if column == "weight_max":
        return runs.max()
    if column == "weight_norm":
        return runs.sum() ** 0.5
    return runs.sum(min_count=1) / counts.groupby(layers["address"].to_numpy(object)).sum()


def layer_slope(
    results: Results, experiment: str, *, column: str, moment: str, factor: bool,
    down: bool = False,
) -> pd.DataFrame:  # fmt: skip
    """Least-squares slope of ln(statistic) on the number of the hidden layer.

    Args:
        factor: its exponential: by how much each layer multiplies the statistic.
        down: from the last layer to the first, as gradients travel.
    """
    layers = _measured_at(results, experiment, moment, column)
    layers = layers[layers["is_hidden"].astype(bool)]
    wide, hidden = _wide(layers, column)
    logs = np.log(wide.where(wide > 0).to_numpy(float))
    numbers = wide.columns.to_numpy(float)
    # a run has no slope where a layer of its own lacks a value; other runs may have more layers
    slopes = [
        _slope(numbers[own], row[own]) for row, own in zip(logs, hidden.to_numpy(), strict=True)
    ]
    slopes = [-slope for slope in slopes] if down else slopes
    values = np.exp(slopes) if factor else slopes
    return _of_runs(results, experiment, pd.Series(values, index=wide.index, dtype=float))


def _slope(x: np.ndarray, y: np.ndarray) -> float:
    """Least-squares slope; NaN where a value is missing or there is nothing to fit."""
    if len(x) < 2 or not np.isfinite(y).all():
        return math.nan
    centred = x - x.mean()
    return float(centred @ y / (centred @ centred))


def _of_runs(results: Results, experiment: str, values: pd.Series) -> pd.DataFrame:
    """``values`` by address as the frame of a metric."""
    runs = results.runs(experiment)
    runs = runs[(runs["status"] != "failed") & runs["address"].isin(values.index)]
    found = values.reindex(runs["address"].to_numpy(object)).to_numpy(float)
    return runs.assign(value=found)[COLUMNS]


# --- measurements -------------------------------------------------------------------------------


def measurement(
    results: Results, experiment: str, *, probe: str, moment: str,
    of: Callable[[Mapping[str, Any]], float],
) -> pd.DataFrame:  # fmt: skip
    """``of`` the result of a probe."""
    found = results.measured(experiment, probe, moment, of)
    values = {config["address"]: value for config, value in found}
    return _of_runs(results, experiment, pd.Series(values, dtype=float))


def _by_probe(probe: str, of: Callable[..., float]) -> Callable[..., pd.DataFrame]:
    """The measure of a metric that is a function of one probe's result and of options."""

    def measure(
        results: Results, experiment: str, *, moment: str = "end", **options: Any
    ) -> pd.DataFrame:
        own = partial(of, **options)
        return measurement(results, experiment, probe=probe, moment=moment, of=own)

    return measure


def input_drift(results: Results, experiment: str, *, layer: Any) -> pd.DataFrame:
    """How far the inputs of a unit wander during training: range of their median / mean width.

    The median, and the width from the 15th to the 85th percentile, are of what enters the
    activation of the layer's first unit, at each point of the curve but the first: before any
    update (``unit_inputs``; Ioffe & Szegedy 2015, figure 1b, c, show all three).
    """

    def drift(result: Mapping[str, Any]) -> float:
        low, middle, high = np.moveaxis(np.asarray(result["percentiles"], float)[1:], -1, 0)
        if not len(middle):
            return math.nan
        widths = (high - low).mean(axis=0)
        wandered = np.ptp(middle, axis=0)
        return _pick_of(wandered / np.where(widths > 0, widths, math.nan), layer)

    return measurement(results, experiment, probe="unit_inputs", moment="points", of=drift)


def histogram(
    result: Mapping[str, Any], *, of: str, layer: Any, statistic: str,
    low: float | None, high: float | None, relative_to: Any,
) -> float:  # fmt: skip
    """A number about the histogram of each layer's values, all seen through its bins.

    ``share``: of all values, in bins within [low, high]; without an end also what lies beyond the
    bins there. ``width``: exp(entropy of the bins) / number of bins: which share of the range the
    values use, 1 where they fill it evenly.
    """
    each = [_of_histogram(own, statistic, low, high) for own in result[of]]
    value = _pick_of(each, layer)
    if relative_to is None:
        return value
    reference = _pick_of(each, relative_to)
    return value / reference if reference else math.nan


def _of_histogram(
    histogram: Mapping[str, Any], statistic: str, low: float | None, high: float | None
) -> float:
    counts, edges = np.asarray(histogram["counts"], float), np.asarray(histogram["edges"], float)
    below, above = float(histogram["below"]), float(histogram["above"])
    if statistic == "width":
        shares = counts[counts > 0] / counts.sum() if counts.any() else np.empty(0)
        entropy = -(shares * np.log(shares)).sum()
        return float(np.exp(entropy)) / len(counts) if len(shares) else math.nan
    tolerance = 0.01 * float(edges[1] - edges[0])  # 0.4667 for 14/30
    inside = np.ones(len(counts), bool)
    inside &= edges[:-1] >= (-np.inf if low is None else low - tolerance)
    inside &= edges[1:] <= (np.inf if high is None else high + tolerance)
    number = counts[inside].sum() + (low is None) * below + (high is None) * above
    total = counts.sum() + below + above
    return float(number / total) if total and inside.any() else math.nan


def _pick_of(values: Sequence[float], layer: Any) -> float:
    """As ``_pick`` for a list with one value for each hidden layer."""
    if layer in OVER_LAYERS:
        functions: dict[str, Callable[[Any], Any]]
        functions = {"last": lambda v: v[-1], "mean": np.mean, "max": np.max, "min": np.min}
        return float(functions[layer](values)) if len(values) else math.nan
    return float(values[layer - 1]) if layer <= len(values) else math.nan


def loss_growth(result: Mapping[str, Any], *, of: str) -> float:
    """Loss of the largest N relative to that of the smallest, as a mean or as a sum."""
    values = losses_by_size(result, of)
    return float(values[-1] / values[0])


def loss_slope(result: Mapping[str, Any], *, of: str) -> float:
    """Slope of log loss on log N: 0 where N does not matter, 1 for what grows in proportion."""
    return _slope(np.log(np.asarray(result["sizes"], float)), np.log(losses_by_size(result, of)))


def losses_by_size(result: Mapping[str, Any], of: str) -> NDArray[np.float64]:
    """By N, smallest first; NaN where a loss is 0, whose logarithm is none."""
    means = np.asarray(result["means"], float).mean(axis=1)
    means = np.where(means > 0, means, np.nan)
    return means if of == "mean" else means * np.asarray(result["sizes"], float)


def draws_of(result: Mapping[str, Any], batch_size: int) -> NDArray[np.float64]:
    """Deviations of the mini-batches' losses from that of all samples; none for other sizes."""
    chosen = np.asarray(result["batch_sizes"]) == batch_size
    losses: NDArray[np.float64] = np.asarray(result["losses"], float)[chosen].ravel()
    losses -= float(result["full_loss"])  # the selection is a copy
    return losses


def minibatch_bias(result: Mapping[str, Any], *, batch_size: int, relative_to: str) -> float:
    """Mean deviation, relative to the loss of all samples or in standard errors of itself."""
    deviations = draws_of(result, batch_size)
    if len(deviations) < 2:
        return math.nan
    error = deviations.std(ddof=1) / np.sqrt(len(deviations))
    scale = result["full_loss"] if relative_to == "loss" else error
    return float(deviations.mean() / scale) if scale > 0 else math.nan


def minibatch_sd(result: Mapping[str, Any], *, batch_size: int) -> float:
    """Standard deviation of the mini-batch loss relative to the loss of all samples."""
    deviations = draws_of(result, batch_size)
    return float(deviations.std(ddof=1) / result["full_loss"]) if len(deviations) > 1 else math.nan


def minibatch_slope(result: Mapping[str, Any]) -> float:
    """Slope of log sd of the mini-batch loss on log B; −1/2 if the error falls as 1/√B.

    The sd of each B is divided by the finite-population correction √((N − B)/(N − 1)), because
    batches are drawn without replacement.
    """
    sizes = np.asarray(result["batch_sizes"], float)
    total = result["population"]
    kept = sizes < total
    correction = np.sqrt((total - sizes[kept]) / max(total - 1, 1))
    sd = np.asarray(result["losses"])[kept].std(axis=1, ddof=1)
    return _slope(np.log(sizes[kept]), np.log(np.where(sd > 0, sd, np.nan) / correction))


def minibatch_cosine(result: Mapping[str, Any], *, batch_size: int) -> float:
    """Mean cosine of the mini-batch gradient with the gradient of all samples."""
    chosen = np.asarray(result["batch_sizes"]) == batch_size
    cosines = np.asarray(result["cosines"])[chosen]
    cosines = cosines[np.isfinite(cosines)]
    return float(cosines.mean()) if len(cosines) else math.nan


def normalisation(result: Mapping[str, Any], *, of: str) -> float:
    """Largest error of the mean (from 0) or the variance (from 1) of x̂ over all layers."""
    return float(max(result[of], default=math.nan))


VOTES: dict[str, Callable[[float, float, float], float]] = {
    "vote": lambda vote, single, full: vote,
    "single": lambda vote, single, full: single,
    "full": lambda vote, single, full: full,
    "vote_minus_single": lambda vote, single, full: vote - single,
    "vote_minus_full": lambda vote, single, full: vote - full,
    "full_minus_vote": lambda vote, single, full: full - vote,
    "full_minus_single": lambda vote, single, full: full - single,
}


def voting(result: Mapping[str, Any], *, of: str) -> float:
    """Accuracy of the vote of all thinned networks, the mean of one, and the scaled full one."""
    vote, single = float(result["ensemble"][-1]), float(np.mean(result["single"]))
    return VOTES[of](vote, single, float(result["full"]))


def weight_rank(result: Mapping[str, Any], *, layer: Any) -> float:
    """Numerical rank of a weight matrix; over layers: of all matrices, the output's among them."""
    return _pick_of(result["ranks"], layer)


# --- the registry -------------------------------------------------------------------------------

_CURVE = tuple(name for name in Point.__dataclass_fields__ if name in FINAL_METRICS)
_MOMENT = _choice(*MOMENTS, default="end")
_LAYER = _layer_option(*OVER_LAYERS)
_OTHER_LAYER = _layer_option("last", default=None)
_BATCH = Option("a batch size", lambda value: _is_layer(value))
_NUMBER = Option("a number", _is_number)
_END = Option("a number or null", lambda value: value is None or _is_number(value), None)
_STATISTIC = _choice(*HIDDEN_STATISTICS, *WEIGHT_STATISTICS)


def _layer_problem(options: Mapping[str, Any]) -> str | None:
    if options["layer"] == "all" and options["column"] not in WEIGHT_STATISTICS:
        return f"layer 'all' for statistics of weights only ({', '.join(WEIGHT_STATISTICS)})"
    if options["relative_to"] is not None and options["minus"] is not None:
        return "relative_to or minus, not both"
    if options["layer"] == "all" and (options["relative_to"] or options["minus"]):
        return "no other layer to compare with where layer is 'all'"
    return None


def _layer_unit(options: Mapping[str, Any]) -> str:
    return "share" if options["column"] in SHARES and options["relative_to"] is None else "number"


def _histogram_problem(options: Mapping[str, Any]) -> str | None:
    ends = options["low"], options["high"]
    if options["statistic"] == "width" and ends != (None, None):
        return "low and high for statistic 'share' only"
    if options["statistic"] == "share" and ends == (None, None):
        return "low or high or both for statistic 'share'"
    return None


METRICS: dict[str, Metric] = {
    name: Metric(
        partial(final, column=name),
        unit="number" if name.endswith("loss") else "share",
        lower_is_better=name.endswith("loss") or name == "gap",
        of_learning=not name.endswith("loss"),
    )
    for name in (*FINAL_METRICS, "gap")
}
METRICS |= {
    f"{name}_seconds": Metric(partial(final, column=f"{name}_seconds"), lower_is_better=True)
    for name in SECONDS
}
METRICS |= {
    "diverged": Metric(diverged, unit="share", lower_is_better=True),
    "rank": Metric(
        rank,
        {"of": _choice(*FINAL_METRICS, default="test_accuracy")},
        unit="share", lower_is_better=True, whole=True,
    ),
    "equal_train": Metric(
        curves.gap_curves, unit="share", of_learning=True, match=curves.equal_accuracy
    ),
    "gap_at_equal_train": Metric(
        curves.gap_curves, unit="share", of_learning=True, match=curves.gaps_at_equal_accuracy
    ),
}  # fmt: skip
METRICS |= {
    f"{axis}_to": Metric(
        partial(time_to, axis=axis),
        {"level": _NUMBER, "column": _choice(*_CURVE, default="train_accuracy")},
        lower_is_better=True,
    )
    for axis in curves.AXES
}
METRICS |= {
    "curve_mean": Metric(
        curve_mean,
        {"column": _choice(*curves.ACCURACIES, default="train_accuracy")},
        unit="share", of_learning=True,
    ),
    "layer": Metric(
        layer,
        {
            "column": _STATISTIC,
            "moment": _MOMENT,
            "layer": _layer_option(*OVER_LAYERS, "all"),
            "relative_to": _OTHER_LAYER,
            "minus": _OTHER_LAYER,
        },
        unit=_layer_unit,
        problem=_layer_problem,
    ),
    "layer_slope": Metric(
        partial(layer_slope, factor=False), {"column": _STATISTIC, "moment": _MOMENT}
    ),
    "layer_factor": Metric(
        partial(layer_slope, factor=True), {"column": _STATISTIC, "moment": _MOMENT}
    ),
    "layer_factor_down": Metric(
        partial(layer_slope, factor=True, down=True), {"column": _STATISTIC, "moment": _MOMENT}
    ),
    "input_drift": Metric(input_drift, {"layer": _LAYER}, lower_is_better=True),
    "histogram": Metric(
        _by_probe("histograms", histogram),
        {
            "of": _choice("activation", "preactivation", "normalised"),
            "layer": _LAYER,
            "moment": _MOMENT,
            "statistic": _choice("share", "width", default="share"),
            "low": _END,
            "high": _END,
            "relative_to": _OTHER_LAYER,
        },
        unit=lambda options: "share" if options["relative_to"] is None else "number",
        problem=_histogram_problem,
    ),
    "loss_growth": Metric(
        _by_probe("loss_by_size", loss_growth),
        {"of": _choice("mean", "sum"), "moment": _MOMENT},
    ),
    "loss_slope": Metric(
        _by_probe("loss_by_size", loss_slope),
        {"of": _choice("mean", "sum"), "moment": _MOMENT},
    ),
    "minibatch_bias": Metric(
        _by_probe("minibatch_noise", minibatch_bias),
        {
            "batch_size": _BATCH,
            "moment": _MOMENT,
            "relative_to": _choice("loss", "error", default="loss"),
        },
        unit=lambda options: "share" if options["relative_to"] == "loss" else "number",
    ),
    "minibatch_sd": Metric(
        _by_probe("minibatch_noise", minibatch_sd),
        {"batch_size": _BATCH, "moment": _MOMENT}, unit="share",
    ),
    "minibatch_slope": Metric(
        _by_probe("minibatch_noise", minibatch_slope), {"moment": _MOMENT}
    ),
    "minibatch_cosine": Metric(
        _by_probe("minibatch_noise", minibatch_cosine),
        {"batch_size": _BATCH, "moment": _MOMENT},
    ),
    "normalisation": Metric(
        _by_probe("normalisation", normalisation),
        {"of": _choice("mean_error", "variance_error"), "moment": _MOMENT},
    ),
    "voting": Metric(_by_probe("voting", voting), {"of": _choice(*VOTES)}, unit="share"),
    "weight_rank": Metric(
        _by_probe("weights", weight_rank), {"layer": _LAYER, "moment": _MOMENT}
    ),
}  # fmt: skip


def label(name: str, options: Mapping[str, Any]) -> str:
    """A few English words for what the metric ``name`` measures with these options."""
    words = str(options.get("column", name)) if name in ("layer", "curve_mean") else name
    where = options.get("layer")
    return words.replace("_", " ") + (f", layer {where}" if isinstance(where, int) else "")


def measure(
    results: Results, experiment: str, name: str, options: Mapping[str, Any]
) -> pd.DataFrame:
    """The frame of the metric ``name``, options that are left out at their defaults."""
    metric = METRICS[name]
    complete = {key: options.get(key, option.default) for key, option in metric.options.items()}
    frame: pd.DataFrame = metric.measure(results, experiment, **complete)
    return frame
