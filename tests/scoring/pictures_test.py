"""Pictures of a run: what its learning curves show, and in which unit."""

import pytest

from jaxpose.scoring import pictures

SCORES = ("mpjpe", "p_mpjpe", "n_mpjpe", "mpjve")


@pytest.fixture
def axes(monkeypatch):
    """The plots that are drawn, in place of the file."""
    drawn = []

    def keep(figure, path):
        drawn.extend(figure.axes)

    monkeypatch.setattr(pictures, "_save", keep)
    return drawn


def rows(scores):
    losses = []
    for step in (5, 10):
        values = {"epoch": step / 5, "loss": 1 / step, "learning_rate": 1e-3}
        losses.append({"step": step, **values})
        losses.append({"step": step} | {f"selection_{name}": 50.0 for name in scores})
    return losses


def test_each_curve_is_told_apart_and_velocities_have_an_axis_of_their_own(
    axes, tmp_path
):
    pictures.draw_learning_curves(rows(SCORES), tmp_path / "curves.png", 1000.0)
    titles = [axis.get_title() for axis in axes]
    assert titles == ["error, mm", "velocity error, mm per frame", "learning rate"]
    errors = axes[0].get_lines()
    labels = [line.get_label() for line in errors]
    names = ["MPJPE", "N-MPJPE", "P-MPJPE"]
    assert labels == ["training loss", *(f"validation {name}" for name in names)]
    assert len({line.get_color() for line in errors}) == 4
    assert len({line.get_marker() for line in errors}) == 4
    assert errors[0].get_ydata() == pytest.approx([200, 100])  # millimetres
    assert errors[0].get_xdata() == pytest.approx([1, 2])  # epochs


def test_a_loss_that_is_no_length_has_its_own_axis(axes, tmp_path):
    pictures.draw_learning_curves(rows(("mpjpe",)), tmp_path / "curves.png", None)
    titles = [axis.get_title() for axis in axes]
    assert titles == ["loss", "error, mm", "learning rate"]
