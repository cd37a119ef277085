"""Names of actions and data sets are printed as they are, without any markup."""

from jaxpose.scoring.evaluate import METRICS
from jaxpose.scoring.report import print_results


def test_names_are_data(capsys):
    scores = dict.fromkeys(METRICS, 1.0)
    names = ("walk [left]", "[/left]", "run \x1b[31mred")
    results = {
        **scores,
        **{f"frame_{name}": 1.0 for name in METRICS},
        "frames": 9,
        "per_action": {name: {**scores, "frames": 3} for name in names},
        "mean_pose_mpjpe": None,
        "linear_mpjpe": None,
        "published": {"frames": 3, "by_action": {"sit [on]": {"frames": 3}}},
        "protocol": {"subjects": ["S [1]", "S[/2]"]},
    }
    print_results(results, "custom [x]")
    printed = capsys.readouterr().out
    for name in ("walk [left]", "[/left]", "sit [on]", "S [1], S[/2]", "custom [x]"):
        assert name in printed
    assert r"run \x1b[31mred" in printed
    assert "\x1b[31m" not in printed
