"""Learning rates that change during training: a warm-up, then a schedule over what is left."""

import math
from collections.abc import Iterator, Sequence
from typing import Literal, get_args

Schedule = Literal["constant", "step", "cosine"]
SCHEDULES: tuple[str, ...] = get_args(Schedule)


def learning_rates(
    lr: float,
    num_steps: int,
    *,
    schedule: str = "constant",
    warmup: float = 0.0,
    milestones: Sequence[float] = (),
    factor: float = 0.1,
) -> Iterator[float]:
    """The learning rate of each update of a run.

    The first W = ``warmup`` · T of the T updates rise linearly, update t (from 0) has
    lr · (t + 1) / W (Goyal et al. 2017, section 2.2: gradual warm-up). The others have lr · s(p),
    p = (t − W) / (T − W) the share of them that is done:

    ============  ====================================  ========================================
    ``schedule``  s(p)                                  source
    ============  ====================================  ========================================
    ``constant``  1                                     the lecture
    ``step``      ``factor`` ^ (milestones passed)      He et al. 2016, section 4.2: × 0.1 at
                                                        one half and at three quarters
    ``cosine``    (1 + cos π p) / 2                     Loshchilov & Hutter 2017, eq. 5, from lr
                                                        to 0 without a restart
    ============  ====================================  ========================================

    Args:
        lr: learning rate, > 0.
        num_steps: T, >= 0.
        schedule: one of ``SCHEDULES``.
        warmup: in [0, 1); W is rounded.
        milestones: of ``step``: ascending, each in (0, 1); passed where p >= milestone.
        factor: of ``step``, in (0, 1).

    Returns:
        ``num_steps`` numbers.
    """
    rising = round(warmup * num_steps)
    for step in range(num_steps):
        if step < rising:
            yield lr * ((step + 1) / rising)
            continue
        done = (step - rising) / (num_steps - rising)
        if schedule == "cosine":
            yield lr * (1 + math.cos(math.pi * done)) / 2
        elif schedule == "step":
            yield lr * factor ** sum(done >= milestone for milestone in milestones)
        else:
            yield lr
