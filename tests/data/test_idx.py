import gzip
import struct
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from study.data import idx, load
from study.errors import DataError


def test_parse_inverts_encode(arrays):
    for role, array in arrays.items():
        np.testing.assert_array_equal(idx.parse(idx.encode(array), role, where="x"), array)


def test_encode_writes_the_published_layout():
    content = idx.encode(np.array([[[7, 8]]], dtype=np.uint8))
    assert content == bytes.fromhex("00000803 00000001 00000001 00000002 07 08")


def test_parsed_arrays_are_read_only(arrays):
    parsed = idx.parse(idx.encode(arrays["train-labels"]), "train-labels", where="x")
    with pytest.raises(ValueError, match="read-only"):
        parsed[0] = 1


def test_wrong_magic_number_names_file_expected_and_found(contents):
    with pytest.raises(DataError, match=r"some/file: .*2051, found 2049"):
        idx.parse(contents["train-labels"], "train-images", where="some/file")


def test_html_page_is_called_one():
    with pytest.raises(DataError, match="an HTML page"):
        idx.parse(b"\n<!DOCTYPE html><title>404</title>", "train-images", where="x")


@pytest.mark.parametrize("content", [b"", b"\0", b"\0\0\x08\x03", b"\0\0\x08\x03\0\0\0\1"])
def test_truncated_header_is_refused(content):
    with pytest.raises(DataError, match="expected"):
        idx.parse(content, "train-images", where="x")


@pytest.mark.parametrize(("change", "found"), [(slice(0, -1), "159"), (slice(0, None), "161")])
def test_size_other_than_the_headers_is_refused(contents, change, found):
    content = (contents["train-images"] + b"\0" * (found == "161"))[change]
    with pytest.raises(DataError, match=rf"expected 160 bytes .* found .*{found}"):
        idx.parse(content, "train-images", where="x")


@pytest.mark.parametrize("shape", [(0, 28, 28), (1, 0, 28), (2**32 - 1,) * 3])
def test_impossible_shapes_are_refused_before_anything_is_read(tmp_path, shape):
    path = tmp_path / "train-images-idx3-ubyte"
    path.write_bytes(struct.pack(">BBBB3I", 0, 0, 8, 3, *shape))
    with pytest.raises(DataError, match="expected a shape"):
        idx.read_declared(path, "train-images")


@pytest.mark.parametrize("name", ["file", "file.gz"])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_read_unpacks_by_content_not_by_name(tmp_path, name, pack):
    path = tmp_path / name
    path.write_bytes(pack(b"content"))
    assert idx.read(path, 100) == b"content"


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_read_stops_one_byte_after_the_limit(tmp_path, pack):
    path = tmp_path / "bomb"
    path.write_bytes(pack(bytes(1_000_000)))
    assert len(idx.read(path, 1_000)) == 1_001


def test_compressed_bomb_stops_one_byte_after_what_its_header_declares(tmp_path, contents):
    path = tmp_path / "train-images-idx3-ubyte.gz"
    path.write_bytes(gzip.compress(contents["train-images"] + bytes(1_000_000)))
    assert len(idx.read_declared(path, "train-images")) == 161


