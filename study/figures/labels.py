"""Words of a plot in the reader's language: columns, measures, and the levels of a column."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from study.analysis.typography import RAISED
from study.figures.plot import Measure, Plot, Words
from study.records.cells import GROUPS, SWITCHES, number_text

Translate = Callable[[str], str]
"""From an English label to the report's language."""

# English names of what has no readable one; the rest are their own, with spaces.
NAMES = {
    "train_accuracy": "training accuracy",
    "valid_accuracy": "validation accuracy",
    "train_loss": "training loss",
    "valid_loss": "validation loss",
    "step": "updates",
    "samples_seen": "samples seen",
    "seconds": "seconds of training",
    "diverged": "share that diverged",
    "batchnorm": "batch norm",
    "lr": "learning rate",
    "weight_decay": "weight decay",
    "dropout": "dropout rate",
    "batch_size": "batch size",
    "init": "initial value",
    "activation": "activation",
    "width": "units in a layer",
    "depth": "hidden layers",
    "init_std": "standard deviation of the initial weights",
    "activation_mean_square": "mean square of the activations",
    "gradient_norm": "activation gradient norm",
    "weight_gradient_norm": "weight gradient norm",
    "voters": "number of voters",
    "size": "samples N",
    "drawn": "batch size B",
    "single": "one thinned network",
    "full": "scaled full network",
    "vote": "vote of K networks",
}


def english(column: str) -> str:
    """What a column or a metric is called in English."""
    return NAMES.get(column, spaced(column))


def named(column: str, tr: Translate) -> str:
    """What a column or a metric is called: by the figures, or by the page."""
    words = english(column)
    return tr(words) if column in NAMES or tr(words) != words else spaced(tr(column))


def label_of(column: str) -> str:
    """What the page's labels have the name of a column under."""
    return NAMES.get(column, column)


def spaced(name: str) -> str:
    """A name of the code as words."""
    return name.replace("_", " ")


def number(value: float) -> str:
    """As short as it can be; small ones as powers of ten: ``10⁻⁴``, ``3·10⁻⁴``."""
    if value == 0 or 0.01 <= abs(value) < 1e5:
        # of five digits the last one, too: 10000 and not 1e+04
        return f"{value:{'.0f' if abs(value) >= 1e4 else '.4g'}}".replace("-", "−")
    mantissa, _, exponent = f"{value:.2g}".partition("e") if "e" in f"{value:.2g}" else (
        f"{value:.1e}".partition("e")
    )  # fmt: skip
    power = "10" + str(int(exponent)).translate(RAISED)
    mantissa = mantissa.removesuffix(".0").replace("-", "−")
    return power if mantissa == "1" else f"{mantissa}·{power}"


def small_share(share: float) -> str:
    """A share as per cent that never looks like zero when it is not."""
    if share == 0:
        return "0 %"
    if share < 0.0001:
        return "< 0.01 %"
    return f"{100 * share:.2g} %" if share < 0.1 else f"{100 * share:.0f} %"


class Place(str):
    """A cell as typed on the command line: ``init=he, lr=0.1``.

    Attributes:
        columns: its values, which a page says in its own words.
    """

    __slots__ = ("columns",)

    columns: dict[str, Any]


def place(columns: dict[str, Any], otherwise: str = "") -> Place:
    """The cell that has these values.

    Args:
        otherwise: a name of the code for where there are no columns; it is no label.
    """
    words = ", ".join(f"{name}={_typed(value)}" for name, value in columns.items())
    found = Place(words or otherwise)
    found.columns = columns
    return found


def in_words(where: Place, tr: Translate) -> str:
    """A cell in the words of a page: ``He, with batch norm, learning rate 0.1``."""
    if not where.columns:
        return str(where)
    words = []
    for column, value in where.columns.items():
        if isinstance(value, bool | np.bool_):
            words.append(tr(f"{'with' if value else 'without'} {english(column)}"))
        elif isinstance(value, str) and column in GROUPS:
            words.append(tr(value))  # a name that says what it is
        elif value is not None and value == value:
            text = tr(value) if isinstance(value, str) else number(float(value))
            words.append(f"{named(column, tr)} {text}")
    return ", ".join(words)


def _typed(value: Any) -> str:
    if isinstance(value, bool | np.bool_):
        return str(bool(value)).lower()
    if value is None or value != value:
        return "null"
    return value if isinstance(value, str) else number_text(float(value))


@dataclass(frozen=True)
class Labels:
    """How a plot names things.

    Attributes:
        tr: from an English label to the report's language.
        language: of the words that a declaration has itself; English where it lacks it.
    """

    tr: Translate
    language: str = "en"

    def own(self, words: Words) -> str:
        """What a declaration says."""
        return words.get(self.language, words["en"])

    def column(self, plot: Plot, role: str, name: str) -> str:
        """The name of a column; ``role`` (``x``, ``y``, ``colour``) as in ``plot.labels``."""
        if role in plot.labels:
            return self.own(plot.labels[role])
        return self.name(name)

    def name(self, column: str) -> str:
        """The name of a column: that of the figures, or of the page."""
        return named(column, self.tr)

    def measure(self, measure: Measure) -> str:
        """The name of a measure."""
        return self.own(measure.label) if measure.label else self.name(measure.name)

    def level(self, plot: Plot, column: str | None, value: Any) -> str:
        """The name of a level; of a switch ``with`` or ``without`` it."""
        if column is None:
            return ""
        if str(value) in plot.labels:
            return self.own(plot.labels[str(value)])
        for measure in plot.y:
            if column == "metric" and measure.name == value:
                return self.measure(measure)
        if column in SWITCHES:
            return self.tr(f"{'with' if value else 'without'} {english(column)}")
        if value is None or value != value:
            return self.tr("none")
        return self.tr(value) if isinstance(value, str) else number(float(value))

    def named(self, plot: Plot, column: str, value: Any) -> str:
        """A level with its column where the level alone says too little: ``learning rate 0.1``."""
        text = self.level(plot, column, value)
        if isinstance(value, str | bool) or column == "metric" or str(value) in plot.labels:
            return text
        return f"{self.column(plot, column, column)} {text}"
