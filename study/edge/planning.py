"""Planning: from the command line to the cells of a study, and to what of it they leave out."""

import hashlib
import itertools
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import MissingConfigException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from study.analysis.declarations import OPEN, Claim, selects
from study.chapters import Chapter, chapter_folders, contents, find_chapters, load_chapters
from study.edge.arguments import as_typed
from study.edge.grids import (
    ABSENT,
    GROUPS,
    Composer,
    Grid,
    Narrowed,
    Option,
    asked_of_all,
    check_count,
    count,
    expand,
    narrow,
)
from study.edge.schema import (
    EXPERIMENTS,
    LONGEST,
    MAX_CELLS,
    RUN_KEYS,
    AppConfig,
    check_preset,
    plain,
)
from study.edge.sets import DATA, identify, with_sets
from study.edge.settings import PLACE, placed_runs
from study.errors import ConfigError, StudyError
from study.records.cells import columns
from study.records.config import DataConfig, RunConfig, hydra_string
from study.records.plan import NAME_BYTES, StudyPlan, check_name, data_name, pack_rows

# Keys that name several things of their own, not values of a run's key.
LISTS = ("chapter", "experiment", "claim")
# How many seeds and which: a study with more of them is the same one.
SEEDS = ("study.seeds", "study.grid_seeds", "study.seeds_from", "study.looks")
SETTINGS = "study.settings"  # the same of settings


@dataclass
class Planned:
    """A study before its first run.

    Attributes:
        cells: of all its experiments, each once, by address.
        plan: of the study.
        chapters: whose figures and claims it is about.
        named: the claims that the command line asks for.
        opening: whether it asks for the open ones.
    """

    cells: dict[str, RunConfig]
    plan: StudyPlan
    chapters: list[Chapter]
    named: list[str]
    opening: bool

    @property
    def claims(self) -> list[Claim]:
        """Those of all chapters."""
        return [claim for chapter in self.chapters for claim in chapter.claims]


def added_folders(config: DictConfig) -> list[Path]:
    """The folders of configuration that the command line adds to the study's own."""
    return [Path(each.path) for each in config.hydra.runtime.config_sources if each.path]


def _shown(folder: Path) -> str:
    """A folder as it is typed where the command is: relative if it lies below."""
    here = Path.cwd()
    return str(folder.relative_to(here) if folder.is_relative_to(here) else folder)


