"""The sweep: which cells there are, which still have to run, and what came of them."""

import hashlib
import itertools
import logging
import re
import shlex
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.core.utils import JobStatus
from hydra.errors import MissingConfigException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from rich.console import Console

from study.analysis.declarations import Claim, load_claims, selects
from study.edge.cluster import is_cluster, keep_returned, run_on_cluster
from study.edge.grids import Composer, Grid, Option, expand, narrow
from study.edge.pool import run_cells
from study.edge.progress import StoreProgress
from study.edge.schema import RUN_KEYS, AppConfig, check_execution, plain
from study.errors import ConfigError, StudyError
from study.paths import conf_folder
from study.records.cells import columns, label
from study.records.compaction import COMPACTING, compact
from study.records.config import RunConfig, hydra_string, overrides
from study.records.plan import NAME_BYTES, StudyPlan, check_name
from study.records.record import NEWER, RunSummary
from study.records.reuse import FAILED, NEW, keep_measurements, stale
from study.records.runs import Runs
from study.records.store import RunStore
from study.run import check_data

log = logging.getLogger(__name__)

EXIT_FAILED = 1
EXIT_INTERRUPTED = 130  # 128 + SIGINT, as shells have it
# Keys that name several things of their own, not values of a run's key.
LISTS = ("experiment", "claim")
SHOWN = 5  # how many failures are named; the report lists them all


@dataclass
class Stock:
    """What the store has of a study.

    Attributes:
        runs: those that do not stand are left out, failed ones not.
        reasons: why a cell has to be run, by address.
        unreadable: the files whose record cannot be used, and why.
    """

    runs: Runs = field(default_factory=Runs)
    reasons: dict[str, str] = field(default_factory=dict)
    unreadable: list[str] = field(default_factory=list)


def sweep(
    config: DictConfig,
    arguments: Sequence[str],
    grids: Mapping[str, Any],
    config_loader: Any,
    launcher: Any,
) -> None:
    """Run every cell of the selected experiments that is not stored yet, then write the report.

    Args:
        config: the composed configuration of the multirun.
        arguments: the command line's overrides.
        grids: the grids of the selected experiments (``hydra.sweeper.grids``).
        config_loader: Hydra's, for the options of config groups.
        launcher: the launcher that Hydra instantiated.

    Raises:
        SystemExit: 0 only if every cell has a record that is not failed and the report was
            written; 1 if not, or if the configuration cannot be used and nothing was started;
            130 after Ctrl-C.
    """
    console = Console(stderr=True, soft_wrap=True, highlight=False, markup=False)
    try:
        check_execution(config)
        claims = load_claims(claim_folders(config))
        cells, plan = plan_study(config, arguments, grids, config_loader, claims)
        store = RunStore(config.store)
        store.check_writable()
        stock = take_stock(store, cells)
        check_all_data(cells[address] for address in stock.reasons)
        plan.write(store)
    except StudyError as error:
        console.print(str(error))
        raise SystemExit(EXIT_FAILED) from None
    store.remove_abandoned()
    console.print(_announcement(plan, stock.reasons))
    _print_some(console, "run again", stock.unreadable)
    pending = sorted(stock.reasons, key=lambda address: _cost(cells[address]), reverse=True)
    progress = StoreProgress(store, pending, console)
    try:
        problems: list[str] = []
        if pending:
            with progress:
                problems = _launch(launcher, [cells[a] for a in pending], store, config)
        compact(store, announce=lambda count: console.print(COMPACTING.format(count)))
        try:
            after = take_stock(store, {address: cells[address] for address in pending})
        except StudyError as error:  # a newer version has written into the store meanwhile
            console.print(str(error))
            raise SystemExit(EXIT_FAILED) from None
        runs = stock.runs | after.runs
        problems += [
            f"{address}: not replaced, {reason}"
            for address, reason in after.reasons.items()
            if reason not in (NEW, FAILED)
        ]
        raise SystemExit(_finish(console, plan, runs, claims, config, problems))
    except KeyboardInterrupt:
        good = sum(progress.counts[status] for status in ("completed", "diverged"))
        done = len(cells) - len(pending) + good
        console.print(f"{done:,} of {len(cells):,} stored, run again to continue")
        raise SystemExit(EXIT_INTERRUPTED) from None


