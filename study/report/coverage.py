"""What a study has of a chapter: what the page may say of it, and has to say first.

A page of a part must not pass for one of the whole, and claims at other settings not for the
chapter's own.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from study.analysis.claims import Judgement
from study.analysis.frames import Results
from study.analysis.verdicts import NOT_JUDGED
from study.chapters import Chapter
from study.report.text import Text

SETTINGS, SETS = "study.settings.", "study.settings.sets="


@dataclass(frozen=True)
class Coverage:
    """What of a chapter a study has.

    Attributes:
        declared: how many claims the chapter is about.
        family: how many its verdicts are corrected for, those beyond it among them.
        selection: the overrides that restrict the study.
        not_run: experiments that it does not have.
        left_out: how many cells it lacks of those it has, by experiment.
        missing: how many of its runs are not stored.
        unjudged: the claims it is about without a verdict, by id.
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
        """Whether every figure is drawn and every claim has a verdict, as the chapter has them."""
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


def coverage(results: Results, chapter: Chapter, judgements: Sequence[Judgement]) -> Coverage:
    """What ``results`` has of the figures and claims of ``chapter``."""
    plan = results.plan
    about = [claim.id for claim in chapter.claims if not claim.beyond]
    judged = {
        each.claim.id for each in judgements if each.verdict != NOT_JUDGED and not each.settings
    }
    wanted = [
        address
        for group in (plan.experiments, plan.further)
        for name in chapter.experiments
        for address in group.get(name, ())
    ]
    draws = any(name in plan.maps for name in chapter.experiments)
    return Coverage(
        declared=len(about),
        family=len(chapter.claims),
        # further data sets restrict nothing, numbers of settings only what draws some
        selection=[
            each for each in plan.selection if not each.startswith(SETS if draws else SETTINGS)
        ],
        not_run=[name for name in chapter.experiments if not plan.experiments.get(name)],
        left_out={
            name: len(plan.left_out_rows(name))
            for name in plan.left_out
            if name in chapter.experiments
        },
        missing=sum(address not in results.records for address in dict.fromkeys(wanted)),
        unjudged=[name for name in about if name not in judged],
        settings=plan.settings,
    )
