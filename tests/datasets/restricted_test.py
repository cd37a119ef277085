"""The restricted reader: reads data, runs no code, has one kind of error for damage."""

import collections
import os
import pickle
import zipfile

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies

from jaxpose.datasets.restricted import load_npz, load_pickle
from jaxpose.errors import JaxposeError

DATA = {
    "S1": {
        "Walking 1": [
            np.arange(12, dtype=np.float32).reshape(2, 3, 2),
            np.ones((3, 3, 2), np.float32),
        ]
    },
    "fortran": np.asfortranarray(np.arange(12.0).reshape(3, 4)),
    "transposed": np.arange(24).reshape(2, 3, 4).transpose(1, 2, 0),
    "big endian": np.arange(3, dtype=">f8"),
    "names": np.array(["ab", "cde"]),
    "objects": np.array(["ab", None, 3], object),
    "empty": np.zeros((0, 17, 2)),
    "bools": np.array([True, False]),
    "scalars": (np.float32(3.5), np.int64(4), 1.5, 2**70, -5, True, None, 1 + 2j),
    "bytes": (b"xx", b"", "text"),
    "set": {1, 2},
    "ordered": collections.OrderedDict(a=1, b=[1, 2]),
}


def equal(found, expected) -> bool:
    if isinstance(expected, np.ndarray):
        if expected.dtype == object:
            return found.shape == expected.shape and equal(
                found.tolist(), expected.tolist()
            )
        return found.dtype == expected.dtype and np.array_equal(found, expected)
    if isinstance(expected, dict):
        return list(found) == list(expected) and all(
            equal(found[key], expected[key]) for key in expected
        )
    if isinstance(expected, list | tuple):
        return len(found) == len(expected) and all(map(equal, found, expected))
    return type(found) is type(expected) and found == expected


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_pickles_of_every_protocol_are_read(tmp_path, protocol):
    path = tmp_path / "data.pkl"
    path.write_bytes(pickle.dumps(DATA, protocol=protocol))
    assert equal(load_pickle(path), DATA)


def test_names_of_numpy_1_are_read(tmp_path):
    path = tmp_path / "data.pkl"
    written = pickle.dumps(DATA["S1"], protocol=2)
    other = written.replace(b"numpy._core.", b"numpy.core.")
    assert other != written
    path.write_bytes(other)
    assert equal(load_pickle(path), DATA["S1"])


def test_strings_of_python_2_are_read_as_latin_1(tmp_path):
    path = tmp_path / "data.pkl"
    raw = np.arange(3, dtype="<f4").tobytes()
    state = (
        b"(I1\n(I3\ntcnumpy\ndtype\n(U\x02f4I0\nI1\n"
        b"tR(I3\nU\x01<NNNI-1\nI-1\nI0\ntbI00\nU"
    )
    path.write_bytes(
        b"\x80\x02}U\x05joint"
        + b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntU\x01btR"
        + state + bytes([len(raw)]) + raw + b"tbs."
    )  # fmt: skip
    np.testing.assert_array_equal(
        load_pickle(path)["joint"], np.arange(3, dtype=np.float32)
    )


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_npz_holds_plain_arrays_and_objects(tmp_path, save):
    path = tmp_path / "data.npz"
    save(
        path,
        positions_3d=DATA,
        plain=DATA["fortran"],
        names=DATA["names"],
        list=np.array([1, {}], object),
    )
    found = load_npz(path)
    assert equal(found["positions_3d"], DATA)
    assert equal(found["plain"], DATA["fortran"])
    assert equal(found["names"], DATA["names"])
    assert equal(found["list"], np.array([1, {}], object))


class Attack:
    """Makes a folder when an ordinary unpickler reads it."""

    def __reduce__(self):
        return os.mkdir, ("attacked",)


@pytest.mark.parametrize(
    "payload", [Attack(), {"a": [Attack()]}, np.array([Attack()], object)]
)
def test_code_is_refused_by_name_and_not_run(tmp_path, monkeypatch, payload):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.pkl").write_bytes(pickle.dumps(payload))
    np.savez(tmp_path / "bad.npz", data=np.array({"x": payload}, object))
    with pytest.raises(JaxposeError, match=r"bad\.pkl.*refused.*mkdir"):
        load_pickle(tmp_path / "bad.pkl")
    with pytest.raises(JaxposeError, match=r"bad\.npz.*refused.*mkdir"):
        load_npz(tmp_path / "bad.npz")
    assert not (tmp_path / "attacked").exists()


