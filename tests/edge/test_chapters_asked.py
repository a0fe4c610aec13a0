"""``chapter=`` on the command line: one, several, from elsewhere, or found by what is asked for."""

import json
import re
from pathlib import Path

import pytest
from starter import own_chapter
from starting import Command

from study.edge.arguments import as_choices, as_typed
from study.edge.gate import planned
from study.edge.planning import Planned
from study.errors import ConfigError, StudyError
from study.records.plan import read_plan

MINE = """
uses: [lecture]
experiments:
  shapes:
    fixed: {width: 5, num_epochs: 1, train_size: 100}
    axes:
      depth: [1, 3]
      seed: "${seeds:2}"
figures:
  a:
    title: {en: Accuracy by depth}
    kind: lines
    experiment: shapes
    x: depth
    y: test_accuracy
claims:
  deep:
    statement: {en: Deeper is better.}
    figure: a
    parts:
      test:
        experiment: shapes
        metric: test_accuracy
        treatment: {depth: 3}
        control: {depth: 1}
        direction: greater
  wider:
    statement: {en: Wider is better.}
    parts:
      test:
        experiment: width
        metric: test_accuracy
        where: {init: he}
        treatment: {width: 100}
        control: {width: 10}
        direction: greater
"""
# Two cells, one of which is also a cell of the other chapter.
SAME = """
experiments:
  alike:
    fixed: {hidden: [5, 5, 5], num_epochs: 1, train_size: 100}
    axes:
      seed: [0, 7]
"""