def plan_study(
    config: DictConfig,
    arguments: Sequence[str],
    config_loader: Any,
    chapters: Sequence[Chapter] | None = None,
) -> Planned:
    """What the command line asks for: the cells of the selected experiments, and the plan.

    Args:
        config: the composed configuration of the multirun.
        arguments: the command line's overrides.
        config_loader: Hydra's, for the options of config groups.
        chapters: instead of those that the command line asks for.

    Raises:
        ConfigError: a value cannot be used, or nothing is left to run.
    """
    preset = plain(config, "study")
    check_preset(preset)
    parsed = OverridesParser.create(config_loader=config_loader).parse_overrides(list(arguments))
    default = _without_narrowing(config, parsed, config_loader)
    base = {key: plain(default, key) for key in RUN_KEYS}
    identify(base[DATA])

    def load_options(options: Sequence[Option]) -> list[dict[str, Any]]:
        # Without the main configuration, each at a place of its own, they are all composed at
        # once; what they refer to is looked up in the main configuration afterwards.
        words = [f"+{group}@n{i}={name}" for i, (group, name) in enumerate(options)]
        folders = ",".join(hydra_string(folder) for folder in config.hydra.searchpath)
        words.append(f"hydra.searchpath=[{folders}]")
        try:
            composed = config_loader.load_configuration(None, words, run_mode=RunMode.RUN)
        except MissingConfigException as error:
            group, _, name = (error.missing_cfg_file or "").rpartition("/")
            raise ConfigError(group, "one of the choices", name, error.options) from None
        found = []
        for i, (group, _) in enumerate(options):
            option = composed[f"n{i}"]
            if group == DATA:
                # where it lies, ``???``, is for the cell to say
                given = {k: option[k] for k in option if not OmegaConf.is_missing(option, k)}
                option = asdict(DataConfig()) | given
            found.append(plain(OmegaConf.create({**base, group: option}), group))
        return found

    composer = Composer(base, load_options)
    asked = _asked(parsed, composer)
    _check_options(asked, composer, config_loader)
    names = [name for name in asked.lists.get("claim", []) if name != OPEN]
    chapters = _chapters(config, asked, names) if chapters is None else list(chapters)
    claims = _chosen([claim for chapter in chapters for claim in chapter.claims], names)
    grids = _grids_of(config, chapters, _experiments(chapters, asked, claims), base[DATA])
    most = config.max_cells
    total = sum(count(name, grid, most) for name, grid in grids.items())
    check_count(total, most, f"the {len(grids)} experiments")
    expanded = [_expand(name, grid, composer, most) for name, grid in grids.items()]
    composer.load(cell for grid in expanded for cell in grid.cells)
    narrowed = narrow(expanded, asked.wanted, composer.value, most)
    composer.load(cell for grid in narrowed.grids for cell in grid.cells)
    chosen_cells = _Chosen()
    for grid in narrowed.grids:
        _choose(chosen_cells, grid, composer, claims)
    if not chosen_cells.configs:
        raise ConfigError("claim", "a claim about cells of the study", ",".join(names))
    named = data_name(base[DATA])
    own = [chapter.name for chapter in chapters]
    shown = own if "chapter" in asked.lists and own != [config.chapter] else []
    # one of which narrowing has left nothing has nothing to show
    chapters = [each for each in chapters if chosen_cells.addresses.keys() & each.experiments]
    folders = [_shown(path.parent) for path in chapter_folders(added_folders(config))[1:]]
    options = [word for folder in folders for word in ("--config-dir", folder)]
    words = [*options, *_without_open(arguments, names)]
    plan = StudyPlan(
        name=config.report.name
        or study_name(named, "-".join([preset["name"], *shown]), asked.selection),
        command=shlex.join(["python", "-m", "study", "-m", *words]),
        data=named,
        preset=preset["name"],
        selection=asked.selection,
        chapters=[chapter.name for chapter in chapters],
        folders=folders,
        experiments=chosen_cells.addresses,
        maps=chosen_cells.maps,
        looks=list(preset.get("looks", [])),
        seeds_from=preset.get("seeds_from", 0),
    )
    declared = _Declared(config, parsed, chapters, expanded, composer, config_loader)
    _compare(plan, chosen_cells, narrowed, declared, composer, asked.words)
    opening = OPEN in asked.lists.get("claim", [])
    return Planned(chosen_cells.configs, plan, chapters, names, opening)


def _chapters(config: DictConfig, asked: "_Asked", claims: Sequence[str]) -> list[Chapter]:
    """The chapters asked for; else those that have the experiments and claims asked for.

    Raises:
        ConfigError: there is none of a name, or it cannot be used.
    """
    folders = chapter_folders(added_folders(config))
    names = asked.lists.get("chapter")
    if names is not None:
        return load_chapters(names, folders)
    usual = load_chapters([config.chapter], folders)
    wanted = {"experiment": asked.lists.get("experiment", []), "claim": list(claims)}
    if all(not set(wanted[key]) - set(_named(usual, key)) for key in wanted):
        return usual
    known = find_chapters(folders)
    held = {name: contents(path) for name, path in known.items()}
    for key, names in wanted.items():
        choices = [each for own in held.values() for each in own[f"{key}s"]]
        for name in names:
            if name not in choices:
                more = [OPEN] if key == "claim" else []
                raise ConfigError(key, "one of the choices", name, [*choices, *more])
    having = [
        name
        for name, own in held.items()
        if any(set(names) & set(own[f"{key}s"]) for key, names in wanted.items())
    ]
    return load_chapters(having, folders)


def _named(chapters: Sequence[Chapter], key: str) -> list[str]:
    """The experiments, or the claims, of ``chapters``."""
    if key == "experiment":
        return [name for chapter in chapters for name in chapter.experiments]
    return [claim.id for chapter in chapters for claim in chapter.claims]


def _experiments(
    chapters: Sequence[Chapter], asked: "_Asked", claims: Sequence[Claim]
) -> list[str]:
    """The experiments of the study: those asked for, those of the claims asked for, or all."""
    known = list(dict.fromkeys(_named(chapters, "experiment")))
    names = asked.lists.get("experiment", [])
    for name in names:
        if name not in known:
            raise ConfigError("experiment", "one of the choices", name, known)
    if not names and claims:
        names = [part.experiment for claim in claims for part in claim.parts.values()]
    found = list(dict.fromkeys(names or known))
    if not found:
        raise ConfigError("chapter", "a chapter with experiments", [c.name for c in chapters])
    return found


