"""Whatever part of a study somebody runs, its page has no dead links and says nothing empty."""

import html
import random
import re
from dataclasses import replace
from urllib.parse import unquote

import pytest

from study.analysis.frames import Results
from study.chapters import chapter_folders, load_chapters
from study.report.render import make_reports, render_page
from study.report.text import languages, load_text

PARTS = 20
# What a command can narrow a study to.
COLUMNS = ("init", "activation", "batchnorm", "dropout", "weight_decay", "lr", "batch_size")


def part_of(results: Results, seed: int) -> Results:
    """One or two experiments, mostly just their cells with one or two values of a column."""
    draw = random.Random(seed)
    plan = results.plan
    experiments = draw.sample(sorted(plan.experiments), draw.choice((1, 1, 2)))
    kept = {name: plan.experiments[name] for name in experiments}
    words = [f"experiment={','.join(experiments)}"]
    if draw.random() < 0.7:
        runs = results.runs(*experiments)
        column = draw.choice([name for name in COLUMNS if runs[name].nunique() > 1] or ["seed"])
        levels = sorted(runs[column].dropna().unique().tolist(), key=str)
        chosen = draw.sample(levels, min(draw.choice((1, 2)), len(levels)))
        there = set(runs[runs[column].isin(chosen)]["address"])
        kept = {name: [a for a in own if a in there] for name, own in kept.items()}
        words.append(f"{column}={','.join(map(str, chosen))}")
    kept = {name: own for name, own in kept.items() if own}
    return Results(replace(plan, experiments=kept, selection=words), results.stored)


@pytest.mark.xdist_group("tiny study")
@pytest.mark.parametrize("seed", range(PARTS))
def test_no_dead_link_and_nothing_empty(tiny_study, seed: int) -> None:
    part = part_of(tiny_study.results, seed)
    language = languages()[seed % len(languages())]
    chapters = load_chapters(["lecture"], chapter_folders())
    reports = make_reports(part, chapters, [language], workers=1)
    page = render_page(reports, "lecture", load_text(language))
    ids = set(re.findall(r'\sid="([^"]+)"', page))
    linked = {html.unescape(name) for name in re.findall(r'href="#([^"]+)"', page)}
    assert linked <= ids
    figures = re.findall(r'<article class="figure" id=.*?</article>', page, flags=re.DOTALL)
    assert figures
    for figure in figures:
        assert "<svg" in figure or 'class="notice"' in figure
        for table in re.findall(r'href="data:text/csv[^,]*,([^"]*)"', figure):
            rows = unquote(html.unescape(table)).splitlines()
            assert len(rows) > 1
        for sentence in re.findall(r'<p class="measured">(.*?)</p>', figure, flags=re.DOTALL):
            words = html.unescape(re.sub(r"<[^>]+>", " ", sentence))
            assert len(words.split()) > 3
            assert not re.search(r"(?<![\w%.)])–(?![\w%(])|\bnan\b", words), words
    assert not [name for name, each in reports[0].drawings.items() if each.broken]
