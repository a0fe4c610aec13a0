"""What a report costs, counted: figures drawn, claims judged."""

from collections import Counter
from typing import Any

import pytest

from study.analysis.declarations import load_claims
from study.paths import conf_folder
from study.report import drawing, render

pytestmark = pytest.mark.xdist_group("report")  # whose tests share a study
FEW = ("1.1-a", "1.2.1-b", "1.4-a")  # each figure costs a second


def test_every_figure_is_drawn_once_in_each_language_and_every_claim_judged_once(
    tiny_study: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = tiny_study.results
    specs = {name: drawing.FIGURES[name] for name in FEW if name in drawing.FIGURES}
    assert specs
    monkeypatch.setattr(drawing, "FIGURES", specs)
    counts: Counter[str] = Counter()

    def counted(module: Any, name: str) -> None:
        function = getattr(module, name)

        def wrapper(*args: Any, **more: Any) -> Any:
            counts[name] += 1
            return function(*args, **more)

        monkeypatch.setattr(module, name, wrapper)

    counted(drawing, "draw")
    counted(drawing, "inline_svg")
    counted(render, "judge")
    claims = load_claims([conf_folder() / "claims"])
    languages = ("en", "ko")
    report = render.make_report(results, claims, languages, workers=1)
    assert set(report.drawings) == set(specs)
    assert counts == {"draw": len(specs), "inline_svg": 2 * len(specs), "judge": 1}
    assert len(report.judgements) == len({each.claim.id for each in report.judgements})
