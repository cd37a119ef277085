"""PyTorch's files are read without PyTorch: tensors alone, each within its file."""

import struct

import numpy as np
import pytest

from jaxpose import convert
from jaxpose.errors import JaxposeError
from tests import torch_files
from tests.torch_files import mapping, name, number, plain, storage, tensor, text

WEIGHT = np.arange(6, dtype=np.float32).reshape(2, 3)


def random_state():
    """The state of a generator, as NumPy 1.16 pickled it."""
    return name("numpy.random", "__RandomState_ctor") + b")R" + plain(("MT", 1)) + b"b"


def optimizer():
    """An optimiser's state by parameter: a defaultdict of tensors, and an enum."""
    groups = name("collections", "defaultdict") + name("__builtin__", "dict")
    state = groups + b"\x85R" + plain(0) + plain({"step": 7}) + b"s"
    kind = name("torch.optim", "Mode") + number(1) + b"\x85\x81"
    return b"}" + text("state") + state + b"s" + text("mode") + kind + b"s"


@pytest.mark.parametrize("legacy", [False, True])
def test_weights_are_read_beside_what_training_scripts_save(tmp_path, legacy):
    more = text("random_state") + random_state() + text("optimizer") + optimizer()
    arguments = name("argparse", "Namespace") + b")\x81" + plain({"lr": 0.1}) + b"b"
    path = torch_files.write_checkpoint(
        tmp_path / "epoch_80.bin",
        {"epoch": 80, "model_pos": {"module.a": WEIGHT, "b": WEIGHT[0]}},
        legacy=legacy,
        more=more + text("args") + arguments,
    )
    found = convert.read_torch(path)
    assert list(found) == ["a", "b"]
    np.testing.assert_array_equal(found["a"], WEIGHT)
    np.testing.assert_array_equal(found["b"], WEIGHT[0])


def test_numbers_of_other_types_become_float32(tmp_path):
    content = {
        "double": np.array([1.5]),
        "half": np.array([0.25], np.float16),
        "steps": np.array(3),
    }
    path = torch_files.write_checkpoint(tmp_path / "a.pt", content)
    found = convert.read_torch(path)
    assert {key: value.dtype.str for key, value in found.items()} == {
        "double": "<f4",
        "half": "<f4",
        "steps": "<i8",
    }
    assert found["double"] == 1.5
    assert found["half"] == 0.25
    assert found["steps"] == 3
    # 1.5 is 0x3FC00000 as float32, whose upper half is bfloat16.
    operations = mapping({"a": tensor(storage("0", "bfloat16", 1), (1,))})
    path = torch_files.write_zip(tmp_path / "b.pt", operations, {"0": b"\xc0\x3f"})
    assert convert.read_torch(path)["a"].tolist() == [1.5]


def test_views_share_a_storage(tmp_path):
    whole = storage("0", "f4", 6)
    operations = mapping(
        {
            "transposed": tensor(whole, (3, 2), (1, 3)),
            "second_row": tensor(whole, (3,), (1,), offset=3),
            "empty": tensor(whole, (0, 3)),
        }
    )
    for order, data in ((b"little", WEIGHT), (b"big", WEIGHT.astype(">f4"))):
        path = tmp_path / "views.pt"
        torch_files.write_zip(path, operations, {"0": data.tobytes()}, order)
        found = convert.read_torch(path)
        np.testing.assert_array_equal(found["transposed"], WEIGHT.T)
        np.testing.assert_array_equal(found["second_row"], WEIGHT[1])
        assert found["empty"].shape == (0, 3)


@pytest.mark.parametrize(
    ("operations", "message"),
    [
        (tensor(storage("0", "f4", 6), (6,), offset=1), "reaches beyond its storage"),
        (tensor(storage("0", "f4", 6), (2,), (6,)), "reaches beyond its storage"),
        (tensor(storage("0", "f4", 6), (7,), (0,)), "reaches beyond its storage"),
        (tensor(storage("0", "f4", 6), (1,), (-1,)), "not described by"),
        (tensor(storage("0", "f4", 2**40), (6,)), "storage '0' is cut short"),
        (tensor(storage("7", "f4", 6), (6,)), "no item named 'archive/data/7'"),
        (tensor(plain("text"), (6,)), "not described by"),
        (name("os", "mkdir") + plain(("ran",)) + b"R", "could run code: .*os.mkdir"),
        (name("builtins", "eval") + plain(("1",)) + b"R", "could run code: .*eval"),
        (b"(ios\nmkdir\nU\x03rano", "refused.*INST"),
    ],
)
def test_what_is_not_in_the_file_is_refused(tmp_path, monkeypatch, operations, message):
    monkeypatch.chdir(tmp_path)
    content = mapping({"model": mapping({"a": operations})})
    path = torch_files.write_zip(tmp_path / "bad.pt", content, {"0": WEIGHT.tobytes()})
    with pytest.raises(JaxposeError, match=rf"--torch=\S*bad\.pt .*{message}"):
        convert.read_torch(path)
    assert not (tmp_path / "ran").exists()


def test_arrays_of_numpy_choose_no_address(tmp_path):
    """An object array whose bytes are addresses, which PyTorch's reader followed."""
    kind = name("numpy", "dtype") + plain(("O8", 0, 1)) + b"R"
    made = name("numpy.core.multiarray", "_reconstruct")
    array = made + b"(" + name("numpy", "ndarray") + plain((0,)) + plain(b"b") + b"tR"
    state = b"(" + number(1) + number(1) + b"\x85" + kind + b"\x89"
    array += state + b"U\x08" + struct.pack("<q", 0x41414141) + b"tb"
    content = mapping({"model": mapping({"a": array})})
    path = torch_files.write_zip(tmp_path / "bad.pt", content, {})
    with pytest.raises(JaxposeError, match="holds no state dict"):
        convert.read_torch(path)


@pytest.mark.parametrize("legacy", [False, True])
def test_every_cut_and_every_changed_byte_ends_in_the_projects_error(tmp_path, legacy):
    path = tmp_path / "epoch_80.bin"
    content = {"model_pos": {"a": WEIGHT, "b": WEIGHT[0]}}
    torch_files.write_checkpoint(path, content, legacy=legacy)
    intact = path.read_bytes()
    changed = []
    for place in range(0, len(intact), 3):
        changed.append(intact[:place])
        flipped = bytes([intact[place] ^ 0x15])
        changed.append(intact[:place] + flipped + intact[place + 1 :])
    for data in changed:
        path.write_bytes(data)
        message, found = f"--torch={path}", {}
        try:
            found = convert.read_torch(path)
        except JaxposeError as error:
            message = str(error)
        assert message.startswith(f"--torch={path}")
        assert len(found) <= 2
