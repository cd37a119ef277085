"""Reads the pickle of a PyTorch checkpoint: tensors, containers, numbers and strings.

A checkpoint is a pickle that describes tensors, and the bytes of their storages beside
it. Training scripts save more in it, such as optimisers, random states and settings.
Their objects are passed over: nothing is called, and nothing is made of their bytes.
"""

import dataclasses
from typing import Any

import numpy as np

from jaxpose.datasets.pickle_machine import Machine
from jaxpose.errors import JaxposeError

# Types of numbers by PyTorch's name of their storage. NumPy has no bfloat16, which is
# the upper half of a float32.
BFLOAT16 = "bfloat16"
_NUMBER_TYPES = {
    "FloatStorage": "f4",
    "DoubleStorage": "f8",
    "HalfStorage": "f2",
    "BFloat16Storage": BFLOAT16,
    "LongStorage": "i8",
    "IntStorage": "i4",
    "ShortStorage": "i2",
    "CharStorage": "i1",
    "ByteStorage": "u1",
    "BoolStorage": "?",
}

# Functions of PyTorch that make a tensor of a storage, and those that wrap a tensor.
_TENSORS = ("torch._utils._rebuild_tensor", "torch._utils._rebuild_tensor_v2")
_WRAPPERS = (
    "torch._utils._rebuild_parameter",
    "torch._utils._rebuild_parameter_with_state",
)
_FROM_TYPE = "torch._tensor._rebuild_from_type_v2"
_SIZE = "torch.Size"

_MAX_AXES = 32  # of a tensor

# Packages whose objects training scripts save beside the weights. They are passed over.
_PASSED_OVER = {
    *("numpy", "torch", "collections", "argparse", "pathlib", "datetime", "enum"),
    *("copyreg", "copy_reg", "_codecs", "easydict", "yacs", "omegaconf"),
    *("ml_collections", "typing", "pytorch_lightning", "lightning"),
}
_BUILTINS = {
    *("dict", "list", "set", "frozenset", "tuple", "int", "float", "complex", "bool"),
    *("str", "unicode", "long", "bytes", "bytearray", "slice", "range", "object"),
}


@dataclasses.dataclass(frozen=True)
class Storage:
    """A row of numbers outside the pickle.

    Attributes:
      key: its name in the file.
      number_type: of its numbers, a type of NumPy or `BFLOAT16`.
      size: its length in numbers.
    """

    key: str
    number_type: str
    size: int

    @property
    def item_bytes(self) -> int:
        """Returns the bytes of one number."""
        if self.number_type == BFLOAT16:
            return 2
        return np.dtype(self.number_type).itemsize


@dataclasses.dataclass(frozen=True)
class Tensor:
    """A tensor: some numbers of a storage.

    Attributes:
      storage: where the numbers are.
      offset: of the first number.
      shape: of the tensor.
      strides: distances between neighbours on each axis, in numbers.
    """

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    @property
    def size(self) -> int:
        """Returns how many numbers the tensor has."""
        count = 1
        for size in self.shape:
            count *= size
        return count


class PassedOver:
    """Stands for an object, a class or a function that is not read.

    Attributes:
      name: of the class or function.
    """

    def __init__(self, name: str):
        self.name = name


