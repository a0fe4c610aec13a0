"""Every file in conf/ composes to something that can be run, and says what the lecture says."""

import copy
import pickle
import re
from functools import cache
from pathlib import Path
from typing import Any

import hydra
import numpy as np
import pandas as pd
import pytest
from builders_data import write_set
from hydra.core.config_store import ConfigStore
from hydra.core.plugins import Plugins
from omegaconf import DictConfig

from study.analysis.declarations import EVERYTHING, Selection, mask
from study.analysis.frames import differing
from study.chapters import Chapter, chapter_folders, load_chapters
from study.data import NAMES
from study.edge.gate import planned
from study.edge.planning import Planned
from study.edge.schema import register, run_config
from study.figures.declare import Figure
from study.figures.own import OWN
from study.figures.rows import resolved
from study.network.activations import Activation
from study.paths import conf_folder
from study.records.cells import CELL, columns
from study.records.config import RunConfig, build
from study.records.plan import StudyPlan

CONF = conf_folder()
# The cells of the accuracy gate (docs/gate.md) are no figure's: the study does not run them.
GATE = "gate"
LECTURE, OF_GATE = load_chapters(["lecture", GATE], chapter_folders())
EXPERIMENTS = list(LECTURE.experiments)
FIGURES = {figure.id: figure for figure in LECTURE.figures}
MAP = load_chapters(["map"], chapter_folders())[0]
MAPS = list(MAP.experiments)
PAPERS = load_chapters(["papers"], chapter_folders())[0]
PRESETS = {"default": (6, 3), "full": (10, 6), "quick": (2, 1)}
FROM = {"full": 100}  # the first seed
OPTIONS = [
    (group, path.stem)
    for group in ("init", "output_init", "activation", "data", "study")
    for path in sorted((CONF / group).glob("*.yaml"))
]


@pytest.fixture(autouse=True, scope="module")
def hydra_ready() -> None:
    register()
    Plugins.instance()


def compose(*overrides: str) -> DictConfig:
    with hydra.initialize_config_dir(str(CONF.resolve()), version_base="1.3"):
        return hydra.compose("config", list(overrides))


@cache
def study(*overrides: str) -> Planned:
    """``python -m study -m`` with these overrides."""
    return planned(overrides)


def asked(*overrides: str) -> tuple[dict[str, RunConfig], StudyPlan]:
    """Its cells and its plan."""
    made = study(*overrides)
    return made.cells, made.plan


def cells(experiment: str, preset: str = "default") -> list[RunConfig]:
    return found_in(study(f"study={preset}"), experiment)


def found_in(study: Planned, experiment: str) -> list[RunConfig]:
    return [study.cells[address] for address in study.plan.experiments[experiment]]


def values(configs: list[RunConfig], key: str) -> set[Any]:
    found = (getattr(config, key) for config in configs)
    return {tuple(value) if isinstance(value, list) else value for value in found}


def test_every_file_of_a_group_is_known_here() -> None:
    groups = {path.relative_to(CONF).parts[0] for path in CONF.rglob("*/*.yaml")}
    assert groups == {"init", "activation", "data", "study", "chapter", "gate", "output_init"}
    parts = {path.parent.name for path in (CONF / "chapter").rglob("*/*/*.yaml")}
    assert parts == {"experiments", "figures", "claims"}


def test_the_output_layer_has_the_choices_of_the_hidden_layers_and_same() -> None:
    names = {group: {name for own, name in OPTIONS if own == group} for group, _ in OPTIONS}
    assert names["output_init"] == names["init"] | {"same"}
    for name in names["init"]:
        config = run_config(compose(f"output_init={name}", "init=he"))
        assert config.output_init == run_config(compose(f"init={name}")).init


@pytest.mark.parametrize(("group", "name"), OPTIONS)
def test_every_option_composes_under_the_name_of_its_file(group: str, name: str) -> None:
    more = ["data.root=x"] if name == "idx" else []
    config = compose(f"{group}={name}", *more)
    assert config[group].name == name
    run_config(config)
    assert group != "data" or name in NAMES


@pytest.mark.parametrize("name", [name for group, name in OPTIONS if group == "init"])
def test_every_initial_scheme_draws_weights(name: str) -> None:
    scheme = build(run_config(compose(f"init={name}")).init, "init")
    assert scheme.sample(np.random.default_rng(0), 7, 5).shape == (7, 5)


# Of the variance scale / fan: the sources are in the files and in ``VarianceScaling``.
SCHEMES = {
    "xavier": (1, "fan_in"),
    "xavier_doubled": (4, "fan_in"),
    "glorot": (2, "fan_sum"),
    "he": (2, "fan_in"),
}


