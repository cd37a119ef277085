"""What `experiments.compile_for` counts in a compiled program."""

import importlib.util

import pytest

from experiments import compile_for
from experiments.compiled_text import Program, count_by_kind
from experiments.targets import chip_of, make_target_mesh
from jaxpose.errors import JaxposeError

# A loop of ten turns with a product, a fusion that reads 8 rows of a table, a sum over
# the chips, and an inner loop of three turns; outside of it one copy.
TEXT = """\
HloModule jit_steps, is_scheduled=true

%add (a: f32[], b: f32[]) -> f32[] {
  %a = f32[] parameter(0)
  %b = f32[] parameter(1)
  ROOT %sum = f32[] add(%a, %b)
}

%fused_rows (table: f32[100,4], rows: s32[8,1]) -> bf16[8,4] {
  %table = f32[100,4]{1,0} parameter(0)
  %rows = s32[8,1]{1,0} parameter(1)
  %found = f32[8,4]{1,0} gather(%table, %rows), offset_dims={1}
  ROOT %narrow = bf16[8,4]{1,0} convert(%found)
}

%inner_body (p: (s32[], f32[4])) -> (s32[], f32[4]) {
  %p = (s32[], f32[4]{0}) parameter(0)
  %n = s32[] get-tuple-element(%p), index=0
  %x = f32[4]{0} get-tuple-element(%p), index=1
  %twice = f32[4]{0} multiply(%x, %x)
  ROOT %out = (s32[], f32[4]{0}) tuple(%n, %twice)
}

%body (p.1: (s32[], f32[100,4], f32[4])) -> (s32[], f32[100,4], f32[4]) {
  %p.1 = (s32[], f32[100,4]{1,0}, f32[4]{0}) parameter(0)
  %t = f32[100,4]{1,0} get-tuple-element(%p.1), index=1
  %i = s32[8,1]{1,0} iota(), iota_dimension=0
  %rows_of = bf16[8,4]{1,0} fusion(%t, %i), kind=kLoop, calls=%fused_rows
  %y = (bf16[8,4]{1,0}, s8[64]{0}) custom-call(%rows_of, %rows_of), \
custom_call_target="__cublas$gemm", backend_config={"n":"(4"}
  %g = bf16[8,4]{1,0} get-tuple-element(%y), index=0
  %all = bf16[8,4]{1,0} all-reduce(%g), to_apply=%add
  %w = (s32[], f32[4]{0}) while(%start), condition=%c, body=%inner_body, \
backend_config={"known_trip_count":{"n":"3"}}
  ROOT %r = (s32[], f32[100,4]{1,0}, f32[4]{0}) tuple(%i, %t, %x)
}

ENTRY %main (arg: f32[100,4]) -> f32[100,4] {
  %arg = f32[100,4]{1,0} parameter(0)
  %copy = f32[100,4]{1,0} copy(%arg)
  %loop = (s32[], f32[100,4]{1,0}, f32[4]{0}) while(%copy), condition=%c, body=%body, \
backend_config={"known_trip_count":{"n":"10"},"other":"}"}
  ROOT %last = f32[100,4]{1,0} get-tuple-element(%loop), index=1
}
"""


def test_a_loop_launches_its_body_as_often_as_it_turns():
    launches = Program(TEXT).launches()
    assert count_by_kind(launches) == {
        "multiply": 30,
        "iota": 10,
        "elementwise": 10,
        "product": 10,
        "collective": 10,
        "copy": 1,
    }


def test_a_launch_moves_what_it_reads_and_writes():
    found = {launch.name: launch.num_bytes for launch in Program(TEXT).launches()}
    # Rows and their numbers, not the table: 8 x 4 x 4, 8 x 4, and 8 x 4 x 2 written.
    assert found["rows_of"] == 128 + 32 + 64
    # The same operand twice, and the result with its workspace.
    assert found["y"] == 2 * 64 + 64 + 64
    assert found["copy"] == 2 * 1600


def test_only_the_loop_of_updates_counts():
    launches = compile_for.in_the_loop(Program(TEXT).launches())
    row = compile_for.summarise(launches, calls=10)
    assert row["kernels"] == 7
    assert row["kinds"]["multiply"] == 3
    assert (row["collectives"], row["copies"]) == (1, 0)
    assert row["collective_gigabytes"] == pytest.approx(128 / 1e9)


def test_the_bound_is_that_of_the_chip():
    row = compile_for.lower_bound({"gigabytes": 3.35, "kernels": 500}, 989e9, "h100")
    assert row["ms_of_products"] == pytest.approx(1)
    assert row["ms_of_bytes"] == pytest.approx(1)
    assert row["ms_of_launches"] == pytest.approx(1)


def test_an_unknown_chip_is_named():
    with pytest.raises(JaxposeError, match="--target=a100:1: unknown chip; known: h"):
        chip_of("a100:1")


@pytest.mark.skipif(
    importlib.util.find_spec("jax_plugins") is not None, reason="a compiler is there"
)
@pytest.mark.parametrize(
    ("target", "extra"), [("h100", "aot-cuda"), ("v5e:2x2", "aot-tpu")]
)
def test_a_compiler_that_is_not_installed_is_named_with_its_extra(target, extra):
    with pytest.raises(JaxposeError, match=rf"pip install '\.\[{extra}\]'"):
        make_target_mesh(target)


@pytest.mark.slow
@pytest.mark.parametrize("target", ["h100", "v5e:2x2"])
def test_a_model_compiles_for_a_chip_that_is_not_at_hand(target):
    try:
        mesh = make_target_mesh(target)
    except JaxposeError as error:
        pytest.skip(str(error))
    row = compile_for.measure("videopose3d_t27", "train", target, mesh, "bfloat16")
    # Six products forward, and at least eleven backward.
    kinds = row["kinds"]
    assert kinds.get("product", 0) + kinds.get("convolution", 0) >= 17
    assert 50 < row["kernels"] < 400
    assert bool(row["collectives"]) == (mesh.size > 1)
