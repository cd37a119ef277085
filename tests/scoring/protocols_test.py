"""The benchmarks' own tables, against recorded and against constructed numbers."""

import dataclasses

import numpy as np
import pytest

from jaxpose import metrics
from jaxpose.body.skeletons import get_skeleton
from jaxpose.data.clips import Clip, Clips, convert_skeletons
from jaxpose.datasets import protocol_of
from jaxpose.datasets.mpi_inf_3dhp import facts
from jaxpose.datasets.mpi_inf_3dhp.protocol import pck_joints
from jaxpose.scoring import evaluate, report
from tests.shared import shared_path

SCENES = ("GS", "noGS", "Outdoor")


def _clips(
    dataset: str, parts: list[tuple[str, str, str, np.ndarray]], skeleton: str, **arrays
) -> Clips:
    """Clips of (subject, action, take, positions [F, J, 3] metres)."""
    index, start = [], 0
    for subject, action, take, positions in parts:
        index.append(
            Clip(
                subject,
                action,
                take,
                "0",
                start,
                len(positions),
                50.0,
                (2048, 2048),
                False,
            )
        )
        start += len(positions)
    positions = np.concatenate([part[3] for part in parts]).astype(np.float32)
    fields = {"valid": np.ones(start, bool)} | arrays
    return Clips(
        dataset,
        skeleton,
        skeleton,
        "gt",
        positions[..., :2],
        positions,
        index=tuple(index),
        **fields,
    )


def _mpi_inf_3dhp(frames: int = 21) -> Clips:
    """Six sequences of random poses; each third frame is valid, activities go round."""
    rng = np.random.default_rng(0)
    parts = [
        (
            sequence,
            facts.SCENES[sequence],
            sequence,
            rng.normal(size=(frames + number, 17, 3)),
        )
        for number, sequence in enumerate(facts.TEST)
    ]
    count = np.arange(sum(len(part[3]) for part in parts))
    activity = (1 + count % 7).astype(np.int8)
    return _clips(
        "mpi_inf_3dhp/univ_annot3",
        parts,
        "mpi_inf_3dhp_17",
        valid=count % 3 == 0,
        activity=activity,
    )


