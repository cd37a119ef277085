"""Builds CMU motion capture for TFDS: 17 joints at 50 Hz, four Human3.6M cameras."""

import pathlib
import re

import requests
import tensorflow_datasets as tfds

from jaxpose.datasets.acclaim.archives import FileNames, Take
from jaxpose.datasets.acclaim.builder import AcclaimBuilder
from jaxpose.datasets.cmu_mocap import frame_rates
from jaxpose.datasets.report import Report
from jaxpose.errors import JaxposeError

URL = "http://mocap.cs.cmu.edu/allasfamc.zip"


class Builder(AcclaimBuilder):
    """The CMU Graphics Lab Motion Capture Database.

    Subjects are the database's (`01`), takes its trials (`01_08`). The archive does not
    state what a trial shows, so `action` is the trial too, and per-action tables have
    one row per trial. All clips are in one split, `train`; configs choose subjects.

    Licence: free to use, copy, modify and redistribute, also in products that are sold;
    the data itself must not be resold, also not converted. Keep the notice in
    `CITATION`.
    """

    VERSION = tfds.core.Version("1.1.0")
    DESCRIPTION = (
        "Real motion capture (.asf/.amc) on the 17 Human3.6M joints, four projected "
        "cameras."
    )
    CITATION = (
        "The data used in this project was obtained from mocap.cs.cmu.edu. "
        "The database was created with funding from NSF EIA-0196217."
    )
    HOMEPAGE = "http://mocap.cs.cmu.edu"
    HOW_TO_GET = (
        f"The archive is downloaded from {URL}; "
        "a copy of it, or its extracted folder, can be given as --source=PATH, also "
        "several archives: repeat --source, or give the folder that holds them."
    )
    FILES = FileNames(
        skeleton=re.compile(r"(?P<subject>[0-9]+)\.(?i:asf)"),
        motion=re.compile(r"(?P<take>(?P<subject>[0-9]+)_[0-9]+)\.(?i:amc)"),
        archives="allasfamc*.zip",
        layout=(
            "the layout of allasfamc.zip: all_asfamc/subjects/<subject>/<subject>.asf "
            "and <subject>_<trial>.amc"
        ),
    )

    def find_source(
        self, dl_manager: tfds.download.DownloadManager | None
    ) -> pathlib.Path | tuple[pathlib.Path, ...] | None:
        """Returns the sources, or the archive downloaded from the database's site.

        Raises:
          JaxposeError: a source does not exist, or the download failed.
        """
        if self.sources or dl_manager is None:
            return super().find_source(dl_manager)
        try:
            # Fails in seconds where there is no network; TFDS tries again for minutes.
            requests.head(URL, timeout=20, allow_redirects=True).raise_for_status()
            return (pathlib.Path(dl_manager.download(URL)),)
        except (OSError, tfds.download.DownloadError) as error:
            raise JaxposeError(
                f"could not download {URL}: {error}. {self.HOW_TO_GET}"
            ) from error

    def frame_rates(self, takes: list[Take], report: Report) -> list[float]:
        """Returns the rates of the listing beside each archive, else the known ones.

        Raises:
          JaxposeError: a listing is bad.
        """
        listings: dict[pathlib.Path, dict[tuple[int, int], float]] = {}
        rates = []
        for take in takes:
            archive = take.motion.archive.path
            if archive not in listings:
                path = frame_rates.find_listing(archive)
                listings[archive] = frame_rates.read_listing(path) if path else {}
                if path:
                    report.notes.append(f"frame rates of {archive}: {path}")
            subject, trial = map(int, take.name.split("_"))
            known = frame_rates.known_rate(subject, trial)
            rates.append(listings[archive].get((subject, trial), known))
        return rates
