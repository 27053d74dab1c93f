"""The scorecard as a page."""

from pathlib import Path

import pandas as pd

from retail_anomaly import plots
from retail_anomaly.core.quantities import plural
from retail_anomaly.evaluate import Scorecard
from retail_anomaly.evaluate.words import measure_text
from retail_anomaly.report.html import figure, frame_table, section, write_page

_TILES = {
    "Incidents found": "recall",
    "Alerts that are right": "precision",
    "Alerts per store-day": "alert_rate",
    "Loss found per alert read": "loss_per_alert",
}


def write_scorecard(card: Scorecard, path: Path | str, *, title: str = "Scorecard") -> Path:
    """Write a scorecard as one HTML page that opens offline.

    Parameters
    ----------
    card
        As `scorecard` returns it.
    path
        The page to write; a file of that name is replaced.
    title
        Heading of the page.

    Returns
    -------
    pathlib.Path
        The page.

    Examples
    --------
    >>> import tempfile
    >>> from retail_anomaly.evaluate import incidents_frame, scorecard
    >>> card = scorecard(plots.example_alerts(), incidents_frame([]), store_days={"store-1": 4})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     page = write_scorecard(card, Path(folder) / "card.html").read_text("utf-8")
    >>> "0.50 alerts per store-day" in page, "<script src" in page
    (True, False)
    """
    measures, scenarios, detectors, distractors = card.tables()
    sections = []
    if len(scenarios):
        sections += [
            figure(plots.recall_by_scenario(card.by_scenario)),
            _table("By scenario", scenarios),
        ]
        if card.incidents["found"].any():
            sections.append(figure(plots.time_to_detect(card.by_scenario)))
        sections.append(_table("Beside no, random and perfect alerts", measures))
        if len(card.curve):
            sections += [
                figure(plots.precision_at_k(card.overall, card.ks)),
                figure(plots.loss_per_alert(card.overall, card.ks)),
                figure(plots.precision_recall(card.curve, card.overall)),
                figure(plots.reliability(card.reliability)),
            ]
    if card.by_store["store_days"].sum() > 0:
        sections.append(figure(plots.alert_rate_by_store(card.by_store)))
    sections.append(_table("By detector", detectors))
    if len(distractors):
        sections.append(
            _table("Alerts about distractors: honest trade that looks like an incident", distractors)
        )
    return write_page(
        path,
        title=title,
        summary=" ".join([_summary(card), *card.notes]),
        facts={name: measure_text(measure, card.value(measure)) for name, measure in _TILES.items()},
        sections=sections,
        footer="Intervals are 95 % bootstrap intervals over the stores. Each alert counts once, with its "
        "last revision. Random: as many alerts, about refunds and counts drawn from the log. "
        "Perfect: one alert for each incident, at the first event that could show it.",
    )


def _summary(card: Scorecard) -> str:
    alerts = int(card.by_store["alerts"].sum())
    found, incidents = (int(card.by_store[name].sum()) for name in ("found", "incidents"))
    where = f"{plural(alerts, 'alert')} in {plural(len(card.by_store), 'store')}"
    if not incidents:
        return f"{where}; there were no incidents to find."
    return f"{where} found {found:,} of {plural(incidents, 'incident')}."


def _table(heading: str, rows: pd.DataFrame) -> str:
    caption = f"One row for each {rows.columns[0].lower()}, with its figures"
    return section(heading, frame_table(rows, caption=caption))
