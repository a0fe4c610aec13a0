"""What the README tells people to do, done as it says."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

README = Path(__file__).parents[1] / "README.md"
SMALL = ["study.report", "hydra"]


def section(title: str) -> str:
    """The README's section called ``title``."""
    text = README.read_text(encoding="utf-8")
    start = text.index(f"## {title}\n")
    end = text.find("\n## ", start)
    return text[start:end]


def block(text: str, language: str) -> str:
    """The first block of code in a language."""
    return blocks(text, language)[0]


def blocks(text: str, language: str) -> list[str]:
    """All blocks of code in a language."""
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)


def commands(text: str) -> list[list[str]]:
    """The command lines, without comments and ``python -m study``."""
    lines = [line.partition("#")[0].split() for line in block(text, "sh").splitlines()]
    assert all(words[:3] == ["python", "-m", "study"] for words in lines)
    return [words[3:] for words in lines]


def study(words: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the command in ``folder``."""
    command = [sys.executable, "-m", "study", *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=600)


def write(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def page(folder: Path, name: str = "index.html") -> str:
    (report,) = (folder / "reports").iterdir()
    return (report / name).read_text(encoding="utf-8")


def test_the_chapter(tmp_path: Path) -> None:
    text = section("Add a chapter")
    assert "`mine/chapter/depth.yaml`" in text
    write(tmp_path, "mine/chapter/depth.yaml", block(text, "yaml"))
    (words,) = commands(text)
    done = study(words, tmp_path)
    assert done.returncode == 0, done.stderr
    assert "deep: " not in done.stderr
    english, korean = page(tmp_path), page(tmp_path, "index.ko.html")
    for shown in ("How deep before it stops learning?", "Test accuracy by depth"):
        assert shown in english
        assert shown in korean
    assert '<svg role="img"' in english
    assert "a.csv" in english
    assert "At twelve layers He learns more than Xavier." in english
    assert "python -m study -m --config-dir mine chapter=depth" in english
    assert "번역되지 않아" in korean
    assert "Not translated" not in english


FEW = ["study=quick", "train_size=100", "num_epochs=1", "evaluation.points=2"]


@pytest.mark.parametrize("title", ["Add an initial scheme", "Add an activation"])
def test_a_choice_of_ones_own(title: str, tmp_path: Path) -> None:
    text = section(title)
    group = "init" if "initial" in title else "activation"
    name = "orthogonal" if group == "init" else "leaky_relu"
    assert f"`mine/{group}/{name}.yaml`" in text
    write(tmp_path, "mine.py", block(text, "python"))
    write(tmp_path, f"mine/{group}/{name}.yaml", block(text, "yaml"))
    for words in commands(text):
        many = "-m" in words
        extra = (
            [*FEW, "experiment=[width,grid]"] if many and group == "init" else FEW if many else []
        )
        done = study([*words, *(extra or ["train_size=100", "num_epochs=1"])], tmp_path)
        assert done.returncode == 0, done.stderr
    assert f"{name}" in page(tmp_path)


def test_a_map_of_ones_own(tmp_path: Path) -> None:
    scheme, text = section("Add an initial scheme"), section("Ask where it holds")
    assert "`mine/chapter/my_map.yaml`" in text
    write(tmp_path, "mine.py", block(scheme, "python"))
    write(tmp_path, "mine/init/orthogonal.yaml", block(scheme, "yaml"))
    write(tmp_path, "mine/chapter/my_map.yaml", block(text, "yaml"))
    _, own = blocks(text, "sh")
    done = study(own.split()[3:], tmp_path)
    assert done.returncode == 0, done.stderr
    assert "2 of 2 figures drawn" in done.stderr
    assert "In 16 settings" in page(tmp_path)
    assert "설정 16개 가운데" in page(tmp_path, "index.ko.html")


def test_the_chapters_that_the_readme_names_can_be_planned(tmp_path: Path) -> None:
    for words in commands(section("Ask where it holds")):
        done = study([*words, "dry_run=true"], tmp_path)
        assert done.returncode == 0, done.stderr
