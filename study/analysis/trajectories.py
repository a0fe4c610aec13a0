"""What probes measured at the points of the learning curves, as tidy frames.

================  ================================================================================
measurement       columns besides the configuration's, ``step``, ``epoch`` and ``layer``
================  ================================================================================
``unit_inputs``   ``p15``, ``p50``, ``p85``: percentiles of what enters the activation of the
                  layer's first unit, over the fixed test samples
``gradients``     ``gradient_norm``, ``weight_gradient_norm``, ``weight_gradient_sd``: of the mean
                  loss of these samples by the layer's activations, and by its weights
================  ================================================================================

A run has them if its experiment asks for them (``measure: [unit_inputs, gradients]``).
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from study.analysis.frames import CONFIG_COLUMNS, Results
from study.network.probes import PERCENTILES

MEASUREMENTS = {
    "unit_inputs": tuple(f"p{percentile:g}" for percentile in PERCENTILES),
    "gradients": ("gradient_norm", "weight_gradient_norm", "weight_gradient_sd"),
}


def trajectories(results: Results, experiment: str, name: str) -> pd.DataFrame:
    """One row for each run of ``experiment``, point of its curve and hidden layer (1 is the first).

    A run without the measurement has no rows, one that diverged none from there on.

    Args:
        name: one of ``MEASUREMENTS``.

    Returns:
        ``CONFIG_COLUMNS``, ``step`` and ``layer`` (int64), ``epoch`` and the measurement's own
        columns (float64).
    """
    measured = results.measured(experiment, name, "points")
    parts = [_of_run(row["address"], name, result) for row, result in measured]
    kinds = {"address": "str", "step": "int64", "layer": "int64"}
    kinds |= dict.fromkeys(MEASUREMENTS[name], "float64")
    rows = pd.concat(parts) if parts else pd.DataFrame(columns=[*kinds])
    epochs = results.points(experiment)[[*CONFIG_COLUMNS, "step", "epoch"]]
    frame = epochs.merge(rows.astype(kinds), on=["address", "step"])
    return frame[[*CONFIG_COLUMNS, "step", "epoch", "layer", *MEASUREMENTS[name]]]


def _of_run(address: str, name: str, result: Mapping[str, Any]) -> pd.DataFrame:
    """The rows of one run, point by point."""
    if name == "unit_inputs":  # (points, layers, percentiles)
        values = dict(
            zip(MEASUREMENTS[name], np.moveaxis(result["percentiles"], -1, 0), strict=True)
        )
    else:  # (points, layers) each
        values = {column: result[column] for column in MEASUREMENTS[name]}
    points, layers = next(iter(values.values())).shape
    return pd.DataFrame(
        {
            "address": address,
            "step": np.repeat(result["step"], layers),
            "layer": np.tile(np.arange(1, layers + 1), points),
        }
        | {column: array.ravel() for column, array in values.items()}
    )
