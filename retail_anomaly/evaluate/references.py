"""Alerts to compare with: drawn at random, and perfect ones."""

from typing import Any, Final

import numpy as np
import pandas as pd

from retail_anomaly.evaluate.activity import Activity
from retail_anomaly.evaluate.match import distractors
from retail_anomaly.frames.times import epoch_millis, utc_times

ALERT_COLUMNS: Final = (
    "alert_id",
    "revision",
    "detector",
    "store_id",
    "employee_id",
    "risk_score",
    "event_time",
    "opened_at",
    "evidence",
)


def random_alerts(activity: Activity, count: int, *, runs: int, seed: int) -> pd.DataFrame:
    """Draw alerts about random refunds and counts of the log, as many of either where there are both.

    That is how somebody reads who has no alerts: sales are too many, and nearly all of them are honest.

    Parameters
    ----------
    activity
        Has a sample of the log.
    count
        The number of alerts in a run.
    runs
        The number of runs.
    seed
        Seed of the drawing.

    Returns
    -------
    pandas.DataFrame
        Alerts with a ``run``, 0 to `runs` - 1; their risk and confidence are uniform between 0 and 1.

    Examples
    --------
    >>> from retail_anomaly.core.events import PosEvent
    >>> refund = PosEvent("t-1", "store-1", "c-1", "sku-1", 9.5, "REFUND", 1_760_000_000_000)
    >>> drawn = random_alerts(Activity.of([refund]), 2, runs=3, seed=0)
    >>> drawn["run"].tolist(), drawn["evidence"][0]
    ([0, 0, 1, 1, 2, 2], {'transactionId': 't-1', 'sku': 'sku-1'})
    """
    rng = np.random.default_rng(seed)
    sample = activity.sample
    size = count * runs if len(sample) else 0
    # A store counts more articles than it refunds: each kind has half of the chance.
    is_count = sample["transaction_id"].isna()
    weights = 1 / is_count.map(is_count.value_counts()).to_numpy(dtype="float64")
    rows = sample.iloc[rng.choice(len(sample), size, p=weights / weights.sum()) if size else []]
    return pd.DataFrame(
        {
            "alert_id": [f"random-{number}" for number in range(size)],
            "revision": 1,
            "detector": "random",
            "store_id": rows["store_id"].to_numpy(),
            "employee_id": rows["employee_id"].to_numpy(),
            "risk_score": (risks := rng.random(size)),
            "confidence": risks,
            "event_time": utc_times(rows["event_time"].to_numpy()),
            "opened_at": utc_times(rows["event_time"].to_numpy()),
            "evidence": [
                {"transactionId": transaction, "sku": sku} if isinstance(transaction, str) else {"sku": sku}
                for transaction, sku in zip(rows["transaction_id"], rows["sku"], strict=True)
            ],
            "run": np.repeat(np.arange(runs), count)[:size],
        }
    )


def perfect_alerts(incidents: pd.DataFrame, activity: Activity | None) -> pd.DataFrame:
    """Make one alert for each incident, at the first event that could show it.

    That is the store's first event since the incident's start; for goods that are missing, an
    incident of a sku without transactions, the count at its end.

    Parameters
    ----------
    incidents
        The truth; distractors get no alert.
    activity
        Knows the store's events; None: the incident's start stands for them.

    Returns
    -------
    pandas.DataFrame
        Alerts whose risk and confidence are the incident's share of the highest expected loss: the dearest
        first.
    """
    rows: list[list[Any]] = []
    starts, ends = epoch_millis(incidents["start"]), epoch_millis(incidents["end"])
    losses = pd.to_numeric(incidents["expected_loss"]).fillna(0.0).to_numpy(dtype="float64")
    highest = max(losses.max(initial=0.0), 1e-9)
    false = distractors(incidents)
    for place, incident in enumerate(incidents.to_dict("records")):
        if false[place]:
            continue
        transactions, sku, store = incident["transaction_ids"], incident.get("sku"), incident["store_id"]
        cites = isinstance(transactions, list | tuple | np.ndarray) and len(transactions) > 0
        at, end = int(starts[place]), int(ends[place])
        if isinstance(sku, str) and not cites:
            at = end
        elif activity is not None:
            at = min(activity.first_since(store, at) or at, end)
        evidence = {"transactionIds": list(transactions)} if cites else {"sku": sku} if sku else {}
        person = incident.get("employee_id")
        rows.append(
            [f"perfect-{place}", 1, "perfect", store, person, losses[place] / highest, at, at, evidence]
        )
    frame = pd.DataFrame(rows, columns=list(ALERT_COLUMNS))
    for column in ("event_time", "opened_at"):
        frame[column] = utc_times(frame[column])
    return frame.assign(confidence=frame["risk_score"])
