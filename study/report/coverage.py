"""What a study has of the whole: what its page may say of the lecture, and has to say first.

A page of a part must not pass for one of the whole, and claims at other settings not for the
lecture's own.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from study.analysis.claims import Judgement
from study.analysis.declarations import Claim
from study.analysis.frames import Results
from study.analysis.verdicts import NOT_JUDGED
from study.report.claim_views import LECTURE, is_of_lecture
from study.report.sections import FIGURES
from study.report.text import Text


@dataclass(frozen=True)
class Coverage:
    """What of the lecture a study has.

    Attributes:
        declared: how many claims the lecture's chapter declares of the lecture itself.
        family: how many its verdicts are corrected for, those beyond the lecture among them.
        selection: the overrides that restrict the study.
        not_run: experiments that it does not have.
        left_out: how many cells it lacks of those it has, by experiment.
        missing: how many of its runs are not stored.
        unjudged: the lecture's claims without a verdict, by id.
        settings: the overrides that replaced what experiments declare.
    """

    declared: int
    family: int
    selection: list[str]
    not_run: list[str]
    left_out: dict[str, int]
    missing: int
    unjudged: list[str]
    settings: list[str]

    @property
    def part(self) -> bool:
        """Whether it is not the whole study."""
        return bool(self.selection or self.not_run or self.left_out)

    @property
    def whole(self) -> bool:
        """Whether every figure is drawn and every claim has a verdict, as the lecture has them."""
        return not (self.part or self.missing or self.unjudged or self.settings)

    def lines(self, text: Text) -> list[str]:
        """What is missing, in words."""
        said = []
        if self.not_run:
            said.append(("part_not_run", ", ".join(self.not_run)))
        if self.left_out:
            cells = (f"{name} {count:,}" for name, count in self.left_out.items())
            said.append(("part_left_out", ", ".join(cells)))
        if self.missing:
            said.append(("part_missing", f"{self.missing:,}"))
        if self.unjudged:
            ids = ", ".join(self.unjudged)
            said.append(("part_unjudged_all" if self._none_judged else "part_unjudged", ids))
        counts = {"declared": self.declared, "count": len(self.unjudged)}
        return [text.page[key].format(names=names, **counts) for key, names in said]

    @property
    def _none_judged(self) -> bool:
        return len(self.unjudged) == self.declared


def coverage(
    results: Results, declared: Sequence[Claim], judgements: Sequence[Judgement]
) -> Coverage:
    """What ``results`` has of the lecture's figures and of the claims that are ``declared``."""
    plan = results.plan
    lecture = [claim for claim in declared if is_of_lecture(claim)]
    judged = {
        each.claim.id
        for each in judgements
        if each.verdict != NOT_JUDGED and not each.settings and is_of_lecture(each.claim)
    }
    wanted = [name for spec in FIGURES.values() for name in spec.experiments]
    wanted += [name for claim in lecture for name in claim.experiments]
    return Coverage(
        declared=len(lecture),
        family=sum(claim.chapter == LECTURE for claim in declared),
        selection=plan.selection,
        not_run=[name for name in dict.fromkeys(wanted) if not plan.experiments.get(name)],
        left_out={name: len(plan.left_out_rows(name)) for name in plan.left_out},
        missing=len(plan.addresses) - len(results.records),
        unjudged=[claim.id for claim in lecture if claim.id not in judged],
        settings=plan.settings,
    )
