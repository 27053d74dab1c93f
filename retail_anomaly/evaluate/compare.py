"""Two sets of alerts compared: those that appear, vanish or stay the same."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec
import pandas as pd

from retail_anomaly.core.alerts import Alert
from retail_anomaly.core.durations import Duration
from retail_anomaly.evaluate.match import cited_names
from retail_anomaly.frames.alerts import last_revisions
from retail_anomaly.frames.columns import expect_columns
from retail_anomaly.frames.times import epoch_millis
from retail_anomaly.replay import replay
from retail_anomaly.settings import Settings, with_parameters
from retail_anomaly.sources import Where
from retail_anomaly.sources.loaded import Events, load

CHANGES: Final = ("kept", "moved", "appeared", "vanished")
"""The ways in which an alert can change under another configuration."""

_CONTENT: Final = tuple(field for field in Alert.__struct_fields__ if field != "detected_at")


def compare_alerts(before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    """Compare the alerts of two configurations.

    An alert is ``kept`` if both sets have its id. It has ``moved`` if another event raises it: an alert of
    the same type and store cites one of its transactions or, if neither cites any, its sku at the same time.
    Otherwise it has ``appeared`` or ``vanished``.

    Parameters
    ----------
    before, after
        Alerts, as `replay` or `read_alerts` returns them; of revisions the last counts.

    Returns
    -------
    pandas.DataFrame
        ``change``, ``risk_before`` (NaN for one that appeared), and the columns of an alert: as it is after,
        or as it was where it has vanished; in order of time.

    Examples
    --------
    >>> from retail_anomaly.frames.alerts import example_alerts
    >>> alerts = example_alerts()
    >>> compare_alerts(alerts, alerts.tail(1))[["change", "alert_id"]].values.tolist()
    [['vanished', 'a1'], ['kept', 'a2']]
    """
    old, new = last_revisions(before), last_revisions(after)
    risks = dict(zip(old["alert_id"], old["risk_score"], strict=True))
    subjects_of_old = _by_subject(old)
    known, left = set(risks), set(new["alert_id"])
    changes, risks_before = [], []
    for alert in new.to_dict("records"):
        others = {other for subject in _subjects(alert) for other in subjects_of_old.get(subject, ())}
        own = alert["alert_id"]
        changes.append("kept" if own in known else "moved" if others else "appeared")
        left |= others
        risks_before.append(risks.get(own, max((risks[other] for other in others), default=float("nan"))))
    gone = old[~old["alert_id"].isin(left)]
    parts = [
        new.assign(
            change=pd.Series(changes, dtype="object"), risk_before=pd.Series(risks_before, dtype="float64")
        ),
        gone.assign(change="vanished", risk_before=gone["risk_score"]),
    ]
    found = pd.concat([part for part in parts if len(part)] or parts[:1])
    found = found.sort_values(["event_time", "alert_id"], kind="stable", ignore_index=True)
    first = ["change", "risk_before"]
    return found[[*first, *(column for column in found if column not in first)]]


def near_misses(
    source: Where, detector: str, *, settings: Settings | None = None, **looser: Any
) -> pd.DataFrame:
    """Return the additional alerts of a detector with looser parameters.

    Parameters
    ----------
    source
        A log or events, as `replay` takes them; read twice.
    detector
        Its name.
    settings
        The settings that hold its present parameters; by default the packaged ones.
    **looser
        The looser parameters with their values.

    Returns
    -------
    pandas.DataFrame
        The alerts that only the looser detector raises.

    Raises
    ------
    SettingsError
        There is no such detector.

    Examples
    --------
    >>> from retail_anomaly.core.events import CountEvent
    >>> counts = [CountEvent("s", "k", n, 1_760_000_000_000) for n in (20, 16)]
    >>> near_misses(counts, "stock_discrepancy", threshold=4)["message"].tolist()
    ['16 pieces of k are counted where 20 were expected after 0 sold and 0 refunded: 4 are missing.']
    """
    settings = settings or Settings()
    events = load(source, zones=settings.zones, privacy=settings.privacy)
    as_it_is = _alerts(events, settings, detector)
    found = compare_alerts(as_it_is, _alerts(events, _changed(settings, detector, looser), detector))
    appeared = found[found["change"] == "appeared"]
    return appeared.drop(columns=["change", "risk_before"]).reset_index(drop=True)


def alerts_by_value(
    source: Where, detector: str, parameter: str, values: Iterable[Any], *, settings: Settings | None = None
) -> pd.DataFrame:
    """Count how a detector's alerts change with the value of a parameter.

    Parameters
    ----------
    source
        A log or events, as `replay` takes them; read once for each value.
    detector, parameter
        Their names.
    values
        The values to try.
    settings
        The settings to compare with; by default the packaged ones.

    Returns
    -------
    pandas.DataFrame
        One row for each value, which is the index: the number of ``alerts``, and of those that are ``kept``,
        ``moved``, ``appeared`` and ``vanished``, see `compare_alerts`.

    Examples
    --------
    >>> from retail_anomaly.core.events import CountEvent
    >>> counts = [CountEvent("s", "k", n, 1_760_000_000_000 - n) for n in (20, 12, 8)]
    >>> alerts_by_value(counts, "stock_discrepancy", "threshold", [4, 9])
           alerts  kept  moved  appeared  vanished
    value
    4           2     1      0         1         0
    9           0     0      0         0         1
    """
    settings = settings or Settings()
    events = load(source, zones=settings.zones, privacy=settings.privacy)
    before = _alerts(events, settings, detector)
    rows = []
    for value in values:
        after = _alerts(events, _changed(settings, detector, {parameter: value}), detector)
        changes = compare_alerts(before, after)["change"].value_counts()
        counts = [int(changes.get(change, 0)) for change in CHANGES]
        rows.append(
            (str(value) if isinstance(value, Duration) else value, after["alert_id"].nunique(), *counts)
        )
    return pd.DataFrame(rows, columns=["value", "alerts", *CHANGES]).set_index("value")


def differing_alerts(one: pd.DataFrame, other: pd.DataFrame) -> pd.DataFrame:
    """Return the alerts that two hosts of the same detectors do not have in common.

    Every revision counts, in any order, with all its fields but ``detected_at``. A revision that a set has
    twice, as after a restart, counts once.

    Parameters
    ----------
    one, other
        Alerts, as `replay`, `read_alerts` or a live feed returns them.

    Returns
    -------
    pandas.DataFrame
        ``only_in`` (``one`` or ``other``) and the alert's content; one that both have with different
        content stands there twice. Empty: they are the same.

    Examples
    --------
    >>> from retail_anomaly.frames.alerts import example_alerts
    >>> alerts = example_alerts()
    >>> len(differing_alerts(alerts, alerts.iloc[::-1]))
    0
    >>> differing = differing_alerts(alerts, alerts.assign(risk_score=[0.88, 0.5]))
    >>> differing[["only_in", "risk_score"]].values.tolist()
    [['one', 1.0], ['other', 0.5]]
    """
    contents = {"one": _contents(one), "other": _contents(other)}
    rows = [
        {"only_in": name, **contents[name][key]}
        for name, against in (("one", "other"), ("other", "one"))
        for key in contents[name].keys() - contents[against].keys()
    ]
    found = pd.DataFrame(rows, columns=["only_in", *_CONTENT])
    return found.sort_values(["alert_id", "revision", "only_in"], ignore_index=True)


def _alerts(events: Events, settings: Settings, detector: str) -> pd.DataFrame:
    return replay(events, settings=settings, detectors=[detector], progress=False).alerts


def _changed(settings: Settings, detector: str, parameters: Mapping[str, Any]) -> Settings:
    """Return settings with other parameters of one detector."""
    changed = msgspec.structs.replace(settings.detectors[detector], **parameters)
    return with_parameters(settings, {detector: changed})


def _contents(alerts: pd.DataFrame) -> dict[bytes, dict[str, Any]]:
    """Return alerts by all that they say."""
    expect_columns(alerts, _CONTENT, "alerts")
    plain = alerts[list(_CONTENT)].assign(
        event_time=epoch_millis(alerts["event_time"]), opened_at=epoch_millis(alerts["opened_at"])
    )
    plain["employee_id"] = [name if isinstance(name, str) else None for name in plain["employee_id"]]
    rows = [{str(name): value for name, value in row.items()} for row in plain.to_dict("records")]
    return {msgspec.json.encode(row, order="deterministic"): row for row in rows}


def _by_subject(alerts: pd.DataFrame) -> dict[tuple[Any, ...], list[str]]:
    found: dict[tuple[Any, ...], list[str]] = defaultdict(list)
    for alert in alerts.to_dict("records"):
        for subject in _subjects(alert):
            found[subject].append(alert["alert_id"])
    return found


def _subjects(alert: Mapping[Any, Any]) -> Iterator[tuple[Any, ...]]:
    """Yield the subjects of an alert: its transactions, or its sku at its time."""
    about = alert["type"], alert["store_id"]
    named = set(cited_names(alert["evidence"]))
    transactions = [name for kind, name in named if kind == "t"]
    if transactions:
        yield from ((*about, name) for name in transactions)
    else:
        yield from ((*about, sku, alert["event_time"]) for kind, sku in named if kind == "s")
