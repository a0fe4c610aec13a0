"""What the figures of section 1.4 share: the gap between train and test, and dose–response."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from study.analysis.frames import Results
from study.analysis.intervals import Estimate, paired_difference, summarise, t_interval
from study.figures import style
from study.figures.own import parts
from study.figures.style import Translate

TABLE_ROWS = 10
CURVES = {"train": "train_accuracy", "test": "test_accuracy"}
COLUMNS = {**CURVES, "gap": "gap"}
METRICS = {"train_accuracy": "train accuracy", "test_accuracy": "test accuracy", "gap": "gap"}


@dataclass(frozen=True)
class Remedy:
    """Something against over-fitting that comes in doses.

    Attributes:
        experiment: whose runs vary its dose.
        factor: the column of the dose; 0 is none.
        name: in English.
        symbol: of the dose.
        lecture: the lecture's dose.
        log: whether doses are spaced by their logarithm, with a place of its own for 0.
    """

    experiment: str
    factor: str
    name: str
    symbol: str
    lecture: float
    log: bool

    def dose(self, results: Results) -> float | None:
        """The lecture's dose, or the one stored that is closest to it; None where there is none."""
        return parts.closest(results.runs(self.experiment)[self.factor], self.lecture)

    def runs(self, results: Results, dose: float | None) -> pd.DataFrame:
        """Final metrics at this dose, diverged runs counted."""
        return pick(parts.final_runs(results, self.experiment), self.factor, dose)

    def curves(self, results: Results, dose: float | None) -> pd.DataFrame:
        """Learning curves at this dose."""
        return pick(parts.accuracy_curves(results, self.experiment), self.factor, dose)

    def compared(self, results: Results, dose: float | None) -> "Compared":
        """The runs at this dose, and those without the remedy."""
        return Compared(
            self, dose, self.runs(results, dose), self.curves(results, dose),
            self.runs(results, 0.0 if dose else None), self.curves(results, 0.0 if dose else None),
        )  # fmt: skip


@dataclass(frozen=True)
class Compared:
    """Runs at one dose of a remedy, and those without it that differ in nothing else.

    Attributes:
        runs, curves: at the dose: final metrics and learning curves.
        runs_without, curves_without: of none; empty where the dose is none itself.
    """

    remedy: Remedy
    dose: float | None
    runs: pd.DataFrame
    curves: pd.DataFrame
    runs_without: pd.DataFrame
    curves_without: pd.DataFrame


# --- learning curves at one dose ----------------------------------------------------------------


def draw_gap(results: Results, remedy: Remedy, dose: float | None, tr: Translate) -> Figure:
    """Train and test accuracy by epoch at ``dose`` (``draw_compared``)."""
    compared = remedy.compared(results, dose)
    figure, axes = parts.epoch_axes(compared.curves, tr, "accuracy")
    if axes is not None:
        draw_compared(axes, compared, tr)
    return figure


def draw_compared(axes: Axes, compared: Compared, tr: Translate, spacing: float = 0.075) -> None:
    """Train and test accuracy by epoch, the gap shaded; without the remedy: thin lines.

    The curves are of as many test images as each evaluation takes; the numbers at their ends are
    the final accuracies, of all.

    Args:
        spacing: smallest distance between those numbers, as a share of the axis.
    """
    labels: list[tuple[float, str, str]] = []
    grey = style.colour("without")
    for name, metric in CURVES.items():
        style.curve(axes, compared.curves_without, "epoch", metric, name=name, label="_",
                    band=False, linewidth=1.0, color=grey)  # fmt: skip
        if len(compared.runs_without):
            mean = float(compared.runs_without[metric].mean())
            labels.append((mean, f"{compared.remedy.symbol} = 0: {mean:.0%}", grey))
    for name, metric in CURVES.items():
        style.curve(axes, compared.curves, "epoch", metric, name=name)
    means = compared.curves.groupby("epoch")[list(CURVES.values())].mean()
    train, test = means["train_accuracy"], means["test_accuracy"]
    axes.fill_between(means.index, test, train, color=style.colour("gap"), alpha=0.22, linewidth=0)
    final = compared.runs
    ends = {name: float(final[metric].mean()) for name, metric in CURVES.items()}
    end = means.index[-1]
    axes.plot([end, end], list(ends.values()), color=style.colour("gap"), linewidth=3,
              solid_capstyle="butt", clip_on=False)  # fmt: skip
    labels += [(ends[name], f"{tr(name)} {ends[name]:.0%}", style.colour(name)) for name in CURVES]
    gap = f"{tr('gap')} {parts.points_text(t_interval(final['gap']), tr)}"
    labels.append((sum(ends.values()) / 2, gap, style.colour("gap")))
    parts.end_labels(axes, labels, spacing=spacing)


