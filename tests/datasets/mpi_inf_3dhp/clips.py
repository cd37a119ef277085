"""Clips of a folder of MPI-INF-3DHP by recording."""

import pathlib

from jaxpose.datasets import get_builder
from jaxpose.datasets.report import Report

FRAMES = 12


def examples(
    source: pathlib.Path, config: str = "univ_annot3"
) -> dict[tuple[str, str, str], dict]:
    builder = get_builder(f"mpi_inf_3dhp/{config}", source=source, data_dir="unused")
    clips = [
        clip for split in builder.splits(source, Report("")).values() for clip in split
    ]
    return {(clip["subject"], clip["take"], clip["camera"]): clip for clip in clips}
