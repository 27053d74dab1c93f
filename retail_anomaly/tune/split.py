"""The two parts of a log: the days tuned on, and the held-out days on which the result is measured."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

import numpy as np
import pandas as pd

from retail_anomaly.frames.store_calendar import local_days, midnight
from retail_anomaly.frames.times import utc_times
from retail_anomaly.tune import TuneError

TUNED: Final = "tuned on"
HELD_OUT: Final = "held out"
_EPOCH: Final = date(1970, 1, 1)


@dataclass(frozen=True)
class DaySplit:
    """A log split in two parts, at the same local midnight in every store.

    An alert belongs to the day on which it was opened. An incident belongs to the day on which it ends,
    because an investigator can only know of it then. An incident that goes on over the cut is held out.

    Parameters
    ----------
    first, held_out, last
        The first day of the log, the first that is held out, and the last.
    cuts
        By store the start of the first held-out day, in epoch milliseconds.
    store_days
        By part the number of days on which each store had events.

    Examples
    --------
    >>> noon = 1_760_011_200_000 + np.arange(10) * 86_400_000
    >>> split = DaySplit.of({"s": noon}, {}, share=0.6)
    >>> split.held_out.isoformat(), {part: int(days.sum()) for part, days in split.store_days.items()}
    ('2025-10-15', {'tuned on': 6, 'held out': 4})
    """

    first: date
    held_out: date
    last: date
    cuts: Mapping[str, int]
    store_days: Mapping[str, "pd.Series[int]"]

    @classmethod
    def of(cls, times: Mapping[str, np.ndarray], zones: Mapping[str, str], *, share: float) -> "DaySplit":
        """Split a log.

        Parameters
        ----------
        times
            By store the times of its events, in epoch milliseconds.
        zones
            IANA time zone by store; UTC for the others.
        share
            The share of the days to tune on.

        Raises
        ------
        TuneError
            There are fewer than two days.
        """
        days = {
            store: np.unique(local_days(found, zones.get(store, "UTC"))) for store, found in times.items()
        }
        every = np.unique(np.concatenate([np.empty(0, dtype="int64"), *days.values()]))
        if len(every) < 2:
            raise TuneError(
                f"the log has {len(every)} days with events: tuning needs two at least, some to tune on and "
                "others to see what it is worth"
            )
        cut = int(every[min(max(round(len(every) * share), 1), len(every) - 1)])
        return cls(
            first=_day(every[0]),
            held_out=_day(cut),
            last=_day(every[-1]),
            cuts={store: midnight(_day(cut), zones.get(store, "UTC")) for store in days},
            store_days={
                TUNED: _counted({store: int((found < cut).sum()) for store, found in days.items()}),
                HELD_OUT: _counted({store: int((found >= cut).sum()) for store, found in days.items()}),
            },
        )

    def period(self, part: str) -> str:
        """Return the first and the last day of a part, as text."""
        first, last = (
            (self.first, self.held_out - timedelta(days=1)) if part == TUNED else (self.held_out, self.last)
        )
        return f"{first} to {last}"

    def of_alerts(self, alerts: pd.DataFrame) -> "pd.Series[str]":
        """Return the part of each alert; a revision belongs to the part of its alert."""
        return self._part(alerts["store_id"], alerts["opened_at"])

    def of_incidents(self, incidents: pd.DataFrame) -> "pd.Series[str]":
        """Return the part of each incident."""
        return self._part(incidents["store_id"], incidents["end"])

    def _part(self, stores: "pd.Series[str]", times: "pd.Series[pd.Timestamp]") -> "pd.Series[str]":
        cuts = utc_times(stores.map(self.cuts))
        return pd.Series(np.where(times < cuts, TUNED, HELD_OUT), index=stores.index, dtype="object")


def _day(number: int) -> date:
    return _EPOCH + timedelta(days=int(number))


def _counted(days: Mapping[str, int]) -> "pd.Series[int]":
    return pd.Series(days, dtype="int64").sort_index()
