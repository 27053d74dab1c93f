"""The part of the report about the lessons of verdicts."""

from typing import Final

from retail_anomaly.core.markup import html_paragraph
from retail_anomaly.core.quantities import plural
from retail_anomaly.frames.cases import CaseBook
from retail_anomaly.frames.learned import last_reasons, poor_types, verdicts_by_week
from retail_anomaly.frames.shown_times import day_text
from retail_anomaly.frames.words import label_of, percent
from retail_anomaly.report.html import table

_MOST_ROWS: Final = 40
_MOST_REASONS: Final = 8
_VERDICTS: Final = ("confirmed", "benign", "training", "unclear")


def learned_part(book: CaseBook) -> str:
    """Return what the verdicts taught, week by week, as HTML.

    Parameters
    ----------
    book
        Cases with the decisions about them.

    Examples
    --------
    >>> from retail_anomaly.frames.alerts import example_alerts
    >>> from retail_anomaly.frames.cases import triage
    >>> learned_part(triage(example_alerts()))
    '<p>Nobody has judged an alert yet.</p>'
    """
    weeks = verdicts_by_week(book)
    if weeks.empty:
        return html_paragraph("Nobody has judged an alert yet.")
    last = weeks[weeks["week"] == weeks["week"].iloc[0]]
    counts = {verdict: int(last[verdict].sum()) for verdict in _VERDICTS}
    said = ", ".join(f"{count:,} {verdict}" for verdict, count in counts.items() if count)
    since = day_text(weeks["week"].iloc[0])
    notes = [f"Since {since} {plural(sum(counts.values()), 'alert')} were judged: {said}."]
    notes += [
        f"{label_of(poor.type)} may go into the shadow: {poor.confirmed:,} of {poor.judged:,} judged alerts "
        "were right. Nothing is switched by itself."
        for poor in poor_types(book)
    ]
    rows = [
        [
            day_text(row["week"]),
            label_of(row["type"]),
            *(f"{row[verdict]:,}" for verdict in _VERDICTS),
            f"{percent(row['right'] / row['judged'])} of {row['judged']:,}" if row["judged"] else "",
        ]
        for row in weeks.head(_MOST_ROWS).to_dict("records")
    ]
    head = ["Week from", "Alert", *map(str.capitalize, _VERDICTS), "Right so far"]
    by_week = table(head, rows, range(2, 7), caption="Verdicts by week, the newest first")
    reasons = last_reasons(book).most_common(_MOST_REASONS)
    given = table(
        ["Verdict", "Reason", "Times"],
        [[verdict, reason, f"{times:,}"] for (verdict, reason), times in reasons],
        [2],
        caption="The reasons given most often in the last week",
    )
    return "".join([*map(html_paragraph, notes), by_week, given])
