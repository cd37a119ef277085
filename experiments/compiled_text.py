"""Reads what a compiled program launches from its text.

The text is XLA's optimised HLO, `compiled.as_text()`. Each instruction that computes is
one launch of a kernel. A loop launches its body as often as it turns.

On a TPU a launch is an instruction of the one program, for the vector and matrix units.
Its scalar unit computes beside them, and arrays go to and from the memory on the chip
while they compute: such a transfer is a launch of kind `transfer`.
"""

import collections
import dataclasses
import itertools
import math
import re
from collections.abc import Iterator

# Instructions that name, group or wait, and launch nothing.
FREE = frozenset(
    {
        "parameter",
        "constant",
        "tuple",
        "get-tuple-element",
        "bitcast",
        "after-all",
        "partition-id",
        "replica-id",
        "opt-barrier",
        "domain",
        "add-dependency",
    }
)
# Instructions that run another computation: the attributes that name it.
LOOP, CALLS = "while", ("call", "async-start", "conditional")
COLLECTIVES = ("all-reduce", "all-gather", "reduce-scatter", "all-to-all", "collective")
# Custom calls, by a part of their target.
PRODUCTS = ("gemm", "cublas", "matmul", "dot")
CONVOLUTIONS = ("cudnn$conv", "conv")
# Copies that run beside the computation, and custom calls that only name memory.
TRANSFERS = ("copy-start", "slice-start")
NAMING = ("ConcatBitcast", "AllocateBuffer", "AssumeGatherIndicesInBound")
# Instructions that read only a part of their first operand.
PARTIAL = ("dynamic-slice", "gather", "slice")

_HEAD = re.compile(r"^(ENTRY )?%?([\w.\-]+) .*\{$")
_NAME = re.compile(r"^\s+(ROOT )?%?([\w.\-]+) = ")
# Type, lengths, and in braces the order of the axes with tiles and memory, if any.
_SHAPE = re.compile(r"([a-z]+\d*[a-z0-9]*)\[([\d,]*)\](?:\{([^}]*)\})?")
_TILE = re.compile(r"T\(([\d,]+)\)")
_REFERENCE = re.compile(r"%([\w.\-]+)")
_TRIPS = re.compile(r'"known_trip_count":\{"n":"(\d+)"')
# One number with a tile, which only a TPU's has; `S(6)` is its scalar unit's memory.
_SCALAR = re.compile(r"\w+\[1?\]\{\d?:T\(128\)(S\(6\))?\}$")
_BITS = re.compile(r"\d+")


@dataclasses.dataclass(frozen=True)
class Instruction:
    """One instruction of a computation.

    Attributes:
      name: of its result.
      opcode: what it does, `fusion` for example.
      num_bytes: what the result takes of the main memory.
      is_scalar: the result is one number of a TPU's scalar unit.
      operands: names of the results that it reads.
      literal: what stands for them in a constant.
      text: the rest of its line.
    """

    name: str
    opcode: str
    num_bytes: int
    is_scalar: bool
    operands: tuple[str, ...]
    literal: str
    text: str

    def attribute(self, name: str) -> str:
        """Returns the computation that the attribute `name` refers to, or ``."""
        found = re.search(rf"\b{name}=%?([\w.\-]+)", self.text)
        return found.group(1) if found else ""


@dataclasses.dataclass(frozen=True)
class Launch:
    """Kernels of one instruction.

    Attributes:
      kind: `product`, `convolution`, `reduction`, `elementwise`, `copy`, `collective`,
        `transfer`, or the opcode.
      name: of the instruction.
      times: how often it runs in one call of the program.
      num_bytes: what one run reads and writes.
    """

    kind: str
    name: str
    times: int
    num_bytes: int


