"""All alerts in a table that a reader can search, sort, filter and download."""

import base64
import json
import zlib
from importlib.resources import files
from typing import Any

import pandas as pd

from retail_anomaly.frames.alert_tables import alerts_table
from retail_anomaly.frames.shown_times import Zones


def alert_list(shown: pd.DataFrame, zones: Zones) -> str:
    """Return the table as HTML: its rows as packed data, and the script that shows them.

    Ten thousand alerts would be megabytes of HTML; packed they are a tenth. Nothing of them is ever read as
    HTML.

    Parameters
    ----------
    shown
        Each alert once, with its ``money``, see `retail_anomaly.frames.evidence.money_once`.
    zones
        Time zone of the stores.

    Examples
    --------
    >>> from retail_anomaly.frames.alerts import example_alerts
    >>> unpacked(alert_list(example_alerts().assign(money=[240.0, None]), "UTC"))["rows"][0][:6]
    ['2025-10-09 08:53:20 UTC', 'store-1', 'c-1', 'Refund burst', 0.88, 240.0]
    """
    rows = alerts_table(shown, zones)
    rows.insert(5, "Money in question", shown["money"].astype("float64").round(2).to_numpy())
    ordered = rows.sort_values(["Confidence", "Money in question"], ascending=False, kind="stable")
    plain = ordered.astype("object").where(ordered.notna(), None)
    data = {"head": list(plain.columns), "rows": plain.to_numpy().tolist()}
    packed = base64.b64encode(zlib.compress(json.dumps(data).encode(), 9)).decode()
    script = files("retail_anomaly.report").joinpath("alert_list.js").read_text("utf-8")
    return (
        f'<div id="alert-list"><noscript>The table of {len(rows):,} alerts needs scripts.</noscript></div>'
        f'<script type="text/plain" id="alert-data">{packed}</script><script>{script}</script>'
    )


def unpacked(page: str) -> dict[str, Any]:
    """Return the head and the rows of the table in a page.

    Examples
    --------
    >>> from retail_anomaly.frames.alerts import example_alerts
    >>> len(unpacked(alert_list(example_alerts().assign(money=0.0), "UTC"))["rows"])
    2
    """
    packed = page.split('id="alert-data">', 1)[1].split("<", 1)[0]
    found: dict[str, Any] = json.loads(zlib.decompress(base64.b64decode(packed)))
    return found
