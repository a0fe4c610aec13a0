"""Results of probes as tidy rows, for those whose numbers have an axis of their own.

A row for each run and place on the axis: the run's configuration (``CONFIG_COLUMNS``), ``status``
and the columns of ``PROBES``.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from study.analysis.frames import CONFIG_COLUMNS, Results
from study.analysis.metrics import draws_of, losses_by_size


class ProbeRows(NamedTuple):
    """How the result of a probe becomes rows.

    Attributes:
        axis: the column of the place.
        columns: the numbers there, by name, and whether each is a share.
        read: the result as columns of equal length, a number for the whole run repeated.
    """

    axis: str
    columns: Mapping[str, bool]
    read: Callable[[Mapping[str, Any]], dict[str, Any]]


def _voting(result: Mapping[str, Any]) -> dict[str, Any]:
    """``vote`` of the first K thinned networks; ``single``: mean of one; ``full``: the scaled."""
    vote = np.asarray(result["ensemble"], float)
    return {
        "voters": np.arange(1, len(vote) + 1),
        "vote": vote,
        "single": np.full(len(vote), np.mean(result["single"])),
        "full": np.full(len(vote), result["full"]),
    }


def _loss_by_size(result: Mapping[str, Any]) -> dict[str, Any]:
    """Loss of N samples, as a mean and as a sum, over the draws."""
    return {"size": np.asarray(result["sizes"]), "mean": losses_by_size(result, "mean"),
            "sum": losses_by_size(result, "sum")}  # fmt: skip


def _minibatch_noise(result: Mapping[str, Any]) -> dict[str, Any]:
    """Of batches of B samples: ``bias``, ``sd`` of the loss, ``theory`` of it, ``cosine``.

    ``theory`` is σ/√B · √((N − B)/(N − 1)): batches are drawn without replacement.
    """
    sizes, total = np.asarray(result["batch_sizes"], float), result["population"]
    drawn = [draws_of(result, int(size)) for size in sizes]
    correction = np.sqrt((total - sizes) / max(total - 1, 1))
    return {
        "drawn": sizes.astype(int),
        "bias": np.array([each.mean() for each in drawn]),
        "sd": np.array([each.std(ddof=1) for each in drawn]),
        "theory": result["sigma"] / np.sqrt(sizes) * correction,
        "cosine": np.array([np.nanmean(each) for each in result["cosines"]]),
    }


PROBES = {
    "voting": ProbeRows("voters", dict.fromkeys(("vote", "single", "full"), True), _voting),
    "loss_by_size": ProbeRows("size", dict.fromkeys(("mean", "sum"), False), _loss_by_size),
    "minibatch_noise": ProbeRows(
        "drawn", dict.fromkeys(("bias", "sd", "theory", "cosine"), False), _minibatch_noise
    ),
}


def probe_rows(results: Results, experiment: str, probe: str, moment: str) -> pd.DataFrame:
    """The rows of ``probe`` of all runs that have it."""
    how = PROBES[probe]
    frames = [
        pd.DataFrame(how.read(result)).assign(address=config["address"])
        for config, result in results.measured(experiment, probe, moment)
    ]
    if not frames:
        return pd.DataFrame(columns=[*CONFIG_COLUMNS, "status", how.axis, *how.columns])
    runs = results.runs(experiment)[[*CONFIG_COLUMNS, "status"]]
    rows: pd.DataFrame = pd.concat(frames).merge(runs, on="address", how="left")
    return rows
