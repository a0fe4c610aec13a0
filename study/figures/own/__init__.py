"""The figures that are drawn by hand, because no kind of figure can draw them, by name."""

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

_MODULES = (
    minibatch, symmetry, activations, initial_values, batchnorm, weight_decay, dropout, grid,
)  # fmt: skip
OWN: dict[str, FigureSpec] = {
    spec.id: spec for spec in chain.from_iterable(module.FIGURES for module in _MODULES)
}