@pytest.mark.parametrize(
    "payload",
    [
        b"\x80\x02cbuiltins\neval\n(U\x011tR.",
        b"\x80\x02cnumpy\nload\n(U\x01xtR.",
        b"(ios\nsystem\nU\x01xo.",  # INST
        b"\x80\x02cnumpy\nndarray\n)\x81.",  # NEWOBJ
        # calls a name that may only be mentioned
        b"\x80\x02cnumpy\nndarray\n(J\xff\xff\xff\x7ftR.",
        b"\x80\x02c_codecs\nencode\n(U\x01xU\x05rot13tR.",
        b"\x80\x02c_codecs\nencode\n}U\x01xNsb.",  # BUILD on a function
        b"\x80\x02\x82\x01.",  # EXT1
        b"\x80\x02Pid\n.",  # PERSID
    ],
)
def test_every_way_to_run_code_is_refused(tmp_path, payload):
    path = tmp_path / "bad.pkl"
    path.write_bytes(payload)
    with pytest.raises(JaxposeError, match=r"bad\.pkl"):
        load_pickle(path)


def test_an_array_larger_than_the_file_is_refused(tmp_path):
    path = tmp_path / "bad.pkl"
    written = pickle.dumps(np.zeros((7, 3), np.float32), protocol=2)
    assert written.count(b"K\x07K\x03") == 1
    path.write_bytes(written.replace(b"K\x07K\x03", b"J\xff\xff\xff\x7fK\x03"))
    with pytest.raises(JaxposeError, match="needs 25769803764 bytes"):
        load_pickle(path)


def test_a_memo_index_does_not_fill_the_memory(tmp_path):
    path = tmp_path / "data.pkl"
    path.write_bytes(b"\x80\x02]r\xff\xff\xff\xff.")  # LONG_BINPUT 4294967295
    assert load_pickle(path) == []


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    with pytest.raises(JaxposeError, match=r"none\.npz does not exist"):
        load_npz(tmp_path / "none.npz")
    with pytest.raises(JaxposeError, match="is a folder"):
        load_pickle(tmp_path)


def test_the_empty_npz_of_failed_converters_is_named(tmp_path):
    path = tmp_path / "data_train_3dhp.npz"
    np.savez_compressed(path, data={})
    assert path.stat().st_size < 400
    with pytest.raises(JaxposeError, match="holds no data"):
        load_npz(path)


def test_wrong_kinds_are_named(tmp_path):
    pickled, zipped = tmp_path / "data.pkl", tmp_path / "other.zip"
    pickled.write_bytes(pickle.dumps(DATA["S1"]))
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.writestr("array.npy", "not an array")
    np.savez(tmp_path / "records.npz", data=np.zeros(3, [("x", "f4")]))
    with pytest.raises(JaxposeError, match=r"data\.pkl.*not an npz"):
        load_npz(pickled)
    with pytest.raises(JaxposeError, match="not an npy file"):
        load_npz(zipped)
    with pytest.raises(JaxposeError, match=r"records\.npz"):
        load_npz(tmp_path / "records.npz")
    with pytest.raises(JaxposeError, match=r"other\.zip"):
        load_pickle(zipped)


def damaged(content: bytes):
    """Contents with some bytes changed, or cut short."""
    changes = strategies.lists(
        strategies.tuples(
            strategies.integers(0, len(content) - 1), strategies.integers(0, 255)
        ),
        min_size=1,
        max_size=4,
    )
    cut = strategies.integers(0, len(content) - 1).map(lambda end: content[:end])
    return changes.map(lambda pairs: _changed(content, pairs)) | cut


def _changed(content: bytes, pairs: list[tuple[int, int]]) -> bytes:
    result = bytearray(content)
    for place, value in pairs:
        result[place] = value
    return bytes(result)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("damaged")


@hypothesis.settings(deadline=2000, max_examples=400)
@hypothesis.given(
    damaged(pickle.dumps(DATA, protocol=2)) | damaged(pickle.dumps(DATA, protocol=5))
)
def test_damaged_pickles_raise_only_the_projects_error(folder, content):
    path = folder / "damaged.pkl"
    path.write_bytes(content)
    message = "damaged.pkl"
    try:
        load_pickle(path)
    except JaxposeError as error:
        message = str(error)
    assert "damaged.pkl" in message


@hypothesis.settings(deadline=2000, max_examples=400)
@hypothesis.given(data=strategies.data())
def test_damaged_npz_files_raise_only_the_projects_error(folder, data):
    intact = folder / "intact.npz"
    if not intact.exists():
        np.savez(intact, positions_3d=DATA, plain=DATA["fortran"])
    path = folder / "damaged.npz"
    path.write_bytes(data.draw(damaged(intact.read_bytes())))
    message, found = "damaged.npz", {}
    try:
        found = load_npz(path)
    except JaxposeError as error:
        message = str(error)
    assert "damaged.npz" in message
    # All values read are right: the damage was to a name or a date, which no checksum
    # covers.
    assert all(
        equal(value, DATA) or equal(value, DATA["fortran"]) for value in found.values()
    )
