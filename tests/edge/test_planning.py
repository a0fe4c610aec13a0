"""The plan says what of its experiments a study leaves out, and what it has that they do not."""

import gzip
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from study.edge.gate import planned
from study.edge.planning import Planned
from study.errors import ConfigError
from study.records.cells import columns
from study.records.plan import StudyPlan, read_plan
from study.records.store import RunStore

# A chapter of its own with two small experiments, one of which the preset sizes, and a claim.
OWN = """
title: {en: Mine}
experiments:
  schemes:
    fixed: {hidden: [4]}
    axes:
      init: [he, xavier, {init: normal, init.std: 1}]
      activation: [relu, tanh]
      seed: "${seeds:${study.seeds}}"
  rates:
    fixed: {hidden: [4], num_epochs: "${study.grid_epochs}"}
    axes:
      lr: [0.01, 0.1]
      dropout: [0, 0.2]
      seed: "${seeds:3}"
claims:
  one:
    statement: {en: It helps.}
    parts:
      only:
        experiment: rates
        metric: test_accuracy
        where: {lr: 0.1}
        treatment: {dropout: 0.2}
        control: {dropout: 0}
        direction: greater
"""


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """A configuration with that chapter, as overrides."""
    folder = tmp_path_factory.mktemp("conf")
    (folder / "chapter").mkdir()
    (folder / "chapter" / "mine.yaml").write_text(OWN, encoding="utf-8")
    (folder / "init").mkdir()
    (folder / "init" / "mine.yaml").write_text(
        "name: mine\n_target_: study.network.initializers.RandomNormal\nstd: 0.1\n"
    )
    (folder / "output_init").mkdir()
    (folder / "output_init" / "mine.yaml").write_text("defaults:\n  - /init@_here_: mine\n")
    return [f"hydra.searchpath=[file://{folder}]"]


class Planner:
    """Plans studies of the two experiments, each once."""

    def __init__(self, own: list[str]) -> None:
        self._own = own
        self._kept: dict[tuple[str, ...], Planned] = {}

    def __call__(self, *words: str) -> Planned:
        if not any(word.startswith(("experiment=", "claim=")) for word in words):
            words = ("experiment=[schemes,rates]", *words)
        if words not in self._kept:
            self._kept[words] = planned([*self._own, *words])
        return self._kept[words]

    def plan(self, *words: str) -> StudyPlan:
        return self(*words).plan


@pytest.fixture(scope="module")
def study(own: list[str]) -> Planner:
    return Planner(own)


def left_out(plan: StudyPlan) -> dict[str, int]:
    return {name: len(plan.left_out_rows(name)) for name in plan.left_out}


def added(plan: StudyPlan) -> dict[str, int]:
    return {name: len(addresses) for name, addresses in plan.added.items()}


# -- what is left out


def test_the_whole_of_a_study_leaves_nothing_out_and_adds_nothing(study: Planner) -> None:
    for words in ((), ("experiment=schemes",), ("study.seeds=2",), ("study.seeds_from=50",)):
        plan = study.plan(*words)
        assert (plan.left_out, plan.added, plan.settings) == ({}, {}, [])
        assert not plan.is_part


def test_cells_that_are_not_selected_are_left_out_as_their_columns(study: Planner) -> None:
    plan = study.plan("init=he,xavier", "activation=relu")
    assert left_out(plan) == {"schemes": 36 - 12}
    assert (plan.added, plan.settings) == ({}, [])
    whole = study()
    kept = set(plan.addresses)
    expected = [
        columns(whole.cells[address].to_dict())
        for address in whole.plan.experiments["schemes"]
        if address not in kept
    ]
    assert plan.left_out_rows("schemes") == expected


def test_experiments_without_a_cell_are_not_in_the_study_and_not_left_out(
    study: Planner,
) -> None:
    plan = study.plan("init=xavier")
    assert set(plan.experiments) == set(plan.left_out) == {"schemes"}


def test_seeds_count_as_cells(study: Planner) -> None:
    assert left_out(study.plan("seed=0,1")) == {"schemes": 4 * 6, "rates": 4}


