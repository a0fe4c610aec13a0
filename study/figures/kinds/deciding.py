"""``deciding``: the effect of advice against each axis that settings draw, the strongest first.

The two sides are those of ``settings``. The sentence tells which axis decides most, and a rule of
thumb where one holds on settings that had no say in it (``study.analysis.thumb``).
"""

import math
from dataclasses import replace
from typing import Any

import pandas as pd

from study.analysis.deciding import Strength, strengths
from study.analysis.findings import Measured
from study.analysis.thumb import Condition, Rule, rule_of_thumb
from study.figures.kinds import settings
from study.figures.labels import english, label_of
from study.figures.plot import METRIC, Plot, Summary
from study.records.cells import number_text

REQUIRED, OPTIONAL, ARMS = settings.REQUIRED, settings.OPTIONAL, settings.ARMS
ROWS = settings.ROWS
MARKS: dict[str, Any] = {}
FACTS = (
    "shown", "unit", "wording", "y", "advice", "settings", "axes", "clear", "strongest",
    "strength", "p",
    "rule", "rule_gain", "rule_p", "rule_judged", "runs", "diverged",
)  # fmt: skip
REACHED = "training_accuracy_with_the_advice"
RULE = "rule"  # the wording of a sentence that has one

check = settings.check


def summarise(plot: Plot, measured: Measured) -> Summary:
    """How much each axis decides, the training accuracy that is reached, and the rule of thumb."""
    found, axes, runs = settings.compared(plot, measured)
    listed = [each for each in strengths(found["effect"], axes) if math.isfinite(each.strength)]
    rule = rule_of_thumb(found["effect"], axes)
    facts: dict[str, Any] = {
        "shown": len(listed),
        "unit": "share",
        "wording": RULE if rule.said else "share",
        "y": english(settings.METRIC_SHOWN),
        "advice": settings.ADVICE,
        "settings": len(found),
        "axes": len(listed),
        "clear": sum(each.p_corrected <= 0.05 for each in listed),
        "runs": len(runs),
        "diverged": int((runs["status"] == "diverged").sum()),
    }
    if listed:
        first = listed[0]
        name = label_of(first.axis.replace(".", "_"))
        strength = round(first.strength, 2)
        facts |= {"strongest": name, "strength": strength, "p": first.p_corrected}
    if rule.said:
        facts |= {
            "rule": in_symbols(rule), "rule_gain": rule.gain, "rule_p": rule.p,
            "rule_judged": rule.judged,
        }  # fmt: skip
    # An outcome and no draw: it is shown beside the axes, without a test.
    axes = axes.assign(**{REACHED: found[f"{settings.ARMS[0]}_train_accuracy"]})
    (reached,) = strengths(found["effect"], axes[[REACHED]])
    if math.isfinite(reached.strength):
        listed.append(replace(reached, p=math.nan, p_corrected=math.nan))
    cells = pd.DataFrame({"axis": [each.axis for each in listed], METRIC: settings.METRIC_SHOWN})
    cells = cells.assign(estimate=[each.strength for each in listed], runs=len(found), diverged=0)
    data = {"effect": found["effect"].to_numpy(), "axes": axes, "strengths": listed}
    return Summary(plot, cells, _table(listed), facts, data)


def _table(listed: list[Strength]) -> pd.DataFrame:
    columns = ["axis", "settings", "rank correlation", "strength", "p", "p, corrected"]
    rows = [[e.axis, e.n, e.correlation, e.strength, e.p, e.p_corrected] for e in listed]
    return pd.DataFrame(rows, columns=columns)


def in_symbols(rule: Rule) -> str:
    """A rule without words: ``train_size ≤ 3200: +2.1 [+0.9, +3.3]; …``, in points."""
    leaves = []
    for leaf in rule.leaves:
        where = ", ".join(_condition(each) for each in leaf.conditions)
        mean, low, high = (f"{100 * each:+.1f}".replace("-", "−") for each in leaf.effect[:3])
        leaves.append(
            f"{where}: {mean} [{low}, {high}]" if leaf.effect.n > 1 else f"{where}: {mean}"
        )
    return "; ".join(leaves)


def _condition(condition: Condition) -> str:
    if condition.at_most is not None:
        sign = ">" if condition.negated else "≤"
        return f"{condition.axis} {sign} {number_text(float(f'{condition.at_most:.3g}'))}"
    sign = "≠" if condition.negated else "="
    return f"{condition.axis} {sign} {' | '.join(map(str, condition.among))}"
