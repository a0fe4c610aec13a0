"""``python -m study`` as a user starts it, from its command line to its exit code."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from starter import PATIENCE, own_chapter, path_with, wait_until
from starting import Command

import study
from study.data import idx
from study.records.config import overrides
from study.records.plan import read_plan
from study.records.store import RunStore

TINY = ("data=gaussian", "hidden=[5]", "num_epochs=1", "evaluation.points=1")
# Two experiments, four cells, a second of work.
SWEEP = ("-m", "experiment=width", "seed=0", *TINY)
# The same, but hours of it.
LONG = ("-m", "experiment=width", "data=gaussian", "hidden=[1000]", "num_epochs=100000",
        "workers=2", "evaluation.points=1")  # fmt: skip

# A claim of a chapter of one's own, about an experiment of the lecture.
MINE = """
uses: [lecture]
claims:
  wider:
    statement: {en: Wider is better, ko: 넓을수록 좋다}
    parts:
      test:
        experiment: width
        metric: test_accuracy
        where: {init: he}
        treatment: {width: 100}
        control: {width: 10}
        direction: greater
"""

on_unix = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


def page(command: Command) -> Path:
    (found,) = command.folder.glob("reports/*/index.html")
    return found


# -- one run


def test_one_run_prints_its_result_and_where_its_record_is(command: Command) -> None:
    done = command.afresh(*TINY, "init=xavier", "activation=tanh", "seed=3")
    assert done.returncode == 0, done.stderr
    assert "xavier · tanh · completed" in done.stdout
    assert re.search(r"accuracy .* 0\.\d{4} .* 0\.\d{4}", done.stdout)
    (address,) = command.records()
    assert f"record: runs/{address[:2]}/{address}.json" in done.stdout
    assert done.stderr == ""
    assert [path.name for path in command.folder.iterdir()] == ["runs"]

    again = command(*TINY, "init=xavier", "activation=tanh", "seed=3")
    assert again.returncode == 0
    assert "already stored: runs/" in again.stdout
    assert "xavier · tanh · completed" in again.stdout

    record = command.records()[address]
    command.store.write(replace(record, status="failed", error="x"))
    once_more = command(*TINY, "init=xavier", "activation=tanh", "seed=3")
    assert "run again: failed before" in once_more.stderr
    assert command.records()[address].result_digest() == record.result_digest()


def test_a_letter_that_the_output_cannot_show_ends_nothing(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    done = command.afresh(*TINY)
    assert done.returncode == 0, done.stderr
    assert "he ? relu ? completed" in done.stdout


def test_two_folders_of_data_have_two_records_and_other_files_are_refused(
    command: Command,
) -> None:
    rng = np.random.default_rng(0)
    for folder in ("a", "b"):
        (command.folder / folder).mkdir()
        for role in idx.ROLES:
            shape, top = ((20, 4, 4), 256) if role.endswith("images") else ((20,), 3)
            content = idx.encode(rng.integers(top, size=shape, dtype=np.uint8))
            (command.folder / folder / idx.file_name(role)).write_bytes(content)
    words = ("data=idx", "hidden=[5]", "num_epochs=1", "batch_size=10")
    for folder in ("a", "b", "a"):
        done = command(*words, f"data.root={folder}")
        assert done.returncode == 0, done.stderr
    assert "already stored" in done.stdout
    one, other = command.records().values()
    assert one.address != other.address
    repeated = overrides(one.run_config)
    assert "already stored" in command(*repeated).stdout
    root = one.config["data"]["root"]
    (command.folder / root).rename(command.folder / "gone")
    (command.folder / other.config["data"]["root"]).rename(command.folder / root)
    refused = command(*repeated)
    assert refused.returncode == 1
    assert re.match(r"data\.checksum: expected the data set \w+, found", refused.stderr)


def test_a_diverged_run_is_a_result(command: Command) -> None:
    done = command(*TINY[:2], "lr=1e9", "num_epochs=20")
    assert done.returncode == 0, done.stderr
    assert "diverged" in done.stdout
    assert "the loss was not finite at step" in done.stdout


def test_a_run_that_fails_says_why_and_is_stored(command: Command, user_conf: str) -> None:
    done = command(*TINY, user_conf, "init=misbehave")
    assert done.returncode == 1
    assert "RuntimeError: the scheme is broken" in done.stderr
    (record,) = command.records().values()
    assert record.status == "failed"


def test_the_command_of_a_record_repeats_it(command: Command) -> None:
    odd = r"data.label='it\'s \${x}'"
    assert command(*TINY, "init=normal", "init.std=0.3", odd, "store=first").returncode == 0
    first = RunStore(command.folder / "first")
    (address,) = first.addresses()
    record = first.read(address)
    assert record is not None
    assert command(*overrides(record.run_config), "store=second").returncode == 0
    second = RunStore(command.folder / "second").read(address)
    assert second is not None
    assert second.result_digest() == record.result_digest()


# -- what cannot work is refused before it starts

BAD = {
    "unknown key": (["colour=red"], "colour"),
    "unknown choice": (["init=hee"], r"hee[\s\S]*xavier"),
    "wrong type": (["lr=abc"], "lr: expected a number, got 'abc'"),
    "wrong list": (["hidden=5"], "hidden: expected a list of integers, got 5"),
    "half a seed": (["seed=1.5"], r"seed: expected an integer, got 1\.5"),
    "a number for a switch": (["batchnorm=2"], "batchnorm: expected true or false, got 2"),
    "a switch for a number": (["lr=true"], "lr: expected a number, got True"),
    "misspelt": (["lrr=0.5"], "lrr: expected a key of the configuration, .*; did you mean lr\\?"),
    "misspelt, appended": (["+lrr=0.5"], "lrr: expected a key .*; did you mean lr\\?"),
    "misspelt, forced": (["++lrr=0.5"], "lrr: expected a key .*; did you mean lr\\?"),
    "misspelt in a section": (["report.lnag=ko"], r"report\.lnag: .* did you mean report\.lang\?"),
    "keys of a number": (["+lr.x=1"], r"lr\.x: expected lr alone"),
    "taken away": (["~lr"], "lr: expected a value, got '~lr'"),
    "experiment": (["experiment=dropout"], "experiment: expected python -m study -m, .*=dropout'"),
    "preset": (["study=quick"], "study: expected python -m study -m, .* got 'study=quick'"),
    "size": (["study.seeds=3"], r"study\.seeds: expected python -m study -m, "),
    "several values": (["lr=0.1,0.2"], r"lr: expected one value \(several need -m\)"),
    "no store": (["store="], "store: expected a folder, got ''"),
    "no reports": (["report.folder="], r"report\.folder: expected a folder, got ''"),
    "too wide": (["hidden=[1000000000]"], r"hidden: .* weights \(these take 440 GB\)"),
    "two modes": (["--multirun", "--cfg", "job"], "command line: expected one of these options"),
    "no override": (["xavier"], "xavier"),
    "dropout": (["dropout=1"], r"dropout: expected a number in \[0, 1\), got 1"),
    "decay": (["weight_decay=-1"], "weight_decay: expected a finite number >= 0, got -1"),
    "learning rate": (["lr=nan"], "lr: expected a finite number > 0, got nan"),
    "too many samples": (["train_size=1001"], r"train_size: .*\[1, 1000\], got 1001"),
    "too large a batch": (["batch_size=1001"], "batch_size: .*1000 training samples, got 1001"),
    "empty batch": (["batch_size=0"], "batch_size: expected an integer >= 1 or full, got 0"),
    "batch of words": (["batch_size=hundred"], "batch_size: .*got 'hundred'"),
    "no hidden layer": (["hidden=[]", "batchnorm=true"], "hidden: .*because batchnorm is on"),
    "two lengths": (["num_steps=5"], "num_epochs, num_steps: expected exactly one"),
    "unknown measurement": (["measure=[colour]"], "measure: .*'colour'.*histograms"),
    "strange option": (["init.colour=1"], "init: expected arguments .*colour"),
    "no data": (["data=idx", "data.root=/nowhere", "data.label=x"], r"data\.root: .*'/nowhere'"),
    "no root": (["data=idx"], r"data\.(root|label): expected a "),
    "no workers": (["workers=0"], "workers: expected a number > 0 or null, got 0"),
    "no time": (["timeout=-1"], "timeout: expected a number > 0 or null, got -1"),
    "endless time": (["timeout=nan"], "timeout: expected a number > 0 or null, got nan"),
    "name": (["report.name=../x"], r"report\.name: expected a plain folder name, got '\.\./x'"),
    "language": (["report.lang=xx"], r"report\.lang: expected a language, got 'xx' .*en, ko"),
    "claim": (["claim=W2"], "claim: expected null in a single run; with -m, the name of a claim"),
    "no name": (["init=1"], "init: expected the name of one of the choices, got '1'"),
    "nearly a choice": (["init=xavir"], "init: .*got 'xavir' .*; did you mean xavier\\?"),
    "a list for a name": (["init=[1,2]"], r"init: expected the name .* got '\[1,2\]'"),
}  # fmt: skip
BAD_SWEEP = {
    "unknown key": (["colour=red"], "colour"),
    "unknown key, two values": (["colour=red,blue"], "colour: expected a key of the configuration"),
    "unknown choice": (["init=hee"], r"hee[\s\S]*xavier"),
    "unknown choice, two values": (["init=hee,he"], r"hee[\s\S]*xavier"),
    "wrong type, two values": (["lr=abc,0.1"], "lr: expected a number, got 'abc'"),
    "dropout": (["dropout=1"], r"experiment width: dropout: expected a number in \[0, 1\), got 1"),
    "too many samples": (["train_size=1001"], r"train_size: .*\[1, 1000\], got 1001"),
    "two lengths": (["num_steps=5", "num_epochs=5"], "num_epochs, num_steps: expected exactly"),
    "two stores": (["store=a,b"], "store: expected one value, not a list, got 'store=a,b'"),
    "two data sets": (["data=mnist,gaussian"], "data: expected one value, not a list"),
    "two presets": (["study=quick,full"], "study: expected one value, not a list"),
    "no experiment": (["experiment=[]"], "experiment: expected at least one experiment"),
    "wrong experiment": (["experiment=widht"], r"widht[\s\S]*width"),
    "wrong experiments": (["experiment=widht,width"], r"widht[\s\S]*width"),
    "nothing left": (["init=he", "init.value=3"], r"init\.value: expected an option of every init"),
    "an option of one": (["init=normal,constant", "init.std=0.5"],
                         r"init\.std: expected .*\(constant has none\), .*choices: normal\)"),
    "no store": (["store="], "store: expected a folder, got ''"),
    "misspelt": (["+lrr=0.1,0.2"], "lrr: expected a key .*; did you mean lr\\?"),
    "misspelt size": (["study.sedes=3"], r"study\.sedes: expected a key .*mean study\.seeds\?"),
    "no data": (["data=idx", "data.root=/nowhere", "data.label=x"], r"data\.root: .*'/nowhere'"),
    "no root": (["data=idx"], r"data\.(root|label): expected a "),
    "no workers": (["workers=0"], "workers: expected a number > 0 or null, got 0"),
    "no time": (["timeout=-1"], "timeout: expected a number > 0 or null, got -1"),
    "name": (["report.name=../x"], r"report\.name: expected a plain folder name"),
    "language": (["report.lang=xx"], r"report\.lang: expected a language, got 'xx' .*en, ko"),
    "no name": (["experiment=[1]"], r"experiment: expected the name .* got '\[1\]'"),
    "wrong claim": (["claim=W9"], "claim: expected one of the choices, got 'W9' .*W1, W2"),
    "wrong claims": (["claim=W2,W9"], "claim: expected one of the choices, got 'W9' .*W1, W2"),
    "claim without cells": (["claim=W2"], "claim: expected a claim about cells of the study"),
}  # fmt: skip


# Experiments of somebody's own, and what is wrong with them.
BAD_EXPERIMENTS = {
    "fixed: {hidden: [4]\naxes: {seed: [0]}": r"mine\.yaml: expected a YAML file .*line 5",
    'axes: {seed: "${seeds:${study.sedes}}"}': r"\$\{study\.sedes\}: .* mean study\.seeds\?",
    'axes: {seed: "${seeds:abc}"}': "experiment mine, axis seed: expected a list of .*, got 'abc'",
    'axes: {lr: "${logspac:1,2,3}"}': r"\$\{logspac:…\}: .*; did you mean logspace\?",
    "fixed: {hiden: [4]}": "experiment mine: hiden: expected a key .*; did you mean hidden\\?",
    "axes: {lr: [0.1, x]}": "experiment mine: lr: expected a number, got 'x'",
    "axes: {batchnorm: [2]}": "experiment mine: batchnorm: expected true or false, got 2",
}


def refused(command: Command, words: list[str], message: str) -> None:
    started = time.monotonic()
    done = command(*words)
    assert time.monotonic() - started < 60
    assert done.returncode in (1, 2)
    assert re.search(message, done.stderr), done.stderr
    assert "Traceback" not in done.stderr
    if re.search(r"^[\w., ]+: expected", done.stderr):  # the study's own words, not Hydra's
        assert len(done.stderr.strip().splitlines()) == 1
    assert done.stdout == ""
    left = {path for path in command.folder.rglob("*") if path.is_file()}
    assert left <= {command.folder / "blocked"}


@pytest.mark.parametrize("case", BAD)
def test_a_run_that_cannot_work_is_refused(command: Command, case: str) -> None:
    words, message = BAD[case]
    refused(command, ["data=gaussian", *words] if "data=idx" not in words else words, message)


@pytest.mark.parametrize("case", BAD_SWEEP)
def test_a_study_that_cannot_work_is_refused(command: Command, case: str) -> None:
    words, message = BAD_SWEEP[case]
    first = ["-m"]
    first += [] if any(word.startswith("experiment=") for word in words) else ["experiment=width"]
    first += [] if any(word.startswith("data=") for word in words) else ["data=gaussian"]
    refused(command, [*first, *words], message)


@pytest.mark.parametrize("text", BAD_EXPERIMENTS)
def test_an_experiment_that_cannot_work_is_refused(
    command: Command, tmp_path: Path, text: str
) -> None:
    indented = text.replace("\n", "\n    ")
    own_chapter(tmp_path / "mine", f"experiments:\n  mine:\n    {indented}\n")
    words = ["-m", "--config-dir", str(tmp_path / "mine"), "experiment=mine", "data=gaussian"]
    refused(command, words, BAD_EXPERIMENTS[text])


@pytest.mark.parametrize("words", [TINY, SWEEP], ids=["run", "sweep"])
def test_a_store_that_cannot_be_written_is_refused(
    command: Command, words: tuple[str, ...]
) -> None:
    (command.folder / "blocked").write_text("a file, not a folder")
    refused(command, [*words, "store=blocked/runs"], "(?s)store=blocked/runs|blocked/runs/")


# -- sweeps


MANY = {
    "seeds": (["study.seeds=100000000"], r"600,000,000, the cells of experiment width, got 100000"),
    "a longer list": (["seed=range(0,100000000)"], "seed: expected 10,000 values or less"),
    "two lists": (["seed=range(0,1000)", "lr=range(1,1000)"], "max_cells: expected at least"),
    "few": (
        ["max_cells=3"],
        "max_cells: expected at least 36, the cells of experiment width, got 3",
    ),
    "none": (["max_cells=0"], "max_cells: expected an integer >= 1, got 0"),
}


@pytest.mark.parametrize("case", MANY)
def test_a_study_of_too_many_cells_is_refused_before_they_are_made(
    command: Command, case: str
) -> None:
    words, message = MANY[case]
    refused(command, ["-m", "experiment=width", "data=gaussian", *words], message)


def test_a_dry_run_says_what_would_run_and_runs_nothing(command: Command) -> None:
    dry = command(*SWEEP, "dry_run=true")
    assert dry.returncode == 0, dry.stderr
    assert "2 cells of 1 experiments (0 wanted more than once), 0 stored, 2 to run (2 new)\n" in (
        dry.stdout
    )
    assert "width: 2 cells, 0 stored, 2 to run\n" in dry.stdout
    assert command(*TINY, "dry_run=true").stdout == "to run: 1 (new)\n"
    assert not list(command.folder.iterdir())
    assert command(*SWEEP, "init=he").returncode == 0
    before = sorted(command.folder.rglob("*"))
    assert "width: 2 cells, 1 stored, 1 to run\n" in command(*SWEEP, "dry_run=true").stdout
    assert sorted(command.folder.rglob("*")) == before


def test_a_small_sweep_ends_in_a_report_and_is_not_repeated(command: Command) -> None:
    done = command.afresh(*SWEEP)
    assert done.returncode == 0, done.stderr
    assert "2 cells of 1 experiments (0 wanted more than once), 0 stored, 2 to run (2 new)" in (
        done.stderr
    )
    assert "2 completed, 0 diverged, 0 failed" in done.stderr
    assert f"report: {page(command).relative_to(command.folder)}" in done.stdout
    plan = read_plan(command.store)
    assert set(command.records()) == set(plan.addresses)
    assert page(command).parent.name == plan.name
    assert plan.name.startswith("gaussian-default-width-")
    assert plan.command.startswith("python -m study -m experiment=width")
    records = {path: path.stat().st_mtime_ns for path in command.store.folder.glob("??/*")}

    again = command(*SWEEP)
    assert again.returncode == 0
    assert "2 stored\n" in again.stderr
    assert {path: path.stat().st_mtime_ns for path in command.store.folder.glob("??/*")} == records


def test_why_a_run_is_repeated_is_said(command: Command) -> None:
    words = ("-m", "experiment=width", "seed=0,1,2,3", *TINY, "measure=[histograms]")
    assert command(*words).returncode == 0
    before = command.digests()
    records = list(command.records().values())
    assert len(records) == 8
    command.store.write(replace(records[0], status="failed", error="boom"))
    path = command.store.path(records[1].address)
    path.write_bytes(path.read_bytes()[:-100])
    origin = records[2].provenance
    command.store.write(replace(records[2], provenance=origin | {"code": "another"}))
    libraries = origin["libraries"] | {"numpy": "1.0"}
    command.store.write(replace(records[3], provenance=origin | {"libraries": libraries}))
    data = origin["data"] | {"checksum": "another"}
    command.store.write(replace(records[4], provenance=origin | {"data": data}))
    command.store.write(replace(records[5], config=records[5].config | {"measure": ["weights"]}))
    command.store.path(records[6].address).unlink()
    done = command(*words)
    assert done.returncode == 0, done.stderr
    assert (
        "1 stored, 7 to run (1 code changed, 1 data changed, 1 failed before, 1 library changed, "
        "1 measurement missing, 1 new, 1 record damaged)"
    ) in done.stderr
    after = command.digests()
    more = records[5].address
    assert command.records()[more].config["measure"] == ["histograms", "weights"]
    assert {a: d for a, d in after.items() if a != more} == {
        a: d for a, d in before.items() if a != more
    }


def test_a_failing_cell_is_named_and_the_exit_code_is_1(command: Command, user_conf: str) -> None:
    done = command(*SWEEP, user_conf, "init=he,misbehave")
    assert done.returncode == 1
    assert "1 completed, 0 diverged, 1 failed" in done.stderr
    assert re.search(
        r"failed: width: misbehave raise, relu, seed 0 \([0-9a-f]{20}\): "
        r"RuntimeError: the scheme is broken",
        done.stderr,
    )
    assert page(command).exists()
    again = command(*SWEEP, user_conf, "init=he,misbehave")
    assert again.returncode == 1
    assert "1 stored, 1 to run (1 failed before)" in again.stderr


def test_failures_are_named_when_they_happen(command: Command, user_conf: str) -> None:
    touched = command.folder / "begun"
    path = Path(user_conf.partition("file://")[2].rstrip("]"), "init", "hangs.yaml")
    path.write_text(f"name: hangs\n_target_: misbehave.Misbehave\nhow: hang\ntouch: {touched}\n")
    with command.start(*SWEEP, user_conf, "init=misbehave,hangs", "workers=2") as process:
        assert process.stderr is not None
        line = ""
        while not line.startswith("failed: width: misbehave raise, relu, seed 0 "):
            line = process.stderr.readline()
            assert line  # it does not end before
        assert wait_until(touched.exists)  # the other one runs on
        assert process.poll() is None
        process.send_signal(signal.SIGINT)


def test_fail_fast_stops_at_the_first_failure(command: Command, user_conf: str) -> None:
    words = ("-m", "experiment=width", "data=gaussian", "hidden=[1000]", "num_epochs=100000",
             "evaluation.points=1", "seed=0", user_conf)  # fmt: skip
    done = command(*words, "init=he,misbehave", "workers=2", "fail_fast=true")
    assert done.returncode == 1
    assert "RuntimeError: the scheme is broken" in done.stderr
    assert done.stderr.splitlines()[-1] == (
        "stopped at the first failure (fail_fast=true): 0 of 2 stored"
    )
    assert not list(command.folder.glob("reports/*"))
    assert wait_until(lambda: not command.alive())


@pytest.mark.skipif(sys.platform == "win32", reason="has no such signals")
def test_fail_fast_stops_in_the_background_too(command: Command, user_conf: str) -> None:
    """Where a shell has made Ctrl-C ignored."""
    words = ("-m", "experiment=width", "data=gaussian", "hidden=[1000]", "num_epochs=100000",
             "evaluation.points=1", "seed=0", user_conf)  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "study", *words, "init=he,misbehave", "workers=2", "fail_fast=true"],
        cwd=command.folder, env=command.environment(), capture_output=True, text=True, timeout=300,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
    )  # fmt: skip
    assert done.returncode == 1
    assert "stopped at the first failure" in done.stderr


def test_a_run_beyond_its_time_fails_alone(command: Command, user_conf: str) -> None:
    Path(user_conf.partition("file://")[2].rstrip("]"), "init", "misbehave.yaml").write_text(
        "name: misbehave\n_target_: misbehave.Misbehave\nhow: hang\n"
    )
    done = command(*SWEEP, user_conf, "init=he,misbehave", "timeout=6")
    assert done.returncode == 1
    assert "1 completed, 0 diverged, 1 failed" in done.stderr
    assert "the run took more than timeout=6.0 s" in done.stderr


def test_a_record_that_cannot_be_written_is_named_and_the_exit_code_is_1(command: Command) -> None:
    """As on a full disk: the stale record of another code must not pass for a result."""
    assert command(*SWEEP).returncode == 0
    stale, good = command.records().values()
    command.store.write(replace(stale, provenance=stale.provenance | {"code": "another"}))
    path = command.store.path(stale.address)
    path.parent.rename(path.parent.with_name("kept"))
    path.parent.write_text("a file in the way")
    done = command(*SWEEP)
    assert done.returncode == 1
    assert re.search(rf"not stored: .*{stale.address}.* cannot be written", done.stderr)
    assert "1 completed, 0 diverged, 0 failed, 1 missing" in done.stderr
    assert good.address in command.records()


def test_experiments_are_selected_by_a_list_or_by_a_sweep(command: Command) -> None:
    narrow = ("seed=0", "init=xavier,he", "data=gaussian", "train_size=150",
              "num_epochs=0", "hidden=[4]")  # fmt: skip
    first = command("-m", "experiment=[symmetry,width]", *narrow, "report.name=first")
    assert first.returncode == 0, first.stderr
    second = command("-m", "experiment=symmetry,width", *narrow, "report.name=second")
    assert second.returncode == 0, second.stderr
    assert "3 stored\n" in second.stderr or "2 stored\n" in second.stderr
    plans = [read_plan(command.store, name) for name in ("first", "second")]
    assert plans[0].experiments == plans[1].experiments
    assert set(plans[0].experiments) == {"symmetry", "width"}


def test_a_claim_runs_just_the_cells_that_it_compares(command: Command) -> None:
    words = ("study=quick", "num_steps=2", "hidden=[4]", "evaluation.points=1")
    done = command("-m", "claim=W2", *words, "report.name=claim")
    assert done.returncode == 0, done.stderr
    plan = read_plan(command.store, "claim")
    assert list(plan.experiments) == ["weight_decay"]
    configs = [record.run_config for record in command.records().values()]
    assert sorted((c.weight_decay, c.seed) for c in configs) == [(0, 0), (0, 1), (0.1, 0), (0.1, 1)]
    verdicts = json.loads((page(command).parent / "claims.json").read_text(encoding="utf-8"))
    found = {claim["id"]: claim["verdict"] for claim in verdicts["claims"]}
    assert found["W2"] == "not_judged"  # two seeds
    lines = done.stderr.splitlines()
    said = lines.index("W2: not judged (few seeds)")
    assert lines[said + 1] == "  Seeds: 2; no verdict is given with fewer than 6."


def test_a_claim_of_ones_own_is_in_a_chapter_of_ones_own(command: Command, tmp_path: Path) -> None:
    own_chapter(tmp_path / "mine", MINE)
    words = ("study=quick", "num_steps=2", "evaluation.points=1", "report.name=mine")
    done = command("-m", "--config-dir", str(tmp_path / "mine"), "claim=wider", *words)
    assert done.returncode == 0, done.stderr
    configs = [record.run_config for record in command.records().values()]
    assert sorted((c.hidden[0], c.seed) for c in configs) == [(10, 0), (10, 1), (100, 0), (100, 1)]
    assert "Wider is better" in page(command).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("treatment: {width: 100}", "treatment: {activation: rellu}"),
         r"parts\.test\.treatment\.activation: .*got 'rellu' \(choices: relu\); .* mean relu\?"),
        (("where: {init: he}", "where: {init: he, lr: 0.2}"),
         r"parts\.test\.where\.lr: expected what a cell of the experiment width has, got 0\.2"),
        (("metric: test_accuracy",
          "metric: {name: layer, column: weight_norm, layer: 99}\n        smallest: 1"),
         r"parts\.test\.metric\.layer: .* at most 2, got 99"),
        (("experiment: width", "experiment: widht"), r"'widht' .* did you mean width\?"),
        (("where: {init: he}", "where: {init: he, num_epochs: 30}"), None),  # study=full has it
    ],
)  # fmt: skip
def test_a_claim_about_what_there_is_not_is_refused_before_any_run(
    command: Command, tmp_path: Path, words: tuple[str, str], message: str | None
) -> None:
    assert words[0] in MINE
    own_chapter(tmp_path / "mine", MINE.replace(*words))
    done = command("-m", "--config-dir", str(tmp_path / "mine"), "chapter=mine", *SWEEP[1:])
    if message is None:
        assert done.returncode == 0, done.stderr
        return
    assert done.returncode == 1
    assert re.search(message, done.stderr), done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not list(command.folder.iterdir())


@pytest.mark.parametrize("launcher", ["basic", "joblib"])
def test_hydras_own_launchers_give_the_same_records(
    command: Command, launcher: str, user_conf: str
) -> None:
    words = (*SWEEP, user_conf, "init=he,normal,misbehave", 'data.label="it\'s $5"')
    pool = command(*words, "store=other")
    assert pool.returncode == 1
    other = RunStore(command.folder / "other")
    done = command(*words, f"hydra/launcher={launcher}")
    assert done.returncode == 1, done.stderr
    assert "2 completed, 0 diverged, 1 failed" in done.stderr
    expected = {a: r.result_digest() for a in other.addresses() if (r := other.read(a))}
    assert len(expected) == 3
    assert command.digests() == expected


def test_abandoned_files_go_with_the_next_sweep(command: Command) -> None:
    folder = command.store.folder / "ab"
    folder.mkdir(parents=True)
    old = folder / ".abc.123.tmp"
    old.write_text("half a record")
    os.utime(old, (1e9, 1e9))
    assert command(*SWEEP).returncode == 0
    assert not old.exists()


# -- interruption


@on_unix
def test_control_c_ends_at_once_and_says_how_to_go_on(command: Command) -> None:
    words = ("-m", "experiment=width", "data=gaussian", "hidden=[5]", "num_epochs=1,10000000",
             "seed=0", "evaluation.points=1", "workers=4")  # fmt: skip
    process = command.start(*words)
    assert wait_until(lambda: len(command.records()) == 2)
    stored = command.digests()
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    started = time.monotonic()
    out, err = process.communicate(timeout=PATIENCE)
    assert time.monotonic() - started < 20  # of hours
    assert process.returncode == 130
    assert "2 of 4 stored, run again to continue" in err
    assert "report:" not in out
    assert "Traceback" not in err
    assert wait_until(lambda: not command.alive()), "orphans"
    assert stored == command.digests()


@on_unix
def test_control_c_while_it_starts_leaves_no_traceback(command: Command) -> None:
    process = command.start(*LONG)
    assert wait_until(lambda: (command.store.folder / "plans").is_dir())
    time.sleep(0.2)  # the workers are importing
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert "0 of 12 stored, run again to continue" in err
    assert wait_until(lambda: not command.alive()), "orphans"


@on_unix
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_no_orphans_when_the_parent_is_killed(command: Command, how: signal.Signals) -> None:
    process = command.start(*LONG)
    assert wait_until(lambda: len(command.alive()) >= 3)
    time.sleep(1.0)
    os.kill(process.pid, how)
    process.communicate(timeout=PATIENCE)
    assert process.returncode == -how
    assert wait_until(lambda: not command.alive()), "orphans"


@on_unix
@pytest.mark.parametrize("module", ["study", "study.check", "study.report"])
def test_control_c_during_the_imports_leaves_no_traceback(module: str, tmp_path: Path) -> None:
    (tmp_path / "rich.py").write_text(  # which all of them import, late
        "import signal\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "signal.raise_signal(signal.SIGINT)\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", module, "--help"],
        env=os.environ | {"PYTHONPATH": path_with(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 130, done.stderr
    assert done.stderr == "interrupted\n"


@on_unix
@pytest.mark.parametrize("words", [("study", "--help"), ("study.check", "--help")])
def test_nobody_who_reads_on_is_no_error(words: tuple[str, ...]) -> None:
    """As in ``python -m study --help | head -3``."""
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run([sys.executable, "-m", *words], stdout=writing, stderr=subprocess.PIPE)
    os.close(writing)
    assert done.returncode in (0, 141)  # argparse takes no notice
    assert done.stderr == b""


# -- help


def test_help_shows_the_study_and_its_experiments(command: Command) -> None:
    done = command.afresh("--help")
    assert done.returncode == 0
    assert done.stdout.startswith("One run:    python -m study ")
    assert "\nchapter: gate, lecture, map, papers\n" in done.stdout
    assert "\nexperiment: gate, activation_widths, activations" in done.stdout
    assert re.search("^claim: B1, .*, X7, P1, .*, open$", done.stdout, re.MULTILINE)
    assert "claims:" not in done.stdout  # no group of which one could be chosen
    assert "num_epochs: 20" in done.stdout
    assert list(command.folder.iterdir()) == []


def test_the_version_is_that_of_the_study(command: Command) -> None:
    done = command.afresh("--version")
    assert (done.returncode, done.stdout) == (0, f"study {study.__version__}\n")


def test_help_names_what_is_in_a_folder_of_ones_own(command: Command) -> None:
    own_chapter(command.folder / "conf", MINE + "experiments: {apart: {axes: {seed: [0]}}}\n")
    done = command("--config-dir", "conf", "--help")
    assert done.returncode == 0, done.stderr
    assert "\nchapter: gate, lecture, map, papers, mine\n" in done.stdout
    assert re.search(r"^experiment: gate, .*, apart$", done.stdout, re.MULTILINE)
    assert re.search(r"^claim: .*, wider, open$", done.stdout, re.MULTILINE)
    own_chapter(command.folder / "conf", "experiment: {}")
    broken = command("--config-dir", "conf", "--help")
    assert (broken.returncode, broken.stderr) == (0, "")  # to look up how it is done
    assert "== Keys with their values" in broken.stdout
