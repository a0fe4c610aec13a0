"""``settings``: what advice changes in each of many drawn settings, sorted: a specification curve.

``treatment`` and ``control`` are arms of the experiment, or lists of them, of which in each setting
the best by validation accuracy stands for its side (``study.analysis.multiverse``). Under the curve
stands what each setting has drawn. Settings that are given, not drawn (``settings.also``), are
marked at their places and count nowhere; a further sentence tells the first of them.
"""

from dataclasses import replace
from typing import Any

import pandas as pd

from study.analysis.deciding import axis_columns
from study.analysis.findings import Measured
from study.analysis.frames import count_diverged
from study.analysis.multiverse import best_rates, effects, summary
from study.analysis.reading import Node
from study.figures import rows
from study.figures.labels import english, spaced
from study.figures.plot import METRIC, Measure, Plot, Summary
from study.records.cells import CELL

REQUIRED = ("treatment", "control")
OPTIONAL = ()
ARMS = ("treatment", "control")
ROWS = (rows.RUNS,)
MARKS: dict[str, Any] = {}
FACTS = (
    "shown", "unit", "y", "advice", "settings", "helps", "no_effect", "harms", "mean",
    "neither_learns", "at_edge", "runs", "diverged", "further", "named", "named_effect",
)  # fmt: skip
ADVICE = "the advice"  # what the sentence speaks of where the figure does not say
NAMED = "named"  # the further sentence, of a setting that is given
METRIC_SHOWN = "test_accuracy"
SHOWN = ("arm", "lr", "value")  # of each side, in the table


def check(node: Node, plot: Plot) -> Plot:
    """Two sides of one experiment that has settings."""
    node.get("experiment").check("one experiment", len(plot.experiments) == 1)
    node.get("panel").check("no panels", plot.panel == (None, None))
    sides = [set(plot.options[key]) for key in ARMS]
    node.get("control").check("arms that the treatment does not have", not sides[0] & sides[1])
    measure = Measure(METRIC_SHOWN, unit="share")
    return replace(plot, y=(measure,), options={**plot.options, "by": CELL})


def summarise(plot: Plot, measured: Measured) -> Summary:
    """The effect of each setting, what it drew, and in how many the advice helps and harms."""
    found, axes, runs = compared(plot, measured)
    given, of_given, _ = compared(plot, measured, given=True)
    names = measured.results.named(plot.experiments[0])
    given["setting"] = [spaced(names[number]) for number in given["setting"]]
    told = summary(found["effect"]) if len(found) else None
    facts: dict[str, Any] = {
        "shown": len(found),
        "unit": "share",
        "further": (NAMED,) if len(given) else (),
        "y": english(METRIC_SHOWN),
        "advice": ADVICE,
        "settings": len(found),
        "runs": len(runs),
        "diverged": int((runs["status"] == "diverged").sum()),
    }
    if told is not None:
        edges = [found[f"{side}_edge"].notna() for side in ARMS]
        facts |= {
            "helps": told.helps,
            "no_effect": told.no_effect,
            "harms": told.harms,
            "mean": told.mean,
            "neither_learns": int(found["neither_learns"].sum()),
            "at_edge": int((edges[0] | edges[1]).sum()),
        }
    if len(given):
        facts |= {"named": given["setting"].iloc[0], "named_effect": given["effect"].iloc[0]}
    cells = pd.DataFrame({"setting": found["setting"], METRIC: METRIC_SHOWN})
    cells = cells.assign(estimate=found["effect"], runs=1, diverged=0)
    tables = [
        pd.concat([each[["setting"]], drawn, each[["effect", *_sides(each)]]], axis=1)
        for each, drawn in ((found, axes), (given, of_given))
        if len(each) or each is found
    ]
    table = tables[0] if len(tables) == 1 else pd.concat([t.astype(object) for t in tables])
    data = {
        "effect": found["effect"].to_numpy(),
        "axes": axes,
        NAMED: dict(zip(given["setting"], given["effect"], strict=True)),
    }
    return Summary(plot, cells, table.reset_index(drop=True), facts, data)


def compared(
    plot: Plot, measured: Measured, *, given: bool = False
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Effects (``multiverse.effects``), what the settings drew, and the runs of both sides.

    Args:
        given: of the settings that are given, not of those that are drawn.
    """
    (experiment,) = plot.experiments
    runs = measured.results.runs(experiment)
    sides = [plot.options[key] for key in ARMS]
    runs = runs[runs["arm"].isin([arm for side in sides for arm in side])]
    runs = runs[(runs["setting"] < 0) == given]
    runs = runs[rows.mask_of(plot, runs)]
    found = effects(best_rates(count_diverged(runs)), *sides)
    if given:  # −1, −2, …: as they stand
        found = found.iloc[::-1].reset_index(drop=True)
    settings = measured.results.settings(experiment)
    axes = axis_columns(settings, found["setting"])
    return found, axes, runs


def _sides(found: pd.DataFrame) -> list[str]:
    return [name for side in ARMS for part in SHOWN if (name := f"{side}_{part}") in found]
