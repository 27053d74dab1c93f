"""The hover text of an alert: employee, type, reason, money and local time."""

import textwrap
from collections.abc import Hashable, Mapping
from html import escape
from typing import Any

from retail_anomaly.core.stakes import at_stake
from retail_anomaly.frames.shown_times import Zones, local_text, zone_of
from retail_anomaly.frames.words import label_of, who


def alert_hover(alert: Mapping[Hashable, Any], zones: Zones = "UTC") -> str:
    """Return the hover text of an alert, as the HTML that Plotly takes.

    Parameters
    ----------
    alert
        One alert: a row of an alert frame, as a dictionary.
    zones
        Time zone of the stores.

    Examples
    --------
    >>> from retail_anomaly.frames.alerts import example_alerts
    >>> for line in alert_hover(example_alerts().iloc[0].to_dict()).split("<br>"):
    ...     print(line)
    <b>Refund burst</b>, risk 0.88
    store-1, c-1
    Cashier c-1 made 2 high refunds.
    At stake: 240.00
    2025-10-09 08:53:20 UTC in the store
    """
    lines = [
        f"<b>{escape(label_of(alert['type']))}</b>, risk {alert['risk_score']:.2f}",
        escape(who(alert)),
        *(escape(line) for line in textwrap.wrap(alert["message"], 60)),
    ]
    money = at_stake(alert["evidence"])
    if money is not None:
        lines.append(f"At stake: {money:,.2f}")
    lines.append(f"{local_text(alert['event_time'], zone_of(alert['store_id'], zones))} in the store")
    if alert["revision"] > 1:
        lines.append(f"Revision {alert['revision']}: it has become worse")
    return "<br>".join(lines)