def test_every_initial_scheme_has_the_variance_of_its_name() -> None:
    for name, (scale, mode) in SCHEMES.items():
        choice = run_config(compose(f"init={name}")).init
        assert (choice["scale"], choice["mode"]) == (scale, mode), name
        fan = {"fan_in": 300, "fan_sum": 500}[mode]
        drawn = build(choice, "init").sample(np.random.default_rng(0), 300, 200)
        assert drawn.var() == pytest.approx(scale / fan, rel=0.05), name
    others = {name for group, name in OPTIONS if group == "init"} - set(SCHEMES)
    assert others == {"constant", "normal"}
    assert run_config(compose("init=constant")).init["value"] == 0.01
    assert run_config(compose("init=normal")).init["std"] == 0.01


def test_a_run_without_overrides_has_the_lectures_defaults() -> None:
    config = run_config(compose())
    assert (config.lr, config.batch_size, config.hidden) == (0.01, 100, [100] * 5)
    assert (config.momentum, config.weight_decay, config.dropout) == (0, 0, 0)
    assert (config.num_epochs, config.num_steps, config.dtype) == (20, None, "float32")
    assert (config.train_size, config.valid_size, config.batchnorm) == (None, 0, False)
    assert (config.batchnorm_eps, config.batchnorm_momentum) == (1e-5, 0.1)


@pytest.mark.parametrize("name", [name for group, name in OPTIONS if group == "activation"])
def test_every_activation_becomes_a_layer(name: str) -> None:
    layer = build(run_config(compose(f"activation={name}")).activation, "activation")(5, "float32")
    assert isinstance(layer, Activation)
    assert layer.forward(np.zeros((2, 5), np.float32), training=True).shape == (2, 5)


def test_the_main_job_runs_every_experiment_of_the_lecture_and_no_other() -> None:
    found = study("study=quick")
    assert list(found.plan.experiments) == EXPERIMENTS
    assert found.plan.chapters == ["lecture"]
    assert GATE not in EXPERIMENTS


@pytest.mark.parametrize(
    "chapter", [LECTURE, OF_GATE, MAP, PAPERS], ids=lambda chapter: chapter.name
)
def test_the_file_of_an_experiment_says_how_to_run_it(chapter: Chapter) -> None:
    for name in chapter.experiments:
        path = CONF / "chapter" / chapter.name / "experiments" / f"{name}.yaml"
        assert f"python -m study -m experiment={name}\n" in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_every_cell_of_every_experiment_is_valid_under_every_preset(
    experiment: str, preset: str
) -> None:
    found = cells(experiment, preset)
    for config in found:
        config.validate()
    seeds = PRESETS[preset][experiment == "grid"]
    start = FROM.get(preset, 0)
    assert values(found, "seed") == set(range(start, start + seeds))
    assert len({config.address for config in found}) == len(found)


def of_papers(experiment: str, preset: str) -> list[RunConfig]:
    return found_in(study("chapter=papers", f"study={preset}"), experiment)


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("experiment", PAPERS.experiments)
def test_every_cell_of_the_papers_is_valid_under_every_preset(experiment: str, preset: str) -> None:
    found = of_papers(experiment, preset)
    for config in found:
        config.validate()
    start = FROM.get(preset, 0)
    assert values(found, "seed") == set(range(start, start + PRESETS[preset][0]))
    assert len({config.address for config in found}) == len(found)
    if preset != "full":  # which has all of MNIST; mnist5k has 4,000 training samples
        sizes = [config.batch_size for config in found if config.batch_size != "full"]
        assert max(max(config.train_size or 0 for config in found), *sizes) <= 3500


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("figure", PAPERS.figures, ids=lambda figure: figure.id)
def test_a_figure_of_the_papers_takes_apart_all_its_cells(figure: Figure, preset: str) -> None:
    for experiments, where, by in plots(figure):
        found = [each for name in experiments for each in of_papers(name, preset)]
        rows = pd.DataFrame([columns(each.to_dict()) for each in found])
        rows = rows[mask(resolved(where, rows), rows)]
        assert len(rows)
        taken = [column for column in by if column in CELL]
        assert differing(rows.drop_duplicates(list(CELL)), taken) == {}


