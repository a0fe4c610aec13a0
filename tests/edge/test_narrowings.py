"""A part of a study gives a claim the verdict of the whole, or none: through the real planning."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import builders_claims as make
import numpy as np
import pytest
import yaml
from builders_claims import cells, claim, part
from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st

from study.analysis.claims import Judgement, judge
from study.analysis.declarations import Reduction
from study.analysis.frames import Results
from study.analysis.verdicts import INCONCLUSIVE, NOT_JUDGED, SUPPORTED
from study.edge.gate import planned
from study.edge.planning import Planned
from study.errors import StudyError
from study.records.config import RunConfig
from study.records.record import RunRecord

SEEDS = 10
EXPERIMENTS: dict[str, dict[str, list[Any]]] = {
    "schemes": {
        "init": ["he", "xavier", *({"init": "normal", "init.std": std} for std in (1, 0.01))],
        "activation": ["relu", "tanh"],
    },
    "decay": {"weight_decay": [0, 0.01, 0.1], "lr": [0.01, 0.1]},
    "mixed": {"batchnorm": [False, True], "dropout": [0, 0.2]},
}
OVER_INIT = Reduction("range", ("init",))
DECAY = {"experiment": "decay"}
SCHEMES = {"experiment": "schemes"}
MIXED = {"experiment": "mixed"}
ACTIVATION = ("activation", "seed")
CLAIMS = [
    claim({name: each}, id=name)
    for name, each in {
        "greater": part(**DECAY, where=cells(lr=0.1)),
        "less": part(**DECAY, where=cells(lr=0.1), direction="less"),
        "equal_pairs": part(**DECAY, paired_by=("lr", "seed"), direction="equal"),
        "ratio": part(**DECAY, where=cells(lr=0.01), compare="ratio", smallest=1.02),
        "at_most": part(**DECAY, where=cells(lr=0.01), direction="at_most"),
        "range": part(**SCHEMES, treatment=cells(), against=0.0, direction="equal",
                      paired_by=ACTIVATION, reduce=OVER_INIT, smallest=0.02),
        "range_named": part(**SCHEMES, treatment=cells(init=("he", "xavier")), against=0.0,
                            paired_by=ACTIVATION, reduce=OVER_INIT, direction="at_most"),
        "ranges": part(**SCHEMES, treatment=cells(activation="relu"),
                       control=cells(activation="tanh"), reduce=OVER_INIT, direction="less"),
        "best_is_he": part(**SCHEMES, treatment=cells(init=("he", "xavier")),
                           control=cells(init="he"), paired_by=ACTIVATION,
                           reduce=Reduction("max", ("init",)), direction="equal"),
        "best": part(**DECAY, reduce=Reduction("best", ("lr",), held_out=True),
                     direction="equal"),
        "mean": part(**DECAY, treatment=cells(), against=0.5, direction="at_least",
                     reduce=Reduction("mean", ("lr", "weight_decay"))),
        "regret": part(**DECAY, treatment=cells(lr=0.1), control=cells(lr=0.01),
                       reduce=Reduction("regret", ("weight_decay",)), direction="equal"),
        "rank": part(**MIXED, metric="rank", options={"of": "test_accuracy"},
                     treatment=cells(batchnorm=True, dropout=0.2),
                     control=cells(batchnorm=False, dropout=0.0), smallest=0.1),
        "same": part(**MIXED, treatment=cells(), control=cells(dropout=(0.0, 0.2)),
                     paired_by=("batchnorm", "dropout", "seed"), direction="equal"),
        "one_of_seeds": part(**MIXED, treatment=cells(batchnorm=True, dropout=0.0),
                             control=cells(batchnorm=False, dropout=0.0), direction="equal"),
    }.items()
] + [
    claim({"first": part(**DECAY, where=cells(lr=0.1)),
           "second": part(**MIXED, treatment=cells(dropout=0.2, batchnorm=True),
                          control=cells(dropout=0.0, batchnorm=True), direction="at_least"),
           "aside": part(**SCHEMES, treatment=cells(init="he"), control=cells(init="xavier"),
                         paired_by=ACTIVATION, deciding=False)}, id="two"),
]  # fmt: skip


@pytest.fixture(scope="module")
def conf(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A chapter of these experiments and claims, and an initial scheme ``mine``, as an override."""
    folder = tmp_path_factory.mktemp("conf")
    for group in ("chapter", "init"):
        (folder / group).mkdir()
    fixed = {"hidden": [4], "train_size": 1000, "init": "he", "activation": "relu"}
    chapter = {
        "title": {"en": "Parts"},
        "experiments": {
            name: {"fixed": fixed, "axes": axes | {"seed": f"${{seeds:{SEEDS}}}"}}
            for name, axes in EXPERIMENTS.items()
        },
        "claims": {each.id: make.as_yaml(each) for each in CLAIMS},
    }
    (folder / "chapter" / "parts.yaml").write_text(yaml.safe_dump(chapter), encoding="utf-8")
    text = "name: mine\n_target_: study.network.initializers.RandomNormal\nstd: 0.1\n"
    (folder / "init" / "mine.yaml").write_text(text)
    return f"hydra.searchpath=[file://{folder}]"


