"""The gate's runs: composed from ``conf/gate``, run in this machine's workers.

Those of the statistical tier are the experiment ``gate``, those of the exact tier the cells of
``conf/gate/exact.yaml``. All run in processes whose arithmetic is pinned.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode
from rich.console import Console

from study.analysis.reading import read
from study.chapters import Chapter, chapter_folders, find_chapters, load_chapters
from study.edge.arguments import as_choices
from study.edge.planning import Planned, plan_study
from study.edge.pool import run_cells
from study.edge.progress import StoreProgress
from study.edge.running import check_all_data, cost
from study.edge.schema import register
from study.errors import ConfigError, StudyError
from study.gate.arithmetic import not_pinned, pinned, pinned_arithmetic
from study.gate.declared import Declaration, declaration
from study.gate.exact import Exact, gather
from study.gate.rules import EXPERIMENT
from study.paths import conf_folder
from study.records.config import RunConfig
from study.records.record import RunRecord
from study.records.store import RunStore

TIMEOUT = 60.0  # seconds; a run takes a fraction of one


def gate_cells() -> dict[str, RunConfig]:
    """The configurations of the gate's runs, by address."""
    return planned([f"experiment={EXPERIMENT}"]).cells


@dataclass(frozen=True)
class ExactCells:
    """The runs of the exact tier.

    Attributes:
        configs: by address.
        names: the addresses of each cell, by its name.
    """

    configs: Mapping[str, RunConfig]
    names: Mapping[str, Sequence[str]]


def exact_cells(path: Path | None = None) -> ExactCells:
    """The cells in ``path``, by default ``conf/gate/exact.yaml``.

    Raises:
        ConfigError: a file or value that cannot be used; two cells that are the same run.
    """
    path = conf_folder() / "gate" / "exact.yaml" if path is None else path
    content = read(path)
    if not isinstance(content, dict) or set(content) != {"fixed", "cells"}:
        raise ConfigError(str(path), "just the keys fixed, cells", content)
    grids = {}
    for name, own in content["cells"].items():
        if not isinstance(own, dict):
            raise ConfigError(f"{path}: {name}", "a mapping of overrides", own)
        values = dict(own)
        seeds, measure = values.pop("seeds", 1), values.pop("measure", [])
        if type(seeds) is not int or seeds < 1:
            raise ConfigError(f"{path}: {name}: seeds", "an integer >= 1", seeds)
        axes = {} if "seed" in values else {"seed": list(range(seeds))}
        grids[name] = {"fixed": content["fixed"] | values, "axes": axes, "measure": measure}
    found = planned([], [Chapter("exact", {"en": "Exact"}, experiments=grids)])
    configs, plan = found.cells, found.plan
    owners: dict[str, str] = {}
    for name, addresses in plan.experiments.items():
        for address in addresses:
            if owners.setdefault(address, name) != name:
                expected = f"another run than {owners[address]!r}"
                raise ConfigError(f"{path}: {name}", expected, content["cells"][name])
    return ExactCells(configs, plan.experiments)


def declared_study() -> tuple[dict[str, Declaration], dict[str, str]]:
    """Each experiment of the study under each preset, and the digest of each claim."""
    folders = chapter_folders()
    names = [name for name in find_chapters(folders) if name != EXPERIMENT]
    chapters = load_chapters(names, folders)
    experiments = {}
    for preset in sorted(path.stem for path in (conf_folder() / "study").glob("*.yaml")):
        found = planned([f"study={preset}"], chapters)
        for name, addresses in found.plan.experiments.items():
            own = [found.cells[address] for address in addresses]
            experiments[f"{preset}: {name}"] = declaration(own)
    claims = [claim for chapter in chapters for claim in chapter.claims]
    return experiments, {claim.id: claim.digest for claim in claims}


def exact_state(cells: ExactCells, records: Mapping[str, RunRecord]) -> Exact:
    """What the exact tier compares: runs, their arithmetic, and the data of the study."""
    configs = {address: config.to_dict() for address, config in cells.configs.items()}
    settings, traces, failed = gather(cells.names, configs, records)
    arithmetic = pinned_arithmetic()
    words = "cannot be told" if arithmetic is None else arithmetic.words
    if (reason := not_pinned()) is not None:
        words += f", not pinned: {reason}"
    study, claims = declared_study()
    return Exact(
        arithmetic="unknown" if arithmetic is None else arithmetic.fingerprint,
        words=words,
        cells=settings,
        traces=traces,
        study=study,
        claims=claims,
        failed=failed,
    )


def planned(words: Sequence[str], chapters: Sequence[Chapter] | None = None) -> Planned:
    """What ``python -m study -m`` with these ``words`` would run.

    Args:
        words: overrides, as on the command line.
        chapters: instead of those that the words ask for.

    Raises:
        ConfigError: a value cannot be used, or nothing is left to run.
    """
    register()
    with initialize_config_dir(str(conf_folder().resolve()), version_base="1.3"):
        loader = GlobalHydra.instance().config_loader()
        chosen = as_choices(words)
        config = loader.load_configuration("config", chosen, run_mode=RunMode.MULTIRUN)
        return plan_study(config, chosen, loader, chapters)


def run_gate(
    cells: Mapping[str, RunConfig], folder: Path, *, workers: int | None, console: Console
) -> None:
    """Run all ``cells`` with pinned arithmetic and keep their records in ``folder``.

    Raises:
        DataError, StoreError: the data are not there, or records cannot be written.
    """
    store = RunStore(folder)
    store.check_writable()
    check_all_data(cells.values())
    # the slow ones first; a run on full batches takes three times as long as any other
    order = sorted(cells, key=lambda address: cells[address].batch_size != "full")
    # the workers inherit what pins their arithmetic
    with pinned(), StoreProgress(store, {a: cost(cells[a]) for a in order}, console):
        problems = run_cells(
            [cells[address] for address in order], store, workers=workers, timeout=TIMEOUT
        )
    if problems:
        raise StudyError("not stored: " + "; ".join(problems[:3]))


def read_records(
    folder: Path, addresses: Mapping[str, object] | set[str]
) -> tuple[list[RunRecord], list[str]]:
    """The records of ``addresses`` that are in ``folder``; and what is wrong with others."""
    store = RunStore(folder)
    records, problems = [], []
    for address in sorted(addresses):
        try:
            record = store.read(address)
        except StudyError as error:
            problems.append(str(error))
            continue
        if record is not None:
            records.append(record)
    return records, problems
