"""The reason of a model's alert: the rarity of each component of its score."""

from collections.abc import Hashable, Mapping
from html import escape
from math import log10
from typing import Any, Final

import plotly.graph_objects as go

from retail_anomaly.frames.shown_times import Zones, local_text, zone_of
from retail_anomaly.frames.words import label_of, who
from retail_anomaly.plots.hover import alert_hover
from retail_anomaly.plots.style import QUIET, colour_of, styled

_RAREST: Final = 1e-12
_UNITS: Final = ((1e9, " billion"), (1e6, " million"))
_LABELS: Final = {
    "quarter": "Receipts of the quarter of an hour",
    "two_hours": "Receipts of two hours",
    "hour": "Count of the hour",
    "day": "Count of the day so far",
    "week": "Count of five days worked",
    "weeks": "Count of fifteen days worked",
    "silence": "Time since the last receipt",
    "till": "Time since the till's last receipt",
    "ticket": "Amounts of the lines",
    "price": "Lines far from the known price",
    "off_shift": "Refunds while off shift",
    "overpriced": "Refunds above the price",
    "near_limit": "Refunds just under the limit",
    "no_sale_named": "Refunds without a named sale",
    "cash": "Refunds in cash",
    "same_sku": "Refunds of the same article",
    "same_sale": "Refunds of the same sale",
    "same_cashier": "Refunds of own sales within half an hour",
    "tender_switch": "Refunds in cash of sales that were not",
    "not_covered": "Refunds above what was sold",
    "amount": "Amounts of the refunds",
    "model": "Score of the chosen model",
}


def score_components(alert: Mapping[Hashable, Any], *, zones: Zones = "UTC") -> go.Figure:
    """Draw the rarity of each component of a model's score when it alerted.

    Parameters
    ----------
    alert
        One alert of a model: a row of an alert frame, as a dictionary. Its evidence has ``pValues``, the
        chance of each component to be as high (or as low), and ``component``, the deciding one.
    zones
        Time zone of the stores.

    Returns
    -------
    plotly.graph_objects.Figure
        One bar a component, the rarest on top.

    Raises
    ------
    ValueError
        The alert is a rule's: it has no components.

    Examples
    --------
    >>> from retail_anomaly.frames.alerts import example_alerts
    >>> evidence = {"pValues": {"day": 0.25, "cash": 0.0005}, "component": "cash", "chance": 0.01}
    >>> alert = {**example_alerts().iloc[0], "type": "REFUND_DEVIATION", "evidence": evidence}
    >>> figure = score_components(alert)
    >>> figure.layout.title.text
    'What stood out: refunds in cash, 1 in 2,000'
    >>> figure.data[0].y
    ('Count of the day so far', 'Refunds in cash')
    """
    chances = alert["evidence"].get("pValues")
    if not chances:
        raise ValueError(
            f"{alert['type']} is a rule's alert and has no components: choose one whose evidence has pValues"
        )
    ordered = sorted(chances.items(), key=lambda item: -item[1])
    deciding = alert["evidence"].get("component")
    longest = max(1.0, -log10(max(ordered[-1][1], _RAREST)))
    figure = go.Figure(
        go.Bar(
            x=[-log10(max(chance, _RAREST)) for _, chance in ordered],
            y=[escape(_label(name)) for name, _ in ordered],
            orientation="h",
            marker_color=[colour_of(alert["type"]) if name == deciding else QUIET for name, _ in ordered],
            text=[_odds(chance) for _, chance in ordered],
            # A long bar has room for its text inside; beside a long bar there is none.
            textposition=[
                "inside" if -log10(max(c, _RAREST)) > longest / 2 else "outside" for _, c in ordered
            ],
            insidetextanchor="end",
            cliponaxis=False,
            hovertext=[
                f"{escape(_label(name))}: {_odds(chance)}<br><br>{alert_hover(alert, zones)}"
                for name, chance in ordered
            ],
            hoverinfo="text",
        )
    )
    top = max(1.0, 1.2 * longest)
    powers = range(0, int(top) + 1, 1 + int(top) // 7)
    figure.update_xaxes(
        title_text="How rare that is in ordinary trade (log scale)",
        tickvals=list(powers),
        ticktext=["always", *(_odds(10.0**-power) for power in powers if power)],
        tickangle=0,
        range=[0, top],
    )
    figure.update_layout(bargap=0.35)
    figure.update_yaxes(type="category", showgrid=False)
    rarest, chance = next(((n, c) for n, c in ordered if n == deciding), ordered[-1])
    title = f"What stood out: {escape(_label(rarest)[:1].lower() + _label(rarest)[1:])}, {_odds(chance)}"
    time = local_text(alert["event_time"], zone_of(alert["store_id"], zones))
    subtitle = f"{label_of(alert['type'])} in {who(alert)}, {time}, risk {alert['risk_score']:.2f}"
    return styled(figure, title, escape(subtitle), height=80 + 27 * max(3, len(ordered)))


def _label(component: str) -> str:
    return _LABELS.get(component, label_of(component))


def _odds(chance: float) -> str:
    """Return a chance as words.

    Examples
    --------
    >>> _odds(0.0005), _odds(0.7), _odds(2.3e-7), _odds(0.0)
    ('1 in 2,000', '7 in 10', '1 in 4.3 million', 'less than 1 in 1,000 billion')
    """
    if chance < _RAREST:
        return f"less than {_odds(_RAREST)}"
    if chance >= 0.95:
        return "usual"
    if chance > 0.2:
        return f"{10 * chance:.0f} in 10"
    one_in = float(f"{1 / chance:.2g}")
    unit, word = next(((unit, word) for unit, word in _UNITS if one_in >= unit), (1, ""))
    return f"1 in {one_in / unit:,.10g}{word}"
