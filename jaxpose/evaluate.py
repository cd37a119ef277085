"""Evaluates a run: scores its best checkpoint, writes the results, draws pictures."""

from typing import Any

from absl import logging

from jaxpose.data import requirements, splits
from jaxpose.data.clips import Clips, select_subjects
from jaxpose.errors import JaxposeError
from jaxpose.parallel import hosts
from jaxpose.precision import matmul_precision
from jaxpose.run import Run
from jaxpose.scoring import baselines
from jaxpose.scoring import report as tables
from jaxpose.scoring.evaluate import score, scored_frames
from jaxpose.training import workdirs
from jaxpose.training.losses import loss_in_millimetres
from jaxpose.training.metric_writer import read_metrics
from jaxpose.whole_files import write_json
from jaxpose.wording import listed


def evaluate(run: Run) -> dict[str, Any]:
    """Scores the best checkpoint on the test subjects; see `Run.evaluate`.

    Returns:
      What it writes to the file of results.

    Raises:
      JaxposeError: no checkpoint, or data with other joints or another unit.
    """
    # A directory that cannot be written is found before the clips are predicted.
    workdirs.open_workdir(run.workdir)
    dataset = run.config.dataset
    test = select_subjects(splits.load_clips_of(dataset), dataset.test_subjects)
    splits.require_same(test=test)
    requirements.require_readable(run.model, test)
    requirements.require_unit(run.unit, run.trained.dataset.name, test)
    return report(run, _training_clips(run), test, _suffix(run))


def _training_clips(run: Run) -> Clips | None:
    """Returns the training data of a run, for the baselines; None without it.

    It is looked for in the folder that was asked for and in that of the training;
    first in the latter where the test data is another data set.
    """
    config = run.trained.copy_and_resolve_references()
    earlier = run.trained.dataset.data_dir
    asked = run.config.dataset.data_dir or earlier
    folders = [asked, earlier]
    if run.config.dataset.name != run.trained.dataset.name:
        folders.reverse()
    reasons = {}
    for folder in dict.fromkeys(folders):
        config.dataset.data_dir = folder
        try:
            return splits.load_splits(config).train
        except JaxposeError as error:
            reasons[folder] = str(error).splitlines()[0]
    logging.warning(
        "no baselines, the run's training data is not at hand: %s", reasons[asked]
    )
    return None


def _suffix(run: Run) -> str:
    """Returns the end of the names of results that are not those of the training.

    The results of the training stay when the run is scored on other data, or when its
    best checkpoint cannot be read.
    """
    suffix = ""
    if workdirs.tested_data(run.trained) != workdirs.tested_data(run.config):
        suffix = workdirs.data_suffix(run.config)
    if run.restored.unreadable:
        suffix += f"_step_{run.step}"
    return suffix


def report(
    run: Run, train: Clips | None, test: Clips, suffix: str = ""
) -> dict[str, Any]:
    """Scores the best checkpoint of a run; writes and prints what it finds.

    Args:
      run: the run.
      train: its training data, for the baselines; None leaves them out.
      test: the clips that are scored.
      suffix: comes behind the names of the files.

    Returns:
      What it writes to `<workdir>/results<suffix>.json`.
    """
    # Imported here: matplotlib takes a second, and a training begins without it.
    from jaxpose.scoring import pictures

    frame_numbers = scored_frames(test)
    with matmul_precision(run.config.precision):
        predictor = run.predictor(test)
        predicted, plain = predictor.with_plain(run.variables, frame_numbers)
    requirements.require_finite(predicted, run.workdir)
    results = score(predicted, test, frame_numbers)
    # Papers rarely say whether they average flips: both scores come of one pass.
    if run.config.flip_average:
        results["without_flip_average"] = score(plain, test, frame_numbers)
    results.update(baselines.baselines(train, test))
    requirements.require_scores(results, run.workdir)
    results["step"] = run.step
    results["protocol"] = tables.protocol_fields(
        run.config,
        run.trained,
        run.model,
        train,
        test,
        workdirs.load_environment(run.workdir),
    )
    for step in run.restored.unreadable:
        lost = f"; step {step} was preferred and cannot be read"
        results["protocol"]["checkpoint"] += lost
    if not hosts.is_writer():
        return results

    names = [f"results{suffix}.json"]
    write_json(run.workdir / names[0], results)
    tables.print_results(results, f"{run.config.model.name} on {test.dataset}")
    # Converted weights have no curves.
    if rows := read_metrics(run.workdir / "metrics.jsonl"):
        names.append("learning_curves.png")
        unit = loss_in_millimetres(run.config.loss, run.config.target_scale)
        pictures.draw_learning_curves(rows, run.workdir / names[-1], unit)
    names.append(f"prediction{suffix}.gif")
    pictures.animate_clip(test, frame_numbers, predicted, run.workdir / names[-1])
    print(f"{listed(names)} are in {run.workdir}")
    return results