def table_gap(results: Results, remedy: Remedy, dose: float | None) -> pd.DataFrame:
    """The numbers of ``draw_gap``."""
    return table_compared(remedy.compared(results, dose))


def table_compared(compared: Compared) -> pd.DataFrame:
    """Epoch, both accuracies and the gap, at about ten epochs, the last, and in the end.

    The last row is of all test images, those above of as many as an evaluation takes.
    """
    columns = ["epoch", *METRICS.values()]
    curves = compared.curves
    epochs = sorted(curves["epoch"].unique())
    if not epochs:
        return pd.DataFrame(columns=columns)
    chosen = np.linspace(0, len(epochs) - 1, min(TABLE_ROWS + 1, len(epochs))).round().astype(int)
    rows = curves[curves["epoch"].isin([epochs[i] for i in chosen])].sort_values("epoch")
    tables = [summarise(each, "epoch", list(METRICS)) for each in (rows, at_end(compared.runs))]
    return pd.concat([each.astype(object) for each in tables], ignore_index=True).rename(
        columns=METRICS
    )


def at_end(runs: pd.DataFrame) -> pd.DataFrame:
    """Final metrics as rows of a table by epoch."""
    return runs.assign(epoch="end, all test images")


def facts_gap(results: Results, remedy: Remedy, dose: float | None) -> dict[str, Any]:
    """What ``draw_gap`` says (``facts_compared``)."""
    return facts_compared(remedy.compared(results, dose))


def facts_compared(compared: Compared) -> dict[str, Any]:
    """Final accuracies and gap at the dose, and what changed against none, paired by seed.

    ``case`` names what made the gap smaller, if it is (``reason``); without a dose to compare it
    is ``measured``.
    """
    remedy, dose, runs = compared.remedy, compared.dose, compared.runs
    sides = [runs, compared.runs_without] if dose else [runs]
    case = parts.absent(*sides)
    if case == "missing" or dose is None:
        return {"case": "missing"}
    facts: dict[str, Any] = {
        "case": case or "measured",
        "symbol": remedy.symbol,
        "dose": dose_text(dose),
        "epochs": int(compared.curves["epoch"].max()),
        "runs": len(runs),
        **{name: t_interval(runs[metric]) for name, metric in COLUMNS.items()},
    }
    if dose:
        changes = change(pd.concat(sides), remedy, dose)
        facts |= {f"{name}_without": t_interval(sides[1][m]) for name, m in COLUMNS.items()}
        facts |= {f"{name}_change": changes[name] for name in COLUMNS}
        facts["case"] = case or reason(changes)
    return facts


def change(runs: pd.DataFrame, remedy: Remedy, dose: float) -> dict[str, Estimate]:
    """What ``dose`` changes of train and test accuracy and of the gap, paired by seed."""
    return {
        name: paired_difference(runs, metric, remedy.factor, dose, 0.0)
        for name, metric in COLUMNS.items()
    }


def reason(changes: Mapping[str, Estimate]) -> str:
    """What became of the gap, and why; a change counts where its interval excludes 0.

    Returns:
        ``wider``; ``same``: no clear change; smaller because ``test_improved``, because
        ``training_worse`` (under-fitting), for ``both`` reasons, or for no clear one (``smaller``).
    """
    train, test, gap = (parts.direction(changes[name]) for name in ("train", "test", "gap"))
    if gap != "lower":
        return "wider" if gap == "higher" else "same"
    if test == "higher":
        return "both" if train == "lower" else "test_improved"
    return "training_worse" if train == "lower" else "smaller"