def claim_folders(config: DictConfig) -> list[Path]:
    """``claims`` in the study's own configuration, and in each that the command line adds."""
    sources = (Path(each.path) for each in config.hydra.runtime.config_sources if each.path)
    added = [source / "claims" for source in sources if (source / "claims").is_dir()]
    own = conf_folder().resolve() / "claims"
    return [own, *(folder for folder in added if folder.resolve() != own)]


def plan_study(
    config: DictConfig,
    arguments: Sequence[str],
    grids: Mapping[str, Any],
    config_loader: Any,
    claims: Sequence[Claim] = (),
) -> tuple[dict[str, RunConfig], StudyPlan]:
    """The cells of the selected experiments, each once, by address; and the plan of the study.

    Args:
        claims: those that ``claim=…`` can name; only the cells that they compare are left.

    Raises:
        ConfigError: a value cannot be used, or nothing is left to run.
    """
    parsed = OverridesParser.create(config_loader=config_loader).parse_overrides(list(arguments))
    default = _without_narrowing(config, parsed, config_loader)
    base = {key: plain(default, key) for key in RUN_KEYS}

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
        return [
            plain(OmegaConf.create({**base, group: composed[f"n{i}"]}), group)
            for i, (group, _) in enumerate(options)
        ]

    composer = Composer(base, load_options)
    wanted, selection, lists = _asked(parsed, composer)
    asked_claims = _chosen(claims, lists.get("claim", []))
    experiments = lists.get("experiment", [])
    if asked_claims and not any(words.startswith("experiment") for words in selection):
        parts = (part for claim in asked_claims for part in claim.parts.values())
        experiments = list(dict.fromkeys(part.experiment for part in parts))
    if experiments:  # experiment=a,b like experiment=[a,b]
        known = config_loader.get_group_options("experiment")
        for name in set(experiments) - set(known):
            raise ConfigError("experiment", "one of the choices", name, known)
        chosen = [f"experiment=[{','.join(experiments)}]", *_settings(parsed)]
        grids = config_loader.load_sweep_config(config, chosen).hydra.sweeper.grids
    if not grids:
        raise ConfigError("experiment", "at least one experiment", [])
    expanded = [_expand(name, plain(grids, name), composer) for name in grids]
    cells: dict[str, RunConfig] = {}
    addresses: dict[str, list[str]] = {}
    composer.load(cell for grid in expanded for cell in grid.cells)
    narrowed = narrow(expanded, wanted, composer.value)
    composer.load(cell for grid in narrowed for cell in grid.cells)
    for grid in narrowed:
        addresses[grid.experiment] = []
        for cell in grid.cells:
            try:
                run_config = composer.config(cell, grid.measure)
            except ConfigError as error:
                raise StudyError(f"experiment {grid.experiment}: {error}") from None
            if asked_claims:
                row = columns(run_config.to_dict())
                if not any(selects(claim, grid.experiment, row) for claim in asked_claims):
                    continue
            address = run_config.address
            same = cells.setdefault(address, run_config)
            # a cell that two experiments want is run once, with the measurements of both
            same.measure = sorted({*same.measure, *run_config.measure})
            addresses[grid.experiment].append(address)
    if not cells:
        raise ConfigError("claim", "a claim about cells of the study", lists.get("claim"))
    plan = StudyPlan(
        name=config.report.name or study_name(config, selection),
        command=shlex.join(["python", "-m", "study", "-m", *arguments]),
        data=config.data.label or config.data.name,
        preset=config.study.name,
        selection=selection,
        experiments=addresses,
    )
    return cells, plan


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
    words = ["experiment=[]", *_settings(parsed)]
    found: DictConfig = config_loader.load_sweep_config(config, words)
    return found


def _settings(parsed: Sequence[Override]) -> list[str]:
    """The overrides that all cells have in common, e.g. ``study=quick``."""
    return [
        str(override.input_line)
        for override in parsed
        if not (_narrows(override) or override.is_sweep_override())
        and override.key_or_group not in LISTS
    ]


