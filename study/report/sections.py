"""What the report consists of: the lecture's sections in order, with their figures."""

from itertools import chain

from study.figures.own import (
    activations,
    batchnorm,
    dropout,
    grid,
    initial_values,
    minibatch,
    symmetry,
    weight_decay,
)
from study.figures.spec import FigureSpec

MODULES = (
    minibatch, symmetry, activations, initial_values, batchnorm, weight_decay, dropout, grid,
)  # fmt: skip

NAMES = ("1.1", "1.2.1", "1.2.2", "1.2.3", "1.2.4", "1.3", "1.3.1", "1.4", "1.4.1", "1.4.2", "G")

# lecture section -> its figures; a figure's id starts with its section
SECTIONS: dict[str, tuple[FigureSpec, ...]] = {
    name: tuple(
        spec
        for spec in chain.from_iterable(module.FIGURES for module in MODULES)
        if spec.id.rpartition("-")[0] == name
    )
    for name in NAMES
}

# every figure by its id, in the order of the page
FIGURES: dict[str, FigureSpec] = {
    spec.id: spec for section in SECTIONS.values() for spec in section
}
