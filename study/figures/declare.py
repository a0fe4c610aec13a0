"""What a figure of a chapter is: its declaration in YAML, read and checked."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from study.analysis.reading import Node


@dataclass(frozen=True)
class Figure:
    """A figure as it is declared.

    Attributes:
        id: its anchor on the page.
        section: of its chapter; empty where that has none.
        title, look: by language; ``look`` may be empty.
        experiments: whose runs it shows.
        own: the name of one drawn by hand (``study.figures.own``), None for all others.
        beside: what the page shows with it: ``explorer``, ``ranking``, or nothing.
        alt, measured: templates by case and language; empty for those of its kind.
    """

    id: str
    section: str
    title: dict[str, str]
    look: dict[str, str]
    experiments: tuple[str, ...]
    own: str | None = None
    beside: str = ""
    alt: dict[str, dict[str, str]] = field(default_factory=dict)
    measured: dict[str, dict[str, str]] = field(default_factory=dict)


def read_figure(node: Node, figure_id: str, experiments: Mapping[str, Collection[str]]) -> Figure:
    """The figure declared by ``node``.

    Args:
        experiments: the columns that the axes of each vary.

    Raises:
        ConfigError: names file and key, what is expected and what was received.
    """
    node.keys(
        ("title", "kind", "experiment"), ("section", "look", "draw", "beside", "alt", "measured")
    )
    listed = node.get("experiment")
    names = listed.value if isinstance(listed.value, list) else [listed.value]
    for name in names:
        Node(listed.file, listed.key, name).choice(experiments)
    return Figure(
        figure_id,
        str(node.get("section", "").value),
        node.get("title").languages(),
        node.get("look").languages() if "look" in node.value else {},
        tuple(names),
        own=str(node.get("draw").value),
        beside=str(node.get("beside", "").value),
        alt=_cases(node.get("alt", {})),
        measured=_cases(node.get("measured", {})),
    )


def _cases(node: Node) -> dict[str, dict[str, str]]:
    if "en" in node.value:
        return {"": node.languages()}
    return {name: each.languages() for name, each in node.items()}


def automatic(experiment: str, varying: Sequence[str]) -> list[Figure]:
    """The figures of an experiment that declares none."""
    return []
