"""A causal model of nine frames with drawn weights, in a workdir of its own."""

import pathlib

import jax

from configs import videopose3d
from jaxpose.models import build_model
from jaxpose.run import Run
from jaxpose.training import workdirs
from jaxpose.whole_files import write_json

FPS = 25.0
DRAWN = {"file": "drawn", "sha256": "0" * 64}


def small_run(
    workdir: pathlib.Path,
    causal: bool = False,
    fps: float = FPS,
    dataset: dict | None = None,
    **fields: object,
) -> Run:
    """Writes a run of nine frames at 25 frames per second, which was never trained.

    `dataset` and `fields` are fields of `config.dataset` and `config.model`.
    """
    config = videopose3d.get_config("quickstart")
    config.model.update({"filter_widths": (3, 3), "channels": 16, "causal": causal})
    config.model.update(fields)
    config.dataset.update(dataset or {})
    config.eval_batch_size = 64
    run = Run.create(config, workdir)
    model = build_model(config)
    key = jax.random.key(0)
    variables = jax.jit(model.init, static_argnames="train")(
        key, *model.example_inputs(), train=False
    )
    run.save_weights(variables, DRAWN)
    # As if it had been trained on clips of this rate.
    path = workdir / "environment.json"
    write_json(path, workdirs.read_json(path) | {"fps": [fps]})
    return Run.open(workdir)
