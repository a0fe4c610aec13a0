"""What the report consists of: the lecture's sections in order, with their figures."""

from collections.abc import Iterator

from study.analysis.figures import batchnorm, grid, minibatch
from study.analysis.figures.spec import FigureSpec

# lecture section -> template partial and figures
SECTIONS: dict[str, tuple[FigureSpec, ...]] = {}


def figures() -> Iterator[FigureSpec]:
    """All figures in the order of the report."""
    for specs in SECTIONS.values():
        yield from specs
