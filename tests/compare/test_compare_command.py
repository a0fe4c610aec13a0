"""``python -m study.compare`` on mnist5k against mnist: terminal and page."""

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path

import pytest

from study.compare.__main__ import main
from study.compare.page import comparison_name
from study.records.plan import check_name

pytestmark = pytest.mark.xdist_group("compare")

# Six seeds for a verdict, and enough epochs to learn something.
SMALL = ("study=quick", "claim=W2", "study.seeds=6", "study.decay_epochs=20")


@dataclass(frozen=True)
class Compared:
    """Both studies, and what the command printed about them."""

    folder: Path
    out: str

    def page(self, name: str) -> str:
        path = self.folder / "reports" / "mnist5k-vs-mnist" / name
        return path.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Compared:
    if "STUDY_DATA_DIR" not in os.environ:
        pytest.skip("STUDY_DATA_DIR is not set: no real MNIST to test with")
    folder = tmp_path_factory.mktemp("compared")
    for data in ("mnist5k", "mnist"):
        words = (f"data={data}", f"report.name={data}", *SMALL)
        done = start(folder, "study", "-m", *words)
        assert done.returncode == 0, done.stderr
    done = start(folder, "study.compare", "runs/plans/mnist5k.json", "reports/mnist")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return Compared(folder, done.stdout)


def start(folder: Path, module: str, *words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", module, *words],
        cwd=folder,
        env=os.environ | {"COLUMNS": "100"},
        capture_output=True,
        text=True,
        timeout=600,
    )


def test_the_terminal_says_which_verdicts_differ_and_what_moved(compared: Compared) -> None:
    lines = compared.out.splitlines()
    assert lines[0] == "A mnist5k: data mnist5k, preset quick, runs: 12 (runs/plans/mnist5k.json)"
    assert lines[1] == "B mnist: data mnist, preset quick, runs: 12 (reports/mnist)"
    assert re.search(r"^\d of \d verdicts differ: ", compared.out, re.MULTILINE)
    assert re.search(r" W2 gap .* points .* ± .* points", compared.out)
    assert "2 cells are on both sides, 0 only in A, 0 only in B." in compared.out
    assert re.search(r"^ weight decay 0\.1 +\d+\.\d ± \d+\.\d % .* points", compared.out, re.M)
    assert lines[-1] == "page: reports/mnist5k-vs-mnist/index.html"


def test_numbers_are_those_of_the_tables_of_runs(compared: Compared) -> None:
    import pandas as pd

    means = {}
    for data in ("mnist5k", "mnist"):
        runs = pd.read_csv(compared.folder / "reports" / data / "runs.csv")
        means[data] = 100 * runs.groupby("weight_decay")["test_accuracy"].mean()
    moved = (means["mnist"] - means["mnist5k"])[0.1]
    (line,) = [line for line in compared.out.splitlines() if line.startswith(" weight decay 0.1")]
    a, b, shown = (float(x.replace("−", "-")) for x in re.findall(r"([−+]?[\d.]+) ±", line))
    assert a == pytest.approx(means["mnist5k"][0.1], abs=0.051)
    assert b == pytest.approx(means["mnist"][0.1], abs=0.051)
    assert shown == pytest.approx(moved, abs=0.051)


def test_a_study_is_equal_to_itself(
    compared: Compared, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(compared.folder)
    assert main(["runs/plans/mnist.json", "reports/mnist", "--name", "same"]) == 0
    out = capsys.readouterr().out
    assert re.search(r"^0 of \d verdicts differ", out, re.MULTILINE)
    assert "2 are equal to the last digit; 0 moved by more than noise explains" in out
    assert (compared.folder / "reports" / "same" / "index.html").is_file()


class Page(HTMLParser):
    """What a page refers to, and its ids."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.ids: list[str] = []
        self.tags: list[str] = []
        self.language = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        own = {name: value or "" for name, value in attrs}
        self.tags.append(tag)
        self.links += [own[name] for name in ("href", "src") if name in own]
        self.ids += [own["id"]] if "id" in own else []
        if tag == "html":
            self.language = own["lang"]


@pytest.mark.parametrize(("name", "language"), [("index.html", "en"), ("index.ko.html", "ko")])
def test_the_page_is_self_contained_and_its_links_lead_somewhere(
    compared: Compared, name: str, language: str
) -> None:
    page = Page(compared.page(name))
    assert page.language == language
    assert len(set(page.ids)) == len(page.ids)
    assert "script" not in page.tags
    others = {"index.html", "index.ko.html"} - {name}
    for link in page.links:
        inside = link.startswith("#") and link[1:] in page.ids
        assert inside or link in others or link.startswith("data:"), link
    assert "http:" not in compared.page(name)
    assert "https:" not in compared.page(name)


def test_both_languages_show_the_same_numbers(compared: Compared) -> None:
    pages = [compared.page(name) for name in ("index.html", "index.ko.html")]
    cells = [re.findall(r'<td class="n">([^<]*)</td>', page) for page in pages]
    numbers = [[re.sub(r"[^\d.±−×]", "", cell) for cell in own] for own in cells]
    assert numbers[0] == numbers[1]
    assert len(numbers[0]) > 10
    assert "Only A has" not in pages[1]
    assert "판정" in pages[1]


def test_long_names_are_shortened_and_stay_different() -> None:
    names = [comparison_name("a" * 100, "b" * size) for size in (90, 91)]
    for name in names:
        check_name(name)
    assert names[0] != names[1]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("nothing", "nothing"), "nothing: expected a store, a report or a claims.json"),
        ((".", "."), ".: expected a store, a report or a claims.json, found a folder without"),
        ((".", ".", "--lang", "kr"), "--lang: expected a language, got 'kr' (choices: en, ko)"),
    ],
)
def test_what_cannot_be_compared_ends_in_one_line_and_leaves_nothing(
    tmp_path: Path, words: tuple[str, ...], message: str,
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert main(words) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err
    assert err.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_a_wrong_number_of_cells_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main([".", ".", "--cells", "-1"])
    assert caught.value.code == 2
    assert "--cells" in capsys.readouterr().err
