"""Random input, valid and not: it is used or refused with a message, and never gets any further."""

import ast
import contextlib
import gzip
import hashlib
import json
import math
import os
import re
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import hydra
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import study
from study.data import Dataset, idx, load
from study.edge.schema import register, run_config
from study.errors import ConfigError, DataError, StoreError, StudyError
from study.network.probes import PROBES
from study.paths import conf_folder, templates_folder
from study.records.config import SAME, DataConfig, EvaluationConfig, RunConfig, overrides
from study.records.plan import StudyPlan, plan_path, read_plan
from study.records.record import RunRecord
from study.records.store import RunStore
from study.run import run

EXAMPLES = int(os.environ.get("STUDY_FAULT_EXAMPLES", "150"))
fuzzed = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)

HE = {"name": "he", "_target_": "study.network.initializers.VarianceScaling", "scale": 2.0}
RELU = {"name": "relu", "_target_": "study.network.activations.ReLU"}
NETWORK = "study.network"

# -- configurations

numbers = st.sampled_from([0, -1, 1, 0.5, 1e-300, 1e300, 1e9, -0.0, 0.999, math.inf, math.nan])
odd: st.SearchStrategy[Any] = (
    st.none()
    | st.booleans()
    | numbers
    | st.integers(-(10**30), 10**30)
    | st.text(max_size=4)
    | st.sampled_from([[], {}, [1, [2]], {"a": 1}, "full", "../x", "null"])
)
initializers = st.one_of(
    st.builds(lambda value: {"_target_": f"{NETWORK}.initializers.Constant", "value": value}, odd),
    st.builds(lambda std: {"_target_": f"{NETWORK}.initializers.RandomNormal", "std": std}, odd),
    st.builds(
        lambda scale, mode: {
            "_target_": f"{NETWORK}.initializers.VarianceScaling", "scale": scale, "mode": mode,
        },
        numbers,
        st.sampled_from(["fan_in", "fan_out", "fan_sum", "fan", None, []]),
    ),
    st.sampled_from([
        {"_target_": target}
        for target in (
            "os.getpid", "builtins.dict", "math.sqrt", "nowhere.X", "study.run.run", "", ".",
            "a..b", "study.network.activations.ReLU", "builtins.object", "collections.deque",
            "re.compile",
        )
    ]),
)  # fmt: skip
activations = st.sampled_from(
    [f"{NETWORK}.activations.{name}" for name in ("ReLU", "Tanh", "Sigmoid", "None")]
    + ["builtins.dict", "math.hypot", "study.run.run", "builtins.object"]
).map(lambda target: {"_target_": target})


def mostly(valid: st.SearchStrategy[Any], other: st.SearchStrategy[Any] = odd) -> Any:
    """One in six anything at all."""
    return st.integers(0, 5).flatmap(lambda number: other if number == 5 else valid)


