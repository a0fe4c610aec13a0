"""The lecture's closing advice as a predicate on configurations."""

from collections.abc import Mapping
from typing import Any

RECOMMENDED_INIT = {"relu": "he", "sigmoid": "xavier", "tanh": "xavier"}


def is_recommended(config: Mapping[str, Any]) -> bool:
    """Whether a run follows the lecture's recipe (claim G1).

    He for ReLU, Xavier for sigmoid and tanh; batch norm; and decay or dropout, or both.

    Args:
        config: flat columns, as of ``cells.columns``.
    """
    right_init = RECOMMENDED_INIT.get(config["activation"]) == config["init"]
    regularised = config["dropout"] > 0 or config["weight_decay"] > 0
    return bool(right_init and config["batchnorm"] and regularised)
