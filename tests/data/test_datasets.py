import gzip
import hashlib
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import study
from study.data import NAMES, Split, checksum, datasets, idx, load, prepare, sources
from study.errors import ConfigError, DataError


def assert_usable(data, *, train, test, features):
    assert data.train.images.shape == (train, features)
    assert data.test.images.shape == (test, features)
    for split in (data.train, data.test):
        assert split.images.dtype == np.float32
        assert split.labels.dtype == np.int64
        assert split.labels.shape == (len(split),)
        assert split.images.flags.c_contiguous
        assert not split.images.flags.writeable
        assert not split.labels.flags.writeable
        assert 0 <= split.labels.min() <= split.labels.max() < data.num_classes


# Every data set


@pytest.fixture(params=["mnist", *NAMES[1:]])
def source(request, folder, pinned, monkeypatch):
    """Arguments of ``load`` for each data set; the small one stands for MNIST."""
    monkeypatch.setitem(datasets._PINNED, "mnist", replace(pinned, mirrors=("http://x/",)))
    roots = {"mnist": folder, "idx": folder}
    return request.param, {"root": roots.get(request.param)}


def test_checksum_is_that_of_the_loaded_data_in_every_process(source, forget):
    name, arguments = source
    expected = load(name, **arguments).checksum
    assert len(bytes.fromhex(expected)) == 32
    forget()
    assert checksum(name, **arguments) == expected
    assert prepare(name, **arguments) == expected


def test_second_load_returns_the_same_object(source):
    name, arguments = source
    assert load(name, **arguments) is load(name, **arguments)


def test_data_are_the_same_in_every_process(source, forget):
    name, arguments = source
    first = load(name, **arguments)
    forget()
    second = load(name, **arguments)
    assert first is not second
    np.testing.assert_array_equal(first.train.images, second.train.images)
    np.testing.assert_array_equal(first.test.labels, second.test.labels)


def test_seed_is_for_gaussian_only(source):
    name, arguments = source
    same = load(name, **arguments, seed=1).checksum == load(name, **arguments, seed=2).checksum
    assert same == (name != "gaussian")


def test_unknown_name_lists_the_choices():
    for function in (load, checksum, prepare):
        with pytest.raises(ConfigError, match="mnist, mnist5k, idx, gaussian"):
            function("cifar")


def test_importing_the_package_loads_no_network_client():
    code = "import sys, study.data; print({'pooch', 'requests', 'mlxtend'} & set(sys.modules))"
    environment = {**os.environ, "PYTHONPATH": str(Path(study.__file__).parents[1])}
    command = [sys.executable, "-c", code]
    output = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert output.stdout == "set()\n"


# Split.first


@pytest.fixture
def split():
    return Split(np.arange(10, dtype=np.float32).reshape(5, 2), np.arange(5))


def test_first_takes_the_leading_samples_without_copying(split):
    first = split.first(3)
    assert len(first) == 3
    assert np.shares_memory(first.images, split.images)
    np.testing.assert_array_equal(first.images, split.images[:3])
    np.testing.assert_array_equal(first.labels, [0, 1, 2])


def test_first_of_none_or_of_all_is_everything(split):
    assert split.first(None) is split
    assert len(split.first(5)) == 5


@pytest.mark.parametrize("n", [6, 0, -1])
def test_first_of_an_impossible_number_is_a_config_error(split, n):
    with pytest.raises(ConfigError, match=rf"train_size: .*\[1, 5\], got {n}"):
        split.first(n)


# mnist5k


def test_mnist5k_is_a_stratified_split_of_real_images():
    data = load("mnist5k")
    assert_usable(data, train=4_000, test=1_000, features=784)
    assert data.num_classes == 10
    np.testing.assert_array_equal(np.bincount(data.train.labels), [400] * 10)
    np.testing.assert_array_equal(np.bincount(data.test.labels), [100] * 10)
    assert data.train.images.min() == 0
    assert data.train.images.max() == 1
    assert data.train.images.mean() == pytest.approx(0.1307, abs=0.002)  # MNIST's mean


def test_mnist5k_has_a_fixed_order():
    data = load("mnist5k")
    assert data.train.labels[:10].tolist() == [7, 8, 3, 3, 1, 1, 5, 4, 6, 6]
    assert data.test.labels[:10].tolist() == [5, 1, 7, 5, 1, 0, 0, 2, 9, 8]


def test_first_samples_of_mnist5k_have_every_class_about_equally_often():
    counts = np.bincount(load("mnist5k").train.first(300).labels, minlength=10)
    # Five standard deviations of a hypergeometric count.
    assert abs(counts - 30).max() < 5 * np.sqrt(30 * 0.9)


