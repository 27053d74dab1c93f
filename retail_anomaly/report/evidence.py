"""The alerts to look at first, with their evidence."""

from collections.abc import Hashable, Mapping
from html import escape
from typing import Any, Final

import pandas as pd

from retail_anomaly.core.stakes import at_stake
from retail_anomaly.frames.confidence import confidence_of
from retail_anomaly.frames.evidence import evidence_items
from retail_anomaly.frames.shown_times import Zones, local_text, zone_of
from retail_anomaly.frames.words import label_of, who
from retail_anomaly.plots.style import colour_of

TOP: Final = 10
_LONG: Final = 34  # characters that still fit one column
_MOST: Final = 600  # and those that anybody reads


def top_alerts(shown: pd.DataFrame, zones: Zones) -> str:
    """Return the alerts of the highest confidence, then of the most money, as HTML.

    Parameters
    ----------
    shown
        Each alert once.
    zones
        Time zone of the stores.
    """
    ranked = confidence_of(shown).assign(money=shown["evidence"].map(at_stake).astype("float64").fillna(0.0))
    ranked = ranked.sort_values(["confidence", "money"], ascending=False, kind="stable")
    note = ""
    if len(ranked) > TOP:
        kept = (
            f"The {TOP} that are most likely right, of {len(ranked):,}, by the share of such alerts that was."
        )
        note = f'<p class="note">{kept}</p>'
    return note + "".join(_alert(alert, zones) for alert in ranked.head(TOP).to_dict("records"))


def _alert(alert: Mapping[Hashable, Any], zones: Zones) -> str:
    zone = zone_of(alert["store_id"], zones)
    evidence = "".join(_item(name, value) for name, value in evidence_items(alert["evidence"], zone))
    revised = f", revision {alert['revision']}" if alert["revision"] > 1 else ""
    return (
        f'<article class="alert" style="--colour: {colour_of(alert["type"])}">'
        f"<h3><b>{escape(label_of(alert['type']))}</b> · risk {alert['risk_score']:.2f}, "
        f"confidence {alert['confidence']:.2f}{revised} · "
        f"{escape(who(alert))} · {escape(local_text(alert['event_time'], zone))}</h3>"
        f"<p>{escape(alert['message'])}</p><dl>{evidence}</dl></article>"
    )


def _item(name: str, value: str) -> str:
    kind = ' class="wide"' if len(value) > _LONG else ""
    if len(value) > _MOST:
        value = f"{value[:_MOST]} … ({len(value):,} characters; the alert has them all)"
    return f"<div{kind}><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>"
