"""A tuning as a page."""

from pathlib import Path

from retail_anomaly.evaluate.words import measure_text
from retail_anomaly.report.html import figure, frame_table, section, table, write_page
from retail_anomaly.tune.split import HELD_OUT, TUNED
from retail_anomaly.tune.trial_tables import value_text
from retail_anomaly.tune.tuning import AFTER, BEFORE, Tuning

_TILES = {
    "Incidents found, held out": "recall",
    "Alerts per store-day, held out": "alert_rate",
    "Alerts that are right, held out": "precision",
}


def write_tuning(tuning: Tuning, path: Path | str, *, title: str = "Tuning") -> Path:
    """Write a tuning as one HTML page that opens offline.

    Parameters
    ----------
    tuning
        As `tune` returns it.
    path
        Where to; a file of that name is replaced.
    title
        Heading of the page.

    Returns
    -------
    pathlib.Path
        The page.
    """
    before, after = tuning.scorecards[HELD_OUT, BEFORE], tuning.scorecards[HELD_OUT, AFTER]
    compared = tuning.comparison()
    heads = ["", *(", ".join(pair) for pair in compared.columns)]
    changes = [[key, value_text(old), value_text(new)] for key, (old, new) in tuning.changes.items()]
    sections = [
        section(
            "Before and after",
            table(
                heads,
                compared.itertuples(),
                range(1, 5),
                caption="Measures, with the settings before and after",
            ),
        ),
        section(
            "Incidents found, by scenario", frame_table(tuning.scenarios(), caption="One row a scenario")
        ),
        figure(tuning.recall_and_alert_rate()),
        figure(tuning.parameter_slices()),
    ]
    if changes:
        heading = "What changes" if tuning.beats_base else "Best on the days tuned on, and not kept"
        sections.insert(
            2,
            section(
                heading,
                table(["Parameter", BEFORE, AFTER], changes, (1, 2), caption="Parameters that differ"),
            ),
        )
    return write_page(
        path,
        title=title,
        summary=" ".join([tuning.verdict, *tuning.facts()]),
        facts={
            name: f"{measure_text(measure, before.value(measure))} → "
            f"{measure_text(measure, after.value(measure))}"
            for name, measure in _TILES.items()
        },
        sections=sections,
        footer=f"The figures are in two parts: the days {TUNED}, on which the parameters were chosen, and "
        f"those {HELD_OUT}, which took no part in the choice. Each alert counts once, as its last revision "
        "has it.",
    )