# --- dose and response --------------------------------------------------------------------------


def draw_doses(results: Results, remedy: Remedy, tr: Translate) -> Figure:
    """Final accuracies (above) and gap (below) against the dose; dotted: the level without."""
    runs, factor = parts.final_runs(results, remedy.experiment), remedy.factor
    figure, grid = style.new_figure(2, height=5.2, sharex=True, height_ratios=[3, 2])
    above, below = grid[:, 0]
    if runs.empty:
        above.set_axis_off()
        style.empty(below, tr("no finished run"))
        return figure
    doses = sorted(runs[factor].unique())
    places = dict(zip(doses, positions(doses) if remedy.log else doses, strict=True))
    means = runs.groupby(factor)[list(COLUMNS.values())].mean()
    best = means["test_accuracy"].idxmax()
    for axes, names in ((above, ("train", "test")), (below, ("gap",))):
        for name in names:
            _dots(axes, runs, factor, COLUMNS[name], name, places)
            if 0 in places:
                axes.axhline(means.loc[0, COLUMNS[name]], color=style.colour(name), linewidth=1,
                             linestyle=":")  # fmt: skip
    lowest = means[list(CURVES.values())].to_numpy().min()
    style.percent(above, limits=(max(math.floor(10 * lowest - 1) / 10, 0.0), 1.06))
    below.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f}")
    below.set_ylim(*gap_limits(means["gap"]))
    above.set_ylabel(tr("accuracy"))
    below.set(ylabel=f"{tr('gap')} ({tr('points')})", xlabel=f"{tr(remedy.name)} {remedy.symbol}")
    labels = [
        (float(means[metric].iloc[-1]), tr(name), style.colour(name))
        for name, metric in COLUMNS.items()
    ]
    parts.end_labels(above, labels[:2], spacing=0.1)
    parts.end_labels(below, labels[2:])
    for dose, place in places.items():
        own = pick(runs, factor, dose)
        weight = "bold" if dose == best else "normal"
        _number(above, place, t_interval(own["test_accuracy"]), "test", -1, weight)
        _number(below, place, t_interval(own["gap"]), "gap", 1)
    below.set_xticks(list(places.values()), [dose_text(dose) for dose in doses])
    below.minorticks_off()
    if remedy.log and doses[0] == 0 and len(doses) > 1:
        _break(figure, (above, below), (places[0.0] + places[doses[1]]) / 2)
    for dose, place in places.items():
        mine = runs[runs[factor] == dose]
        diverged = int((mine["status"] == "diverged").sum())
        if diverged:
            text = f"✕ {diverged}/{len(mine)}\n{tr('diverged')}"
            above.annotate(text, (place, 0.04), xycoords=("data", "axes fraction"), ha="center",
                           fontsize=9.5)  # fmt: skip
    return figure


def _number(
    axes: Axes, x: float, estimate: Estimate, name: str, side: int, weight: str = "normal"
) -> None:
    """A mean in per cent, above (``side`` 1) or below (−1) its interval, within the axes."""
    end = estimate.high if side > 0 else estimate.low
    y = float(np.clip(estimate.mean if math.isnan(end) else end, *axes.get_ylim()))
    axes.annotate(
        f"{100 * estimate.mean:.1f}".replace("-", "−"), (x, y), xytext=(0, 9 * side), ha="center",
        va="center", textcoords="offset points", color=style.colour(name), fontsize=9,
        fontweight=weight,
    )  # fmt: skip


def _dots(axes: Axes, runs: pd.DataFrame, factor: str, metric: str, name: str,
          places: Mapping[float, float]) -> None:  # fmt: skip
    """Means with intervals, joined by a line."""
    table = summarise(runs.sort_values(factor), factor, [metric])
    estimates = list(table[metric])
    half = [0.0 if math.isnan(e.half_width) else e.half_width for e in estimates]
    axes.errorbar(
        np.array([places[dose] for dose in table[factor]], float),
        np.array([e.mean for e in estimates], float), half,
        color=style.colour(name), linestyle=style.line_style(name), marker=style.MARKERS[name],
        markersize=6, capsize=4, elinewidth=1.2, label=name,
    )  # fmt: skip