def record(config: RunConfig, world: int) -> RunRecord:
    """The run of ``config`` in this world: effects and noise as large as the smallest effects."""
    seedless = replace(config, seed=0).address
    cell = np.random.default_rng([world, int(seedless[:8], 16)])
    own = np.random.default_rng([world, int(config.address[:8], 16)])
    seed = np.random.default_rng([world, config.seed])
    scale = cell.choice([0.0, 0.003, 0.02])
    accuracy = 0.6 + 0.05 * seed.standard_normal() + scale * cell.standard_normal()
    accuracy += (0.004, 0.012)[world % 2] * own.standard_normal()
    made = make.run(test=float(accuracy))
    return replace(made, address=config.address, config=config.to_dict())


def judged(found: Planned, world: int) -> dict[str, Judgement]:
    records = {address: record(config, world) for address, config in found.cells.items()}
    return {each.claim.id: each for each in judge(found.claims, Results(found.plan, records))}


class Study:
    """The finished study of each world, and its parts."""

    def __init__(self, conf: str) -> None:
        self._conf = conf
        self.whole = cache(self._whole)
        self.plan = cache(self._plan)

    def _plan(self, words: Sequence[str]) -> Planned:
        return planned([self._conf, "chapter=parts", *words])

    def part(self, words: Sequence[str], world: int) -> dict[str, Judgement]:
        return judged(self.plan(tuple(words)), world)

    def _whole(self, world: int) -> dict[str, str]:
        return {name: each.verdict for name, each in self.part((), world).items()}


@pytest.fixture(scope="module")
def study(conf: str) -> Study:
    return Study(conf)


WORLDS = range(4)


def test_the_claims_are_those_of_the_chapter(study: Study) -> None:
    chapter = sorted(study.plan(()).claims, key=lambda each: each.id)
    declared = sorted(CLAIMS, key=lambda each: each.id)
    assert [each.digest for each in chapter] == [
        replace(each, chapter="parts").digest for each in declared
    ]


def test_the_worlds_have_claims_of_every_verdict(study: Study) -> None:
    found = {verdict for world in WORLDS for verdict in study.whole(world).values()}
    assert found == {"supported", "refuted", "no_effect", INCONCLUSIVE, NOT_JUDGED}


def some(values: Sequence[Any], fresh: Sequence[Any] = ()) -> st.SearchStrategy[list[Any]]:
    """Some of an axis' values; seldom one that no experiment lists."""
    listed = st.lists(st.sampled_from(values), min_size=1, unique=True)
    if not fresh:
        return listed
    mixed = st.lists(st.sampled_from([*values, *fresh]), min_size=1, unique=True)
    return st.one_of(listed, listed, mixed)


