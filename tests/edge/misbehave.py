"""Initial schemes that do what a worker process must survive."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Misbehave:
    """Draws zeros, after it has done what ``how`` says.

    Args:
        how: ``well``, ``raise``, ``exit``, ``leave``, ``hang``, ``kill`` or ``start``, which exits
            and leaves a process behind, whose id is in ``touch``.
        touch: a file to write first, to tell the test that the run has begun.
    """

    how: str = "raise"
    touch: str | None = None

    def sample(self, rng: np.random.Generator, fan_in: int, fan_out: int) -> Any:
        if self.touch:
            Path(self.touch).touch()
        if self.how == "start" and self.touch:
            Path(self.touch).write_text(str(subprocess.Popen(["sleep", "600"]).pid))
            os._exit(7)
        if self.how == "raise":
            raise RuntimeError("the scheme is broken")
        if self.how == "exit":
            os._exit(7)
        if self.how == "leave":
            sys.exit(3)
        if self.how == "hang":
            time.sleep(600)
        if self.how == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        return np.zeros((fan_in, fan_out))