def _grids_of(
    config: DictConfig, chapters: Sequence[Chapter], names: Iterable[str], own: dict[str, Any]
) -> dict[str, dict[str, Any]]:
    """The grids called ``names``, what they refer to in ``config`` and their data sets filled in.

    Args:
        own: the study's own data set.

    Raises:
        OmegaConfBaseException: they refer to what is not there.
        ConfigError, DataError: a data set cannot be used.
    """
    grids = {name: grid for chapter in chapters for name, grid in chapter.experiments.items()}
    keys = [str(key) for key in config if key != "hydra"]
    root = OmegaConf.masked_copy(config, keys)
    values = OmegaConf.to_container(root, resolve=False)
    assert isinstance(values, dict)
    filled = OmegaConf.create({**values, EXPERIMENTS: {name: grids[name] for name in names}})
    found: Any = OmegaConf.to_container(filled[EXPERIMENTS], resolve=True)
    return {name: with_sets(name, grid, own) for name, grid in found.items()}


# --- what the command line asks for -------------------------------------------------------------


@dataclass
class _Asked:
    """What the command line asks for.

    Attributes:
        wanted: values by key of a run.
        words: by the same key, the override.
        selection: the overrides that make the study another one.
        lists: the names of the chapters, experiments and claims.
    """

    wanted: dict[str, list[Any]] = field(default_factory=dict)
    words: dict[str, str] = field(default_factory=dict)
    selection: list[str] = field(default_factory=list)
    lists: dict[str, list[str]] = field(default_factory=dict)


def _asked(parsed: Sequence[Override], composer: Composer) -> _Asked:
    asked = _Asked()
    for override in parsed:
        key, top = override.key_or_group, override.key_or_group.split(".")[0]
        words = override.input_line or key
        narrows = _narrows(override)
        if override.is_sweep_override() and not narrows and key not in LISTS:
            known = top in AppConfig.__dataclass_fields__ or top == "hydra"
            expected = "one value, not a list" if known else "a key of the configuration"
            raise ConfigError(key, expected, words)
        if narrows and override.is_delete():
            raise ConfigError(key, "a value", words)
        if narrows:
            asked.wanted[key] = [composer.typed(key, value) for value in _values(override)]
            asked.words[key] = words
        elif key in LISTS and (override.is_sweep_override() or override.value() is not None):
            asked.lists[key] = _names(override)
        if key == "claim" and OPEN in asked.lists.get(key, ()):
            # with further seeds it is the same study
            named = [name for name in asked.lists[key] if name != OPEN]
            words = f"claim={','.join(named)}" if named else ""
        restricts = key in asked.lists and key != "chapter"
        if words and (narrows or restricts or key.startswith("study.")):
            asked.selection.append(words)
    return asked


def _check_options(asked: _Asked, composer: Composer, config_loader: Any) -> None:
    """Raise ConfigError for ``init.std`` beside a choice of ``init`` that has no std.

    It would leave out that choice without a word.
    """
    for key in asked.wanted:
        group, _, option = key.partition(".")
        chosen = asked.wanted.get(group, []) if option and group in GROUPS else []
        composer.load({group: name} for name in chosen)
        without = [name for name in chosen if composer.value({group: name}, key) is ABSENT]
        if without:
            options = [{group: name} for name in config_loader.get_group_options(group)]
            composer.load(options)
            having = [cell[group] for cell in options if composer.value(cell, key) is not ABSENT]
            expected = f"an option of every {group} asked for ({', '.join(without)} has none)"
            raise ConfigError(key, expected, asked.words[key], having)


def _narrows(override: Override) -> bool:
    """Whether ``override`` says which cells are wanted, not what all of them have in common."""
    top = override.key_or_group.split(".")[0]
    return top in RUN_KEYS and top not in ("data", "measure")


def _without_narrowing(
    config: DictConfig, parsed: Sequence[Override], config_loader: Any
) -> DictConfig:
    """The configuration as it is for a cell that says nothing of the keys asked for.

    ``lr=0.5`` asks for cells; in the configuration it would make one of every cell without lr.
    """
    if not any(_narrows(override) and not override.is_sweep_override() for override in parsed):
        return config
    found: DictConfig = config_loader.load_sweep_config(config, _settings(parsed))
    return found


