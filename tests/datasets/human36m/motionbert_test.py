"""Human3.6M in image space: MotionBERT's pickle, its score and its mistakes."""

import pickle

import numpy as np
import pytest

from jaxpose.datasets.human36m import facts, motionbert
from jaxpose.errors import JaxposeError
from jaxpose.prepare import prepare
from tests import fabricate_human36m, motionbert_score
from tests.datasets.human36m.clips import examples


def test_the_pickle_is_cut_into_clips(pickled):
    clips = motionbert.read_clips(pickled / motionbert.FILES["motionbert_sh"], "test")
    assert len(clips) == 4 * 30
    assert {clip.action for clip in clips} == set(facts.ACTIONS)
    assert sum(not clip.scored for clip in clips) == 4 * 3
    frames = fabricate_human36m.num_frames("S9", "Greeting")
    (clip,) = (clip for clip in clips if clip.source == "s_09_act_05_subact_02_ca_03")
    assert (clip.subject, clip.action, clip.camera.name) == (
        "S9",
        "Greeting",
        "58860488",
    )
    assert clip.keypoints_2d.shape == (2 * frames + 1, 17, 2)  # not cut to the 3D track


def test_screen_units_are_half_the_image_width():
    corners = np.array([[0, 0, 500], [1000, 1002, -500]])
    screen = motionbert.to_screen(corners, (1000, 1002))
    np.testing.assert_allclose(screen, [[-1, -1.002, 1], [1, 1.002, -1]])
    np.testing.assert_allclose(
        motionbert_score.to_pixels(screen, (1000, 1002)), corners
    )


def test_the_published_score_is_reproduced(pickled):
    clips = motionbert.read_clips(pickled / motionbert.FILES["motionbert_sh"], "test")
    rng = np.random.default_rng(0)
    predictions, errors = {}, {}
    for clip in clips:
        noise = rng.normal(0, 0.01, clip.positions_image.shape)
        truth = motionbert.to_screen(clip.positions_image, clip.camera.image_size)
        if not clip.scored:
            truth = truth + 100  # must not count
        frames = np.arange(len(truth))
        # Two windows that overlap in frames 3 and 4; the second repeats its last frame.
        first, second = frames[:5], np.append(frames[3:], frames[-1])
        predictions[clip.source] = [
            (first, (truth + noise)[first]),
            (second, (truth - noise)[second]),
        ]
        share = np.where(frames < 3, 1, np.where(frames < 5, 0, -1))[:, None, None]
        millimetres = 500 * clip.factor[:, None, None] * share * noise
        distance = np.linalg.norm(millimetres - millimetres[:, :1], axis=-1)
        if clip.scored:
            errors.setdefault(clip.action, []).append(distance.mean(-1))
    scores = motionbert_score.mpjpe_by_action(clips, predictions)
    expected = {
        action: np.concatenate(parts).mean() for action, parts in errors.items()
    }
    assert list(scores) == [*sorted(expected), "average"]
    for action, value in expected.items():
        assert scores[action] == pytest.approx(value, rel=1e-9)
    assert scores["average"] == pytest.approx(
        np.mean(list(expected.values())), rel=1e-9
    )
    with pytest.raises(AssertionError, match="some frames have no prediction"):
        motionbert_score.mpjpe_by_action(clips, {})


def test_unscored_takes_of_the_pickle_are_not_valid(pickled):
    clips = examples(pickled, "motionbert_sh_17")
    for (_, take, _), clip in clips.items():
        assert clip["valid"].all() == (take not in motionbert.UNSCORED)
        assert clip["valid"].any() == clip["valid"].all()
        assert not clip["has_absolute_root"]


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda d: d.pop("test"), r"'test' is missing"),
        (lambda d: d["test"].pop("2.5d_factor"), r"'2.5d_factor' is missing"),
        (
            lambda d: d["test"].update(joint_2d=d["test"]["joint_2d"][:-1]),
            r"joint3d_image.*expected shape",
        ),
        (
            lambda d: d["test"].update(source=d["test"]["source"][:-1]),
            r"source.*names, one per frame",
        ),
        (lambda d: d["test"]["source"].__setitem__(0, "x"), r"'x' is not like 's_09"),
        (
            lambda d: d["test"]["camera_name"].__setitem__(0, "x"),
            r"camera_name.*changes within",
        ),
        (
            lambda d: d["test"].update(confidence=np.ones(3)),
            r"confidence.*expected shape",
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_pickle_is_named(pickled, tmp_path, change, message):
    data = pickle.loads((pickled / motionbert.FILES["motionbert_sh"]).read_bytes())
    change(data)
    path = tmp_path / motionbert.FILES["motionbert_sh"]
    path.write_bytes(pickle.dumps(data))
    with pytest.raises(JaxposeError, match=message):
        prepare(
            "human36m/motionbert_sh_17", source=tmp_path, data_dir=tmp_path / "data"
        )
    assert not (tmp_path / "data").exists()


def test_a_pickle_without_confidence_has_ones(pickled, tmp_path):
    data = pickle.loads((pickled / motionbert.FILES["motionbert_sh"]).read_bytes())
    assert (
        motionbert.read_clips(pickled / motionbert.FILES["motionbert_sh"], "train")[
            0
        ].confidence[0, 0]
        == 0.9
    )
    del data["train"]["confidence"]
    path = tmp_path / "other.pkl"
    path.write_bytes(pickle.dumps(data))
    assert (motionbert.read_clips(path, "train")[0].confidence == 1).all()
