"""Runs on HumanEva-I."""

import numpy as np
import pytest

from tests import fabricate_humaneva
from tests.end_to_end.formats import group

pytestmark = group("humaneva")


def test_humaneva_is_scored_by_action_and_subject(run):
    results = run("humaneva").results
    published = results["published"]
    actions = ("Walking", "Jog", "Box")
    assert set(results["per_action"]) == set(actions)
    cells = published["per_action_and_subject"]
    assert set(cells) == {
        f"{action} S{number}" for action in actions for number in (1, 2, 3)
    }
    for cell, row in cells.items():
        action, subject = cell.split()
        key = (f"Validate/{subject}", action)
        lost = sum(
            end - start for start, end in fabricate_humaneva.FAILURES.get(key, ())
        )
        assert row["frames"] == 3 * (fabricate_humaneva.facts.num_frames(*key) - lost)
    assert published["p_mpjpe"] == pytest.approx(
        np.mean([row["p_mpjpe"] for row in cells.values()])
    )
    assert published["frames"] == results["frames"]
    for action in actions:
        rows = [cells[f"{action} S{number}"] for number in (1, 2, 3)]
        pooled = np.average(
            [row["p_mpjpe"] for row in rows], weights=[row["frames"] for row in rows]
        )
        assert results["per_action"][action]["p_mpjpe"] == pytest.approx(
            pooled, rel=1e-5
        )