def test_a_claim_leaves_out_what_it_does_not_compare(study: Planner) -> None:
    plan = study.plan("claim=one")
    assert plan == replace(
        study.plan("claim=one", "experiment=[rates]"),
        name=plan.name, command=plan.command, selection=plan.selection,
    )  # fmt: skip
    assert set(plan.experiments) == {"rates"}
    assert {row["lr"] for row in plan.left_out_rows("rates")} == {0.01}
    assert left_out(plan) == {"rates": 6}


def test_a_plan_of_a_part_survives_its_file(study: Planner, tmp_path: Path) -> None:
    plan = study.plan("activation=relu", "init=he,mine")
    store = RunStore(tmp_path)
    plan.write(store)
    assert read_plan(store) == plan


# -- what is replaced


def test_a_replaced_value_that_no_cell_varies_is_another_setting_and_leaves_nothing_out(
    study: Planner,
) -> None:
    plan = study.plan("momentum=0.9")
    assert plan.settings == ["momentum=0.9"]
    assert left_out(plan) == {}
    assert plan.added == plan.experiments


def test_with_other_settings_completeness_is_that_of_the_replaced_grid(study: Planner) -> None:
    plan = study.plan("momentum=0.9", "init=he")
    assert left_out(plan) == {"schemes": 24}
    assert {row["momentum"] for row in plan.left_out_rows("schemes")} == {0.9}
    assert plan.settings == ["momentum=0.9"]


def test_a_listed_value_among_new_ones_selects_and_the_others_are_added(study: Planner) -> None:
    plan = study.plan("init=mine,he")
    assert plan.settings == ["init=mine"]
    assert left_out(plan) == {"schemes": 24}
    assert {row["init"] for row in plan.left_out_rows("schemes")} == {"xavier", "normal 1"}
    assert added(plan) == {"schemes": 12, "rates": 12}  # a new choice goes through all of them


@pytest.mark.parametrize(
    ("words", "experiment", "count"),
    [("lr=0.2", "rates", 12), ("init=mine", "schemes", 36), ("seed=77", "schemes", 36)],
)
def test_levels_of_an_axis_that_become_one_are_left_out(
    study: Planner, words: str, experiment: str, count: int
) -> None:
    """A range over one level is 0: no claim about the axis may be judged."""
    plan = study.plan(words, f"experiment={experiment}")
    assert left_out(plan) == {experiment: count}
    assert plan.added == {name: list(dict.fromkeys(own)) for name, own in plan.experiments.items()}


def test_cells_in_which_the_replaced_key_means_nothing_are_left_out(study: Planner) -> None:
    plan = study.plan("init.std=0.5")
    assert set(plan.experiments) == {"schemes"}
    assert {row["init"] for row in plan.left_out_rows("schemes")} == {"he", "xavier"}
    assert plan.settings == ["init.std=0.5"]


def test_a_value_listed_elsewhere_is_replaced_where_narrowing_leaves_no_cell_with_it(
    study: Planner,
) -> None:
    """tanh is in schemes, but not among the cells of xavier with momentum."""
    plan = study.plan("init=xavier", "lr=0.1")
    assert plan.settings == ["lr=0.1"]
    assert left_out(plan) == {"schemes": 24}
    assert {row["lr"] for row in plan.left_out_rows("schemes")} == {0.1}


def test_an_option_without_effect_is_the_same_cell(study: Planner) -> None:
    plan = study.plan("batchnorm_eps=1e-3")
    assert (plan.added, plan.settings, plan.left_out) == ({}, [], {})


def test_another_size_of_the_preset_is_another_setting(study: Planner) -> None:
    plan = study.plan("study.grid_epochs=4")
    assert plan.settings == ["study.grid_epochs=4"]
    assert added(plan) == {"rates": 12}
    assert left_out(plan) == {}


# -- seeds and looks


def test_seeds_start_where_the_preset_says(study: Planner) -> None:
    found = study("study.seeds_from=50")
    assert found.plan.seeds_from == 50
    for name, count in (("schemes", 6), ("rates", 3)):
        seeds = {found.cells[address].seed for address in found.plan.experiments[name]}
        assert seeds == set(range(50, 50 + count))


def test_only_the_reference_has_further_looks_and_seeds_of_its_own(study: Planner) -> None:
    for preset, first, looks in (("quick", 0, []), ("default", 0, []), ("full", 100, [16, 24, 32])):
        plan = study.plan(f"study={preset}")
        assert (plan.seeds_from, plan.looks) == (first, looks)