def _asked(
    parsed: list[Override], composer: Composer
) -> tuple[dict[str, list[Any]], list[str], dict[str, list[str]]]:
    """What the command line asks for.

    Returns:
        Values by key of a run; the overrides that make the study another one; the names of the
        claims, and those of the experiments where they are given as a sweep.
    """
    wanted: dict[str, list[Any]] = {}
    selection: list[str] = []
    lists: dict[str, list[str]] = {}
    for override in parsed:
        key, top = override.key_or_group, override.key_or_group.split(".")[0]
        words = override.input_line or key
        narrows = _narrows(override)
        if narrows or key in LISTS or key.startswith("study."):
            selection.append(words)
        if override.is_sweep_override() and not narrows and key not in LISTS:
            known = top in AppConfig.__dataclass_fields__ or top == "hydra"
            expected = "one value, not a list" if known else "a key of the configuration"
            raise ConfigError(key, expected, words)
        if narrows and override.is_delete():
            raise ConfigError(key, "a value", words)
        if narrows:
            wanted[key] = [composer.typed(key, value) for value in _values(override)]
        elif override.is_sweep_override() or (key == "claim" and override.value() is not None):
            lists[key] = [str(value) for value in _values(override)]
    return wanted, selection, lists


def _chosen(claims: Sequence[Claim], names: Sequence[str]) -> list[Claim]:
    """The claims called ``names``."""
    by_id = {claim.id: claim for claim in claims}
    for name in names:
        if name not in by_id:
            raise ConfigError("claim", "one of the choices", name, by_id)
    return [by_id[name] for name in names]


def _values(override: Override) -> list[Any]:
    if not override.is_sweep_override():
        return [override.value()]
    if not override.is_discrete_sweep():
        raise ConfigError(override.key_or_group, "a list of values", override.input_line)
    # Hydra's quoted strings as strings
    return [getattr(value, "text", value) for value in override.sweep_iterator()]


def _expand(experiment: str, grid: Mapping[str, Any], composer: Composer) -> Grid:
    """The cells of one experiment, their values typed and their options loaded."""
    expanded = expand(experiment, grid)
    try:
        expanded.cells = [
            {key: composer.typed(key, value) for key, value in cell.items()}
            for cell in expanded.cells
        ]
    except ConfigError as error:
        raise StudyError(f"experiment {experiment}: {error}") from None
    return expanded


def study_name(config: DictConfig, selection: Sequence[str]) -> str:
    """``<data>-<preset>``, followed by what makes the study another one, fit for a folder.

    Where that had to be shortened or put into other characters, a digest of it is added, so that
    two studies never have the same name.
    """
    parts = [config.data.label or config.data.name, config.study.name]
    parts += [words.removeprefix("experiment=") for words in selection]
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


def take_stock(store: RunStore, cells: Mapping[str, RunConfig]) -> Stock:
    """Look up every cell in the store.

    A cell that is to be run again will measure what its stored record has measured, too.

    Raises:
        ConfigError, DataError: a data set cannot be found.
        RecordError: a record is a newer version's, which this one must not replace.
    """
    found = store.load(cells)
    for error in found.errors:
        if error.reason == NEWER:
            raise error
    stock = Stock(unreadable=[str(error) for error in found.segments])
    standing = []
    for address, cell in cells.items():
        if address in found.unusable:
            log.warning("%s", found.unusable[address])
            stock.reasons[address] = found.unusable[address].reason
            stock.unreadable.append(f"{store.path(address)}: {stock.reasons[address]}")
        elif address not in found.runs:
            stock.reasons[address] = NEW
        else:
            record = found.runs[address]
            reason = stale(record, cell)
            if reason is not None:
                stock.reasons[address] = reason
                keep_measurements(cell, record)
            if reason in (None, FAILED):
                standing.append(address)
    stock.runs = found.runs.only(standing)
    return stock


def check_all_data(cells: Iterable[RunConfig]) -> None:
    """Load each data set once and check that every cell finds the samples it wants."""
    seen = set()
    for cell in cells:
        # the Gaussian probe is another sample for each seed, always of the same size
        key = (cell.data.name, cell.data.root, cell.train_size, str(cell.batch_size))
        if key not in seen:
            seen.add(key)
            check_data(cell)