# The sensible values first: they are what a failing example shrinks to.
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "seed": mostly(st.integers(0, 3)),
    "train_size": mostly(st.sampled_from([20, 1000, None, 1, 1001])),
    "train_subset": mostly(st.sampled_from(["random", "first"])),
    "valid_size": mostly(st.sampled_from([0, 1, 100, 999, 1000])),
    "batchnorm_eps": mostly(st.sampled_from([1e-5, 1e-6, 1e-30, 1e30])),
    "batchnorm_momentum": mostly(st.floats(0, 1)),
    "label_noise": mostly(st.floats(0, 1)),
    "output_init": mostly(
        st.just(SAME) | st.just(HE), initializers.map(lambda choice: {"name": "mine"} | choice)
    )
    | odd,
    "input_dropout": mostly(st.floats(0, 1)),
    "max_norm": mostly(st.none() | st.floats(1e-30, 1e30)),
    "lr_schedule": mostly(st.sampled_from(["constant", "step", "cosine"])),
    "lr_warmup": mostly(st.floats(0, 1)),
    "lr_milestones": mostly(
        st.lists(st.floats(0, 1), max_size=3, unique=True).map(sorted),
        odd | st.lists(odd, max_size=2),
    ),
    "lr_factor": mostly(st.floats(0, 1)),
    "dropout_scaling": mostly(st.sampled_from(["training", "evaluation"])),
    "hidden": mostly(st.lists(st.integers(1, 9), max_size=3), odd | st.lists(odd, max_size=2)),
    "init": mostly(st.just(HE), initializers.map(lambda choice: {"name": "mine"} | choice)) | odd,
    "activation": mostly(activations.map(lambda choice: {"name": "mine"} | choice)),
    "batchnorm": mostly(st.booleans()),
    "dropout": mostly(st.floats(0, 1)),
    "weight_decay": mostly(st.floats(0, 10)),
    "lr": mostly(st.floats(1e-9, 1e30)),
    "momentum": mostly(st.floats(0, 1)),
    "batch_size": mostly(st.integers(1, 20)),
    "num_epochs": st.sampled_from([None, None, 1, 0, -1, 0.5, "x", [], True]),
    "num_steps": st.sampled_from([3, 0, 20, 1, None, -1, 0.5, "x", {}, True]),
    "dtype": st.sampled_from(["float32", "float64", "float16"]) | odd,
    "measure": st.lists(st.sampled_from([*PROBES, "colour", 1, None, []]), max_size=2) | odd,
    "evaluation": st.builds(
        EvaluationConfig,
        points=mostly(mostly(st.integers(1, 5))),
        spacing=mostly(st.sampled_from(["linear", "log"])),
        train_samples=mostly(mostly(st.integers(1, 30))),
        test_samples=mostly(mostly(st.integers(1, 30))),
        final_samples=mostly(mostly(st.none() | st.integers(1, 30))),
    ),
    "data": st.builds(
        DataConfig,
        name=st.just("gaussian") | st.sampled_from(["idx", "mnist", "x"]) | odd,
        root=st.none() | st.sampled_from(["../x", "/nowhere", "\0", "~nobody/x", ""]) | odd,
        label=st.none() | odd,
        checksum=st.none() | st.just("0") | odd,
    ),
}
FIRST = {
    "seed": 0, "train_size": 20, "hidden": [5], "init": HE, "activation": RELU, "num_steps": 3,
    "batch_size": 10, "data": DataConfig("gaussian"),
    "evaluation": EvaluationConfig(points=2, train_samples=20, test_samples=20),
}  # fmt: skip
# A good configuration with one to four values that may be anything.
configurations = st.sets(st.sampled_from(sorted(VALUES)), min_size=1, max_size=4).flatmap(
    lambda keys: st.fixed_dictionaries({key: VALUES[key] for key in sorted(keys)})
)