@pytest.mark.parametrize(
    "damage",
    [
        lambda packed: packed[: len(packed) // 2],
        lambda packed: packed[:-4],
        lambda packed: packed[:30] + b"\xff\xff\xff\xff" + packed[34:],
        lambda packed: packed + b"trailing",
    ],
    ids=["half", "checksum cut off", "flipped bytes", "trailing bytes"],
)
def test_damaged_gzip_is_refused(tmp_path, contents, damage):
    path = tmp_path / "train-images-idx3-ubyte.gz"
    path.write_bytes(damage(gzip.compress(contents["train-images"])))
    with pytest.raises(DataError, match=r"train-images.*complete gzip file, found.*Fetch"):
        idx.read_declared(path, "train-images")


def test_unreadable_file_is_a_data_error(tmp_path):
    with pytest.raises(DataError, match="expected a readable file"):
        idx.read(tmp_path / "absent", 10)


@pytest.mark.parametrize("rename", [str, lambda name: name.replace("-idx", ".idx")])
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_find_knows_the_usual_names(folder, rename, suffix):
    for path in list(folder.iterdir()):
        path.rename(folder / (rename(path.name) + suffix))
    files = idx.find(folder)
    assert list(files) == list(idx.ROLES)
    assert all(path.name == rename(idx.file_name(role)) + suffix for role, path in files.items())


def test_find_prefers_the_uncompressed_file(folder):
    (folder / "train-labels-idx1-ubyte.gz").write_bytes(b"")
    assert idx.find(folder)["train-labels"].suffix == ""


def test_find_skips_what_is_not_a_file_of_the_format(tmp_path):
    (tmp_path / "train-images-idx3-ubyte").mkdir()
    (tmp_path / "train-images-idx1-ubyte").write_bytes(b"")
    (tmp_path / "._train-labels-idx1-ubyte").write_bytes(b"")
    assert idx.find(tmp_path) is None


def test_find_names_the_files_that_are_missing(folder):
    (folder / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(DataError, match="Add t10k-labels-idx1-ubyte"):
        idx.find(folder)


def test_find_takes_one_prefix_only_where_asked(folder):
    for path in list(folder.iterdir()):
        path.rename(folder / f"emnist-digits-{path.name.replace('t10k', 'test')}")
    assert idx.find(folder) is None
    assert set(idx.find(folder, prefixed=True)) == set(idx.ROLES)
    (folder / "emnist-letters-train-labels-idx1-ubyte").write_bytes(b"")
    with pytest.raises(DataError, match="emnist-digits, emnist-letters"):
        idx.find(folder, prefixed=True)


LABELS = idx.encode(np.zeros(2, dtype=np.uint8))
IMAGES = idx.encode(np.zeros((2, 2, 2), dtype=np.uint8))

# From noise to files that are right but for a few bytes, compressed or not.
noise = st.binary(max_size=64)
headed = st.builds(
    lambda axes, shape, rest: struct.pack(f">BBBB{len(shape)}I", 0, 0, 8, axes, *shape) + rest,
    st.sampled_from([1, 3]),
    st.lists(st.integers(0, 3) | st.integers(0, 2**32 - 1), min_size=1, max_size=3),
    noise,
)
nearly = st.builds(
    lambda content, at, byte: content[:at] + bytes([byte]) + content[at + 1 :],
    st.sampled_from(
        [LABELS, IMAGES, gzip.compress(LABELS, mtime=0), gzip.compress(IMAGES, mtime=0)]
    ),
    st.integers(0, 60),
    st.integers(0, 255),
)
files = noise | headed | nearly | st.builds(gzip.compress, noise | headed, mtime=st.just(0))


@given(content=files, role=st.sampled_from(idx.ROLES))
def test_arbitrary_bytes_parse_or_raise_data_error(content, role):
    try:
        array = idx.parse(content, role, where="x")
    except DataError:
        return
    assert idx.encode(array) == content


@given(st.fixed_dictionaries({role: files | st.just(LABELS) for role in idx.ROLES}))
def test_arbitrary_files_load_or_raise_data_error(contents):
    with tempfile.TemporaryDirectory() as folder:
        for role, content in contents.items():
            Path(folder, idx.file_name(role)).write_bytes(content)
        try:
            data = load("idx", root=folder)
        except DataError:
            return
    for split in (data.train, data.test):
        assert len(split.images) == len(split.labels) > 0
        assert split.labels.max() < data.num_classes


@given(role=st.sampled_from(idx.ROLES), content=nearly)
def test_one_arbitrary_file_among_good_ones_loads_or_raises_data_error(role, content):
    with tempfile.TemporaryDirectory() as folder:
        for other in idx.ROLES:
            good = IMAGES if other.endswith("images") else LABELS
            Path(folder, idx.file_name(other)).write_bytes(content if other == role else good)
        try:
            data = load("idx", root=folder)
        except DataError:
            return
    assert data.train.images.shape == data.test.images.shape == (2, 4)