def _settings(parsed: Sequence[Override]) -> list[str]:
    """The overrides that all cells have in common, e.g. ``study=quick``."""
    return [
        str(override.input_line)
        for override in parsed
        if not (_narrows(override) or override.is_sweep_override())
        and override.key_or_group not in LISTS
    ]


def _without_open(arguments: Sequence[str], claims: Sequence[str]) -> list[str]:
    """The command line without ``claim=open``; the plan of a study with further seeds adds it."""
    kept = []
    for word in as_typed(arguments):
        key, _, value = word.partition("=")
        if key.lstrip("+") == "claim" and OPEN in value.split(","):
            kept += [f"claim={','.join(claims)}"] if claims else []
        else:
            kept.append(word)
    return kept


def _chosen(claims: Sequence[Claim], names: Sequence[str]) -> list[Claim]:
    """The claims called ``names``."""
    by_id = {claim.id: claim for claim in claims}
    for name in names:
        if name not in by_id:
            raise ConfigError("claim", "one of the choices", name, [*by_id, OPEN])
    return [by_id[name] for name in names]


def _names(override: Override) -> list[str]:
    """What ``experiment=a,b``, ``experiment=[a,b]`` or ``experiment=a`` names."""
    values = _values(override)
    if not override.is_sweep_override() and isinstance(values[0], list):
        values = values[0]
    return [str(value) for value in values if value is not None]


def _values(override: Override) -> list[Any]:
    if not override.is_sweep_override():
        return [override.value()]
    if not override.is_discrete_sweep():
        raise ConfigError(override.key_or_group, "a list of values", override.input_line)
    # Hydra's quoted strings as strings
    values = list(itertools.islice(override.sweep_iterator(), LONGEST + 1))
    if len(values) > LONGEST:  # of a range
        raise ConfigError(override.key_or_group, f"{LONGEST:,} values or less", override.input_line)
    return [getattr(value, "text", value) for value in values]


# --- cells --------------------------------------------------------------------------------------


@dataclass
class _Chosen:
    """The cells of the study.

    Attributes:
        configs: by address.
        addresses: by experiment, in the order of its grid.
        places: by experiment, the address of each of its cells by the identity of the cell.
        maps: of the experiments with settings, as ``StudyPlan.maps``.
    """

    configs: dict[str, RunConfig] = field(default_factory=dict)
    addresses: dict[str, list[str]] = field(default_factory=dict)
    places: dict[str, dict[int, str]] = field(default_factory=dict)
    maps: dict[str, dict[str, Any]] = field(default_factory=dict)


def _choose(chosen: _Chosen, grid: Grid, composer: Composer, claims: Sequence[Claim]) -> None:
    """Add the cells of ``grid`` that ``claims`` compare; all where there are none."""
    own = chosen.addresses[grid.experiment] = []
    places = chosen.places[grid.experiment] = {}
    for cell in grid.cells:
        try:
            run_config = composer.config(cell, grid.measure)
        except ConfigError as error:
            raise StudyError(f"experiment {grid.experiment}: {error}") from None
        if claims:
            row = columns(run_config.to_dict())
            if not any(selects(claim, grid.experiment, row) for claim in claims):
                continue
        address = run_config.address
        same = chosen.configs.setdefault(address, run_config)
        # a cell that two experiments want is run once, with the measurements of both
        same.measure = sorted({*same.measure, *run_config.measure})
        own.append(address)
        places[id(cell)] = address
    if grid.map is not None:
        placed = [(cell, places[id(cell)]) for cell in grid.cells if id(cell) in places]
        runs = [(cell, chosen.configs[address]) for cell, address in placed]
        chosen.maps[grid.experiment] = placed_runs(grid.experiment, grid.map, runs)


def _expand(
    experiment: str, grid: Mapping[str, Any], composer: Composer, most: int = MAX_CELLS
) -> Grid:
    """The cells of one experiment, their values typed and their options loaded."""
    expanded = expand(experiment, grid, most)
    try:
        expanded.cells = [
            {
                key: value if key in PLACE else composer.typed(key, value)
                for key, value in composer.shaped(cell).items()
            }
            for cell in expanded.cells
        ]
    except ConfigError as error:
        raise StudyError(f"experiment {experiment}: {error}") from None
    return expanded


# --- what the study leaves out of what is declared, and what it adds --------------------------


