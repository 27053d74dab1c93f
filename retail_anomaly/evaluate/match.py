"""The alerts about each incident."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np
import pandas as pd

from retail_anomaly.frames.times import epoch_millis, utc_times

_TRANSACTIONS: Final = ("transactionid", "transactionids")
_SKUS: Final = ("sku", "skus")


def match_incidents(alerts: pd.DataFrame, incidents: pd.DataFrame) -> pd.DataFrame:
    """Return the alerts about each incident.

    An alert counts for an incident when both share the store, and the employee where both name one,
    and its evidence cites the incident:

    - one of its transactions; or
    - an interval, from ``start`` to ``end`` in the evidence, that covers half of the incident, by an alert
      that cites no transactions.

    For an incident without transactions time decides: the alert's event, or the interval that its
    evidence cites, lies within the incident. Such an alert must not be about something else. If the incident
    names a sku, an alert that cites a sku or transactions must cite that sku. If it names neither a sku nor
    an employee, an alert that cites a sku or transactions must cite an interval. The alert's type does not
    matter. Revisions of an alert are one alert.

    Parameters
    ----------
    alerts
        Alerts, as `replay` or `read_alerts` returns them.
    incidents
        Incidents, as `read_incidents` returns them. Those with ``distractor`` are honest: an alert
        about one is listed, but it is never found.

    Returns
    -------
    pandas.DataFrame
        The incidents, with ``alert_ids`` (a list, in order of time), ``found``, ``found_at`` (the
        event time of the first matching alert) and ``distractor``.

    Examples
    --------
    >>> from retail_anomaly.frames.alerts import example_alerts
    >>> alerts = example_alerts()
    >>> incident = {"incident_id": "i-1", "scenario": "skimming", "store_id": "store-1",
    ...     "employee_id": "c-1", "start": alerts["event_time"][0], "end": alerts["event_time"][0],
    ...     "transaction_ids": ["t-2", "t-3"], "expected_loss": 240.0, "sku": None}
    >>> match_incidents(alerts, pd.DataFrame([incident]))[["incident_id", "alert_ids", "found"]]
      incident_id alert_ids  found
    0         i-1      [a1]   True
    """
    pairs = match_pairs(alerts, incidents)
    distractor = distractors(incidents)
    lists: list[list[str]] = [[] for _ in range(len(incidents))]
    for row, alert_id in zip(pairs["incident"], pairs["alert_id"], strict=True):
        lists[row].append(alert_id)
    first = pairs.groupby("incident")["time"].min().reindex(range(len(incidents)))
    first = first.where(~distractor)
    found_at = utc_times(first)
    return incidents.assign(
        alert_ids=pd.Series(lists, index=incidents.index, dtype="object"),
        found=np.array([bool(ids) for ids in lists], dtype=bool) & ~distractor,
        found_at=found_at.to_numpy() if incidents.empty else found_at.array,
        distractor=distractor,
    )


def match_pairs(alerts: pd.DataFrame, incidents: pd.DataFrame) -> pd.DataFrame:
    """Return the pairs of incidents and alerts that belong together, distractors included.

    Parameters
    ----------
    alerts, incidents
        As for `match_incidents`.

    Returns
    -------
    pandas.DataFrame
        One row a pair, in order of time: ``incident`` (the place of its row, from 0), ``alert_id``,
        ``time`` (event time of the first revision that matches, in epoch milliseconds).
    """
    cited = [set(cited_names(evidence)) for evidence in alerts["evidence"]]
    intervals = [_interval(evidence) for evidence in alerts["evidence"]]
    left, right = np.concatenate(
        [
            _by_transaction(alerts, incidents, cited),
            _by_time(alerts, incidents, cited, intervals),
            _by_interval(alerts, incidents, cited, intervals),
        ],
        axis=1,
    )
    employees, suspects = _names(alerts, "employee_id"), _names(incidents, "employee_id")
    one, other = employees[left], suspects[right]
    same = (one == None) | (other == None) | (one == other)  # noqa: E711 - elementwise
    left, right = left[same], right[same]
    pairs = pd.DataFrame(
        {
            "incident": right,
            "alert_id": alerts["alert_id"].to_numpy()[left],
            "time": epoch_millis(alerts["event_time"])[left],
        }
    )
    pairs = pairs.sort_values(["time", "incident", "alert_id"], kind="stable")
    return pairs.drop_duplicates(["incident", "alert_id"], ignore_index=True)


def distractors(incidents: pd.DataFrame) -> np.ndarray:
    """Return whether each incident is a distractor; without such a column none is."""
    if "distractor" not in incidents:
        return np.zeros(len(incidents), dtype=bool)
    return np.array([bool(value) and not pd.isna(value) for value in incidents["distractor"]], dtype=bool)


def _by_transaction(
    alerts: pd.DataFrame, incidents: pd.DataFrame, cited: list[set[tuple[str, str]]]
) -> np.ndarray:
    """Return rows of alerts and of incidents of one store that name the same transaction."""
    one = [(row, name) for row, names in enumerate(cited) for kind, name in names if kind == "t"]
    other = [
        (row, name)
        for row, names in enumerate(_transactions(incidents))
        for name in dict.fromkeys(map(str, names))
    ]
    left = pd.DataFrame(one, columns=["left", "name"])
    right = pd.DataFrame(other, columns=["right", "name"])
    left["store"] = alerts["store_id"].to_numpy()[left["left"].astype("int64")]
    right["store"] = incidents["store_id"].to_numpy()[right["right"].astype("int64")]
    both = left.merge(right, on=["store", "name"])[["left", "right"]]
    return both.drop_duplicates().to_numpy(dtype="int64").T


def _by_time(
    alerts: pd.DataFrame,
    incidents: pd.DataFrame,
    cited: list[set[tuple[str, str]]],
    intervals: list[tuple[int, int] | None],
) -> np.ndarray:
    """Return rows of alerts, and of the incidents without transactions during which they came."""
    bare = np.array([not len(names) for names in _transactions(incidents)], dtype=bool)
    times, skus = epoch_millis(alerts["event_time"]), _names(incidents, "sku")
    starts, ends = epoch_millis(incidents["start"]), epoch_millis(incidents["end"])
    found = [np.empty((2, 0), dtype="int64")]
    rows_of = alerts.groupby("store_id").indices
    for store, places in incidents[bare].groupby("store_id").indices.items():
        if store not in rows_of:
            continue
        rows: np.ndarray = np.asarray(rows_of[store])
        rows = rows[np.argsort(times[rows], kind="stable")]
        right = np.flatnonzero(bare)[places]
        first = np.searchsorted(times[rows], starts[right], side="left")
        counts = np.searchsorted(times[rows], ends[right], side="right") - first
        counts = np.maximum(counts, 0)
        # The n-th alert of each incident: a run of numbers from its first.
        offsets = np.arange(counts.sum()) - np.repeat(counts.cumsum() - counts, counts)
        found.append(np.stack([rows[np.repeat(first, counts) + offsets], np.repeat(right, counts)]))
    left, right = np.concatenate(found, axis=1)
    suspects = _names(incidents, "employee_id")
    about = [
        not cited[alert]
        or ("s", skus[incident]) in cited[alert]
        or (skus[incident] is None and (suspects[incident] is not None or intervals[alert] is not None))
        for alert, incident in zip(left, right, strict=True)
    ]
    return np.stack([left, right])[:, np.array(about, dtype=bool)]


def _by_interval(
    alerts: pd.DataFrame,
    incidents: pd.DataFrame,
    cited: list[set[tuple[str, str]]],
    intervals: list[tuple[int, int] | None],
) -> np.ndarray:
    """Return rows of alerts that cite an interval, and of incidents of their store that it is about."""
    found: list[tuple[int, int]] = []
    starts, ends = epoch_millis(incidents["start"]), epoch_millis(incidents["end"])
    skus, transactions = _names(incidents, "sku"), _transactions(incidents)
    bare = np.array([not len(ids) and sku is None for ids, sku in zip(transactions, skus, strict=True)])
    named = np.array([len(ids) > 0 for ids in transactions])
    places_of = incidents.groupby("store_id").indices
    for row, (store, interval) in enumerate(zip(alerts["store_id"], intervals, strict=True)):
        places = places_of.get(store)
        if interval is None or places is None:
            continue
        first, last = np.maximum(starts[places], interval[0]), np.minimum(ends[places], interval[1])
        covers = (last - first) * 2 >= ends[places] - starts[places]
        about = bare[places] & (last >= first)
        if not any(kind == "t" for kind, _ in cited[row]):
            about |= named[places] & (last >= first) & covers
        found += [(row, place) for place in places[about]]
    return np.array(found, dtype="int64").reshape(-1, 2).T


def _interval(evidence: Any) -> tuple[int, int] | None:
    """Return the interval that evidence cites, in epoch milliseconds."""
    if not isinstance(evidence, Mapping):
        return None
    start, end = evidence.get("start"), evidence.get("end")
    if isinstance(start, int) and isinstance(end, int) and start <= end:
        return start, end
    return None


def cited_names(evidence: Any) -> Iterator[tuple[str, str]]:
    """Yield the transactions (t) and skus (s) that evidence names, however deep in it."""
    if isinstance(evidence, Mapping):
        for key, value in evidence.items():
            name = str(key).lower()
            kind = "t" if name.endswith(_TRANSACTIONS) else "s" if name.endswith(_SKUS) else ""
            if kind and isinstance(value, str):
                yield kind, value
            elif kind and isinstance(value, list | tuple | set | np.ndarray):
                yield from ((kind, str(item)) for item in value)
            else:
                yield from cited_names(value)
    elif isinstance(evidence, list | tuple | np.ndarray):
        for item in evidence:
            if not isinstance(item, str):
                yield from cited_names(item)


def _transactions(incidents: pd.DataFrame) -> list[Any]:
    # A Parquet file gives arrays; an incident without transactions may give None or NaN.
    return [ids if isinstance(ids, list | tuple | np.ndarray) else () for ids in incidents["transaction_ids"]]


def _names(frame: pd.DataFrame, column: str) -> np.ndarray:
    if column not in frame:
        return np.full(len(frame), None, dtype=object)
    names = [name if isinstance(name, str) and name else None for name in frame[column]]
    return np.array([*names, None], dtype=object)[:-1]
