"""Models that rank the same days."""

from __future__ import annotations

import pandas as pd

from retail_anomaly import plots


def test_a_day_without_a_score_is_read_last():
    days = pd.DataFrame({"incident": [True, False, False, True], "ours": [None, 0.1, 0.2, 0.9]})
    own = plots.found_by_read(days, own="ours").data[1]
    assert list(own.x) == [1, 2, 3]
    assert list(own.y) == [0.5, 0.5, 0.5]


def test_the_name_of_a_model_is_text():
    days = pd.DataFrame({"incident": [True, False], "<b>ours</b>": [0.9, 0.1]})
    assert "<b>" not in plots.found_by_read(days, own="<b>ours</b>").data[1].name