def _cost(config: RunConfig) -> float:
    """Rough work of a run; the longest start first, so that no worker is left with one."""
    widths = [784, *config.hidden, 10]
    products = sum(a * b for a, b in itertools.pairwise(widths))
    samples = config.train_size or 4000
    batch = samples if isinstance(config.batch_size, str) else config.batch_size
    epochs = config.num_epochs if config.num_epochs is not None else 0
    steps = config.num_steps if config.num_steps is not None else epochs * samples / batch
    return steps * (products * batch + 5e6) + 1e8 * len(config.measure)


def _announcement(plan: StudyPlan, reasons: Mapping[str, str]) -> str:
    asked = sum(len(addresses) for addresses in plan.experiments.values())
    total = len(plan.addresses)
    why = Counter(reasons.values())
    text = (
        f"{plan.name}: {total:,} cells of {len(plan.experiments)} experiments"
        f" ({asked - total:,} wanted more than once), {total - why.total():,} stored"
    )
    if why:
        parts = ", ".join(f"{count:,} {reason}" for reason, count in sorted(why.items()))
        text += f", {why.total():,} to run ({parts})"
    return text


def _launch(
    launcher: Any, cells: Sequence[RunConfig], store: RunStore, config: DictConfig
) -> list[str]:
    """Run the cells; return what went wrong besides the runs themselves."""
    from hydra_plugins.study_plugins import PoolLauncher

    try:
        if isinstance(launcher, PoolLauncher):  # the cells are composed already
            return run_cells(cells, store, workers=launcher.workers, timeout=launcher.timeout)
        settings = plain(config.hydra, "launcher")
        if is_cluster(settings):
            return run_on_cluster(
                settings,
                cells,
                store,
                workers=config.workers,
                timeout=config.timeout,
                cells_per_job=config.cells_per_job,
            )
        execution = [f"store={hydra_string(config.store)}", "experiment=[]"]
        jobs = launcher.launch([[*overrides(cell), *execution] for cell in cells], 0)
    except Exception as error:  # a launcher that gave up: what it stored still counts
        return [f"the launcher stopped: {error}"]
    problems = [str(job._return_value) for job in jobs if job.status == JobStatus.FAILED]
    texts = [job.return_value for job in jobs if job.status == JobStatus.COMPLETED]
    return problems + keep_returned(texts, store, {cell.address: cell for cell in cells})


def _finish(
    console: Console,
    plan: StudyPlan,
    runs: Runs,
    claims: Sequence[Claim],
    config: DictConfig,
    problems: Sequence[str],
) -> int:
    """Say what came of this sweep's cells, write the report, and return the exit code."""
    counts: Counter[str] = Counter(record.status for record in runs.values())
    counts["missing"] = len(plan.addresses) - len(runs)
    failures = [_describe(r, plan) for r in runs.values() if r.status == "failed"]
    _print_some(console, "failed", failures)
    _print_some(console, "not stored", problems)
    console.print(
        ", ".join(
            f"{counts[status]:,} {status}"
            for status in ("completed", "diverged", "failed", "missing")
            if counts[status] or status != "missing"
        )
    )
    # what draws the figures takes a second to import: the runs do not wait for it
    from study.report.render import render_study

    try:
        page = render_study(
            plan,
            runs,
            claims,
            folder=config.report.folder,
            console=console,
            language=config.report.lang,
            workers=config.workers,
        )
    except StudyError as error:
        console.print(f"the report was not written: {error}")
        return EXIT_FAILED
    print(f"report: {page}", file=sys.stdout)
    return EXIT_FAILED if counts["failed"] or counts["missing"] or problems else 0


def _print_some(console: Console, kind: str, messages: Sequence[str]) -> None:
    for message in messages[:SHOWN]:
        console.print(f"{kind}: {message}")
    if len(messages) > SHOWN:
        console.print(f"{kind}: {len(messages) - SHOWN:,} more")


def _describe(record: RunSummary, plan: StudyPlan) -> str:
    """Which run failed, and the last line of why."""
    config = record.run_config
    wanted = [name for name, group in plan.experiments.items() if record.address in group]
    lines = (record.error or "").strip().splitlines() or ["no message"]
    return (
        f"{', '.join(wanted)}: {label(config.init)}, {label(config.activation)},"
        f" seed {config.seed} ({record.address}): {lines[-1]}"
    )
