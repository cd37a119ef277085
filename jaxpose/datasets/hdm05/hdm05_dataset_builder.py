"""Builds HDM05 for TFDS: 17 joints at 50 Hz, four Human3.6M cameras."""

import re

import tensorflow_datasets as tfds

from jaxpose.datasets.acclaim.archives import FileNames, Take
from jaxpose.datasets.acclaim.builder import AcclaimBuilder
from jaxpose.datasets.report import Report
from jaxpose.errors import JaxposeError


class Builder(AcclaimBuilder):
    """The Motion Capture Database HDM05.

    Subjects are the actors (`bd`), takes the cuts (`bd_sneak2StepsLStart_001`), actions
    the classes of motion that the cuts are named by (`sneak2StepsLStart`). All clips
    are in one split, `train`; the protocol only scores them.

    Licence: CC BY-SA 3.0 Unported. What is made of the data bears the attribution in
    `CITATION` and is shared under the same licence.
    """

    VERSION = tfds.core.Version("1.0.0")
    DESCRIPTION = (
        "Real motion capture (.asf/.amc) of another studio than CMU's, on the 17 "
        "Human3.6M joints, four projected cameras. Licence: CC BY-SA 3.0 Unported."
    )
    CITATION = (
        "The data used in this project was obtained from HDM05 (CC BY-SA 3.0). "
        "M. Müller, T. Röder, M. Clausen, B. Eberhardt, B. Krüger, A. Weber: "
        "Documentation Mocap Database HDM05. Technical report CG-2007-2, "
        "Universität Bonn, 2007."
    )
    HOMEPAGE = "https://resources.mpi-inf.mpg.de/HDM05/"
    HOW_TO_GET = (
        f"Download cuts or whole recordings as .asf and .amc files from {HOMEPAGE} and "
        "give the archive, or a folder of them, as --source=PATH; --source may be "
        "repeated."
    )
    FILES = FileNames(
        skeleton=re.compile(r"HDM_(?P<subject>[a-z]+)\.(?i:asf)"),
        motion=re.compile(
            r"HDM_(?P<take>(?P<subject>[a-z]+)_(?P<action>.+)_[0-9]+)_(?P<rate>[0-9]+)"
            r"\.(?i:amc)"  # some are .AMC
        ),
        archives="*.zip",
        layout="HDM_<actor>.asf and HDM_<actor>_<action>_<number>_<frame rate>.amc",
    )

    def frame_rates(self, takes: list[Take], report: Report) -> list[float]:
        """Returns the rates that the names of the files state.

        Raises:
          JaxposeError: a name states no rate of motion capture.
        """
        rates = []
        for take in takes:
            rate = float(take.labels["rate"])
            if not 1 <= rate <= 1000:
                raise JaxposeError(
                    f"{take.motion}: {rate:g} frames per second; expected the frame "
                    "rate at the end of the name, such as _120.amc"
                )
            rates.append(rate)
        return rates
