import pytest

from configs import videopose3d
from experiments import leave_one_out
from jaxpose.errors import JaxposeError
from jaxpose.run import Run
from tests.small_run import SUBJECTS, small_clips, small_config


def test_each_subject_is_scored_by_a_model_that_has_not_seen_it(tmp_path, monkeypatch):
    seen = []

    def pretend(run):
        dataset, workdir = run.config.dataset, run.workdir
        selected = set(dataset.validation_subjects)
        seen.append(
            (set(dataset.train_subjects), dataset.test_subjects, workdir, selected)
        )
        workdir.mkdir()
        value = float(len(seen))
        return {
            "mpjpe": value,
            "p_mpjpe": 1.0,
            "linear_mpjpe": 2 * value,
            "mean_pose_mpjpe": 9.0,
        }

    monkeypatch.setattr(Run, "train", pretend)
    config = small_config()
    held_out = set(config.dataset.validation_subjects)
    assert held_out
    leave_one_out.run(config, tmp_path)
    assert [test for _, test, *_ in seen] == [
        (subject,) for subject in sorted(SUBJECTS)
    ]
    for trained, (subject,), workdir, selected in seen:
        assert trained == set(small_clips().subjects) - {subject}
        assert selected == held_out - {subject}
        assert workdir == tmp_path / subject
    lines = (tmp_path / "leave_one_out.md").read_text().splitlines()
    assert lines[0].startswith("Protocol `held_out`: ")
    assert lines[4] == "| test_0 | 1.0 | 1.0 | 2.0 | 9.0 | 0.50 |"
    assert lines[-1] == "| mean | 3.5 | 1.0 | 7.0 | 9.0 | 0.50 |"


def test_splits_of_a_person_are_refused(tmp_path):
    with pytest.raises(JaxposeError, match="'Train/S1' is one split of a person"):
        leave_one_out.run(videopose3d.get_config("humaneva27"), tmp_path)
