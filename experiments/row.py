"""One run of a table, in a process of its own: trains, scores, and writes its figures as JSON.

Started by `experiments.run`, which sends it the job.
"""

import os
import sys
import time
from typing import Any

import jax
import numpy as np

from experiments import child
from experiments.job import Job
from jaxpose.errors import JaxposeError
from jaxpose.models import build_model
from jaxpose.models.base import LiftingModel
from jaxpose.models.cost import describe
from jaxpose.parallel import sharding, signals
from jaxpose.training import loop, runs
from jaxpose.training.checkpoints import write_json


def finish(job: Job) -> dict[str, Any]:
    """Trains (or resumes) the job, scores it, writes its figures and returns them.

    Raises:
      JaxposeError: as `train.train_and_evaluate`.
    """
    config, directory = job.config(), str(job.directory)
    results = loop.train_and_evaluate(config, directory)
    if job.row.evaluation:
        results = loop.evaluate_workdir(job.evaluation_config(), directory)
    model = build_model(config)
    variables = runs.load_best(
        config, config, directory, sharding.make_mesh()
    ).variables
    results |= describe(model)
    results["frames_per_second"] = frames_per_second(model, variables)
    results["device"] = jax.devices()[0].device_kind
    write_json(job.result, results)
    return results


def frames_per_second(
    model: LiftingModel, variables: Any, seconds: float = 1.0
) -> float:
    """Poses a second, one window at a time, from the median call: the model alone, no data, no drawing."""
    inputs = model.example_inputs()
    apply = jax.jit(
        lambda variables, *inputs: model.apply(variables, *inputs, train=False)
    )
    for _ in range(3):
        jax.block_until_ready(apply(variables, *inputs))
    calls, end = [], time.perf_counter() + seconds
    while time.perf_counter() < end:
        start = time.perf_counter()
        jax.block_until_ready(apply(variables, *inputs))
        calls.append(time.perf_counter() - start)
    return 1 / float(np.median(calls))


def main() -> None:
    """Runs the job that it is sent; an error ends in one line."""
    signals.install()
    job = child.receive()
    if job.smoke:  # a few updates: compiling takes far longer than running
        os.environ["XLA_FLAGS"] = (
            f"{os.environ.get('XLA_FLAGS', '')} --xla_backend_optimization_level=0"
        )
    try:
        finish(job)
    except (JaxposeError, OSError) as error:
        sys.exit(f"error: {' '.join(str(error).split())}")


if __name__ == "__main__":
    main()
