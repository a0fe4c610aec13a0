"""A map for figures and pages, without any training: the effect of each setting is given."""

from dataclasses import replace

import yaml
from builders_runs import run

from study.analysis.frames import Results
from study.analysis.reading import Node
from study.chapters import varied_columns
from study.figures.declare import Figure, read_figure
from study.records.plan import StudyPlan

GRID = {
    "settings": {"count": 4, "axes": {"depth": {"uniform": [1, 6]}, "init": {"choice": ["he"]}}},
    "arms": {"without": {}, "with": {"batchnorm": True}},
}
CURVE = "{title: {en: t}, kind: settings, experiment: map, treatment: [with], control: without}"
DECIDES = CURVE.replace("kind: settings", "kind: deciding")
EFFECTS = [0.10, 0.02, 0.0, -0.03]


def declared(text: str = CURVE, **further: object) -> Figure:
    """The figure ``f`` of the map, with further keys."""
    node = Node("f.yaml", "", {**yaml.safe_load(text), **further})
    return read_figure(node, "f", {"map": varied_columns(GRID)})


def drawn_map(effects: list[float], rates: tuple[float, ...] = (0.1,)) -> Results:
    """A setting for each effect, deeper ones later; the last rate is the best by validation.

    Without the advice the test accuracy is 0.5; with it so much more. At other rates than the best
    one it is 0 on test samples, so that whoever takes one of them is found out.
    """
    runs, places = [], {}
    for setting, effect in enumerate(effects):
        for arm, on, height in (("without", False, 0.5), ("with", True, 0.5 + effect)):
            for rank, rate in enumerate(rates):
                best = rank == len(rates) - 1
                own = run(
                    setting, hidden=[10] * (1 + setting), batchnorm=on, lr=rate, valid_size=10,
                    init=("he", "xavier")[setting % 2], test=height if best else 0.0, train=height,
                )  # fmt: skip
                own = replace(own, final=own.final | {"valid_accuracy": 0.1 + rank / 10})
                runs.append(own)
                places[own.address] = [setting, arm]
    settings = [[i, 1 + i, ("he", "xavier")[i % 2]] for i in range(len(effects))]
    drawn = {
        "axes": ["depth", "init"],
        "settings": settings,
        "arms": ["without", "with"],
        "named": {},
    }
    maps = {"map": {**drawn, "cells": places, "further": []}}
    addresses = {"map": [own.address for own in runs]}
    plan = StudyPlan("name", "command", "data", "preset", experiments=addresses, maps=maps)
    return Results(plan, {own.address: own for own in runs})
