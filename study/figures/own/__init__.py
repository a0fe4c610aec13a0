"""Figures drawn by hand, by name: what the grammar of ``study.figures.kinds`` has no words for.

Only the modules of those that are asked for are imported: each imports matplotlib.
"""

import importlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from study.figures.spec import FigureSpec

_MODULES = {
    "losses": ("loss_by_size", "minibatch_noise",),
    "weight_matrices": ("weight_matrices",),
    "gradients": ("gradients",),
    "placement": ("placement",),
    "scales": ("scales",),
    "trained_weights": ("trained_weights",),
    "dropout_mask": ("dropout_mask",),
    "correlations": ("correlations",),
    "grid": ("interactions", "curves_of_cells", "ranking",),
}  # fmt: skip


class _Registry(Mapping[str, "FigureSpec"]):
    """``FigureSpec`` by name."""

    def __init__(self, modules: Mapping[str, tuple[str, ...]]) -> None:
        self._module_of = {name: module for module, names in modules.items() for name in names}

    def __getitem__(self, name: str) -> "FigureSpec":
        module = importlib.import_module(f"study.figures.own.{self._module_of[name]}")
        found: FigureSpec = next(spec for spec in module.FIGURES if spec.id == name)
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._module_of)

    def __len__(self) -> int:
        return len(self._module_of)


OWN: Mapping[str, "FigureSpec"] = _Registry(_MODULES)
