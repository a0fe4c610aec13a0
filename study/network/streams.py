"""Named random streams spawned from one seed.

Two runs with the same seed and different configurations differ *only* in the factor under study:
the mini-batch order does not move when the initial scheme changes, because neither stream ever
draws from the other.
"""

from dataclasses import dataclass

import numpy as np

STREAMS = (
    "init", "batches", "dropout", "probe", "subset", "validation", "label_noise", "input_dropout",
)  # fmt: skip


@dataclass(frozen=True)
class RngStreams:
    """Independent generators, one for each source of randomness in a run.

    Attributes:
        init: initial weights.
        batches: mini-batch order.
        dropout: dropout masks of the hidden layers.
        probe: everything that measures the network without training it.
        subset: which training samples are used.
        validation: which training samples are held out.
        label_noise: which training labels are replaced, and by what.
        input_dropout: dropout masks of the input.
    """

    init: np.random.Generator
    batches: np.random.Generator
    dropout: np.random.Generator
    probe: np.random.Generator
    subset: np.random.Generator
    validation: np.random.Generator
    label_noise: np.random.Generator
    input_dropout: np.random.Generator

    @classmethod
    def from_seed(cls, seed: int) -> "RngStreams":
        """Spawn all streams from ``seed`` (an integer >= 0).

        A stream is identified by its position in ``STREAMS``: append new ones at the end, or every
        stored run changes. SFC64 is NumPy's fastest generator; dropout draws one word for every
        four units of a step.
        """
        sequences = (
            np.random.SeedSequence(seed, spawn_key=(index,)) for index in range(len(STREAMS))
        )
        return cls(*(np.random.Generator(np.random.SFC64(sequence)) for sequence in sequences))
