"""Sales of months ago: four bytes each, found without fail, and seldom taken for one that was not."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from retail_anomaly.core.collections import AgedIds
from retail_anomaly.core.receipts import text_hash
from tests.support.events import DAY, T0

MEGABYTE = 1_000_000
DAY_0 = T0 // DAY * DAY
KEEP = 90 * DAY
A_DAY = 11_112  # a million in 90 days


def hashes_of(days: int, a_day: int) -> list[np.ndarray]:
    """Return the hashes of so many ids, by day."""
    return [
        np.array([text_hash(f"t-{day}-{n}") for n in range(a_day)], dtype=np.uint64) for day in range(days)
    ]


def ids_of(hashes: list[np.ndarray]) -> AgedIds:
    """Return what is remembered of days of ids, each swept as it passes."""
    ids = AgedIds(KEEP)
    for day, of_day in enumerate(hashes):
        a_day = len(of_day)
        start = DAY_0 + day * DAY
        for part in range(4):
            times = start + np.arange(part, a_day, 4) * (DAY // a_day)
            ids.add(of_day[part::4], times)
            ids.sweep(start + DAY + part)
    ids.sweep(DAY_0 + (len(hashes) + 3) * DAY)
    return ids


@pytest.fixture(scope="module")
def million() -> tuple[AgedIds, list[np.ndarray], int]:
    ids_of(hashes_of(1, 10))  # NumPy imports more at the first use
    hashes = hashes_of(90, A_DAY)
    tracemalloc.start()
    try:
        ids = ids_of(hashes)
        used = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    return ids, hashes, used


def test_a_million_take_five_megabytes_at_most(million):
    assert million[2] <= 5 * MEGABYTE


def test_every_one_is_found(million):
    ids, hashes, _ = million  # the first days are forgotten
    assert all(ids.seen_since(int(hashed), DAY_0) for of_day in hashes[5::9] for hashed in of_day[::50])


def test_one_in_a_thousand_unknown_is_taken_for_known_at_most(million):
    unknown = [text_hash(f"other-{n}") for n in range(10_000)]
    assert sum(million[0].seen_since(hashed, DAY_0) for hashed in unknown) <= 10


def test_one_of_a_busy_day_is_too_old_some_minutes_after_its_time(million):
    ids, hashes, _ = million
    hashed, at = int(hashes[40][400]), DAY_0 + 40 * DAY + 400 * (DAY // A_DAY)
    assert ids.seen_since(hashed, at)
    assert not ids.seen_since(hashed, at + DAY // 100)


@pytest.mark.parametrize("days", [0, 5])
def test_one_of_a_quiet_day_keeps_its_time(days):
    ids = AgedIds(KEEP)
    hashed = text_hash("t-1")
    ids.add(np.array([hashed], dtype=np.uint64), np.array([T0]))
    ids.sweep(T0 + days * DAY)
    assert (ids.seen_since(hashed, T0), ids.seen_since(hashed, T0 + 1)) == (True, False)
    assert not ids.seen_since(hashed, T0 - DAY, (T0, T0))


def test_after_a_restart_the_records_are_the_same_bytes_and_the_answers_too():
    hashes = hashes_of(8, 1_500)
    ids = ids_of(hashes)
    records = {name: content for name, content in ids.records() if content is not None}
    again = AgedIds(KEEP)
    again.restore(ids.describe(), records.get)
    unknown = [text_hash(f"other-{n}") for n in range(2_000)]
    asked = [*map(int, hashes[3][:50]), *unknown]
    assert [again.seen_since(h, DAY_0) for h in asked] == [ids.seen_since(h, DAY_0) for h in asked]
    assert list(again.records()) == []


def test_they_are_forgotten_with_their_records():
    ids = ids_of(hashes_of(5, 300))
    written = {name for name, content in ids.records() if content is not None}
    ids.sweep(DAY_0 + 5 * DAY + KEEP + 1)
    assert len(ids) == 0
    assert {name for name, content in ids.records() if content is None} == written