class TorchMachine(Machine):
    """Knows the parts of a state dict, and passes over what else is saved.

    Attributes:
      storages: those that were referred to, by key.
    """

    def __init__(self, num_bytes: int):
        """Takes the size of the pickle."""
        super().__init__(num_bytes)
        self.storages: dict[str, Storage] = {}

    def find(self, name: str) -> PassedOver:
        """Returns what stands for a function or class.

        Raises:
          JaxposeError: it is none of the packages that training scripts save parts of.
        """
        package, _, rest = name.partition(".")
        is_builtin = package in ("builtins", "__builtin__") and rest in _BUILTINS
        if package not in _PASSED_OVER and not is_builtin:
            raise JaxposeError(
                "is not a PyTorch checkpoint of tensors, numbers and strings alone, "
                "and nothing else is loaded, because it could run code: it holds "
                f"{name[:200]}"
            )
        return PassedOver(name)

    def call(self, function: Any, arguments: tuple) -> Any:
        """Returns a tensor, an empty dict or what stands for another object."""
        name = function.name if isinstance(function, PassedOver) else ""
        if name in _TENSORS:
            return _tensor(*arguments[:4])
        if name in _WRAPPERS:
            return arguments[0]
        if name == _FROM_TYPE:
            return self.call(arguments[0], arguments[2])
        if name == _SIZE:
            return tuple(arguments[0])
        if name == "collections.OrderedDict":
            return _dict(*arguments)
        if name == "collections.defaultdict":
            return {}
        return PassedOver(name)

    def make(self, kind: Any, arguments: Any) -> Any:
        """Passes over an object of a class."""
        del arguments
        return PassedOver(kind.name if isinstance(kind, PassedOver) else "")

    def load(self, reference: Any) -> Storage | PassedOver:
        """Returns the storage that a reference stands for."""
        is_storage = isinstance(reference, tuple) and len(reference) >= 5
        if not is_storage or reference[0] != "storage":
            raise ValueError("a reference to what is not a storage")
        _, kind, key, _, size = reference[:5]
        name = kind.name if isinstance(kind, PassedOver) else ""
        number_type = _NUMBER_TYPES.get(name.rpartition(".")[2])
        if number_type is None:
            return PassedOver(name)
        if type(size) is not int or size < 0 or not isinstance(key, str | int):
            raise ValueError("a storage without a size")
        # Files of before PyTorch 1.6 may name a part of a storage.
        if len(reference) > 5 and reference[5] is not None:
            raise ValueError(
                "a tensor is saved as a view of a storage; save the state dict again "
                "with PyTorch 1.6 or later"
            )
        storage = Storage(str(key), number_type, size)
        if self.storages.setdefault(storage.key, storage) != storage:
            raise ValueError(f"storage {storage.key[:80]!r} has two sizes")
        return storage

    def set_state(self, target: Any, state: Any) -> None:
        """Passes over the attributes of an object, of a dict and of a tensor."""
        if not isinstance(target, PassedOver | dict | Tensor):
            super().set_state(target, state)

    def extend(self, items: list[Any]) -> None:
        """Appends objects to the list on top, unless that is passed over."""
        if not isinstance(self.stack[-1], PassedOver):
            super().extend(items)

    def set_items(self, items: list[Any]) -> None:
        """Adds keys and values to the dict on top; other keys than names are left out.

        Optimisers have tensors, devices and pairs for keys.
        """
        target = self.stack[-1]
        if isinstance(target, PassedOver):
            return
        target = self.top(dict)
        for key, value in zip(items[::2], items[1::2], strict=True):
            if isinstance(key, str | int):
                target[key] = value


def _dict(items: Any = ()) -> dict:
    """Returns a dict of pairs, as Python 2 writes one; keys are names."""
    found = {}
    for key, value in items:
        if isinstance(key, str | int):
            found[key] = value
    return found


def _tensor(storage: Any, offset: Any, shape: Any, strides: Any) -> Any:
    """Returns a tensor; raises ValueError unless all its numbers are in its storage."""
    if isinstance(storage, PassedOver):
        return storage
    is_whole = isinstance(storage, Storage) and _is_sizes((offset,))
    if not is_whole or not _is_sizes(shape) or not _is_sizes(strides):
        raise ValueError("a tensor is not described by a storage and sizes")
    if len(shape) != len(strides):
        raise ValueError(f"a tensor has {len(shape)} sizes and {len(strides)} strides")
    tensor = Tensor(storage, offset, tuple(shape), tuple(strides))
    last = offset
    for size, stride in zip(shape, strides, strict=True):
        last += (size - 1) * stride
    # An expanded tensor repeats its numbers; weights are whole.
    if tensor.size and (last >= storage.size or tensor.size > storage.size):
        raise ValueError(
            f"a tensor of shape {tensor.shape} reaches beyond its storage of "
            f"{storage.size} numbers"
        )
    return tensor


def _is_sizes(value: Any) -> bool:
    """Returns whether a value is a short tuple or list of integers of at least 0."""
    if not isinstance(value, tuple | list) or len(value) > _MAX_AXES:
        return False
    return all(type(size) is int and 0 <= size < 2**62 for size in value)