def test_every_figure_of_the_papers_compares_and_every_claim_has_one() -> None:
    for figure in PAPERS.figures:
        assert figure.paper is not None
        assert figure.paper.settings, figure.id
        assert figure.paper.published, figure.id
        assert [claim.figure for claim in PAPERS.claims].count(figure.id) == 1
    cited = {key for f in PAPERS.figures if f.paper is not None for key in f.paper.cites}
    said = " ".join(section.says["en"] for section in PAPERS.sections)
    for key, reference in PAPERS.references.items():
        first = reference.short.partition(" et al.")[0].partition(" & ")[0].removesuffix(" 2017")
        assert key in cited or (first in said and str(reference.year) in said), key


@pytest.mark.parametrize("experiment", MAPS)
def test_a_map_has_as_many_settings_as_its_preset_says_and_loses_none_to_a_larger_one(
    experiment: str,
) -> None:
    key = f"study.settings.{experiment.removeprefix('map_')}"
    sizes = [compose(f"study={preset}").study.settings for preset in ("quick", "default", "full")]
    few, some, all_ = (int(each[experiment.removeprefix("map_")]) for each in sizes)
    assert 2 <= few < some == all_ // 4
    cells, plan = asked(f"experiment={experiment}")
    found = plan.maps[experiment]
    assert [row[0] for row in found["settings"]] == [*range(some), -1]
    assert found["named"] == {"lecture": -1}
    assert len(found["arms"]) > 1
    places: dict[tuple[int, str], set[str]] = {}
    for address, (setting, arm) in found["cells"].items():
        cells[address].validate()
        assert cells[address].seed == max(setting, 0)
        places.setdefault((setting, arm), set()).add(address)
    assert places.keys() == {(i, arm) for i in range(-1, some) for arm in found["arms"]}
    assert {len(own) for own in places.values()} <= {2, 3, 4}
    assert {(row[0], row[1]) for row in found["further"]} == places.keys()
    more, larger = asked(f"experiment={experiment}", f"{key}={some + 3}")
    assert cells.keys() < more.keys()
    assert larger.added == {}
    assert larger.left_out == {}


def test_every_map_draws_the_data_last_where_the_preset_names_further_sets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_set(tmp_path / "fashion")
    monkeypatch.setenv("STUDY_DATA_DIR", str(tmp_path))
    _, one = asked("chapter=map", "study=quick")
    found = planned(["chapter=map", "study=quick", "study.settings.sets=[fashion]"])
    for name in MAPS:
        before, after = one.maps[name], found.plan.maps[name]
        assert after["axes"] == [*before["axes"], "data"]
        assert [row[:-1] for row in after["settings"]] == before["settings"]
        assert {row[-1] for row in after["settings"]} == {"mnist5k", "fashion"}


@pytest.mark.parametrize("preset", PRESETS)
def test_no_two_different_runs_have_equal_columns(preset: str) -> None:
    experiments = [(name, cells(name, preset)) for name in EXPERIMENTS]
    experiments.append((GATE, found_in(study("experiment=gate"), GATE)))
    seen: dict[tuple[Any, ...], str] = {}
    for experiment, found in experiments:
        for config in found:
            row = tuple(columns(config.to_dict()).values())
            assert seen.setdefault(row, config.address) == config.address, experiment


def plots(figure: Figure) -> list[tuple[tuple[str, ...], Selection, tuple[str, ...]]]:
    """The plots of a figure: whose runs, which of them, and the columns that it takes apart."""
    if figure.own is not None:
        return [(figure.experiments, EVERYTHING, OWN[figure.own].by)]
    return [(plot.experiments, plot.where, plot.by) for plot in figure.plots]


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("figure", FIGURES)
def test_a_figure_takes_apart_all_cells_of_its_experiments(figure: str, preset: str) -> None:
    for experiments, where, by in plots(FIGURES[figure]):
        rows = pd.DataFrame(
            [columns(each.to_dict()) for name in experiments for each in cells(name, preset)]
        )
        rows = rows[mask(resolved(where, rows), rows)]
        if preset == "full":
            assert len(rows)
        taken = [column for column in by if column in CELL]
        assert differing(rows.drop_duplicates(list(CELL)), taken) == {}


def test_a_rate_more_is_seen_by_every_figure_of_its_experiment() -> None:
    configs = found_in(study("experiment=dropout", "lr=0.01,0.1", "study=quick"), "dropout")
    rows = pd.DataFrame([columns(config.to_dict()) for config in configs])
    assert differing(rows.drop_duplicates(list(CELL)), ["dropout"]) == {"lr": [0.01, 0.1]}


@pytest.mark.parametrize("preset", PRESETS)
def test_the_grid_has_120_cells(preset: str) -> None:
    assert len(cells("grid", preset)) == 120 * PRESETS[preset][1]


