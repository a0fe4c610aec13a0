"""What the report consists of: the lecture's sections in order, with their figures."""

from itertools import chain

from study.analysis.figures.spec import FigureSpec

MODULES: tuple[tuple[FigureSpec, ...], ...] = ()

NAMES = ("1.1", "1.2.1", "1.2.2", "1.2.3", "1.2.4", "1.3", "1.3.1", "1.4", "1.4.1", "1.4.2", "G")

# lecture section -> its figures; a figure's id starts with its section
SECTIONS: dict[str, tuple[FigureSpec, ...]] = {
    name: tuple(spec for spec in chain.from_iterable(MODULES) if spec.id.rpartition("-")[0] == name)
    for name in NAMES
}
