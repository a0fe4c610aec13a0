"""The sweep: which cells there are, which still have to run, and what came of them."""

import itertools
import shlex
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from rich.console import Console

from study import data
from study.edge.grids import GROUPS, RUN_KEYS, Cell, Composer, Grid, expand, narrow
from study.edge.pool import run_cells
from study.edge.progress import StoreProgress
from study.errors import ConfigError, StoreError, StudyError
from study.records.config import RunConfig, overrides
from study.records.plan import StudyPlan
from study.records.provenance import code_fingerprint, libraries
from study.records.record import RunRecord
from study.records.store import RunStore
from study.report.render import render_study
from study.run import check_data

EXIT_FAILED = 1
EXIT_INTERRUPTED = 130  # 128 + SIGINT, as shells have it


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
            written; 1 if not; 130 after Ctrl-C.
        HydraException: the configuration cannot be used; nothing was started.
    """
    console = Console(stderr=True)
    try:
        cells, plan = plan_study(config, arguments, grids, config_loader)
        store = RunStore(config.store)
        store.check_writable()
        check_all_data(cells.values())
    except StudyError as error:
        raise HydraException(str(error)) from None
    plan.write(store)
    records: dict[str, RunRecord] = {}
    reasons: dict[str, str] = {}
    for address, cell in cells.items():
        reason, record = inspect(store, address, cell)
        if record is not None:
            records[address] = record
        if reason is not None:
            reasons[address] = reason
    console.print(_announcement(plan, reasons), highlight=False)
    pending = sorted(reasons, key=lambda address: _cost(cells[address]), reverse=True)
    unstored: list[str] = []
    try:
        if pending:
            with StoreProgress(store, pending, console):
                unstored = _launch(launcher, [cells[a] for a in pending], store, config)
    except Exception as error:  # a launcher that gave up: what it stored still counts
        unstored.append(f"the launcher stopped: {error}")
    except KeyboardInterrupt:
        left = sum(inspect(store, address, cells[address])[0] is not None for address in pending)
        done = len(cells) - left
        console.print(f"{done:,} of {len(cells):,} stored, run again to continue")
        raise SystemExit(EXIT_INTERRUPTED) from None
    for address in pending:
        records.pop(address, None)
        try:
            record = store.read(address)
        except StoreError as error:
            unstored.append(str(error))
        else:
            if record is not None:
                records[address] = record
    raise SystemExit(_finish(console, plan, records, config, unstored))


def plan_study(
    config: DictConfig, arguments: Sequence[str], grids: Mapping[str, Any], config_loader: Any
) -> tuple[dict[str, RunConfig], StudyPlan]:
    """The cells of the selected experiments, each once, by address; and the plan of the study."""
    parsed = OverridesParser.create(config_loader=config_loader).parse_overrides(list(arguments))
    base = _container(config)

    def load_option(group: str, name: str) -> dict[str, Any]:
        # without the experiments, which take ten times as long to compose as the rest
        composed = config_loader.load_sweep_config(config, ["experiment=[]", f"{group}={name}"])
        return _container(composed[group], resolve=True)

    composer = Composer(base, load_option)
    wanted, selection = _wanted(parsed, composer)
    expanded = [
        _typed(expand(name, _container(grids[name], resolve=True)), composer) for name in grids
    ]
    if not expanded:
        raise ConfigError("experiment", "at least one experiment", [])
    base_cell: Cell = {key: base[key]["name"] if key in GROUPS else base[key] for key in RUN_KEYS}
    cells: dict[str, RunConfig] = {}
    experiments: dict[str, list[str]] = {}
    for grid in narrow(expanded, base_cell, wanted):
        addresses = experiments[grid.experiment] = []
        for cell in grid.cells:
            run_config = composer.config(cell, grid.measure)
            address = run_config.address
            same = cells.setdefault(address, run_config)
            # a cell that two experiments want is run once, with the measurements of both
            same.measure = sorted({*same.measure, *run_config.measure})
            addresses.append(address)
    plan = StudyPlan(
        name=config.report.name or _study_name(config, selection),
        command=shlex.join(["python", "-m", "study", "-m", *arguments]),
        data=config.data.label or config.data.name,
        preset=config.study.name,
        selection=selection,
        experiments=experiments,
    )
    return cells, plan


def _container(node: Any, *, resolve: bool = False) -> dict[str, Any]:
    """A configuration node as plain containers."""
    container = OmegaConf.to_container(node, resolve=resolve, throw_on_missing=resolve)
    assert isinstance(container, dict)
    return {str(key): value for key, value in container.items()}


def _wanted(parsed: list[Override], composer: Composer) -> tuple[dict[str, list[Any]], list[str]]:
    """Values that the command line asks for, by key of a run, and what restricts the study."""
    wanted: dict[str, list[Any]] = {}
    selection: list[str] = []
    for override in parsed:
        key = override.key_or_group
        top = key.split(".")[0]
        if override.is_sweep_override() and (top not in RUN_KEYS or top == "data"):
            raise ConfigError(key, "one value", override.get_value_element_as_str())
        if key == "experiment" or (top in RUN_KEYS and top not in ("data", "measure")):
            selection.append(override.input_line or key)
        if top in RUN_KEYS and top not in ("data", "measure"):
            if not override.is_sweep_override():
                values = [override.value()]
            elif override.is_discrete_sweep():
                values = [_plain(value) for value in override.sweep_iterator()]
            else:
                raise ConfigError(key, "a list of values", override.get_value_element_as_str())
            wanted[key] = [composer.typed(key, _plain(value)) for value in values]
    return wanted, selection


def _plain(value: Any) -> Any:
    """Hydra's quoted strings as strings."""
    return getattr(value, "text", value)