AXES: dict[str, st.SearchStrategy[list[Any]]] = {
    "init": some(["he", "xavier", "normal"], ["mine"]),
    "init.std": some([1, 0.01], [0.5]),
    "activation": some(["relu", "tanh"], ["sigmoid"]),
    "weight_decay": some([0, 0.01, 0.1], [0.05]),
    "lr": some([0.01, 0.1], [0.3]),
    "batchnorm": some(["true", "false"]),
    "dropout": some([0, 0.2], [0.4]),
    "seed": st.one_of(some(range(SEEDS), [77]), st.just([*range(1, SEEDS)])),
    "momentum": some([0], [0.9]),
    "num_epochs": some([20], [5]),
}


@st.composite
def narrowings(draw: st.DrawFn) -> list[str]:
    """A command line that asks for a part of the study, or for something beside it."""
    keys = draw(st.lists(st.sampled_from([*AXES]), unique=True, max_size=3))
    words = [f"{key}={','.join(str(value) for value in draw(AXES[key]))}" for key in keys]
    if draw(st.booleans()):
        names = draw(st.lists(st.sampled_from([*EXPERIMENTS]), unique=True, min_size=1))
        words.append(f"experiment=[{','.join(names)}]")
    if draw(st.booleans()):
        ids = st.sampled_from([each.id for each in CLAIMS])
        words.append(f"claim={','.join(draw(st.lists(ids, unique=True, min_size=1, max_size=3)))}")
    return words


@settings(
    max_examples=40, deadline=None, derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)  # fmt: skip
@given(words=narrowings(), world=st.sampled_from(WORLDS))
def test_no_part_of_a_study_gives_a_claim_another_verdict(
    study: Study, words: list[str], world: int
) -> None:
    whole = study.whole(world)
    try:
        found = study.plan(tuple(words))
    except StudyError:
        assume(False)  # nothing is left
    for name, each in judged(found, world).items():
        if each.settings:  # another claim, and named so
            assert found.plan.settings
            continue
        event(f"{whole[name]} → {each.verdict}")
        assert each.verdict in (whole[name], INCONCLUSIVE, NOT_JUDGED), name


# -- what went wrong before


@pytest.mark.parametrize("words", [["init=he"], ["init=mine,he"], ["init=mine"], ["init=normal"]])
def test_a_range_over_what_is_left_of_a_list_supports_nothing(
    study: Study, words: list[str]
) -> None:
    for world in WORLDS:
        found = study.part(words, world)
        for name in ("range", "range_named", "ranges", "best_is_he"):
            assert found[name].verdict == NOT_JUDGED, name
            assert found[name].reason == "left_out"


def test_a_claim_alone_is_judged_as_among_all_others_or_stays_open(study: Study) -> None:
    decided = 0
    for world in WORLDS:
        whole = study.whole(world)
        for own in ("greater", "rank", "best"):
            found = study.part([f"claim={own}"], world)[own]
            assert found.verdict in (whole[own], INCONCLUSIVE)
            decided += found.verdict == whole[own]
    assert decided


def test_one_seed_decides_nothing(study: Study) -> None:
    for words in (["seed=3"], ["seed=77"], ["seed=0,1,2"]):
        found = study.part(words, 0)
        assert {each.verdict for each in found.values()} == {NOT_JUDGED}


def test_a_claim_at_other_settings_says_so(study: Study) -> None:
    found = study.part(["momentum=0.9", "experiment=decay"], 0)
    judged_ones = [each for each in found.values() if each.verdict != NOT_JUDGED]
    assert judged_ones
    assert {each.settings for each in judged_ones} == {("momentum=0.9",)}


def test_levels_that_a_setting_makes_one_support_nothing(study: Study) -> None:
    for words in (["lr=0.3"], ["weight_decay=0.05"]):
        for world in WORLDS:
            found = study.part([*words, "experiment=decay"], world)
            assert SUPPORTED not in {each.verdict for each in found.values()}