class Program:
    """A compiled program: its computations by name.

    Attributes:
      computations: the instructions of each computation.
      entry: name of the computation that a call runs.
    """

    def __init__(self, text: str):
        """Reads the optimised HLO `text`."""
        self.computations: dict[str, list[Instruction]] = {}
        self.entry = ""
        current: list[Instruction] = []
        for line in text.splitlines():
            head = _HEAD.match(line)
            if head and " = " not in line.split("(")[0]:
                current = self.computations.setdefault(head.group(2), [])
                if head.group(1):
                    self.entry = head.group(2)
            elif _NAME.match(line):
                current.append(_read_instruction(line))

    def launches(self) -> list[Launch]:
        """Returns every launch of one call of the program."""
        return list(self._launches(self.entry, 1))

    def _launches(self, computation: str, times: int) -> Iterator[Launch]:
        """Yields the launches of `computation`, run `times` times."""
        instructions = self.computations.get(computation, [])
        sizes = {item.name: item.num_bytes for item in instructions}
        for item in instructions:
            if _is_free(item):
                continue
            if item.opcode == LOOP:
                turns = times * self._trips(item)
                yield from self._launches(item.attribute("body"), turns)
            elif item.opcode in CALLS and self._called(item):
                for called in self._called(item):
                    yield from self._launches(called, times)
            else:
                kind = self._kind(item)
                # Chips read and write what they sum; a transfer does one of both here.
                num_bytes = item.num_bytes * (2 if kind == "collective" else 1)
                if kind not in ("collective", "transfer"):
                    num_bytes += self._bytes_read(item, sizes)
                yield Launch(kind, item.name, times, num_bytes)

    def _trips(self, loop: Instruction) -> int:
        """Returns how often a loop turns.

        One whose length is nowhere counts once: none is in these models.
        """
        trips = _TRIPS.search(loop.text)
        if trips:
            return int(trips.group(1))
        # A TPU's text has only the condition: a counter, from 0, below a constant.
        condition = self.computations.get(loop.attribute("condition"), [])
        bounds = {item.name: item for item in condition if item.opcode == "constant"}
        for item in condition:
            for name in item.operands if item.opcode == "compare" else ():
                if name in bounds and "direction=LT" in item.text:
                    return int(bounds[name].literal)
        return 1

    def _called(self, item: Instruction) -> list[str]:
        """Returns the computations that a call runs."""
        names = [item.attribute(name) for name in ("to_apply", "calls")]
        return [name for name in names if name in self.computations]

    def _bytes_read(self, item: Instruction, sizes: dict[str, int]) -> int:
        """Returns the bytes that an instruction reads.

        Of an operand that a fusion only gathers from, what it gathers counts.
        """
        total = sum(sizes.get(name, 0) for name in item.operands)
        fused = self.computations.get(item.attribute("calls"), [])
        parameters = [inner for inner in fused if inner.opcode == "parameter"]
        for parameter in parameters:
            users = [user for user in fused if parameter.name in user.operands]
            part = 0
            for user in users:
                is_first = user.operands[0] == parameter.name
                if user.opcode not in PARTIAL or not is_first:
                    break
                part += user.num_bytes
            else:
                total -= max(parameter.num_bytes - part, 0)
        return total

    def _kind(self, item: Instruction) -> str:
        """Returns what a launch is counted as."""
        if item.opcode in TRANSFERS:
            return "transfer"
        opcode = item.opcode.removesuffix("-start")
        if opcode.startswith(COLLECTIVES):
            return "collective"
        target = re.search(r'custom_call_target="([^"]*)"', item.text)
        called = target.group(1).lower() if target else opcode
        if any(part in called for part in CONVOLUTIONS):
            return "convolution"
        if any(part in called for part in PRODUCTS):
            return "product"
        if opcode != "fusion":
            return "custom call" if target else opcode
        inner = [one.opcode for one in self.computations[item.attribute("calls")]]
        return _kind_of_fusion(inner, item.text)


def _is_free(item: Instruction) -> bool:
    """Returns whether an instruction launches nothing."""
    if item.opcode in FREE or item.opcode.endswith("-done") or item.is_scalar:
        return True
    named = any(f'custom_call_target="{name}"' in item.text for name in NAMING)
    return item.opcode == "custom-call" and named


