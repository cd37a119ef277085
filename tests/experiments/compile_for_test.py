"""What `experiments.compile_for` counts in a compiled program."""

import dataclasses
import importlib.util
import json
import pathlib
import types

import pytest

from experiments import compile_for
from experiments.compiled_table import to_markdown
from experiments.compiled_text import Program, count_by_kind
from experiments.targets import chip_of, make_target_mesh
from jaxpose.errors import JaxposeError

FOLDER = pathlib.Path(compile_for.__file__).parent

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


# Ten turns of a TPU's loop, whose text has the length in the condition alone: an array
# that a tile pads from 17 to 24 rows, in main memory and on the chip, a transfer of one
# of four parts, a number of the scalar unit, and a sum over the chips.
TPU_TEXT = """\
HloModule jit_steps, num_partitions=4

%add (a: f32[], b: f32[]) -> f32[] {
  %a = f32[]{:T(128)} parameter(0)
  %b = f32[]{:T(128)} parameter(1)
  ROOT %sum = f32[]{:T(128)} add(%a, %b)
}

%fused (x: f32[17,128]) -> f32[17,128] {
  %x = f32[17,128]{1,0:T(8,128)} parameter(0)
  ROOT %twice = f32[17,128]{1,0:T(8,128)S(1)} multiply(%x, %x)
}

%condition (p.2: (s32[], f32[17,128])) -> pred[] {
  %ten = s32[]{:T(128)} constant(10)
  %p.2 = (s32[]{:T(128)}, f32[17,128]{1,0:T(8,128)}) parameter(0)
  %turn = s32[]{:T(128)} get-tuple-element(%p.2), index=0
  ROOT %more = pred[]{:T(512)} compare(%turn, %ten), direction=LT
}

%body (p.1: (s32[], f32[17,128])) -> (s32[], f32[17,128]) {
  %p.1 = (s32[]{:T(128)}, f32[17,128]{1,0:T(8,128)}) parameter(0)
  %i = s32[]{:T(128)} get-tuple-element(%p.1), index=0
  %x.1 = f32[17,128]{1,0:T(8,128)} get-tuple-element(%p.1), index=1
  %next = s32[]{:T(128)S(6)} add(%i, %i)
  %y = f32[17,128]{1,0:T(8,128)S(1)} fusion(%x.1), kind=kLoop, calls=%fused
  %some = ((f32[17,128]{1,0:T(8,128)}), f32[4,128]{1,0:T(4,128)S(1)}, s32[]{:S(2)}) \
slice-start(%x.1), slice={[0:4], [0:128]}
  %part = f32[4,128]{1,0:T(4,128)S(1)} slice-done(%some)
  %one = f32[4,128]{1,0:T(4,128)S(1)} custom-call(%part), \
custom_call_target="ConcatBitcast"
  %all = f32[512]{0:T(512)S(1)} all-reduce(%one), to_apply=%add
  ROOT %r = (s32[]{:T(128)}, f32[17,128]{1,0:T(8,128)}) tuple(%next, %x.1)
}

ENTRY %main (arg: f32[17,128]) -> f32[17,128] {
  %arg = f32[17,128]{1,0:T(8,128)} parameter(0)
  %loop = (s32[]{:T(128)}, f32[17,128]{1,0:T(8,128)}) while(%arg), \
condition=%condition, body=%body
  ROOT %last = f32[17,128]{1,0:T(8,128)} get-tuple-element(%loop), index=1
}
"""


def test_a_tpu_moves_whole_tiles_of_its_main_memory_and_parts_beside_the_program():
    launches = Program(TPU_TEXT).launches()
    assert count_by_kind(launches) == {
        "elementwise": 10,
        "transfer": 10,
        "collective": 10,
    }
    found = {launch.name: launch.num_bytes for launch in launches}
    assert found["y"] == 24 * 128 * 4
    assert found["some"] == 4 * 128 * 4
    assert found["all"] == 2 * 512 * 4
    # What is moved beside the computation is no kernel, and its bytes count.
    row = compile_for.summarise(launches, calls=10)
    assert (row["kernels"], row["kinds"]["transfer"]) == (2, 1)
    assert row["gigabytes"] == pytest.approx((12288 + 2048 + 4096) / 1e9)


def test_only_the_loop_of_updates_counts():
    launches = compile_for.in_the_loop(Program(TEXT).launches())
    row = compile_for.summarise(launches, calls=10)
    assert row["kernels"] == 7
    assert row["kinds"]["multiply"] == 3
    assert (row["collectives"], row["copies"]) == (1, 0)
    assert row["collective_gigabytes"] == pytest.approx(128 / 1e9)


