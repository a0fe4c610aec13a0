"""Claims that somebody added: do they compare cells that there are?

The tests ask that of the claims that come with the study. One that selects nothing is *not
judged*, which looks as if runs were missing, where in truth ``rellu`` is misspelt.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from hydra.types import RunMode
from omegaconf import DictConfig

from study.analysis.declarations import (
    RECOMMENDED,
    Claim,
    Part,
    Selection,
    has_value,
    within,
)
from study.edge.arguments import as_choices
from study.edge.planning import Planned, plan_study
from study.errors import ConfigError
from study.records.cells import columns

Rows = list[dict[str, Any]]
# Words of the command line that decide what cells are, whatever the preset.
KEPT = ("data", "hydra")


def check_selections(
    planned: Planned, config: DictConfig, arguments: Sequence[str], config_loader: Any
) -> None:
    """Refuse a claim of a chapter of the user's own with a side that no cell is on.

    A cell counts if this study has it or any preset declares it: ``study=quick`` has fewer than a
    claim may want.

    Raises:
        ConfigError: names the value that no cell has, and those that there are.
    """
    claims = [claim for chapter in planned.chapters if not chapter.own for claim in chapter.claims]
    here = _rows(planned)
    wrong = [claim for claim in claims if any(_problems(claim, here))]
    if not wrong:
        return
    names = sorted({name for claim in wrong for name in claim.experiments})
    chapters = [chapter.name for chapter in planned.chapters]
    for preset in config_loader.get_group_options("study"):
        words = [word for word in arguments if word.partition("=")[0].partition(".")[0] in KEPT]
        words += [f"study={preset}", f"experiment=[{','.join(names)}]"]
        words += as_choices([f"chapter={','.join(chapters)}"])
        for name, rows in _declared(words, config, config_loader).items():
            here.setdefault(name, []).extend(rows)
    for claim in wrong:
        for problem in _problems(claim, here):
            raise problem


def _rows(planned: Planned) -> dict[str, Rows]:
    return {
        name: [columns(planned.cells[address].to_dict()) for address in addresses]
        for name, addresses in planned.plan.experiments.items()
    }


def _declared(words: Sequence[str], config: DictConfig, config_loader: Any) -> dict[str, Rows]:
    """What a study of these ``words`` has."""
    chosen = [*map(str, config.hydra.overrides.hydra), *words]
    composed = config_loader.load_configuration(
        config.hydra.job.config_name, chosen, run_mode=RunMode.MULTIRUN
    )
    return _rows(plan_study(composed, words, config_loader))


def _problems(claim: Claim, rows: Mapping[str, Rows]) -> Iterable[ConfigError]:
    for name, part in claim.parts.items():
        yield from _of_part(f"claim {claim.id}: parts.{name}", part, rows.get(part.experiment, []))


def _of_part(place: str, part: Part, rows: Rows) -> Iterable[ConfigError]:
    expected = f"what a cell of the experiment {part.experiment} has"
    selections: dict[str, Selection] = {"where": part.where, **part.sides}
    for side, selection in selections.items():
        for cell in selection:
            for column, values in cell.items():
                if column in (RECOMMENDED, "seed"):
                    continue
                known = list(dict.fromkeys(row[column] for row in rows))
                for value in values:
                    if not any(has_value(other, value) for other in known):
                        yield ConfigError(f"{place}.{side}.{column}", expected, value, known)
    for side, selection in part.sides.items():
        if not any(within(part.where, row) and within(selection, row) for row in rows):
            yield ConfigError(f"{place}.{side}", f"cells of {part.experiment}", list(selection))
    layer, deepest = part.options.get("layer"), max((row["depth"] for row in rows), default=0) + 1
    if isinstance(layer, int) and layer > deepest:
        expected = f"a layer of the experiment {part.experiment}, at most {deepest}"
        yield ConfigError(f"{place}.metric.layer", expected, layer)
