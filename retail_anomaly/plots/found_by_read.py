"""A figure that compares models: the share of incidents found, by the number of days that somebody reads."""

from html import escape
from typing import Final

import pandas as pd
import plotly.graph_objects as go

from retail_anomaly.core.quantities import plural
from retail_anomaly.plots.style import COLOURS, INK, MUTED, PERCENT, styled

_DASHES: Final = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
_RIVALS: Final = ("#0068b5", "#c77700", "#00846b", "#8e5bb5", "#d1495b")


def found_by_read(days: pd.DataFrame, *, own: str) -> go.Figure:
    """Draw the share of incident days that each model finds, by the number of its strangest days read.

    Parameters
    ----------
    days
        A row a cashier's day: ``incident`` (whether one is behind it), and a column of scores by model. A
        missing score is the lowest.
    own
        The column that stands out.

    Returns
    -------
    plotly.graph_objects.Figure
        One line a model; the best that is possible in grey.

    Examples
    --------
    >>> scores = {"ours": [0.9, 0.1, 0.8], "trees": [0.1, 0.2, 0.9]}
    >>> days = pd.DataFrame({"incident": [True, False, True], **scores})
    >>> figure = found_by_read(days, own="ours")
    >>> [(line.name, list(line.y)) for line in figure.data]
    [('perfect', [0.5, 1.0]), ('ours', [0.5, 1.0]), ('trees', [0.5, 0.5])]
    """
    wanted = int(days["incident"].sum())
    read = list(range(1, min(2 * wanted, len(days) - 1) + 1))
    figure = go.Figure()
    figure.add_scatter(
        x=read,
        y=[min(number / wanted, 1.0) for number in read],
        name="perfect",
        mode="lines",
        line={"color": MUTED, "width": 1, "dash": "dot"},
        hoverinfo="skip",
    )
    names = [own, *(name for name in days.columns if name not in ("incident", own))]
    for number, name in enumerate(names):
        ranked = days.sort_values(name, ascending=False, kind="stable", na_position="last")
        found = ranked["incident"].cumsum().iloc[: len(read)] / wanted
        figure.add_scatter(
            x=read,
            y=found.tolist(),
            name=escape(str(name)),
            mode="lines",
            line={
                "color": COLOURS["REFUND_DEVIATION"] if number == 0 else _RIVALS[(number - 1) % len(_RIVALS)],
                "width": 3 if number == 0 else 2,
                "dash": _DASHES[number % len(_DASHES)],
            },
            hovertemplate=f"{escape(str(name))}: %{{y:.0%}} after %{{x}}<extra></extra>",
        )
    figure.add_vline(x=wanted, line={"color": INK, "width": 1, "dash": "dot"})
    figure.update_xaxes(title_text="Cashier days looked into, the strangest first", rangemode="tozero")
    figure.update_yaxes(title_text="Found", tickformat=PERCENT, range=[-0.03, 1.06])
    return styled(
        figure,
        f"What is found of {plural(wanted, 'cashier day')} with an incident",
        f"Each model ranks the same {len(days):,} days; the upright line is as many as there are to be found",
        height=360,
    )