def test_mnist5k_has_no_image_in_both_splits():
    data = load("mnist5k")
    train, test = ({row.tobytes() for row in split.images} for split in (data.train, data.test))
    assert not train & test


# mnist


def test_real_mnist_is_the_canonical_one(real_mnist):
    assert_usable(real_mnist, train=60_000, test=10_000, features=784)
    assert real_mnist.num_classes == 10
    assert real_mnist.train.labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert real_mnist.test.labels[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
    assert real_mnist.train.images.mean(dtype=np.float64) == pytest.approx(0.1307, abs=1e-4)
    assert real_mnist.train.images.std(dtype=np.float64) == pytest.approx(0.3081, abs=1e-4)
    assert real_mnist.checksum == checksum("mnist")


def test_real_mnist_has_the_images_of_mnist5k(real_mnist):
    images = {row.tobytes() for row in real_mnist.train.images}
    data = load("mnist5k")
    for split in (data.train, data.test):
        assert all(row.tobytes() in images for row in split.images)


def test_mnist_pins_distinct_full_hashes():
    hashes = [file.sha256 for file in sources.MNIST.files + sources.MNIST5K.files]
    hashes += [file.gzip_sha256 for file in sources.MNIST.files]
    assert len(set(hashes)) == 12
    assert all(len(bytes.fromhex(value)) == 32 for value in hashes)
    assert [file.role for file in sources.MNIST.files] == list(idx.ROLES)
    assert [file.sha256[:8] for file in sources.MNIST.files] == [
        "ba891046",
        "65a50cbb",
        "0fa7898d",
        "ff7bcfd4",
    ]


@pytest.fixture
def small_mnist(pinned, monkeypatch):
    """The small data set stands for MNIST; no mirror answers."""
    stand_in = replace(pinned, name="mnist", mirrors=("http://127.0.0.1:9/",))
    monkeypatch.setitem(datasets._PINNED, "mnist", stand_in)
    return stand_in


@pytest.mark.parametrize("inner", ["", "mnist"])
def test_mnist_is_found_in_the_environments_folder(
    small_mnist, folder, arrays, monkeypatch, tmp_path, inner
):
    if inner:
        home = tmp_path / "home"
        home.mkdir()
        folder = folder.rename(home / inner).parent
    monkeypatch.setenv("STUDY_DATA_DIR", str(folder))
    data = load("mnist")
    assert_usable(data, train=12, test=6, features=12)
    np.testing.assert_array_equal(
        data.train.images, arrays["train-images"].reshape(12, 12) / np.float32(255)
    )
    np.testing.assert_array_equal(data.test.labels, arrays["t10k-labels"])


def test_root_wins_over_the_environment(small_mnist, folder, monkeypatch, tmp_path):
    wrong = tmp_path / "wrong"
    wrong.mkdir()
    for role in idx.ROLES:
        (wrong / idx.file_name(role)).write_bytes(b"wrong")
    monkeypatch.setenv("STUDY_DATA_DIR", str(wrong))
    assert len(load("mnist", root=folder).train) == 12
    with pytest.raises(DataError, match="wrong"):
        load("mnist")


def test_mnist_without_files_and_network_names_both_ways_out(small_mnist):
    with pytest.raises(DataError, match=r"(?s)STUDY_DATA_DIR=.*data=mnist5k"):
        load("mnist")


def test_failed_load_can_be_repeated_after_a_repair(small_mnist, folder, contents):
    path = folder / "train-labels-idx1-ubyte"
    path.write_bytes(b"wrong")
    with pytest.raises(DataError):
        load("mnist", root=folder)
    path.write_bytes(contents["train-labels"])
    assert len(load("mnist", root=folder).train) == 12


@pytest.mark.parametrize("key", ["data.root", "STUDY_DATA_DIR"])
def test_folder_that_does_not_exist_is_a_config_error(monkeypatch, tmp_path, key):
    absent = tmp_path / "absent"
    if key == "STUDY_DATA_DIR":
        monkeypatch.setenv(key, str(absent))
    for function in (load, checksum):
        with pytest.raises(ConfigError, match=f"{key}: expected an existing folder.*absent"):
            function("mnist", root=absent if key == "data.root" else None)


@pytest.mark.parametrize("name", ["mnist5k", "gaussian"])
def test_root_contradicts_data_without_files(name, folder):
    for function in (load, checksum):
        with pytest.raises(ConfigError, match=rf"data\.root: .*data={name}"):
            function(name, root=folder)


# idx


def test_idx_loads_any_set_of_the_format(folder, arrays, contents):
    data = load("idx", root=folder)
    assert_usable(data, train=12, test=6, features=12)
    assert data.num_classes == 3
    np.testing.assert_array_equal(data.test.labels, arrays["t10k-labels"])
    np.testing.assert_array_equal(
        data.test.images, arrays["t10k-images"].reshape(6, 12) / np.float32(255)
    )
    digests = "".join(hashlib.sha256(contents[role]).hexdigest() for role in idx.ROLES)
    assert data.checksum == hashlib.sha256(digests.encode()).hexdigest()


@pytest.mark.parametrize("root", [None, ""])
def test_idx_needs_a_root(root, monkeypatch, folder):
    monkeypatch.setenv("STUDY_DATA_DIR", str(folder))
    for function in (load, checksum):
        with pytest.raises(ConfigError, match=r"data\.root: .*data=idx"):
            function("idx", root=root)


def test_idx_folder_without_files_is_a_data_error(tmp_path):
    with pytest.raises(DataError, match="expected four IDX files"):
        load("idx", root=tmp_path)


def test_compression_does_not_change_the_checksum(folder):
    expected = checksum("idx", root=folder)
    for path in list(folder.iterdir()):
        path.with_name(path.name + ".gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    assert checksum("idx", root=folder) == load("idx", root=folder).checksum == expected


def test_same_content_has_one_checksum_as_mnist_and_as_idx(small_mnist, folder):
    assert load("mnist", root=folder).checksum == load("idx", root=folder).checksum


def test_changed_files_are_noticed_within_one_process(folder, arrays):
    before = load("idx", root=folder)
    images = arrays["train-images"].copy()
    images[0, 0, 0] ^= 1
    path = folder / "train-images-idx3-ubyte"
    path.write_bytes(idx.encode(images))
    os.utime(path, ns=(0, 0))
    assert checksum("idx", root=folder) != before.checksum
    assert load("idx", root=folder).checksum == checksum("idx", root=folder)


@pytest.mark.parametrize(
    ("role", "change", "message"),
    [
        ("train-labels", lambda a: a[:-1], r"train-labels.*expected 12 labels.*found 11"),
        ("t10k-labels", lambda a: a[:-1], r"t10k-labels.*expected 6 labels.*found 5"),
        ("t10k-images", lambda a: a[:, :-1], r"t10k-images.*4 × 3 pixels.*found 3 × 3"),
        ("t10k-labels", lambda a: a + 1, r"t10k-labels.*expected labels in \[0, 2\].*found 3"),
    ],
)
def test_files_that_do_not_belong_together_are_refused(folder, arrays, role, change, message):
    (folder / idx.file_name(role)).write_bytes(idx.encode(change(arrays[role])))
    with pytest.raises(DataError, match=message):
        load("idx", root=folder)


def test_one_class_still_counts_as_two(folder, arrays):
    for role in ("train-labels", "t10k-labels"):
        (folder / idx.file_name(role)).write_bytes(idx.encode(0 * arrays[role]))
    assert load("idx", root=folder).num_classes == 2


# gaussian


def test_gaussian_is_the_lectures_probe():
    data = load("gaussian", seed=3)
    assert_usable(data, train=1_000, test=1_000, features=100)
    assert data.num_classes == 10
    for split in (data.train, data.test):
        # Five standard errors of the mean and of the variance of 100,000 draws.
        assert split.images.mean(dtype=np.float64) == pytest.approx(0, abs=5 / np.sqrt(1e5))
        assert split.images.var(dtype=np.float64) == pytest.approx(1, abs=5 * np.sqrt(2 / 1e5))
        counts = np.bincount(split.labels, minlength=10)
        assert abs(counts - 100).max() < 5 * np.sqrt(90)
    assert not np.array_equal(data.train.images, data.test.images)


def test_gaussian_is_independent_of_a_run_with_the_same_seed():
    images = load("gaussian", seed=3).train.images.ravel()
    sequence = np.random.SeedSequence(3)
    for stream in (sequence, *sequence.spawn(4)):
        run = np.random.default_rng(stream).standard_normal(images.size, dtype=np.float32)
        assert abs(np.corrcoef(run, images)[0, 1]) < 5 / np.sqrt(images.size)


def test_negative_seed_is_a_config_error():
    with pytest.raises(ConfigError, match="seed: expected an integer of at least 0, got -1"):
        load("gaussian", seed=-1)
