"""Reads what a compiled program launches from its text.

The text is XLA's optimised HLO, `compiled.as_text()`. Each instruction that computes is
one launch of a kernel. A loop launches its body as often as it turns.
"""

import collections
import dataclasses
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
# Instructions that read only a part of their first operand.
PARTIAL = ("dynamic-slice", "gather", "slice")

_HEAD = re.compile(r"^(ENTRY )?%?([\w.\-]+) .*\{$")
_NAME = re.compile(r"^\s+(ROOT )?%?([\w.\-]+) = ")
_SHAPE = re.compile(r"([a-z]+\d*[a-z0-9]*)\[([\d,]*)\]")
_REFERENCE = re.compile(r"%([\w.\-]+)")
_TRIPS = re.compile(r'"known_trip_count":\{"n":"(\d+)"')
_BITS = re.compile(r"\d+")


@dataclasses.dataclass(frozen=True)
class Instruction:
    """One instruction of a computation.

    Attributes:
      name: of its result.
      opcode: what it does, `fusion` for example.
      num_bytes: size of the result.
      operands: names of the results that it reads.
      text: the rest of its line.
    """

    name: str
    opcode: str
    num_bytes: int
    operands: tuple[str, ...]
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
        or the opcode.
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
            if item.opcode in FREE or item.opcode.endswith("-done"):
                continue
            if item.opcode == LOOP:
                # A loop whose length is not known counts once: none is in these models.
                trips = _TRIPS.search(item.text)
                turns = times * (int(trips.group(1)) if trips else 1)
                yield from self._launches(item.attribute("body"), turns)
            elif item.opcode in CALLS and self._called(item):
                for called in self._called(item):
                    yield from self._launches(called, times)
            else:
                num_bytes = item.num_bytes + self._bytes_read(item, sizes)
                yield Launch(self._kind(item), item.name, times, num_bytes)

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
        num_bytes=_num_bytes(shape),
        operands=operands,
        text=rest[close:],
    )


def _closing(text: str, start: int) -> int:
    """Returns the place of the bracket that closes the one at `start`."""
    depth = 0
    for place in range(start, len(text)):
        depth += (text[place] == "(") - (text[place] == ")")
        if depth == 0:
            return place
    return len(text) - 1


def _num_bytes(shape: str) -> int:
    """Returns the size of an array or of a tuple of arrays, `f32[128,17]{1,0}`."""
    total = 0
    for name, dimensions in _SHAPE.findall(shape):
        bits = _BITS.search(name)
        # `pred` is a byte; tokens and opaque values have no size.
        size = max(int(bits.group()) // 8, 1) if bits else int(name == "pred")
        lengths = [int(length) for length in dimensions.split(",") if length]
        total += size * math.prod(lengths)
    return total


def count_by_kind(launches: list[Launch]) -> dict[str, int]:
    """Returns how many launches one call makes, by kind, the most frequent first."""
    counts: collections.Counter[str] = collections.Counter()
    for launch in launches:
        counts[launch.kind] += launch.times
    return dict(counts.most_common())
