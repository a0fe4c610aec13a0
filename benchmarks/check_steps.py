"""Has a training step become slower, in units of its own matrix products?

    python benchmarks/step.py --check          # red if a ratio left its margin
    python benchmarks/step.py --check-update   # write baselines/step.json

A step and its bare products take turns, so that a slow or busy machine slows both. Wall time, not
processor time: a step that waits is slow, too. The fastest of many rounds counts, which a
neighbour's load moves least.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from threadpoolctl import threadpool_limits

FILE = Path(__file__).parents[1] / "baselines" / "step.json"
ROUNDS = 800  # of one step each: short enough to go through undisturbed
# Twice the products of the forward pass make a plain step 1.37 times as long, those of the backward
# pass 1.5 times: neither fits into the margin.
MARGIN = 1.2


def ratios(rounds: int = ROUNDS) -> dict[str, float]:
    """Time of a step in units of its bare products, for each variant of the network."""
    import step  # which imports this module

    timed = {"bare": step.bare_products(step.Work())}
    timed |= {name: step.ours(work) for name, work in step.VARIANTS.items()}
    seconds: dict[str, list[float]] = {name: [] for name in timed}
    for item in timed.values():
        item.call()
    for _ in range(rounds):
        for name, item in timed.items():
            item.call()  # brings its arrays back into the cache
            started = step.time.perf_counter()
            item.call()
            seconds[name].append(step.time.perf_counter() - started)
    bare = min(seconds.pop("bare"))
    return {name: min(own) / bare for name, own in seconds.items()}


def slower(now: Mapping[str, float], before: Mapping[str, float], margin: float) -> list[str]:
    """The variants whose ratio is more than ``margin`` times what it was, in words."""
    return [
        f"{name}: {before[name]:.2f} → {ratio:.2f} bare products ({ratio / before[name]:.2f} ×)"
        for name, ratio in now.items()
        if name in before and ratio > margin * before[name]
    ]


def main(arguments: Sequence[str]) -> int:
    """Measure, compare and say; 1 where a step became slower."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare with the file")
    parser.add_argument("--check-update", action="store_true", help="write the file")
    parser.add_argument("--tiny", action="store_true", help="see that it runs; no figure counts")
    options = parser.parse_args(arguments)
    with threadpool_limits(1):
        now = ratios(5 if options.tiny else ROUNDS)
    if options.check_update:
        rounded = {name: round(ratio, 3) for name, ratio in now.items()}
        FILE.write_text(json.dumps({"margin": MARGIN, "ratios": rounded}, indent=1) + "\n")
    content = json.loads(FILE.read_text(encoding="utf-8"))
    for name, ratio in now.items():
        print(f"{name}: {ratio:.2f} bare products, before {content['ratios'].get(name, '–')}")
    found = slower(now, content["ratios"], content["margin"])
    for line in found:
        print(f"slower than {content['margin']} times: {line}")
    return 1 if found and not options.tiny else 0