@pytest.fixture(scope="module")
def added(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Two chapters in a folder that the command line adds."""
    folder = tmp_path_factory.mktemp("conf")
    own_chapter(folder, SAME, "same")
    return own_chapter(folder, MINE)


def study(added: str, *words: str) -> Planned:
    return planned([added, *words])


def names(found: Planned) -> list[str]:
    return [chapter.name for chapter in found.chapters]


# -- which chapters a study is about


def test_without_a_word_it_is_the_lecture(added: str) -> None:
    found = study(added, "experiment=width")
    assert names(found) == found.plan.chapters == ["lecture"]
    assert found.plan.name == "mnist5k-default-width"


@pytest.mark.parametrize("word", ["chapter=mine", "chapter=[mine]", "+chapter=mine"])
def test_one_chapter_is_asked_for(added: str, word: str) -> None:
    found = study(added, word)
    assert names(found) == ["mine"]
    assert list(found.plan.experiments) == ["shapes", "width"]
    assert found.plan.name == "mnist5k-default-mine"
    assert found.plan.selection == []  # all of it
    assert found.plan.command.endswith(" chapter=mine")


@pytest.mark.parametrize("word", ["chapter=mine,same", "chapter=[mine,same]"])
def test_several_are_run_together_and_a_cell_of_both_once(added: str, word: str) -> None:
    found = study(added, word)
    assert names(found) == ["mine", "same"]
    assert list(found.plan.experiments) == ["shapes", "width", "alike"]
    apart = [set(study(added, f"chapter={name}").cells) for name in ("mine", "same")]
    assert set(found.cells) == apart[0] | apart[1]
    (shared,) = apart[0] & apart[1]
    assert shared in found.plan.experiments["shapes"]
    assert shared in found.plan.experiments["alike"]
    assert {claim.id: claim.chapter for claim in found.claims} == {"deep": "mine", "wider": "mine"}
    assert found.plan.command.endswith(" chapter=mine,same")


def test_an_experiment_that_two_chapters_share_is_run_once(added: str) -> None:
    both = study(added, "chapter=lecture,mine", "experiment=width", "study=quick")
    assert names(both) == ["lecture", "mine"]
    alone = study(added, "experiment=width", "study=quick")
    assert both.cells == alone.cells
    assert both.plan.experiments == alone.plan.experiments
    assert both.plan.name == "mnist5k-quick-lecture-mine-width"


def test_a_chapter_of_which_narrowing_leaves_nothing_is_not_in_the_study(added: str) -> None:
    found = study(added, "chapter=mine,same", "experiment=alike")
    assert names(found) == found.plan.chapters == ["same"]
    assert found.claims == []
    assert study(added, "chapter=mine,same", "seed=7").plan.chapters == ["same"]


@pytest.mark.parametrize(
    ("words", "chapters", "experiments"),
    [
        (["experiment=shapes"], ["mine"], ["shapes"]),
        (["claim=deep"], ["mine"], ["shapes"]),
        (["claim=wider"], ["mine"], ["width"]),
        (["experiment=width,alike"], ["lecture", "same"], ["width", "alike"]),
        (["experiment=gate"], ["gate"], ["gate"]),
        (["claim=deep", "experiment=shapes,width"], ["lecture", "mine"], ["shapes"]),
    ],
)
def test_without_it_what_is_asked_for_says_which(
    added: str, words: list[str], chapters: list[str], experiments: list[str]
) -> None:
    found = study(added, "study=quick", *words)
    assert names(found) == chapters
    assert [name for name, own in found.plan.experiments.items() if own] == experiments


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["chapter=mien"],
            r"chapter: .*'mien' \(choices: gate, lecture, map, papers, mine, same\).*mean mine\?",
        ),
        (["chapter=mine,lectur"], r"chapter: .*'lectur' .*mean lecture\?"),
        (["chapter=same", "experiment=width"], r"experiment: .*'width' \(choices: alike\)"),
        (["chapter=same", "claim=deep"], r"claim: .*'deep' \(choices: open\)"),
        (["experiment=shaeps"], r"experiment: .*'shaeps' .*mean shapes\?"),
        (["claim=deeep"], r"claim: .*'deeep' .*mean deep\?"),
    ],
)
def test_what_there_is_not_is_named_with_what_there_is(
    added: str, words: list[str], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        study(added, *words)


def test_hydra_sees_a_choice_and_a_plan_what_was_typed() -> None:
    words = ["chapter=a,b", "lr=0.1", "init=he"]
    assert as_choices(words) == ["chapter=choice(a,b)", "lr=0.1", "init=he"]
    assert as_typed(as_choices(words)) == words
    assert as_choices(["chapter=[a,b]"]) == as_choices(["++chapter=a,b"]) == as_choices(words)[:1]


# -- depth and width of an experiment


def shapes(folder: Path, grid: str) -> list[list[int]]:
    """The hidden layers of the cells of an experiment, each once."""
    added = own_chapter(folder, f"experiments: {{e: {grid}}}")
    cells = study(added, "chapter=mine").cells.values()
    return sorted(dict.fromkeys(tuple(cell.hidden) for cell in cells))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("grid", "hidden"),
    [
        ("{fixed: {depth: 2, width: 7}, axes: {seed: [0]}}", [(7, 7)]),
        ("{fixed: {width: 7}, axes: {depth: [1, 3]}}", [(7,), (7, 7, 7)]),
        ("{axes: {depth: [1, 2], width: [3, 4]}}", [(3,), (3, 3), (4,), (4, 4)]),
        ("{fixed: {depth: 2}, axes: {seed: [0]}}", [(100, 100)]),  # of the usual width
        ("{axes: {cell: [{depth: 1, width: 2}, {hidden: [5, 6]}]}}", [(2,), (5, 6)]),
    ],
)
def test_depth_and_width_stand_for_the_hidden_layers(
    tmp_path: Path, grid: str, hidden: list[tuple[int, ...]]
) -> None:
    assert shapes(tmp_path, grid) == hidden


@pytest.mark.parametrize(
    ("grid", "message"),
    [
        ("{axes: {depth: [0, 1]}}", "experiment e: depth: expected an integer >= 1, got 0"),
        ("{axes: {width: [1.5]}}", r"experiment e: width: expected an integer >= 1, got 1\.5"),
        ("{axes: {width: [true]}}", "experiment e: width: expected an integer >= 1, got True"),
        ("{fixed: {hidden: [4]}, axes: {depth: [1]}}", "experiment e: hidden: expected either"),
        ("{axes: {depth: 3}}", "experiment e: depth: expected an integer >= 1"),
    ],
)
def test_depths_and_widths_that_cannot_be_are_refused(
    tmp_path: Path, grid: str, message: str
) -> None:
    if "depth: 3" in grid:
        message = "experiment e, axis depth: expected a list of values, got 3"
        message = r"depth.*expected .*(list|integer)"
    with pytest.raises(StudyError, match=message):
        shapes(tmp_path, grid)


def test_hidden_narrows_an_experiment_of_depths(added: str) -> None:
    found = study(added, "experiment=shapes", "hidden=[5,5,5]")
    assert {tuple(cell.hidden) for cell in found.cells.values()} == {(5, 5, 5)}
    assert {row["depth"] for row in found.plan.left_out_rows("shapes")} == {1}


# -- the command, to its end

WORDS = ("study=quick", "data=gaussian")


def test_two_chapters_are_two_pages_of_one_report(command: Command) -> None:
    own_chapter(command.folder / "conf", MINE)
    own_chapter(command.folder / "conf", SAME, "same")
    words = ("chapter=mine,same", *WORDS, "report.name=x")
    done = command("-m", "--config-dir", "conf", *words)
    assert done.returncode == 0, done.stderr
    assert "report: reports/x/index.html" in done.stdout
    folder = command.folder / "reports" / "x"
    pages = {path.name for path in folder.glob("*.html")}
    assert pages == {"index.html", "index.ko.html", "same.html", "same.ko.html"}
    first, second = ((folder / n).read_text("utf-8") for n in ("index.html", "same.html"))
    assert "<h1>The chapter mine</h1>" in first
    assert "<h1>The chapter same</h1>" in second
    assert "Deeper is better." in first
    assert re.search(r'<article class="figure" id="a"', first)
    assert (folder / "tables" / "a.csv").is_file()
    # each links to the other, and what is linked is there
    for page in pages:
        text = (folder / page).read_text("utf-8")
        linked = set(re.findall(r'href="([^"#:?]+\.html)', text))
        assert linked <= pages
        assert len(linked) >= 2
    verdicts = json.loads((folder / "claims.json").read_text("utf-8"))["claims"]
    assert {each["id"]: each["chapter"] for each in verdicts} == {"deep": "mine", "wider": "mine"}

    # the plan knows where its chapters lie
    plan = read_plan(command.store, "x")
    assert (plan.chapters, plan.folders) == (["mine", "same"], ["conf"])
    assert plan.command.startswith("python -m study -m --config-dir conf chapter=mine,same")
    again = command("-m", *plan.command.split()[4:])
    assert again.returncode == 0, again.stderr
    assert "to run" not in again.stderr
    assert read_plan(command.store, "x") == plan


def test_a_chapter_that_cannot_be_used_is_refused_before_any_run(command: Command) -> None:
    own_chapter(command.folder / "conf", MINE.replace("x: depth", "x: deepness"))
    before = sorted(command.folder.rglob("*"))
    done = command("-m", "--config-dir", "conf", "chapter=mine", *WORDS)
    assert done.returncode == 1
    assert re.search(r"mine\.yaml: figures\.a\.x: expected .*'deepness'", done.stderr)
    assert len(done.stderr.strip().splitlines()) == 1
    assert sorted(command.folder.rglob("*")) == before


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["-m", "chapter=nope"], "chapter: expected one of the choices, got 'nope'"),
        (["-m", "chapter=[]"], "chapter: expected at least one chapter"),
        (["-m", "chapter="], "chapter: expected the name of one of the choices, got ''"),
        (["-m", "chapter=null"], "chapter: expected the name of one of the choices, got 'null'"),
        (["-m", "chapter=[1]"], r"chapter: expected the name .* got '\[1\]'"),
        (["-m", "chapter.x=1"], r"chapter\.x: expected chapter alone"),
        (["-m", "~chapter"], "chapter: expected a value, got '~chapter'"),
        (["-m", "experiment=[]"], "experiment: expected at least one experiment"),
        (["-m", "claim=[]"], "claim: expected at least one claim"),
        (["chapter=lecture"], "chapter: expected python -m study -m, "),
        (["-m", "hydra.sweeper.grids.width.axes.lr=[1]"], r"hydra\.sweeper\.grids"),
    ],
)
def test_wrong_words_are_refused_in_a_line(
    command: Command, words: list[str], message: str
) -> None:
    done = command(*words)
    assert done.returncode == 1
    assert re.search(message, done.stderr), done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not list(command.folder.iterdir())