def _kind_of_fusion(opcodes: list[str], text: str) -> str:
    """Returns the kind of a fusion by its heaviest instruction."""
    if "convolution" in opcodes:
        return "convolution"
    if "dot" in opcodes or "gemm" in text:
        return "product"
    if any(name.startswith(COLLECTIVES) for name in opcodes):
        return "collective"
    if "reduce" in opcodes or "reduce-window" in opcodes:
        return "reduction"
    if "sort" in opcodes:
        return "sort"
    computing = set(opcodes) - FREE - {"copy", "transpose", "reshape", "slice"}
    return "elementwise" if computing else "copy"


def _read_instruction(line: str) -> Instruction:
    """Reads one line of a computation."""
    found = _NAME.match(line)
    assert found is not None
    rest = line[found.end() :]
    # The type of a tuple holds brackets and spaces.
    end = _closing(rest, 0) + 1 if rest.startswith("(") else rest.index(" ")
    shape, rest = rest[:end], rest[end:].strip()
    opcode, _, rest = rest.partition("(")
    close = _closing("(" + rest, 0) - 1
    operands = tuple(_REFERENCE.findall(rest[:close]))
    return Instruction(
        name=found.group(2),
        opcode=opcode,
        num_bytes=_num_bytes(shape, opcode),
        is_scalar=_is_scalar(shape, opcode),
        operands=operands,
        literal=rest[:close] if opcode == "constant" else "",
        text=rest[close:],
    )


def _is_scalar(shape: str, opcode: str) -> bool:
    """Returns whether a TPU's scalar unit computes a result of this type."""
    found = _SCALAR.match(shape)
    if found is None:
        return False
    # A sum over an array is one number too, of the vector unit.
    return bool(found.group(1)) or not opcode.startswith(("fusion", *COLLECTIVES))


def _closing(text: str, start: int) -> int:
    """Returns the place of the bracket that closes the one at `start`."""
    depth = 0
    for place in range(start, len(text)):
        depth += (text[place] == "(") - (text[place] == ")")
        if depth == 0:
            return place
    return len(text) - 1


def _num_bytes(shape: str, opcode: str) -> int:
    """Returns what an array or a tuple of arrays takes of the main memory.

    A TPU pads the last axes of its layout to whole tiles, `f32[128,17]{1,0:T(8,128)}`.
    An array in another memory, `S(1)`, is on the chip. A transfer moves one array from
    or to there, and chips send each other what they sum, wherever it is.
    """
    sizes, in_main_memory = [], []
    for name, dimensions, layout in _SHAPE.findall(shape):
        bits = _BITS.search(name)
        # `pred` is a byte; tokens and opaque values have no size.
        size = max(int(bits.group()) // 8, 1) if bits else int(name == "pred")
        lengths = [int(length) for length in dimensions.split(",") if length]
        sizes.append(size * math.prod(_padded(lengths, layout)))
        in_main_memory.append("S(" not in layout)
    if opcode in TRANSFERS:
        # Where from and where to; of the larger only a part.
        return min(sizes[:2])
    if opcode.startswith(COLLECTIVES):
        return sum(sizes)
    return sum(itertools.compress(sizes, in_main_memory))


def _padded(lengths: list[int], layout: str) -> list[int]:
    """Returns the lengths of the axes, the innermost last, in whole tiles."""
    tile = _TILE.search(layout)
    if not tile or not lengths:
        return lengths
    order = [int(axis) for axis in layout.partition(":")[0].split(",")]
    lengths = [lengths[axis] for axis in reversed(order)]
    sides = [int(side) for side in tile.group(1).split(",")]
    # The last axes fill the sides of a tile; those before them stay.
    for place, side in enumerate(reversed(sides), start=1):
        if place <= len(lengths):
            lengths[-place] = -(-lengths[-place] // side) * side
    return lengths


def count_by_kind(launches: list[Launch]) -> dict[str, int]:
    """Returns how many launches one call makes, by kind, the most frequent first."""
    counts: collections.Counter[str] = collections.Counter()
    for launch in launches:
        counts[launch.kind] += launch.times
    return dict(counts.most_common())
