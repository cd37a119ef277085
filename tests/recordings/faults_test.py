"""The faults of `experiments/plausibility.py`, on one walk."""

import numpy as np
import pytest

from experiments.plausibility import FAULTS, View, doubts_of, make_views, statistics
from jaxpose.body.skeletons import H36M_17
from tests.recordings.walker import SIZE, person, positions

WALK = View("random", person("h36m_17", 100), positions(H36M_17.joints, 100), SIZE)

# These are found in some recordings only.
SELDOM = ("squeezed by", "left and right exchanged throughout")


@pytest.mark.parametrize(
    "name", [each for each in FAULTS if not each.startswith(SELDOM)]
)
def test_a_fault_is_named(name):
    change, kind = FAULTS[name]
    assert kind in [doubt.kind for doubt in doubts_of(change(WALK))]


def test_views_show_the_person_whole():
    level = positions(H36M_17.joints, 100) * [1, 1, 1]
    upright = np.stack([level[..., 0], level[..., 2] - 4.0, 1.0 - level[..., 1]], -1)
    views = list(make_views(upright, np.random.default_rng(0)))
    assert [view.kind for view in views] == 4 * ["published"] + ["random"]
    for view in views:
        assert (view.keypoints_2d >= 0).all()
        assert (view.keypoints_2d < view.image_size).all()
        assert doubts_of(view) == []
    assert statistics(views).mean.shape == (34,)
