"""What a plot shows of each row, and words of a declaration: read and checked."""

from study.analysis.declarations import read_metric
from study.analysis.frames import HIDDEN_STATISTICS, WEIGHT_STATISTICS
from study.analysis.metrics import METRICS, SHARES
from study.analysis.probe_rows import PROBES
from study.analysis.reading import LANGUAGES, Node
from study.analysis.trajectories import MEASUREMENTS
from study.figures.plot import Measure, Words
from study.figures.rows import LAYERS, POINTS, RUNS
from study.records.record import METRICS as FINAL

CURVES = (*FINAL, "batch_loss", "gap")  # columns of a learning curve


def read_words(node: Node) -> Words:
    """A text in English, and in other languages where there is one."""
    node.keys(LANGUAGES[:1], LANGUAGES[1:])
    return {language: node.get(language).text() for language in LANGUAGES if language in node.value}


def read_measure(node: Node, rows: str) -> Measure:
    """A number that rows have: a metric of runs, or a column."""
    label: Words = {}
    if isinstance(node.value, dict):
        label = read_words(node.get("label")) if "label" in node.value else {}
        rest = {key: value for key, value in node.value.items() if key != "label"}
        node = Node(node.file, node.key, rest)
    if rows == RUNS:
        name, options = read_metric(node)
        node.check("a number of one run", METRICS[name].match is None)
        return Measure(name, options, METRICS[name].unit_of(options), label)
    if isinstance(node.value, dict):
        node.keys(("name",))
        node = node.get("name")
    if rows == POINTS:
        name = node.choice(CURVES)
        return Measure(name, {}, "number" if name.endswith("loss") else "share", label)
    if rows == LAYERS:
        name = node.choice((*HIDDEN_STATISTICS, *WEIGHT_STATISTICS))
        return Measure(name, {}, "share" if name in SHARES else "number", label)
    if rows in MEASUREMENTS:
        return Measure(node.choice(MEASUREMENTS[rows]), {}, "number", label)
    columns = PROBES[rows].columns
    name = node.choice(columns)
    return Measure(name, {}, "share" if columns[name] else "number", label)