def test_overfitting_has_the_settings_of_lecture_1_4() -> None:
    for experiment, epochs in (("weight_decay", 201), ("dropout", 301), ("voting", 301)):
        for config in cells(experiment):
            assert config.hidden == [100] * 6
            assert config.init["name"] == "he"
            assert config.activation["name"] == "relu"
            assert (config.train_size, config.batch_size, config.lr) == (300, 100, 0.01)
            assert (config.num_epochs, config.num_steps) == (epochs, None)
            assert config.evaluation.points >= 40
            assert not config.batchnorm
    assert values(cells("weight_decay"), "weight_decay") == {0, 1e-4, 1e-3, 1e-2, 3e-2, 1e-1}
    assert values(cells("dropout"), "dropout") == {0, 0.05, 0.1, 0.2, 0.35, 0.5}
    assert values(cells("voting"), "dropout") == {0.2}


def test_batchnorm_has_the_settings_of_lecture_1_3_1() -> None:
    scales = {float(f"{scale:.6g}") for scale in np.logspace(0, -4, 16)}
    for experiment in ("batchnorm", "batchnorm_scales"):
        for config in cells(experiment):
            assert config.hidden == [100] * 5
            assert config.init["name"] == "normal"
            assert config.activation["name"] == "relu"
            assert (config.train_size, config.batch_size, config.lr) == (1000, 100, 0.01)
            assert (config.num_epochs, config.num_steps) == (20, None)
        assert values(cells(experiment), "batchnorm") == {False, True}
    assert len(scales) == 16
    assert {config.init["std"] for config in cells("batchnorm_scales")} == scales
    (std,) = {config.init["std"] for config in cells("batchnorm")}
    assert std == pytest.approx(10 ** (-16 / 15), rel=1e-6)
    assert std in scales


def test_initial_loss_has_the_settings_of_lecture_1_2_4() -> None:
    found = cells("init_loss")
    for config in found:
        assert config.hidden == [100] * 4
        assert (config.batch_size, config.train_size, config.lr) == (128, None, 0.01)
        assert (config.num_steps, config.num_epochs) == (2000, None)
    assert {config.activation["name"] for config in found} == {"relu", "sigmoid"}


def test_the_probe_of_activations_never_trains() -> None:
    for config in cells("activations"):
        assert (config.data.name, config.num_epochs, config.num_steps) == ("gaussian", 0, None)
        assert config.hidden == [100] * 5


def test_each_scheme_is_tried_at_three_learning_rates() -> None:
    found = cells("learning_rates")
    by_scheme: dict[tuple[str, str, Any], set[float]] = {}
    for config in found:
        scheme = (config.init["name"], config.activation["name"], config.init.get("std"))
        by_scheme.setdefault(scheme, set()).add(config.lr)
    assert all(len(rates) >= 3 for rates in by_scheme.values())
    compared = {(init, activation) for init, activation, _ in by_scheme}
    for activation in ("sigmoid", "tanh", "relu"):
        assert {("xavier", activation), ("he", activation)} <= compared


def test_mini_batches_are_compared_at_one_learning_rate() -> None:
    found = cells("minibatch")
    assert values(found, "batch_size") == {10, 100, 1000, "full"}
    assert len(values(found, "lr")) == 1


def test_symmetry_compares_equal_and_random_weights() -> None:
    found = cells("symmetry")
    schemes = {(config.init["name"], config.init.get("value")) for config in found}
    assert schemes == {("constant", 0), ("constant", 0.01), ("xavier", None), ("he", None)}
    assert values(found, "train_size") == {1000}
    assert values(cells("width"), "hidden") == {(10,), (100,), (1000,)}


def test_an_unlisted_value_replaces_the_key_in_every_experiment() -> None:
    found, plan = asked("study=quick", "weight_decay=0.05")
    assert set(plan.experiments) == set(EXPERIMENTS)
    assert values(list(found.values()), "weight_decay") == {0.05}
    found, plan = asked("study=quick", "hidden=[4]", "experiment=[symmetry,width]")
    assert set(plan.experiments) == {"symmetry", "width"}
    assert values(list(found.values()), "hidden") == {(4,)}


def test_an_option_narrows_to_the_choices_that_have_it() -> None:
    found, plan = asked("study=quick", "init.std=0.5")
    assert {config.init["name"] for config in found.values()} == {"normal"}
    assert {config.init["std"] for config in found.values()} == {0.5}
    assert {"batchnorm", "batchnorm_scales", "grid", "activations"} <= set(plan.experiments)