def test_the_bound_is_that_of_the_chip():
    counted = {"gigabytes": 3.35, "kernels": 500, "collective_gigabytes": 0.0}
    row = compile_for.lower_bound(counted, 989e9, "h100")
    assert row["ms_of_products"] == pytest.approx(1)
    assert row["ms_of_bytes"] == pytest.approx(1)
    assert row["ms_of_launches"] == pytest.approx(1)
    # Four chips send an array of 0.1 GB one and a half times, at 200 GB/s.
    counted = {"gigabytes": 0.82, "kernels": 500, "collective_gigabytes": 0.2}
    row = compile_for.lower_bound(counted | {"chips": 4}, 197e9, "v5e:2x2")
    assert row["ms_of_links"] == pytest.approx(0.75)
    assert row["ms_of_launches"] == 0


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
    job = compile_for.Job("videopose3d_t27", "train", target, "bfloat16", 1024)
    row = compile_for.measure(job, mesh)
    # Six products forward, and at least eleven backward.
    kinds = row["kinds"]
    assert kinds.get("product", 0) + kinds.get("convolution", 0) >= 17
    assert 50 < row["kernels"] < 400
    assert bool(row["collectives"]) == (mesh.size > 1)


def given(models, modes=("train",)):
    """The flags of a command."""
    return types.SimpleNamespace(
        models=models,
        modes=modes,
        target="h100",
        precision="bfloat16",
        batch_size=None,
        rematerialise=False,
    )


def names(models):
    return {job.model for job in compile_for._jobs(given(models))}


def test_models_are_named_by_the_beginning_of_their_names_or_together():
    published = names(["all"])
    assert {"ampose_d5w512", "gla_gcn_t27"} <= published
    assert names(["all", "mpi27"]) == published | {"mpi27"}
    assert names(["gla_gcn"]) == {"gla_gcn_t27", "gla_gcn_t243"}


@pytest.mark.parametrize(
    ("models", "modes", "message"),
    [
        (["ampose", "nope"], ["train"], "'nope' names none; there are: all, "),
        (["ampose"], ["train", "predct"], "--modes: 'predct' is none of train, pre"),
        (["ampose"], [], "--modes: '' is none of"),
    ],
)
def test_an_unknown_name_beside_known_ones_is_refused(models, modes, message):
    with pytest.raises(JaxposeError, match=message):
        list(compile_for._jobs(given(models, modes)))


def test_a_gpu_has_no_shape():
    with pytest.raises(JaxposeError, match="h100:2: of a GPU it is one chip"):
        make_target_mesh("h100:2")


def test_rows_are_kept_but_for_those_of_another_jax(tmp_path, monkeypatch, capsys):
    compiled = []

    def measure(job, mesh, text_file):
        compiled.append(job.model)
        counts = {"kernels": 482.0, "gigabytes": 3.77}
        return dataclasses.asdict(job) | {"jax": "9.9"} | counts

    monkeypatch.setattr(compile_for, "measure", measure)
    monkeypatch.setattr(compile_for.importlib.metadata, "version", lambda name: "9.9")
    jobs = list(compile_for._jobs(given(["gla_gcn"])))
    path = tmp_path / "rows.json"
    old = dataclasses.asdict(jobs[0]) | {"jax": "9.8"}
    path.write_text(json.dumps([old, {"model": "other"}]))
    rows = compile_for._compile_all(jobs, None, path, None)
    assert compiled == ["gla_gcn_t27", "gla_gcn_t243"]
    assert compile_for._compile_all(jobs, None, path, None) == rows
    assert len(compiled) == 2
    assert json.loads(path.read_text()) == [{"model": "other"}, *rows]
    told = capsys.readouterr().err
    assert "gla_gcn_t243, train, h100 (2 of 2): compiling" in told
    assert "gla_gcn_t243, train, h100 (2 of 2): 482 kernels, 3.77 GB" in told


def test_a_file_that_holds_no_rows_is_named(tmp_path):
    path = tmp_path / "rows.json"
    path.write_text("{")
    with pytest.raises(JaxposeError, match=r"rows\.json is no file of rows"):
        compile_for._read_rows(path)


def test_the_page_has_the_rows_of_the_file():
    page = (FOLDER / "accelerators.md").read_text().splitlines()
    rows = json.loads((FOLDER / "accelerators.json").read_text())
    # The memory of mpi27 has a table of its own.
    rows = [row for row in rows if row["model"] != "mpi27"]
    assert len(rows) > 30
    printed = to_markdown(rows).splitlines()
    assert [line for line in printed if line and line not in page] == []