def _offset(clips: Clips, metres: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Scored frames, and a prediction whose joints are off by `metres [J]`."""
    frames = evaluate.scored_frames(clips)
    offset = np.zeros((len(metres), 3), np.float32)
    offset[:, 1] = metres
    return frames, evaluate.root_relative(clips, frames) + offset


@pytest.mark.parametrize("skeleton", ["mpi_inf_3dhp_17", "h36m_17"])
def test_recorded_scores_of_mpi_inf_3dhp_in_either_joint_order(skeleton):
    golden = np.load(shared_path("goldens/mpi_inf_3dhp_metrics.npz"))
    parts = [
        (name, facts.SCENES[name], name, golden[f"{name}/annot"] / 1000)
        for name in facts.TEST
    ]
    predicted = np.concatenate(
        [golden[f"{name}/pred_root_relative"] / 1000 for name in facts.TEST]
    )
    valid = np.concatenate([golden[f"{name}/valid"] for name in facts.TEST])
    clips = _clips("mpi_inf_3dhp/univ_annot3", parts, "mpi_inf_3dhp_17", valid=valid)
    prediction = dataclasses.replace(clips, positions_3d=predicted.astype(np.float32))
    clips, prediction = (
        convert_skeletons(clips, skeleton),
        convert_skeletons(prediction, skeleton),
    )
    frames = evaluate.scored_frames(clips)
    published = evaluate.score(prediction.positions_3d[frames], clips, frames)[
        "published"
    ]
    assert published["mpjpe"] == pytest.approx(golden["All/mpjpe"], rel=1e-5)
    for name in ("pck", "auc"):
        assert published[name] == pytest.approx(golden[f"All/{name}"][-1], rel=1e-6)
        assert published[f"{name}_all_joints"] == pytest.approx(
            golden[f"All/{name}_all17"], rel=1e-6
        )
        for scene in SCENES:
            row = published["per_scene"][scene]
            assert row[name] == pytest.approx(golden[f"{scene}/{name}_total"], rel=1e-6)
        for sequence in facts.TEST:
            row = published["per_sequence"][sequence]
            assert row[name] == pytest.approx(
                golden[f"{sequence}/{name}"][-1], rel=1e-6
            )
            assert row["mpjpe"] == pytest.approx(golden[f"{sequence}/mpjpe"], rel=1e-5)
            assert row["frames"] == golden[f"{sequence}/valid"].sum()
    assert published["frames"] == valid.sum()
    assert "per_activity" not in published  # as P-STMO's files, these do not say


def test_a_perfect_prediction_of_mpi_inf_3dhp():
    clips = _mpi_inf_3dhp()
    frames, predicted = _offset(clips, np.zeros(17))
    published = evaluate.score(predicted, clips, frames)["published"]
    assert published["mpjpe"] == pytest.approx(0, abs=1e-3)
    assert published["pck"] == published["pck_all_joints"] == 100
    assert (
        published["auc"] == published["auc_all_joints"] == pytest.approx(100 * 30 / 31)
    )  # 0 < 0 is false


def test_offsets_of_mpi_inf_3dhp_count_by_joint_threshold_and_root():
    clips = _mpi_inf_3dhp()
    metres = np.full(17, 0.062)
    metres[[2, 5]] = 0.3  # shoulders, counted
    metres[[15, 16]] = 0.3  # spine and middle of the head, not counted by the 14
    metres[14] = 5.0  # the root, overwritten by 0
    frames, predicted = _offset(clips, metres)
    published = evaluate.score(predicted, clips, frames)["published"]
    assert published["mpjpe"] == pytest.approx((12 * 62 + 4 * 300) / 17, rel=1e-5)
    assert published["pck"] == pytest.approx(100 * 12 / 14)
    assert published["pck_all_joints"] == pytest.approx(100 * 13 / 17)
    assert published["auc"] == pytest.approx(
        100 * 12 / 14 * 18 / 31
    )  # 65, 70, ..., 150
    assert published["auc_all_joints"] == pytest.approx(
        100 * (12 * 18 + 30) / (17 * 31)
    )


def test_mpi_inf_3dhp_groups_hold_only_their_valid_frames():
    clips = _mpi_inf_3dhp()
    frames, predicted = _offset(clips, np.zeros(17))
    number = clips.clip_of_frame[frames]
    predicted[number == 4, :14, 0] += 0.2  # all of TS5
    published = evaluate.score(predicted, clips, frames)["published"]
    counts = np.bincount(number)
    assert [
        row["frames"] for row in published["per_sequence"].values()
    ] == counts.tolist()
    assert published["frames"] == counts.sum() == clips.valid.sum()
    assert published["per_sequence"]["TS5"]["pck"] == 0
    assert published["per_scene"]["Outdoor"]["pck"] == pytest.approx(
        100 * counts[5] / counts[4:].sum()
    )
    assert (
        published["per_scene"]["GS"]["pck"]
        == published["per_scene"]["noGS"]["pck"]
        == 100
    )
    assert published["pck"] == pytest.approx(100 * (1 - counts[4] / counts.sum()))
    activity = clips.activity[frames]
    for name, value in facts.ACTIVITIES.items():
        row, chosen = published["per_activity"][value], activity == name
        assert row["frames"] == chosen.sum()
        assert row["pck"] == pytest.approx(100 * (number[chosen] != 4).mean())


def test_pck_counts_the_same_14_joints_in_every_order():
    names = {"head_top": "head", "neck": "thorax"}
    official = ["head_top", "neck"] + [
        f"{side}_{part}"
        for side in ("right", "left")
        for part in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
    ]
    for skeleton in ("h36m_17", "h36m_16"):
        joints = [get_skeleton(skeleton).joints[i] for i in pck_joints(skeleton)]
        assert sorted(joints) == sorted(names.get(name, name) for name in official)
    joints = [
        get_skeleton("mpi_inf_3dhp_17").joints[i] for i in pck_joints("mpi_inf_3dhp_17")
    ]
    assert sorted(joints) == sorted(official)


def test_humaneva_averages_cells_of_action_and_subject():
    rng = np.random.default_rng(0)
    parts = [
        (
            f"Validate/{subject}",
            action,
            f"{action} 1 chunk{chunk}",
            rng.normal(size=(5 + 3 * chunk, 15, 3)),
        )
        for action in ("Walking", "Jog")
        for subject in ("S1", "S2")
        for chunk in (0, 2)
    ]
    clips = _clips("humaneva/gt", parts, "humaneva_15")
    frames = evaluate.scored_frames(clips)
    predicted = evaluate.root_relative(clips, frames)
    predicted = predicted + rng.normal(size=predicted.shape).astype(np.float32) * 0.1
    predicted *= 1.5
    results = evaluate.score(predicted, clips, frames)
    published = results["published"]
    target = evaluate.root_relative(clips, frames)
    clip = [clips.index[i] for i in clips.clip_of_frame]
    cells = {}
    for subject in ("S1", "S2"):
        for action in ("Walking", "Jog"):
            chosen = np.array(
                [one.action == action and one.subject.endswith(subject) for one in clip]
            )
            aligned = np.asarray(
                metrics.procrustes_align(predicted[chosen], target[chosen])
            )
            error = 1000 * np.linalg.norm(aligned - target[chosen], axis=-1).mean()
            plain = (
                1000
                * np.linalg.norm(predicted[chosen] - target[chosen], axis=-1).mean()
            )
            cell = published["per_action_and_subject"][f"{action} {subject}"]
            assert cell["p_mpjpe"] == pytest.approx(error, rel=1e-4)
            assert cell["mpjpe"] == pytest.approx(plain, rel=1e-4)
            assert cell["frames"] == chosen.sum() == 16
            cells[action, subject] = error
    assert published["p_mpjpe"] == pytest.approx(
        np.mean(list(cells.values())), rel=1e-4
    )
    assert published["p_mpjpe"] < published["mpjpe"]
    assert list(published["per_action_and_subject"]) == [
        "Walking S1",
        "Walking S2",
        "Jog S1",
        "Jog S2",
    ]


def test_other_data_sets_have_no_table_of_their_own():
    clips = _clips(
        "human36m/gt_17", [("S9", "Eating", "Eating", np.zeros((3, 17, 3)))], "h36m_17"
    )
    frames, predicted = _offset(clips, np.full(17, 0.01))
    results = evaluate.score(predicted, clips, frames)
    assert "published" not in results
    assert results["mpjpe"] == pytest.approx(10)  # the root's own error counts (P.3)
    assert protocol_of(clips.dataset).describe_scores(clips) == {}


def test_image_space_is_scored_in_millimetres():
    rng = np.random.default_rng(1)
    truth = rng.normal(size=(6, 17, 3)).astype(np.float32)
    scale = rng.uniform(1, 2, 6).astype(np.float32)
    clips = _clips(
        "human36m/motionbert_sh_17",
        [("S9", "Eating", "Eating", truth)],
        "h36m_17",
        metres_per_unit=scale,
        metric_positions_3d=truth * scale[:, None, None] + 7,
    )
    frames = np.arange(6)
    predicted = truth.copy()
    predicted[:, 1:, 2] += 0.017
    results = evaluate.score(
        predicted + 3, clips, frames
    )  # where the root is does not count
    assert results["frame_mpjpe"] == pytest.approx(16 * scale.mean(), rel=1e-3)
    assert "2.5d_factor" in protocol_of(clips.dataset).describe_scores(clips)["units"]
    unknown = dataclasses.replace(clips, metres_per_unit=np.full(6, np.nan, np.float32))
    relative = predicted - truth[:, :1]
    assert evaluate.score(relative, unknown, frames)["frame_mpjpe"] == pytest.approx(
        16, rel=1e-4
    )


def test_the_printed_table_shows_every_group(capsys):
    clips = _mpi_inf_3dhp()
    frames, predicted = _offset(clips, np.full(17, 0.062))
    results = evaluate.score(predicted, clips, frames)
    results |= {
        "mean_pose_mpjpe": None,
        "linear_mpjpe": None,
        "protocol": protocol_of(clips.dataset).describe_scores(clips),
    }
    report.print_results(results, "model on mpi_inf_3dhp")
    printed = capsys.readouterr().out
    for text in (
        "published protocol",
        "GS",
        "TS6",
        "On The Floor",
        "total",
        "pck_all_joints",
        "58.1",
        "58.4",
    ):
        assert text in printed