def test_the_output_layers_scheme_is_chosen_like_that_of_the_others() -> None:
    found, _ = asked("study=quick", "experiment=width", "output_init=same,normal")
    named = {config.output_init["name"] for config in found.values()}
    assert named == {"same", "normal"}
    plain, _ = asked("study=quick", "experiment=width")
    assert len(found) == 2 * len(plain)
    assert set(plain) < set(found)
    words = ("output_init=normal", "output_init.std=0.1,1")
    found, _ = asked("study=quick", "experiment=width", *words)
    assert {config.output_init["std"] for config in found.values()} == {0.1, 1}
    row = columns(next(iter(found.values())).to_dict())
    assert row["output_init"] in ("normal 0.1", "normal 1")


def test_new_options_are_values_of_an_experiment_like_any_other() -> None:
    words = (
        "max_norm=null,2",
        "label_noise=0,0.1",
        "lr_schedule=step",
        "lr_milestones=[0.5],[0.9]",
    )
    found, _ = asked("study=quick", "experiment=width", *words)
    plain, _ = asked("study=quick", "experiment=width")
    assert len(found) == 8 * len(plain)
    assert values(list(found.values()), "lr_milestones") == {(0.5,), (0.9,)}


def test_two_values_of_an_unlisted_key_are_two_studies_in_one() -> None:
    found, plan = asked("study=quick", "experiment=minibatch_noise", "momentum=0,0.9")
    assert values(list(found.values()), "momentum") == {0.0, 0.9}
    assert len(plan.addresses) == 2 * 2


def test_a_listed_value_selects() -> None:
    found, plan = asked("study=quick", "init=he,xavier", "activation=relu")
    assert {config.init["name"] for config in found.values()} == {"he", "xavier"}
    assert {config.activation["name"] for config in found.values()} == {"relu"}
    assert "batchnorm" not in plan.experiments  # it is about init=normal


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ((), "mnist5k-quick"),
        (("experiment=width",), "mnist5k-quick-width"),
        (("init=he,xavier", "experiment=[width,grid]"), "mnist5k-quick-grid,width-init=he,xavier"),
        (("study.seeds=1",), "mnist5k-quick-study.seeds=1"),
        (("data=gaussian", "data.label='my data'"), r"my-data-quick-[0-9a-f]{6}"),
        (("init.std=0.5", "lr=1,2,3", "momentum=0.5", "hidden=[10]", "num_epochs=3",
          "experiment=grid"), r"mnist5k-quick-grid-hidden=10-init\.std=0\.5-lr.{,40}-[0-9a-f]{6}"),
    ],
)  # fmt: skip
def test_a_study_has_a_short_name_of_its_own(overrides: tuple[str, ...], expected: str) -> None:
    _, plan = asked("study=quick", *overrides)
    assert re.fullmatch(expected, plan.name), plan.name
    assert len(plan.name) < 80


def test_names_that_had_to_be_shortened_stay_apart() -> None:
    seeds = ",".join(str(seed) for seed in range(40))
    names = {
        study("study=quick", "experiment=minibatch_noise", f"seed={seeds},{last}").plan.name
        for last in (98, 99)
    }
    assert len(names) == 2


def test_two_experiments_share_the_cells_they_both_want() -> None:
    found, plan = asked("study=default")
    wanted = sum(len(group) for group in plan.experiments.values())
    assert len(found) == len(plan.addresses) < wanted
    shared = set(plan.experiments["dropout"]) & set(plan.experiments["voting"])
    assert len(shared) == PRESETS["default"][0]
    for address in shared:
        assert {"correlations", "voting"} <= set(found[address].measure)


def test_the_store_of_schemas_is_shared_but_what_it_hands_out_is_not() -> None:
    store = ConfigStore.instance()
    assert copy.deepcopy(store) is store  # copying it takes a third of the start
    store.load("schema.yaml").node.seed = 7
    assert store.load("schema.yaml").node.seed == RunConfig().seed
    # a launcher sends it to its workers
    sent = pickle.loads(pickle.dumps(store))  # noqa: S301
    assert sent is not store
    assert sent.load("schema.yaml").node == store.load("schema.yaml").node


@pytest.mark.parametrize("chapter", [MAP, PAPERS], ids=lambda chapter: chapter.name)
def test_figures_are_about_claims_of_other_chapters_that_there_are(chapter: Chapter) -> None:
    others = [each for each in (LECTURE, OF_GATE, MAP, PAPERS) if each is not chapter]
    known = {claim.id for other in others for claim in other.claims}
    assert any(figure.about for figure in chapter.figures)
    for figure in chapter.figures:
        assert set(figure.about) <= known, figure.id
