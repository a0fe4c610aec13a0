"""What a plot of lines can have on top: the reading of each mark's options.

Marks are names (``chance``) or mappings of one name to its options (``{level: [0.5, 0.9]}``).
"""

import ast
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from study.analysis.declarations import read_selection
from study.analysis.reading import Node, is_number
from study.figures.plot import METRIC, Plot
from study.figures.rows import POINTS, RUNS, TO_THE_END
from study.network.trainer import Point
from study.records.record import METRICS, VALIDATION

Options = Mapping[str, Any]
CURVE = tuple(n for n in Point.__dataclass_fields__ if n in (*METRICS, *VALIDATION))


def plain(node: Node, plot: Plot) -> Options:
    """A mark without options."""
    node.check("no options", node.value is None)
    return {}


def choice(node: Node, plot: Plot) -> Options:
    """``best``: of the number shown; ``{best: valid_accuracy}``: by another one, of the runs."""
    if node.value is None:
        return {"by": None}
    node.check("rows: runs, whose numbers it is chosen by", plot.rows == RUNS)
    return {"by": node.choice((*METRICS, *VALIDATION))}


def of_measures(node: Node, plot: Plot) -> Options:
    """``{values: [test_accuracy]}``: only of these measures; of all without options."""
    names = [measure.name for measure in plot.y]
    if node.value is None:
        return {"of": names}
    listed = node.listed() if isinstance(node.value, list) else [node]
    return {"of": [each.choice(names) for each in listed]}


def of_numbers(node: Node, plot: Plot) -> Options:
    """``{level: 0.9}`` or a list: when a learning curve is first there.

    ``{level: {at: 0.9, of: train_accuracy}}``: when another number of the curve is.
    """
    node.check("rows: points, whose x is when it is reached", plot.rows == POINTS)
    node.check("one y", len(plot.y) == 1)
    name, at = plot.y[0].name, node
    if isinstance(node.value, dict):
        node.keys(("at", "of"))
        # curves of diverged runs go on to the end, but only in what they have at chance
        whole = [each for each in CURVE if each in TO_THE_END]
        name = node.get("of").choice(whole if name in TO_THE_END else CURVE)
        at = node.get("at")
    listed = at.value if isinstance(at.value, list) else [at.value]
    at.check("a number or a list of numbers", bool(listed) and all(map(is_number, listed)))
    return {"at": sorted(map(float, listed)), "of": name}


def number(node: Node, plot: Plot) -> Options:
    """``{reference: 1}``."""
    node.check("a number", is_number(node.value))
    return {"at": float(node.value)}


def slope(node: Node, plot: Plot) -> Options:
    """``{slope: -1}``: from the first x of each line a straight line, on logarithmic axes."""
    node.check("scale: {x: log, y: log}", plot.log("x") and plot.log("y"))
    return number(node, plot)


def cells(node: Node, plot: Plot) -> Options:
    """``{beside: {weight_decay: 0}}``: the same lines of other cells, thin and grey."""
    where = read_selection(node, extremes=True)
    taken = sorted({column for cell in where for column in cell} & set(plot.keys))
    node.check("columns that are not x, colour or panel", not taken)
    return {"where": where}


def between(node: Node, plot: Plot) -> Options:
    """``gap``: between the two lines; ``{gap: {from: single, to: vote}}``: between these."""
    if node.value is None:
        expected = "from and to, or two measures as y and colour: metric"
        node.check(expected, len(plot.y) == 2 and plot.colour == METRIC)
        return {"from": plot.y[1].name, "to": plot.y[0].name}
    node.keys(("from", "to"))
    node.check("a colour, whose lines are compared", plot.colour is not None)
    if plot.colour == METRIC:
        for end in ("from", "to"):
            node.get(end).choice([measure.name for measure in plot.y])
    return {"from": node.value["from"], "to": node.value["to"]}


def formulas(node: Node, plot: Plot) -> Options:
    """``{theory: "1/sqrt(x)"}``, or a formula for each level of the colour.

    A formula is arithmetic with ``x``, ``sqrt``, ``exp`` and ``log``.
    """
    node.check("a plot with an x that is a number", plot.x is not None)
    given = node.value if isinstance(node.value, dict) else {None: node.value}
    expected = "one formula, as there is no colour"
    node.check(expected, plot.colour is not None or list(given) == [None])
    for level, text in given.items():
        own = node if level is None else node.get(level)
        own.check(
            "a formula of x", isinstance(text, str | int | float) and formula(text) is not None
        )
    return {"of": {level: str(text) for level, text in given.items()}}


_OPERATORS: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: np.add, ast.Sub: np.subtract, ast.Mult: np.multiply, ast.Div: np.divide,
    ast.Pow: np.power,
}  # fmt: skip
_FUNCTIONS: dict[str, Callable[[Any], Any]] = {"sqrt": np.sqrt, "exp": np.exp, "log": np.log}


def formula(text: object) -> Callable[[Any], NDArray[np.float64]] | None:
    """What computes a formula of ``x``; None for text that is none."""
    try:
        tree = ast.parse(str(text), mode="eval").body
        with np.errstate(all="ignore"):
            _value(tree, np.ones(1))
    # also what numbers can do: too large an exponent, too deep a nesting
    except (SyntaxError, ValueError, OverflowError, RecursionError, MemoryError):
        return None

    def evaluate(x: Any) -> NDArray[np.float64]:
        x = np.asarray(x, float)
        with np.errstate(all="ignore"):
            return np.broadcast_to(np.asarray(_value(tree, x), float), x.shape)

    return evaluate


def _value(node: ast.expr, x: Any) -> Any:
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return float(node.value)
    if isinstance(node, ast.Name) and node.id == "x":
        return x
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_value(node.operand, x)
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        return _OPERATORS[type(node.op)](_value(node.left, x), _value(node.right, x))
    if (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in _FUNCTIONS
        and len(node.args) == 1
        and not node.keywords
    ):
        return _FUNCTIONS[node.func.id](_value(node.args[0], x))
    raise ValueError(f"{ast.dump(node)} is no arithmetic")


def chance_of(name: str, share: float) -> float:
    """What a network that knows nothing has: 1/classes, or the loss ln(classes)."""
    return -math.log(share) if name.endswith("loss") else share
