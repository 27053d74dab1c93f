"""Figures of models: components of an alert, and models that rank the same days."""

from __future__ import annotations

import math

import pandas as pd
import pytest

from retail_anomaly import plots
from tests.support.runs import alerts_of, engine_of
from tests.support.usual import weeks


def alert_row(name):
    alert = alerts_of(engine_of(name), *weeks())[-1]
    return pd.Series({"type": alert.type, "message": alert.message, "risk_score": alert.risk_score, "evidence": alert.evidence})  # fmt: skip


@pytest.mark.parametrize("name", ["refund_deviation", "sales_deviation"])
def test_components_are_those_of_the_evidence_and_the_rarest_is_on_top_in_its_colour(name):
    row = alert_row(name)
    (bars,) = plots.components(row).data
    p_values = row["evidence"]["pValues"]
    assert dict(zip(bars.y, bars.customdata, strict=True)) == {
        key.replace("_", " "): p for key, p in p_values.items()
    }
    assert list(bars.x) == sorted(bars.x)
    assert bars.x[-1] == pytest.approx(-math.log10(min(p_values.values())))
    coloured = [
        y for y, colour in zip(bars.y, bars.marker.color, strict=True) if colour == plots.COLOURS[row["type"]]
    ]
    assert coloured == [row["evidence"]["component"].replace("_", " ")] == [bars.y[-1]]


def test_what_a_message_says_is_text():
    row = alert_row("refund_deviation")
    row["message"] = "<b>c</b>"
    assert "<b>" not in plots.components(row).layout.title.subtitle.text


def test_a_day_without_a_score_is_read_last():
    days = pd.DataFrame({"incident": [True, False, False, True], "ours": [None, 0.1, 0.2, 0.9]})
    own = plots.found_by_read(days, own="ours").data[1]
    assert list(own.x) == [1, 2, 3]
    assert list(own.y) == [0.5, 0.5, 0.5]
