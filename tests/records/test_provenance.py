"""What a result comes from: a change that matters is seen, one that does not is not."""

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import study
from study.records import provenance
from study.records.provenance import _code_only, code_fingerprint, libraries

SOURCE = '''"""Module."""

X = 1  # a number


def double(x):
    """Twice."""
    return 2 * x


class Thing:
    """A thing."""

    def method(self):
        """Do it."""
'''


def digest(folder: Path, text: str) -> str:
    file = folder / "module.py"
    file.write_text(text, encoding="utf-8")
    _code_only.cache_clear()
    return _code_only(file)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("# a number", "# the number"),
        ("Twice.", "Two times x."),
        ('"""A thing."""', '"""Another thing,\n\n    on two lines.\n    """'),
        ("2 * x", "(2*x)"),
        ("\n\n\nclass", "\n\n\n\n# more\nclass"),
        ('"""Module."""\n', ""),
    ],
)
def test_comments_docstrings_and_layout_do_not_count(tmp_path: Path, old: str, new: str) -> None:
    assert old in SOURCE
    assert digest(tmp_path, SOURCE) == digest(tmp_path, SOURCE.replace(old, new))


@pytest.mark.parametrize(
    ("old", "new"),
    [("2 * x", "3 * x"), ("X = 1", "X = 1.0"), ("double(x)", "double(x, y=0)"), ("X = 1", "Y = 1")],
)
def test_code_counts(tmp_path: Path, old: str, new: str) -> None:
    assert digest(tmp_path, SOURCE) != digest(tmp_path, SOURCE.replace(old, new))


@pytest.mark.usefixtures("fresh_fingerprint")
def test_what_computes_a_result_is_in_the_fingerprint_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = Path(study.__file__).parent
    seen: list[str] = []

    def listed(file: Path) -> str:
        seen.append(file.relative_to(package).as_posix())
        return ""

    monkeypatch.setattr(provenance, "_code_only", listed)
    code_fingerprint()
    assert {"run.py", "network/layers.py", "network/trainer.py", "data/idx.py"} <= set(seen)
    assert all(name == "run.py" or name.startswith(("network/", "data/")) for name in seen)


def user_module(folder: Path, name: str, factor: int) -> str:
    text = (
        f"class Mine:\n    def sample(self, rng, n, m):\n        return {factor} * rng.normal()\n"
    )
    (folder / f"{name}.py").write_text(text)
    return f"{name}.Mine"


@pytest.mark.usefixtures("fresh_fingerprint")
def test_a_users_own_initialiser_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    target = user_module(tmp_path, "users_own_scheme", 2)
    before = code_fingerprint((target,))
    assert before != code_fingerprint()
    builtin = ("study.network.initializers.Constant",)
    assert code_fingerprint(builtin) == code_fingerprint()
    user_module(tmp_path, "users_own_scheme", 3)
    code_fingerprint.cache_clear()
    _code_only.cache_clear()
    importlib.invalidate_caches()
    assert code_fingerprint((target,)) != before


@pytest.mark.usefixtures("fresh_fingerprint")
def test_what_cannot_be_imported_does_not_hide_that_a_run_failed() -> None:
    assert code_fingerprint(("nowhere.Thing",)) == code_fingerprint()


def test_libraries_name_numpys_blas_even_beside_scipys() -> None:
    """SciPy brings another BLAS: with it loaded, every stored run looked out of date."""
    code = "import {}numpy; from study.records.provenance import libraries; print(libraries())"
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code.format(first)], capture_output=True, text=True, check=True
        ).stdout
        for first in ("", "scipy.linalg, ")
    }
    assert len(outputs) == 1
    assert libraries()["blas"] != "unknown"


def test_a_record_says_where_it_comes_from() -> None:
    origin = provenance.provenance([])
    assert origin["study"] == study.__version__
    assert set(origin["libraries"]) == {"python", "numpy", "blas", "blas_version", "blas_kernel"}
    assert origin["machine"]["cores"] >= 1
    assert len(origin["code"]) == 16
    commit = origin["commit"]
    assert commit is None or len(commit.rstrip("+")) == 40
