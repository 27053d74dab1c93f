"""Which days, alerts and incidents are tuned on, and which are held out."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from retail_anomaly.frames.store_calendar import midnight
from retail_anomaly.tune import TuneError
from retail_anomaly.tune.split import HELD_OUT, TUNED, DaySplit
from tests.support.events import DAY, HOUR

NOON = midnight(date(2025, 3, 24), "UTC") + 12 * HOUR


def days(*numbers: int) -> np.ndarray:
    return NOON + np.array(numbers, dtype="int64") * DAY


def frame(store: str, **times: int) -> pd.DataFrame:
    moments = {name: pd.to_datetime([time], unit="ms", utc=True) for name, time in times.items()}
    return pd.DataFrame({"store_id": [store], **moments})


def test_cut_is_midnight_on_each_stores_own_clock():
    # Summer time begins in Berlin on 30 March 2025, the sixth of these days.
    split = DaySplit.of(
        {"berlin": days(*range(10)), "utc": days(*range(10))}, {"berlin": "Europe/Berlin"}, share=0.7
    )
    assert split.held_out == date(2025, 3, 31)
    assert split.cuts["utc"] == NOON + 7 * DAY - 12 * HOUR
    assert split.cuts["berlin"] == split.cuts["utc"] - 2 * HOUR


def test_store_days_are_those_with_events():
    split = DaySplit.of({"a": days(0, 1, 2, 3), "b": days(0, 3)}, {}, share=0.5)
    assert split.store_days[TUNED].to_dict() == {"a": 2, "b": 1}
    assert split.store_days[HELD_OUT].to_dict() == {"a": 2, "b": 1}
    assert split.period(TUNED) == "2025-03-24 to 2025-03-25"
    assert split.period(HELD_OUT) == "2025-03-26 to 2025-03-27"


def test_a_revision_is_in_the_part_of_its_alert():
    split = DaySplit.of({"a": days(0, 1)}, {}, share=0.5)
    cut = split.cuts["a"]
    assert split.of_alerts(frame("a", opened_at=cut - 1, event_time=cut + HOUR)).tolist() == [TUNED]
    assert split.of_alerts(frame("a", opened_at=cut, event_time=cut)).tolist() == [HELD_OUT]


def test_an_incident_is_in_the_part_in_which_it_ends():
    split = DaySplit.of({"a": days(0, 1)}, {}, share=0.5)
    cut = split.cuts["a"]
    assert split.of_incidents(frame("a", start=cut - DAY, end=cut - 1)).tolist() == [TUNED]
    assert split.of_incidents(frame("a", start=cut - DAY, end=cut)).tolist() == [HELD_OUT]


@pytest.mark.parametrize("share", [0.01, 0.99])
def test_neither_part_is_ever_empty(share):
    split = DaySplit.of({"a": days(0, 1, 2)}, {}, share=share)
    assert split.store_days[TUNED].sum() > 0
    assert split.store_days[HELD_OUT].sum() > 0


@pytest.mark.parametrize("times", [{}, {"a": days(0)}])
def test_fewer_than_two_days_are_refused(times):
    with pytest.raises(TuneError, match="two at least"):
        DaySplit.of(times, {}, share=0.5)
