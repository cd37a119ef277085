"""HDM05: names of its files, the attribution, and scores of a model trained on CMU."""

import zipfile

import pytest
import tensorflow_datasets as tfds

from jaxpose.datasets import PROTOCOLS, get_builder
from jaxpose.datasets.acclaim.archives import find_takes, open_archives
from jaxpose.datasets.hdm05.hdm05_dataset_builder import Builder
from jaxpose.datasets.prepared import load_clips
from jaxpose.errors import JaxposeError
from jaxpose.prepare import prepare
from tests.datasets.small_cmu import amc_text, asf_text
from tests.shared import shared_path


def _write(path, *names):
    with zipfile.ZipFile(path, "w") as file:
        for name in names:
            text = asf_text() if name.endswith(".asf") else amc_text(25)
            file.writestr(f"HDM05/{name}", text)
    return path


def test_names_state_actor_action_take_and_rate(tmp_path):
    path = _write(
        tmp_path / "hdm05.zip",
        "HDM_bd.asf",
        "HDM_bk.asf",
        "HDM_bd_sneak2StepsLStart_003_120.AMC",
        "HDM_bd_01-02_01_120.amc",
        "HDM_bk_grabHighR_012_60.amc",
    )
    report = prepare("hdm05", source=path, data_dir=tmp_path / "data")
    clips = load_clips("hdm05", tmp_path / "data")
    rows = [(c.subject, c.action, c.take, c.length) for c in clips.index[::4]]
    assert rows == [
        ("bd", "01-02", "bd_01-02_01", 11),
        ("bd", "sneak2StepsLStart", "bd_sneak2StepsLStart_003", 11),
        ("bk", "grabHighR", "bk_grabHighR_012", 21),
    ]
    assert {clip.fps for clip in clips.index} == {50.0}
    assert report.subjects["bk"].takes == ["bk_grabHighR_012"]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["HDM_bd.asf", "01_01.amc"], r"holds no \.amc file; expected HDM_<actor>"),
        (["HDM_bd_walk_001_120.amc"], r"no skeleton file \(\.asf\) of subject bd"),
        (
            ["HDM_bd.asf", "HDM_bd_walk_001_0.amc"],
            r"HDM_bd_walk_001_0\.amc: 0 frames per second; expected .* _120\.amc",
        ),
    ],
)
def test_files_of_another_kind(tmp_path, names, message):
    path = _write(tmp_path / "a.zip", *names)
    with pytest.raises(JaxposeError, match=message):
        prepare("hdm05", source=path, data_dir=tmp_path / "data")
    assert not (tmp_path / "data").exists()


def test_the_data_is_for_scoring_and_bears_its_attribution(tmp_path):
    protocol = PROTOCOLS["hdm05"]
    assert protocol.train_subjects == ()
    assert protocol.test_subjects == ("bd", "bk", "dg", "mm")
    builder = get_builder("hdm05", data_dir=tmp_path)
    assert type(tfds.builder("hdm05/noisy", data_dir=str(tmp_path))) is type(builder)
    assert "was obtained from HDM05 (CC BY-SA 3.0)" in builder.info.citation
    assert "CG-2007-2" in builder.info.citation


def test_takes_of_the_real_archive():
    path = shared_path("data/hdm05/hdm05_cuts_asfamc.zip")
    takes = find_takes(open_archives([path], Builder.FILES), Builder.FILES, [])
    assert len(takes) == 233
    assert {take.subject for take in takes} == {"bd", "bk", "dg", "mm"}
    assert len({take.labels["action"] for take in takes}) == 11
    assert {take.labels["rate"] for take in takes} == {"120"}