def _typed(grid: Grid, composer: Composer) -> Grid:
    cells = [{key: composer.typed(key, value) for key, value in c.items()} for c in grid.cells]
    return Grid(grid.experiment, cells, grid.axes, grid.measure)


def _study_name(config: DictConfig, selection: list[str]) -> str:
    """``<data>-<preset>``, followed by what restricts the study, fit for a folder."""
    parts = [config.data.label or config.data.name, config.study.name, *selection]
    name = "-".join("".join(c if c.isalnum() or c in "._" else "-" for c in p) for p in parts)
    return name.strip("-.")[:100]


def check_all_data(cells: Iterable[RunConfig]) -> None:
    """Load each data set once and check that every cell finds the samples it wants."""
    seen = set()
    for cell in cells:
        # the Gaussian probe is another sample for each seed, always of the same size
        key = (cell.data.name, cell.data.root, cell.train_size, str(cell.batch_size))
        if key not in seen:
            seen.add(key)
            check_data(cell)


def inspect(
    store: RunStore, address: str, config: RunConfig
) -> tuple[str | None, RunRecord | None]:
    """Why ``config`` has to be run (again), None if its record is good; and the record.

    ``address`` is the configuration's own.
    """
    try:
        record = store.read(address)
    except StoreError:
        return "record damaged", None
    if record is None:
        return "new", None
    return _staleness(record, config), record


def _staleness(record: RunRecord, config: RunConfig) -> str | None:
    if record.status == "failed":
        return "failed before"
    origin = record.provenance
    targets = tuple(sorted(str(c["_target_"]) for c in (config.init, config.activation)))
    if origin["code"] != code_fingerprint(targets):
        return "code changed"
    if any(origin["libraries"][key] != libraries()[key] for key in ("numpy", "blas_version")):
        return "library changed"
    if origin["data"]["checksum"] != data.checksum(
        config.data.name, root=config.data.root, seed=config.seed
    ):
        return "data changed"
    if not set(config.measure) <= set(record.config["measure"]):
        return "measurement missing"
    return None


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
    """Run the cells; return what could not be stored."""
    from hydra_plugins.study_plugins import PoolLauncher

    if isinstance(launcher, PoolLauncher):  # no composition: the cells are composed already
        return run_cells(cells, store, workers=launcher.workers, timeout=launcher.timeout)
    execution = [f"store={_quoted(config.store)}", "experiment=[]"]
    launcher.launch([[*overrides(cell), *execution] for cell in cells], initial_job_idx=0)
    return []


def _quoted(text: str) -> str:
    """``text`` as a string in Hydra's grammar, whatever is in it."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _finish(
    console: Console,
    plan: StudyPlan,
    records: Mapping[str, RunRecord],
    config: DictConfig,
    unstored: list[str],
) -> int:
    """Say what came of this sweep's cells, write the report, and return the exit code."""
    counts: Counter[str] = Counter(record.status for record in records.values())
    counts["missing"] = len(plan.addresses) - len(records)
    failures = [record for record in records.values() if record.status == "failed"]
    for record in failures[:5]:
        lines = (record.error or "no message").strip().splitlines()
        console.print(f"failed: {record.address}: {lines[-1]}", markup=False, highlight=False)
    if len(failures) > 5:
        console.print(f"… and {len(failures) - 5} more; the report lists them all")
    for message in unstored:
        console.print(f"not stored: {message}", markup=False, highlight=False)
    console.print(
        ", ".join(
            f"{counts[status]:,} {status}"
            for status in ("completed", "diverged", "failed", "missing")
            if counts[status] or status != "missing"
        ),
        highlight=False,
    )
    try:
        page = render_study(plan, records, folder=config.report.folder, console=console)
    except StudyError as error:
        console.print(f"the report was not written: {error}", markup=False, highlight=False)
        return EXIT_FAILED
    print(f"report: {page}", file=sys.stdout)
    return EXIT_FAILED if counts["failed"] or counts["missing"] or unstored else 0
