"""Trains and scores one run of a table, and writes its figures as JSON.

`experiments.run` starts it as a process of its own and sends it the job.
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
from jaxpose.models.base import LiftingModel
from jaxpose.models.cost import describe
from jaxpose.parallel import memory, signals
from jaxpose.run import Run
from jaxpose.whole_files import write_json


def finish(job: Job) -> dict[str, Any]:
    """Trains (or resumes) the job, scores it, writes its figures and returns them.

    Raises:
      JaxposeError: as `Run.train`.
    """
    run = Run.create(job.config(), job.directory)
    results = run.train()
    # Other settings, or another data set, to score the same weights with.
    if job.row.evaluation:
        results = Run.open(job.directory, job.evaluation_config()).evaluate()
    results |= describe(run.model)
    results["frames_per_second"] = frames_per_second(run.model, run.variables)
    results["device"] = jax.devices()[0].device_kind
    write_json(job.result, results)
    return results


def frames_per_second(
    model: LiftingModel, variables: Any, seconds: float = 1.0
) -> float:
    """Returns poses per second of the model alone, one window per call; the median."""
    inputs = model.example_inputs()
    predict = jax.jit(model.predict)
    # The first call compiles, the next ones warm up.
    for _ in range(3):
        jax.block_until_ready(predict(variables, inputs))
    calls, end = [], time.perf_counter() + seconds
    # The median ignores calls that other processes disturbed.
    while time.perf_counter() < end:
        start = time.perf_counter()
        jax.block_until_ready(predict(variables, inputs))
        calls.append(time.perf_counter() - start)
    return 1 / float(np.median(calls))


def main() -> None:
    """Runs the job that `experiments.run` sends; an error ends in one line."""
    signals.install()
    memory.keep_freed_memory()
    job = child.receive()
    if job.smoke:
        # For a few updates, compiling takes far longer than running.
        given = os.environ.get("XLA_FLAGS", "")
        os.environ["XLA_FLAGS"] = f"{given} --xla_backend_optimization_level=0"
    try:
        finish(job)
    except (JaxposeError, OSError) as error:
        sys.exit(f"error: {' '.join(str(error).split())}")


if __name__ == "__main__":
    main()
