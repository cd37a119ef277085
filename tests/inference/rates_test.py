"""Frame rates that a model knows."""

import math
import types

from jaxpose.inference.rates import Rates, known_rates


def test_the_nearest_rate_is_nearest_by_its_ratio():
    assert Rates((10, 50)).nearest(30) == 50
    assert Rates((10, 50)).nearest(20) == 10


def test_a_model_of_all_rates_between_two_sees_whole_multiples_of_others():
    known = Rates(span=(20, 60))
    assert known.are_known
    assert [known.nearest(fps) for fps in (20, 29.97, 60)] == [20, 29.97, 60]
    assert [known.nearest(fps) for fps in (120, 240, 100)] == [60, 60, 50]
    assert [known.nearest(fps) for fps in (12, 10, 1)] == [24, 20, 20]


def test_rates_that_no_recording_has_are_not_known():
    model = types.SimpleNamespace(receptive_field=27)
    for stated in ("x", 5, None, [], [0, math.nan], [1e-300, [25], "50"]):
        assert not known_rates(model, {}, {"fps": stated}).are_known
    assert known_rates(model, {}, {"fps": [0, 50, math.inf]}).trained == (50,)