def positions(doses: Sequence[float]) -> list[float]:
    """Where doses stand on a logarithmic axis; 0 one decade left of the smallest other."""
    logs = [math.log10(dose) for dose in doses if dose > 0]
    zero = min(logs, default=0.0) - 1
    return [math.log10(dose) if dose > 0 else zero for dose in doses]


def gap_limits(means: pd.Series) -> tuple[float, float]:
    """Vertical limits that show 0 and all mean gaps; very wide intervals of few runs are cut."""
    top = max(float(means.max()), 0.0)
    bottom = min(float(means.min()), 0.0)
    room = 0.3 * max(top - bottom, 0.02)
    return (bottom - room if bottom < 0 else 0.0, top + room)


def dose_text(dose: float) -> str:
    """``0.03``; small ones as powers of ten: ``10⁻⁴``, ``3·10⁻⁴``."""
    return f"{dose:g}" if dose == 0 or dose >= 0.01 else style.power_text(dose)


def _break(figure: Figure, panels: Sequence[Axes], place: float) -> None:
    """Mark that the axis does not run on to 0."""
    for axes in panels:
        axes.text(place, 0, "//", transform=axes.get_xaxis_transform(), ha="center", va="center",
                  fontsize=11)  # fmt: skip


def pick(frame: pd.DataFrame, factor: str, value: float | None) -> pd.DataFrame:
    """The rows with this dose; none for None."""
    return frame[frame[factor] == value] if value is not None else frame.iloc[:0]


def table_doses(results: Results, remedy: Remedy) -> pd.DataFrame:
    """Dose, both accuracies, the gap, and how many runs diverged."""
    runs = parts.final_runs(results, remedy.experiment)
    if runs.empty:
        return pd.DataFrame(columns=[remedy.symbol, *METRICS.values(), "diverged"])
    table = summarise(runs.sort_values(remedy.factor), remedy.factor, list(METRICS)).rename(
        columns={remedy.factor: remedy.symbol, **METRICS}
    )
    groups = runs.groupby(remedy.factor)["status"]
    diverged = groups.agg(lambda status: f"{(status == 'diverged').sum()}/{len(status)}")
    return table.assign(diverged=list(diverged))


def facts_doses(results: Results, remedy: Remedy) -> dict[str, Any]:
    """The dose with the best test accuracy, and what the strongest changes, against none.

    ``case``: whether the best dose gains over none (``gain``, ``unclear``), or none is best
    (``none``), and with ``_worse`` if the strongest has a smaller gap by worse training only.
    """
    runs = parts.final_runs(results, remedy.experiment)
    strongest = runs[remedy.factor].max()
    if runs.empty or not strongest or parts.absent(runs, pick(runs, remedy.factor, 0.0)):
        return {"case": "missing"}
    means = runs.groupby(remedy.factor)["test_accuracy"].mean()
    best = float(means.index[int(means.argmax())])
    gain = change(runs, remedy, best)["test"]
    changes = change(runs, remedy, strongest)
    case = "none" if best == 0 else "gain" if gain.low > 0 else "unclear"
    worse = "_worse" if reason(changes) == "training_worse" else ""
    at = {"none": pick(runs, remedy.factor, 0.0), "best": pick(runs, remedy.factor, best)}
    at["strongest"] = pick(runs, remedy.factor, strongest)
    facts: dict[str, Any] = {
        "case": case + worse,
        "symbol": remedy.symbol,
        "doses": len(means) - 1,
        "best": dose_text(best),
        "best_gain": gain,
        "strongest": dose_text(strongest),
        **{f"{name}_change": estimate for name, estimate in changes.items()},
    }
    for side, own in at.items():
        facts |= {f"{side}_{name}": t_interval(own[metric]) for name, metric in COLUMNS.items()}
    return facts