@pytest.fixture
def no_data(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No data set but the Gaussian one, and no network to get it from."""
    monkeypatch.setenv("STUDY_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("STUDY_DATA_DIR", str(tmp_path))
    monkeypatch.setattr("study.data.sources.MIRRORS", ())
    mnist = replace(study.data.sources.MNIST, mirrors=())
    monkeypatch.setitem(study.data.datasets._PINNED, "mnist", mnist)


def outcome(config: RunConfig) -> str:
    """What comes of ``config``; anything but an outcome or a refusal is raised."""
    try:
        config.validate()
        record = run(config)
    except StudyError as error:
        message = str(error)
        assert message
        assert "Traceback" not in message
        return "refused"
    assert record.status in ("completed", "diverged")
    finite = all(math.isfinite(value) for value in record.final.values())
    assert finite == (record.status == "completed")
    again = RunRecord.from_json(record.to_json())
    assert again.result_digest() == record.result_digest()
    return record.status


def test_random_configurations_run_or_are_refused(
    no_data: None, capsys: pytest.CaptureFixture[str]
) -> None:
    outcomes: Counter[str] = Counter()

    @fuzzed
    @given(configurations)
    def check(changes: dict[str, Any]) -> None:
        outcomes[outcome(RunConfig(**FIRST | changes))] += 1

    check()
    assert outcomes["refused"] > 0
    assert outcomes["completed"] > 0
    with capsys.disabled():
        print("\nconfigurations:", dict(outcomes), end=" ")


words = st.text(
    st.characters(codec="utf-8", exclude_characters="\0"), max_size=6
) | st.sampled_from(
    ["${lr}", "${oc.env:HOME}", "../../x", "/etc/passwd", "[1,2]", "{a:1}", "'", "1e400", "null"]
)
keys = st.sampled_from(
    ["lr", "hidden", "seed", "init", "init.std", "data", "data.root", "data.label", "measure",
     "store", "report.name", "workers", "timeout", "evaluation", "dtype", "+new", "colour"]
)  # fmt: skip


def test_random_command_lines_are_composed_or_refused(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What Hydra refuses it refuses by its own exceptions, which the command shows in a line."""
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    register()
    outcomes: Counter[str] = Counter()

    # composing takes 50 ms, so there are fewer of them, and a failing one is shown as it came
    @settings(fuzzed, max_examples=EXAMPLES // 3, phases=[Phase.explicit, Phase.generate])
    @given(st.lists(st.tuples(keys, words | odd.map(str)), min_size=1, max_size=3))
    def check(pairs: list[tuple[str, str]]) -> None:
        line = ["data=gaussian", *(f"{key}={value}" for key, value in pairs)]
        try:
            composed = hydra.compose("config", line)
        # of a name that is none, init=1 or init=[1]: study.edge.app refuses it before
        except (HydraException, OmegaConfBaseException, ValueError, TypeError):
            outcomes["refused by Hydra"] += 1
            return
        try:
            config = run_config(composed)
        except ConfigError:
            outcomes["refused"] += 1
            return
        outcomes["composed"] += 1
        assert re.fullmatch("[0-9a-f]{20}", config.address)
        again = run_config(hydra.compose("config", overrides(config)))
        assert again.address == config.address

    with hydra.initialize_config_dir(str(conf_folder().resolve()), version_base="1.3"):
        check()
    assert outcomes["refused"] > 0
    assert outcomes["composed"] > 0
    with capsys.disabled():
        print("\ncommand lines:", dict(outcomes), end=" ")


# -- data files

GOOD = {
    role: idx.encode(
        __import__("numpy").zeros((6, 3, 2) if role.endswith("images") else 6, dtype="u1")
    )
    for role in idx.ROLES
}
mutations = st.lists(
    st.tuples(
        st.sampled_from(["flip", "cut", "insert", "repeat", "zero"]),
        st.floats(0, 1, exclude_max=True),
        st.integers(0, 255),
    ),
    min_size=1,
    max_size=4,
)


def mutated(content: bytes, changes: list[tuple[str, float, int]]) -> bytes:
    for how, where, value in changes:
        at = int(where * len(content))
        if how == "flip" and content:
            content = content[:at] + bytes([content[at] ^ (value or 1)]) + content[at + 1 :]
        elif how == "cut":
            content = content[:at]
        elif how == "insert":
            content = content[:at] + bytes([value]) * (value % 7 + 1) + content[at:]
        elif how == "repeat":
            content = content + content[at:]
        else:
            content = content[:at] + bytes(value % 9) + content[at + value % 9 :]
    return content


def loaded(contents: dict[str, bytes], suffix: str) -> Dataset:
    with tempfile.TemporaryDirectory() as folder:
        for role, content in contents.items():
            Path(folder, idx.file_name(role) + suffix).write_bytes(content)
        return load("idx", root=folder)


def test_mutated_data_files_are_read_as_they_are_or_refused(
    capsys: pytest.CaptureFixture[str],
) -> None:
    outcomes: Counter[str] = Counter()

    @fuzzed
    @given(st.sampled_from(idx.ROLES), st.booleans(), mutations)
    def check(role: str, packed: bool, changes: list[tuple[str, float, int]]) -> None:
        good = {r: gzip.compress(c, mtime=0) if packed else c for r, c in GOOD.items()}
        bad = mutated(good[role], changes)
        try:
            data = loaded(good | {role: bad}, ".gz" if packed else "")
        except DataError:
            outcomes["refused"] += 1
            return
        outcomes["read"] += 1
        assert data.train.images.shape[1] == data.test.images.shape[1] > 0
        for split in (data.train, data.test):
            assert len(split.images) == len(split.labels) > 0
            assert 0 <= split.images.min() <= split.images.max() <= 1
            assert 0 <= split.labels.min() <= split.labels.max() < data.num_classes
        # the checksum is that of the content which was read
        unpacked = {r: gzip.decompress(c) if packed else c for r, c in (good | {role: bad}).items()}
        digests = "".join(hashlib.sha256(unpacked[r]).hexdigest() for r in idx.ROLES)
        assert data.checksum == hashlib.sha256(digests.encode()).hexdigest()

    check()
    assert outcomes["refused"] > 0
    with capsys.disabled():
        print("\ndata files:", dict(outcomes), end=" ")


@fuzzed
@given(st.fixed_dictionaries({role: st.binary(max_size=300) for role in idx.ROLES}))
def test_random_data_files_are_refused(contents: dict[str, bytes]) -> None:
    with pytest.raises(DataError):
        loaded(contents, "")


# -- records and plans


@pytest.fixture(scope="module")
def trained() -> RunRecord:
    """A record as a run leaves it."""
    return run(RunConfig(**FIRST | {"measure": ["histograms"]}))


def test_mutated_records_are_refused(trained: RunRecord, tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    path = store.write(trained)
    text = path.read_bytes()

    @fuzzed
    @given(mutations)
    def check(changes: list[tuple[str, float, int]]) -> None:
        bad = mutated(text, changes)
        path.write_bytes(bad)
        if bad == text:
            assert store.read(trained.address) is not None
            return
        with pytest.raises(StoreError) as caught:
            store.read(trained.address)
        assert str(path) in str(caught.value)

    check()


json_values = st.recursive(
    odd.filter(lambda value: value == value) | st.sampled_from(["<script>", "$\\frac", "a" * 1000]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)  # fmt: skip


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where something can be replaced in nested containers."""
    yield path
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _places(item, (*path, key))
    elif isinstance(value, list) and value:
        yield from _places(value[0], (*path, 0))


def _replaced(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    copy = value.copy()
    copy[path[0]] = _replaced(value[path[0]], path[1:], new)
    return copy


def test_records_of_somebody_who_knows_the_checksum_can_be_drawn_or_are_refused(
    trained: RunRecord, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Anything in any place, the checksum right: what gets past the checks makes tables."""
    from study.analysis.frames import layers_frame, points_frame, runs_frame

    content = json.loads(trained.to_json())["record"]
    places = sorted(set(_places(content)), key=repr)
    outcomes: Counter[str] = Counter()

    @fuzzed
    @given(st.sampled_from(places), json_values)
    def check(place: tuple[Any, ...], value: Any) -> None:
        changed = _replaced(content, place, value)
        if place[:1] == ("config",) and isinstance(changed.get("config"), dict):
            with contextlib.suppress(Exception):  # the address of what is there now
                changed["address"] = RunConfig.from_dict(changed["config"]).address
        body = json.dumps(changed)
        checksum = hashlib.sha256(body.encode()).hexdigest()
        try:
            record = RunRecord.from_json(f'{{"checksum": "{checksum}", "record": {body}}}')
        except StoreError:
            outcomes["refused"] += 1
            return
        outcomes["read"] += 1
        assert RunStore(tmp_path).path(record.address).is_relative_to(tmp_path)
        for frame in (runs_frame, points_frame, layers_frame):
            frame([record, trained])
        assert overrides(record.run_config)

    check()
    assert outcomes["refused"] > 0
    with capsys.disabled():
        print("\nrecords:", dict(outcomes), end=" ")


ADDRESSES = [RunConfig(seed=seed, num_epochs=1).address for seed in range(3)]
PLAN = StudyPlan(
    "mine", "python -m study -m", "mnist", "quick", ["a=1"], experiments={"grid": ADDRESSES}
)


def test_mutated_plans_are_refused(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    path = PLAN.write(store)
    text = path.read_bytes()

    @fuzzed
    @given(mutations)
    def check(changes: list[tuple[str, float, int]]) -> None:
        path.write_bytes(mutated(text, changes))
        with contextlib.suppress(StoreError):
            assert read_plan(store, "mine") == PLAN  # a space more or less
            return
        with pytest.raises(StoreError, match="run the study again") as caught:
            read_plan(store, "mine")
        assert str(path) in str(caught.value)

    check()


# -- no way out of the store


ESCAPES = ["..", ".", "../x", "/etc/passwd", "a/b", "", "x\0", "..\\x", "C:x", "con/../x"]


@pytest.mark.parametrize("name", ESCAPES)
def test_no_plan_leads_a_report_out_of_its_folder(tmp_path: Path, name: str) -> None:
    """Not even one whose file is called like that: ``plans/...json`` is the plan ``..``."""
    store = RunStore(tmp_path)
    with pytest.raises(ConfigError):
        plan_path(store, name)
    (tmp_path / "plans").mkdir()
    for plan in (replace(PLAN, name=name), replace(PLAN, name=f"{name}.json")):
        with contextlib.suppress(OSError, ValueError):
            path = tmp_path / "plans" / f"{plan.name}.json"
            path.write_text(PLAN.write(RunStore(tmp_path / "other")).read_text().replace(
                '"name": "mine"', f'"name": {json.dumps(plan.name)}'))  # fmt: skip
            with pytest.raises(StoreError):
                read_plan(store)


def test_no_plan_is_read_or_written_through_a_link_out_of_the_store(tmp_path: Path) -> None:
    store, outside = RunStore(tmp_path / "runs"), tmp_path / "outside"
    PLAN.write(RunStore(outside))
    path = plan_path(store, "mine")
    path.parent.mkdir(parents=True)
    for link, target in ((path, outside / "plans" / "mine.json"), (path, Path("/dev/zero"))):
        link.symlink_to(target)
        with pytest.raises(StoreError, match=r"leads out of the store|not a plain file"):
            read_plan(store)
        link.unlink()
    path.symlink_to(tmp_path / "nowhere")
    with pytest.raises(StoreError, match="no study called"):
        read_plan(store)
    PLAN.write(store)  # the link is replaced, what it led to not touched
    assert read_plan(store) == PLAN
    assert not (tmp_path / "nowhere").exists()
    path.unlink()
    path.parent.rmdir()
    path.parent.symlink_to(outside / "plans")
    for act in (lambda: read_plan(store, "mine"), lambda: PLAN.write(store)):
        with pytest.raises(StoreError, match="leads out of the store"):
            act()


def test_a_store_may_itself_be_a_link(tmp_path: Path, trained: RunRecord) -> None:
    (tmp_path / "scratch").mkdir()
    (tmp_path / "runs").symlink_to(tmp_path / "scratch")
    store = RunStore(tmp_path / "runs")
    PLAN.write(store)
    store.write(trained)
    assert read_plan(store) == PLAN
    found = store.read(trained.address)
    assert found is not None
    path = store.path(trained.address)
    path.rename(tmp_path / "scratch" / "kept.json")
    path.symlink_to("../kept.json")  # a link that stays inside
    assert store.read(trained.address) is not None


# -- what the source never does

SOURCES = sorted(Path(study.__file__).parent.rglob("*.py"))
FORBIDDEN_MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
FORBIDDEN_CALLS = {
    "eval", "exec", "pickle.load", "pickle.loads", "yaml.load", "yaml.load_all", "yaml.unsafe_load",
    "yaml.full_load", "yaml.full_load_all", "yaml.unsafe_load_all", "np.load", "numpy.load",
    "pd.read_pickle", "pandas.read_pickle", "torch.load", "os.system",
}  # fmt: skip


def test_no_source_loads_pickles_or_unsafe_yaml() -> None:
    assert len(SOURCES) >= 50
    templates = templates_folder()
    assert list(templates.rglob("*.j2"))
    for file in SOURCES:
        tree = ast.parse(file.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                imported = {alias.name.split(".")[0] for alias in node.names}
                assert not imported & FORBIDDEN_MODULES, file
            elif isinstance(node, ast.ImportFrom):
                assert (node.module or "").split(".")[0] not in FORBIDDEN_MODULES, file
            elif isinstance(node, ast.Call):
                name = ast.unparse(node.func)
                assert name not in FORBIDDEN_CALLS, (file, name)
                allowed = [k for k in node.keywords if k.arg == "allow_pickle"]
                assert all(ast.unparse(k.value) == "False" for k in allowed), file
                loader = [k for k in node.keywords if k.arg == "Loader"]
                assert all("Safe" in ast.unparse(k.value) for k in loader), file
                shell = [k for k in node.keywords if k.arg == "shell"]
                assert all(ast.unparse(k.value) == "False" for k in shell), file
    for template in templates.rglob("*.j2"):
        text = template.read_text(encoding="utf-8")
        assert not re.search(r"\|\s*safe\b|autoescape\s+false", text), template
