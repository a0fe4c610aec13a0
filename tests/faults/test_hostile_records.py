"""Nothing in a record or a plan is markup: whatever they say is shown as text."""

import json
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from starter import Starter
from sweeping import records

from study.records.config import RunConfig
from study.records.plan import read_plan
from study.records.record import RunRecord
from study.records.store import RunStore
from study.report.__main__ import main as report

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="starts sweeps as the others do"),
    pytest.mark.xdist_group("hostile"),
]
MARK = "zzxss"
PAYLOADS = [
    f"<script>{MARK}()</script>",
    f'"><img src=x onerror="{MARK}()">',
    f"' onmouseover='{MARK}()' x='",
    f"</style><script>{MARK}()</script>",
    f"</title></textarea></pre></svg><svg onload={MARK}()>",
    f"javascript:{MARK}()",
    f"{{{{ {MARK} }}}}{{% include '/etc/passwd' %}}${{{MARK}}}",
    f"]]>--><!--<{MARK}>",
    f"\u202e\u2028{MARK}\x1b[31m",
    f"$\\frac{{{MARK}$ %s {{0}} {{x.__class__}}",
]
WORDS = ("-m", "experiment=symmetry", "data=gaussian", "seed=0", "train_size=150",
         "hidden=[5]", "num_epochs=1", "report.name=x")  # fmt: skip


class Page(HTMLParser):
    """Elements and attributes of a page, and where the mark stands in it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: Counter[str] = Counter()
        self.wrong: list[str] = []
        self.shown = 0
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements[tag] += 1
        if tag in ("script", "style"):
            self.open.append(tag)
        for name, value in attrs:
            active = name.startswith("on") or name in ("src", "style", "srcdoc", "formaction")
            link = name in ("href", "action") and not (value or "").startswith(("data:", "#"))
            if MARK in name or (MARK in (value or "") and (active or link)):
                self.wrong.append(f"<{tag} {name}={value!r}>")
        if MARK in tag:
            self.wrong.append(f"<{tag}>")

    def handle_endtag(self, tag: str) -> None:
        if self.open and self.open[-1] == tag:
            self.open.pop()

    def handle_data(self, data: str) -> None:
        self.shown += data.count(MARK)
        # JSON in a script is text; its "<" are escaped, so it cannot end the element
        if self.open and MARK in data:
            try:
                json.loads(data)
            except ValueError:
                self.wrong.append(f"in <{self.open[-1]}>: {data[:80]}")

    def handle_comment(self, data: str) -> None:
        if MARK in data:
            self.wrong.append(f"<!--{data[:80]}-->")

    def handle_decl(self, decl: str) -> None:
        if MARK in decl:
            self.wrong.append(f"<!{decl[:80]}>")


@pytest.fixture(scope="module")
def store(sweep: Starter, tmp_path_factory: pytest.TempPathFactory) -> RunStore:
    folder = tmp_path_factory.mktemp("tiny")
    assert sweep(folder, *WORDS) == 0, (folder / "output").read_text()
    return RunStore(folder / "runs")


def in_the_configuration(record: RunRecord, payload: str) -> RunRecord:
    """Also the names of options, and an option that figures name."""
    config = json.loads(json.dumps(record.config))
    config["data"] |= {"label": payload, "root": payload}
    if record.config["init"]["name"] == "constant":
        config["init"] = {"name": "constant", "_target_": payload + ".x", "value": payload}
    else:
        config["init"][payload] = payload
    config["measure"] = [payload]
    return replace(record, config=config, address=RunConfig.from_dict(config).address)


def in_the_provenance(record: RunRecord, payload: str) -> RunRecord:
    def everywhere(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: everywhere(item) for key, item in value.items()} | {payload: payload}
        return payload if isinstance(value, str) else value

    return replace(record, provenance=everywhere(record.provenance))


def in_the_error(record: RunRecord, payload: str) -> RunRecord:
    return replace(record, status="failed", error=f"Traceback\n{payload}")


def in_the_names(record: RunRecord, payload: str) -> RunRecord:
    layers = {
        moment: [row | {payload: 1.0} for row in rows] for moment, rows in record.layers.items()
    }
    columns = record.history | {payload: [0.0] * len(record.history["step"])}
    measured = {moment: {**found, payload: {payload: payload}}
                for moment, found in record.measurements.items()}  # fmt: skip
    return replace(
        record,
        layers=layers | {payload: []},
        history=columns,
        final=record.final | {payload: 1.0},
        timing=record.timing | {payload: 1.0},
        measurements=measured,
    )


PLACES: list[Callable[[RunRecord, str], RunRecord]] = [
    in_the_configuration, in_the_provenance, in_the_error, in_the_names,
]  # fmt: skip


def rendered(store: RunStore, folder: Path) -> dict[str, str]:
    """All files of the report but its pictures, by name."""
    assert report(["--store", str(store.folder), "--folder", str(folder)]) == 0
    found = [path for path in folder.rglob("*") if path.is_file()]
    assert all(path.resolve().is_relative_to(folder.resolve()) for path in found)
    written = (path for path in found if path.suffix != ".png")
    return {path.name: path.read_text(encoding="utf-8") for path in written}


@pytest.mark.parametrize("payload", PAYLOADS)
def test_what_records_and_plans_say_is_text(
    store: RunStore, tmp_path: Path, payload: str, capsys: pytest.CaptureFixture[str]
) -> None:
    hostile = RunStore(tmp_path / "runs")
    plan = read_plan(store)
    renamed: dict[str, str] = {}
    for number, record in enumerate(records(store).values()):
        changed = record
        for place in PLACES if number == 0 else PLACES[number % 2 :: 2]:
            if place is not in_the_error or number == 0:
                changed = place(changed, payload)
        hostile.write(changed)
        assert hostile.read(changed.address) is not None, "it is a record like any other"
        renamed[record.address] = changed.address
    experiments = {
        name: [renamed[address] for address in group] for name, group in plan.experiments.items()
    }
    replace(
        plan,
        command=payload,
        data=payload,
        preset=payload,
        selection=[payload],
        experiments=experiments | {payload: list(renamed.values())},
    ).write(hostile)
    shown = 0
    for name, text in rendered(hostile, tmp_path / "reports").items():
        if name.endswith(".html"):
            page = Page(text)
            assert page.wrong == []
            assert page.elements["img"] == 0
            shown += page.shown
    assert shown > 0, "it is not dropped either"
    err = capsys.readouterr().err
    assert "Traceback" not in err
    assert "\x1b" not in err