class _Declared:
    """The cells that the experiments declare under the preset, without any narrowing.

    Attributes:
        here: their grids as they are.
        before: the same without what changes the preset's sizes (``study.…``), other than the
            numbers of seeds.
        words: the overrides that ``before`` is without.
    """

    def __init__(
        self,
        config: DictConfig,
        parsed: Sequence[Override],
        chapters: Sequence[Chapter],
        expanded: list[Grid],
        composer: Composer,
        config_loader: Any,
    ) -> None:
        self.words = [str(each.input_line) for each in parsed if _changes_sizes(each)]
        self.here = self.before = expanded
        if not self.words:
            return
        words = [str(words) for words in config.hydra.overrides.hydra]
        others = [w for w in _settings(parsed) if w not in self.words and w not in words]
        name = config.hydra.job.config_name
        before = config_loader.load_configuration(name, words + others, run_mode=RunMode.RUN)
        own = composer.base[DATA]
        grids = _grids_of(before, chapters, [grid.experiment for grid in expanded], own)
        most = config.max_cells
        self.before = [_expand(name, grid, composer, most) for name, grid in grids.items()]
        composer.load(cell for grid in self.before for cell in grid.cells)


def _changes_sizes(override: Override) -> bool:
    key = override.key_or_group.lstrip("+~")
    return key.startswith("study.") and key not in SEEDS and not key.startswith(SETTINGS)


def _compare(
    plan: StudyPlan,
    chosen: _Chosen,
    narrowed: Narrowed,
    declared: _Declared,
    composer: Composer,
    words: Mapping[str, str],
) -> None:
    """Fill in what ``plan`` leaves out and what it adds; a cell that was selected costs nothing.

    Args:
        words: the override of each key of a run.
    """
    here = [grid for grid in declared.here if grid.experiment in plan.experiments]
    for grid in asked_of_all(here, narrowed, composer.value):
        own, places = set(plan.experiments[grid.experiment]), chosen.places[grid.experiment]
        others = (composer.compose(cell) for cell in grid.cells if id(cell) not in places)
        rows = [columns(each.to_dict()) for each in others if each.address not in own]
        if rows:
            plan.left_out[grid.experiment] = pack_rows(rows)
    before = {grid.experiment: grid.cells for grid in declared.before}
    for experiment, places in chosen.places.items():
        cells = before.get(experiment, [])
        if set(places).issubset(map(id, cells)):
            continue
        known = {places.get(id(cell)) or composer.compose(cell).address for cell in cells}
        added = [a for a in dict.fromkeys(plan.experiments[experiment]) if a not in known]
        if added:
            plan.added[experiment] = added
    if plan.added:
        new = {key: ",".join(map(str, values)) for key, values in narrowed.replaced.items()}
        plan.settings = [
            words[key] if key in narrowed.purely else f"{key}={values}"
            for key, values in new.items()
        ] + declared.words


# --- names --------------------------------------------------------------------------------------


def _sorted_names(words: str) -> str:
    """``experiment=[b,a]`` and ``claim=…`` with their names in order."""
    key, _, names = words.partition("=")
    if key not in LISTS:
        return words
    return f"{key}={','.join(sorted(name.strip() for name in names.strip('[]').split(',')))}"


def _place(words: str) -> tuple[bool, bool, str]:
    """Where an override stands in a name: what is chosen first, then the rest by key."""
    key = words.lstrip("+~").partition("=")[0]
    return key != "experiment", key != "claim", key


def study_name(dataset: str, preset: str, selection: Iterable[str]) -> str:
    """``<data>-<preset>``, followed by what makes the study another one, fit for a folder.

    Where that had to be shortened or put into other characters, a digest of it is added, so that
    two studies never have the same name. The order in which ``selection`` was typed makes no
    difference.
    """
    parts = [dataset, preset]
    chosen = sorted(map(_sorted_names, selection), key=_place)
    parts += [words.removeprefix("experiment=") for words in chosen]
    exact = "-".join(parts)
    name = re.sub(r"[^\w.,=+-]+", "-", exact.replace("[", "").replace("]", "")).strip("-. ")
    digest = hashlib.sha256("\n".join(parts).encode("utf-8", "replace")).hexdigest()[:6]
    room = NAME_BYTES // 2
    if len(name.encode()) > room:
        name = name.encode()[:room].decode("utf-8", "ignore").strip("-. ") + f"-{digest}"
    elif name != exact.replace("[", "").replace("]", ""):
        name = f"{name}-{digest}"
    check_name(name)
    return name
