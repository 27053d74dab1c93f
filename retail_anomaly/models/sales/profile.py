"""The profile: how many receipts are usual in each quarter of an hour of each weekday."""

from math import exp
from struct import pack_into, unpack_from
from typing import Final, NamedTuple

from retail_anomaly.core.local_time import QUARTERS
from retail_anomaly.models.sales.history import CELL_BYTES, SalesHistory

_NEVER: Final = 0.02  # of the average weekday: less is no habit of selling
LARGEST_CELL: Final = 30_000.0  # receipts of a quarter; twice as many are the most that half precision holds


class UsualReceipts(NamedTuple):
    """The receipts expected of a quarter, and how many receipts of history support that."""

    mean: float
    support: float


def usual_receipts(day: int, quarter: int, store: SalesHistory, prior_days: float) -> UsualReceipts:
    """Return the expectation of a quarter: its weekday's mean, drawn to that of all weekdays."""
    weekday = (day - 1) % 7
    cells = unpack_from("<7e", store.cells, quarter * 7 * CELL_BYTES)
    known = sum(store.weekdays)
    if known <= 0:
        return UsualReceipts(0.0, 0.0)
    own, days = cells[weekday], store.weekdays[weekday]
    average = sum(cells) / known
    # Never a sale at that hour of this weekday, and other weekdays would have had some: the store is closed.
    unseen = average * days - own
    if own < _NEVER * average * days and unseen > 1:
        average *= exp(-min(unseen, 50.0))
    mean = (prior_days * average + own) / (prior_days + days)
    return UsualReceipts(mean * store.level, own + prior_days * average + 0.5)


def has_sold(day: int, quarter: int, store: SalesHistory) -> bool:
    """Tell whether the store is known to sell in this quarter on this weekday, not only on others."""
    weekday = (day - 1) % 7
    cells = unpack_from("<7e", store.cells, quarter * 7 * CELL_BYTES)
    average = sum(cells) / max(sum(store.weekdays), 1.0)
    return bool(cells[weekday] > _NEVER * average * store.weekdays[weekday])


def learn_profile(store: SalesHistory, memory: float) -> None:
    """Add the day that is over to its weekday, of which `memory` past days count."""
    weekday = (store.day - 1) % 7
    keep = 1 - 1 / memory
    cells = bytearray(store.cells)
    for quarter in range(QUARTERS):
        at = (quarter * 7 + weekday) * CELL_BYTES
        (value,) = unpack_from("<e", cells, at)
        value = value * keep + store.today.get(quarter, 0.0) / store.level
        pack_into("<e", cells, at, min(value, LARGEST_CELL * 2))
    store.cells = bytes(cells)
    store.weekdays[weekday] = store.weekdays[weekday] * keep + 1
