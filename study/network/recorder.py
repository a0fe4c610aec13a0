"""What probes find during a training, at the points of its learning curve."""

import time
from collections.abc import Iterable

import numpy as np

from study.network.network import Network
from study.network.probes import PROBES, Measurement, ProbeInput


class Recorder:
    """Takes the measurements at each point and keeps each of their arrays over all points.

    Args:
        names: of probes in ``PROBES``; those that are not for the points are left out.
        network: that is trained.
        given: what they look at.

    Attributes:
        names: of the probes that it takes.
        seconds: that they took.
    """

    def __init__(self, names: Iterable[str], network: Network, given: ProbeInput) -> None:
        self.names = [name for name in sorted(names) if "points" in PROBES[name].moments]
        self._network = network
        self._given = given
        self._steps: list[int] = []
        self._found: dict[str, list[Measurement]] = {name: [] for name in self.names}
        self.seconds = 0.0

    def __call__(self, step: int) -> None:
        """Measure the network as it is after ``step`` updates."""
        started = time.perf_counter()
        self._steps.append(step)
        for name, found in self._found.items():
            found.append(PROBES[name].measure(self._network, self._given))
        self.seconds += time.perf_counter() - started

    def results(self) -> dict[str, Measurement]:
        """By probe: ``step``, shape ``(points,)``, and its arrays, whose first axis are the points.

        They have the precision of the network.
        """
        if not self._steps:
            return {}
        return {
            name: {"step": np.array(self._steps)}
            | {key: np.stack([each[key] for each in found]).astype(self._network.dtype)
               for key in found[0]}
            for name, found in self._found.items()
        }  # fmt: skip
