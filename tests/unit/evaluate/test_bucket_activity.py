"""The activity of a log in buckets is that of its events read at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest

from retail_anomaly.evaluate import Activity, activity_of_buckets
from retail_anomaly.evaluate.activity import activity_part
from retail_anomaly.settings import Settings
from retail_anomaly.sources.bucket_writer import write_buckets
from tests.unit.evaluate.world import EVENTS, MINUTE, NOON, refund


def equal(first: Activity, second: Activity) -> bool:
    pd.testing.assert_frame_equal(first.sample, second.sample)
    assert first.times.keys() == second.times.keys()
    return all(np.array_equal(first.times[store], second.times[store]) for store in first.times)


@pytest.fixture
def history(tmp_path):
    write_buckets(EVENTS, tmp_path / "history", 3)
    return tmp_path / "history"


def test_an_executor_reads_what_one_process_reads(history):
    with ThreadPoolExecutor(2) as threads:
        activity, notes = activity_of_buckets(history, executor=threads, settings=Settings(), seed=3)
    assert equal(activity, Activity.of(EVENTS, seed=3, zones=Settings().zones))
    assert notes == []


def test_parts_give_the_sample_of_the_whole_where_it_is_bounded():
    log = [refund(store, NOON + n * MINUTE, f"{store}{n}") for n in range(50) for store in ("a", "b", "c")]
    parts = [
        activity_part([event for event in log if event.store_id in stores], sample=20)
        for stores in ("b", "ac")
    ]
    whole = Activity.of(log, sample=20)
    assert len(whole.sample) == 20
    assert equal(Activity.of_parts(parts, sample=20), whole)