def test_claim_open_is_the_same_study_under_the_same_name(study: Planner) -> None:
    for first, second in ((("lr=0.1",), ("lr=0.1", "claim=open")),
                          (("claim=one",), ("claim=one,open",))):  # fmt: skip
        found = [study(*words, "experiment=rates") for words in (first, second)]
        assert found[0].plan == found[1].plan
        assert [each.opening for each in found] == [False, True]


def test_the_order_of_the_words_makes_no_other_study(study: Planner) -> None:
    words = ("experiment=[schemes,rates]", "lr=0.1", "seed=0,1", "study.grid_epochs=2")
    name = study.plan(*words).name
    assert study.plan(*reversed(words)).name == name
    listed = study.plan("experiment=[symmetry,width]", "seed=0").name
    assert study.plan("seed=0", "experiment=width,symmetry").name == listed
    assert study.plan("experiment=rates", *words[1:]).name != name
    assert study.plan(*words[:-1]).name != name


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("study.seeds=abc", "study.seeds: expected an integer >= 1, got 'abc'"),
        ("study.seeds=0", "study.seeds: expected an integer >= 1, got 0"),
        ("study.seeds=2.5", "study.seeds: expected an integer >= 1, got 2.5"),
        ("study.grid_seeds=-1", "study.grid_seeds: expected an integer >= 1, got -1"),
        ("study.seeds_from=-1", "study.seeds_from: expected an integer >= 0, got -1"),
        ("study.seeds_from=x", "study.seeds_from: expected an integer >= 0, got 'x'"),
        ("study.looks=8", "study.looks: expected a list of ascending integers > study.seeds = 6"),
        ("study.looks=[6]", "study.looks: expected a list of ascending"),
        ("study.looks=[9,8]", "study.looks: expected a list of ascending"),
        ("study.looks=[a]", "study.looks: expected a list of ascending"),
    ],
)
def test_wrong_numbers_of_seeds_are_refused(study: Planner, words: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        study.plan(words)
    assert str(caught.value).startswith(message)


# -- a data set of one's own


def write_idx(folder: Path, seed: int) -> Path:
    """Twenty images of 2 × 2 pixels to train on, and as many to test on."""
    rng = np.random.default_rng(seed)
    folder.mkdir()
    for name in ("train", "t10k"):
        images = rng.integers(0, 256, (20, 2, 2), dtype=np.uint8)
        labels = np.arange(20, dtype=np.uint8) % 10
        for kind, values in (("images-idx3", images), ("labels-idx1", labels)):
            head = struct.pack(f">BBBB{values.ndim}I", 0, 0, 8, values.ndim, *values.shape)
            packed = gzip.compress(head + values.tobytes(), mtime=0)
            (folder / f"{name}-{kind}-ubyte.gz").write_bytes(packed)
    return folder


def test_two_folders_of_data_never_share_addresses_nor_a_report(
    study: Planner, tmp_path: Path
) -> None:
    found: list[Planned] = []
    for seed in (1, 2):
        folder = write_idx(tmp_path / str(seed), seed)
        words = ("data=idx", f"data.root='{folder}'", "data.label=null", "experiment=rates")
        found.append(study(*words))
    one, other = found
    plan = one.plan
    assert not set(one.cells) & set(other.cells)
    assert plan.name != other.plan.name
    checksums = {cell.data.checksum for cell in one.cells.values()}
    assert len(checksums) == 1
    assert plan.data == f"idx-{checksums.pop()[:6]}"
    assert plan.name.startswith(plan.data)
    # what they are called does not make them the same
    labelled = [
        study("data=idx", f"data.root='{tmp_path / name}'", "data.label=x", "experiment=rates")
        for name in ("1", "2")
    ]
    assert not set(labelled[0].cells) & set(labelled[1].cells)
    assert {each.plan.data for each in labelled} == {"x"}


def test_a_scheme_of_ones_own_can_be_that_of_the_output_layer(study: Planner) -> None:
    cells = study("output_init=mine", "output_init.std=0.1,0.2", "init=he", "lr=0.01").cells
    assert {config.output_init["std"] for config in cells.values()} == {0.1, 0.2}
    assert {columns(config.to_dict())["output_init"] for config in cells.values()} == {
        "mine 0.1", "mine 0.2",
    }  # fmt: skip
