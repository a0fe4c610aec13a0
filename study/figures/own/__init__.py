"""Figures drawn by hand, by name: what the grammar of ``study.figures.kinds`` has no words for.

Only the modules of those that are asked for are imported: each imports matplotlib.
"""

import importlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from study.figures.spec import FigureSpec

_MODULES = {
    "minibatch": ("1.1-a", "1.1-b", "1.1-c"),
    "symmetry": ("1.2.1-a", "1.2.1-b"),
    "activations": (
        "1.2.2-a", "1.2.2-b", "1.2.2-c", "1.2.3-a", "1.2.3-b", "1.2.4-a", "1.2.4-b", "1.2.4-c",
    ),
    "initial_values": ("1.2.4-d", "1.2.4-e", "1.2.4-f"),
    "batchnorm": ("1.3-a", "1.3.1-a", "1.3.1-b", "1.3.1-c", "1.3.1-d", "1.3.1-e"),
    "weight_decay": ("1.4-a", "1.4.1-a", "1.4.1-b", "1.4.1-c"),
    "dropout": ("1.4.2-a", "1.4.2-b", "1.4.2-c", "1.4.2-d", "1.4.2-e"),
    "grid": ("G-c", "G-d", "G-e"),
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
