"""What a figure of a chapter is: read from YAML and checked, before anything runs.

The keys are described in ``docs/figures.md``. Whatever is wrong is one ``ConfigError`` that says
which key, what was expected, what came and what there is.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from study.analysis.declarations import check_placeholders
from study.analysis.reading import LANGUAGES, Node, is_number, matches
from study.figures import quantities
from study.figures.kinds import OWN, kind
from study.figures.measures import read_words
from study.figures.own import OWN as BY_HAND
from study.figures.papers import Paper, read_paper
from study.figures.plot import Plot, Words
from study.figures.quantities import MEASURED, Cases, Quantity
from study.figures.reading import read_plot
from study.records.cells import COLUMNS

Sentences = Mapping[str, Words]  # by case; just MEASURED where there are none

SAID = (
    "title", "look", "section", "beside", "about", "alt", "measured", "quantities", "cases",
    "facts", "like", "paper",
)  # fmt: skip
BESIDE = ("explorer", "ranking")
ID = r"[\w][\w.-]*"


@dataclass(frozen=True)
class Figure:
    """The declaration of a figure.

    Attributes:
        id: in its chapter; its anchor on the page.
        section: of the chapter, where it has any.
        title, look: by language; ``look`` (what to look at) may be empty.
        experiments: whose runs it shows, all of which it needs.
        by: the columns that it takes apart.
        own: its name in the registry of figures drawn by hand, or None.
        plots: under each other; none for one drawn by hand.
        quantities: by name, what its sentences can tell.
        cases: by name, what the quantities have to be; the first that holds counts.
        alt, measured: alternative text and sentence by case; empty for the automatic ones.
        beside: what the page shows with it (``BESIDE``); empty for nothing.
        about: claims of other chapters, by their ids, that it says more of.
        constants: further facts of its sentences, which the declaration gives itself.
        paper: what it repeats of a paper; None for a figure that repeats none.
    """

    id: str
    title: Words
    experiments: tuple[str, ...]
    section: str | None = None
    look: Words = field(default_factory=dict)
    beside: str = ""
    about: tuple[str, ...] = ()
    by: tuple[str, ...] = ()
    own: str | None = None
    plots: tuple[Plot, ...] = ()
    quantities: Mapping[str, Quantity] = field(default_factory=dict)
    cases: Cases = field(default_factory=dict)
    alt: Sentences = field(default_factory=dict)
    measured: Sentences = field(default_factory=dict)
    constants: Mapping[str, Any] = field(default_factory=dict)
    paper: Paper | None = None


def read_figure(
    node: Node,
    figure_id: str,
    experiments: Mapping[str, Collection[str]],
    others: Mapping[str, Node] | None = None,
    references: Collection[str] = (),
) -> Figure:
    """The figure that ``node`` declares.

    Args:
        figure_id: its id in the chapter.
        experiments: those there are: the columns that their axes vary.
        others: the figures that it can be ``like``, by id.
        references: keys of the publications that it can cite.

    Raises:
        ConfigError: something that cannot be; names file and key.
    """
    Node(node.file, node.key, figure_id).check("letters, digits, . - and _", matches(ID, figure_id))
    node = _complete(node, figure_id, others or {})
    if "section" in node.value:
        node.get("section").text()
    said = {
        "id": figure_id,
        "section": node.value.get("section"),
        "title": read_words(node.get("title")),
        "look": read_words(node.get("look")) if "look" in node.value else {},
        "beside": node.get("beside").choice(BESIDE) if "beside" in node.value else "",
        "about": _about(node),
    }
    if node.value.get("kind") == OWN:
        return _by_hand(node, experiments, said, references)
    plots = _plots(node, experiments)
    names = tuple(dict.fromkeys(name for plot in plots for name in plot.experiments))
    constants = _constants(node.get("facts", {}))
    facts = [*constants, *(fact for plot in plots for fact in kind(plot.kind).FACTS)]
    usual = {"experiment": names[0]} if len(names) == 1 else {}
    found = quantities.read_quantities(
        node.get("quantities", {}), experiments, [*facts, "case"], usual
    )
    cases = quantities.read_cases(node.get("cases", {}), found)
    known = [*quantities.names(found), *facts]
    return Figure(
        **said,
        experiments=names,
        by=tuple(dict.fromkeys(column for plot in plots for column in plot.by)),
        plots=plots,
        quantities=found,
        cases=cases,
        alt=_sentences(node, "alt", cases, known),
        measured=_sentences(node, "measured", cases, known),
        constants=constants,
        paper=_paper(node, references, found),
    )


def _complete(node: Node, figure_id: str, others: Mapping[str, Node]) -> Node:
    """With the keys of the figure that it is like, and of the one that is like in turn."""
    node.check("a mapping", isinstance(node.value, dict))
    passed, value = [figure_id], dict(node.value)
    while (like := value.pop("like", None)) is not None:
        place = Node(node.file, f"{node.key}.like" if node.key else "like", like)
        known = [name for name in others if name not in passed]
        place.check("another figure", isinstance(like, str) and like in known, known)
        others[like].check("a mapping", isinstance(others[like].value, dict))
        value = {**others[like].value, **value}
        if "like" not in others[like].value:
            value.pop("like", None)
        else:
            value["like"] = others[like].value["like"]
        passed.append(like)
    return Node(node.file, node.key, value)


def _plots(node: Node, experiments: Mapping[str, Collection[str]]) -> tuple[Plot, ...]:
    """One plot, or those of ``stack``, which take the keys of the figure that they lack."""
    drawing = {key: value for key, value in node.value.items() if key not in SAID}
    if "stack" not in drawing:
        return (read_plot(Node(node.file, node.key, drawing), experiments),)
    stack = node.get("stack")
    listed = stack.listed()
    stack.check("at least one plot", bool(listed))
    shared = {key: value for key, value in drawing.items() if key != "stack"}
    plots = []
    for each in listed:
        each.check("a mapping", isinstance(each.value, dict))
        plots.append(read_plot(Node(each.file, each.key, {**shared, **each.value}), experiments))
    return tuple(plots)


def _paper(node: Node, references: Collection[str], found: Mapping[str, Quantity]) -> Paper | None:
    return read_paper(node.get("paper"), references, found) if "paper" in node.value else None


def _by_hand(
    node: Node,
    experiments: Mapping[str, Collection[str]],
    said: dict[str, Any],
    references: Collection[str],
) -> Figure:
    """A figure of the registry, which brings its drawing, its table and its facts."""
    node.keys(("kind", "own", "title", "experiment"),
              [key for key in SAID if key not in ("title", "quantities", "cases")])  # fmt: skip
    name = node.get("own").choice(BY_HAND)
    names = node.get("experiment")
    listed = names.listed() if isinstance(names.value, list) else [names]
    return Figure(
        **said,
        experiments=tuple(each.choice(experiments) for each in listed),
        own=name,
        alt=_any_case(node, "alt"),
        measured=_any_case(node, "measured"),
        constants=_constants(node.get("facts", {})),
        paper=_paper(node, references, {}),
    )


def _any_case(node: Node, key: str) -> Sentences:
    """Sentences by case; only drawing by hand knows which cases there are."""
    if key not in node.value:
        return {}
    own = node.get(key)
    own.check("a mapping", isinstance(own.value, dict))
    if LANGUAGES[0] in own.value:
        return {MEASURED: read_words(own)}
    return {case: read_words(each) for case, each in own.named_items()}


def _about(node: Node) -> tuple[str, ...]:
    listed = node.get("about").listed() if "about" in node.value else []
    return tuple(each.text() for each in listed)


def _constants(node: Node) -> dict[str, Any]:
    constants: dict[str, Any] = {}
    for name, own in node.named_items():
        if isinstance(own.value, dict):
            constants[name] = read_words(own)
            continue
        own.check("a text or a number", isinstance(own.value, str) or is_number(own.value))
        constants[name] = own.value
    return constants


def _sentences(node: Node, key: str, cases: Mapping[str, Any], known: Collection[str]) -> Sentences:
    """For each case, or plain words for all of them."""
    if key not in node.value:
        return {}
    own = node.get(key)
    own.check("a mapping", isinstance(own.value, dict))
    if not cases or LANGUAGES[0] in own.value:
        found = {MEASURED: own}
    else:
        own.keys((*cases, MEASURED))
        found = {case: own.get(case) for case in (*cases, MEASURED)}
    sentences = {case: read_words(each) for case, each in found.items()}
    for case, each in found.items():
        for language in sentences[case]:
            check_placeholders(each.get(language), known, quantities.FORMATS)
    return sentences


# --- without a declaration ----------------------------------------------------------------------

CURVES = ("colour", "column", "row")  # what the axes of learning curves can be


def automatic(experiment: str, varying: Sequence[str]) -> list[Figure]:
    """The figures of an experiment that no declaration shows, by what varies.

    One axis: lines of the final accuracies; several: a heat map of all cells, and its table. And
    the learning curves, unless more varies than a picture can take apart.

    Args:
        varying: the columns that its axes vary.
    """
    axes = axes_of(varying)
    figures: dict[str, dict[str, Any]] = {}
    if len(axes) == 1:
        figures["final"] = {
            "title": _titles(experiment, "accuracy in the end", "마지막 정확도"),
            "kind": "lines", "x": axes[0], "y": ["train_accuracy", "test_accuracy"],
            "colour": "metric", "marks": ["ends", "diverged", "chance"],
        }  # fmt: skip
    elif axes:
        title = _titles(experiment, "test accuracy of all cells", "모든 조합의 시험 정확도")
        figures["cells"] = {"title": title, "kind": "cells", "y": "test_accuracy"}
    if len(axes) <= len(CURVES):
        places = dict(zip(CURVES, axes, strict=False))
        colour = places.pop("colour", None)
        figures["curves"] = {
            "title": _titles(experiment, "test accuracy by epoch", "에폭에 따른 시험 정확도"),
            "kind": "lines", "rows": "points", "x": "epoch", "y": "test_accuracy",
            "colour": colour, "panel": places or None, "marks": ["ends", "diverged"],
        }  # fmt: skip
    return [
        read_figure(
            Node(experiment, name, {"experiment": experiment, **figure}),
            f"{experiment}-{name}",
            {experiment: varying},
        )
        for name, figure in figures.items()
    ]


def axes_of(varying: Sequence[str]) -> list[str]:
    """The columns that vary by themselves: not those that follow from another one.

    Several depths and widths are axes; a list of widths (``hidden``) is one.
    """
    columns = [column for column in dict.fromkeys(varying) if column != "seed"]
    sizes = [column for column in columns if column in ("hidden", "depth", "width")]
    if "hidden" in sizes[1:]:
        columns.remove("hidden")
    return [column for column in columns if COLUMNS[column].of not in columns]


def _titles(experiment: str, english: str, korean: str) -> dict[str, str]:
    return {"en": f"{experiment}: {english}", "ko": f"{experiment}: {korean}"}
