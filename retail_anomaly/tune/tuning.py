"""The result of a tuning: the parameters, and the reasons for or against them."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt
from typing import Any, Final, NamedTuple

import msgspec
import pandas as pd
import plotly.graph_objects as go

from retail_anomaly.cases import Prior
from retail_anomaly.core.markup import html_paragraph, html_table
from retail_anomaly.core.quantities import plural
from retail_anomaly.evaluate import Scorecard
from retail_anomaly.evaluate.words import measure_label, measure_text
from retail_anomaly.frames.card_rows import row_of
from retail_anomaly.frames.words import label_of
from retail_anomaly.plots.tuning import parameter_slices, recall_and_alert_rate
from retail_anomaly.settings import Settings, flatten
from retail_anomaly.sources.event_log import BadLine
from retail_anomaly.tune.choose import Combination
from retail_anomaly.tune.config_file import config_text
from retail_anomaly.tune.split import HELD_OUT, TUNED
from retail_anomaly.tune.trial_tables import value_text
from retail_anomaly.tune.truth import MEASURES, Objective, SplitTruth

BEFORE: Final = "before"
AFTER: Final = "after"
COMPARED: Final = ("recall", "loss_recall", "alert_rate", "precision", "loss_per_alert")
"""The measures shown before and after."""


@dataclass(frozen=True)
class Tuning:
    """The result of a tuning: parameters that find more within the budget, if there are any.

    Parameters
    ----------
    base, tuned
        The settings begun with, and those that find most on the days tuned on.
    budget
        Alerts a store-day.
    objective
        ``recall`` or ``loss``.
    truth
        The days and incidents of both parts.
    scorecards
        By part (``tuned on``, ``held out``) and ``before`` or ``after``.
    trials
        One row per trial: ``trial``, ``alert_rate`` (alerts per store-day), ``worth`` (the share found,
        0 to 1) of all detectors together, and every parameter that was tried.
    candidates
        One row per trial, detector and parameter: ``trial``, ``detector``, ``parameter``, ``value``,
        ``text``, ``alert_rate`` and ``worth`` of that detector alone.
    frontier
        The combinations that no other beats, on the days tuned on: ``alert_rate``, ``worth``.
    start
        The result of the base on the days tuned on.
    bad_lines, first_bad
        How many lines of the log were no events, and the first of them.
    priors
        By ``before`` and ``after`` the precision of each type of alert on the days tuned on. Those of the
        settings to use are written as ``cases.priors``, for the order of reading.
    """

    base: Settings
    tuned: Settings
    budget: float
    objective: Objective
    truth: SplitTruth
    scorecards: Mapping[tuple[str, str], Scorecard]
    trials: pd.DataFrame
    candidates: pd.DataFrame
    frontier: pd.DataFrame
    start: Combination
    bad_lines: int
    first_bad: BadLine | None
    priors: Mapping[str, Mapping[str, Prior]]

    @property
    def beats_base(self) -> bool:
        """Whether the tuned settings are better than the base on the held-out days.

        Staying within the budget counts first, then finding more, then fewer alerts. The budget counts as
        kept up to two standard deviations of a Poisson count above it, because chance alone can bring so
        many alerts.
        """
        before, after = self._held_out(BEFORE), self._held_out(AFTER)
        return self.tuned != self.base and after.worth > 0 and after.key > before.key

    @property
    def settings(self) -> Settings:
        """The settings to use: the tuned ones where they beat the base, else the base, with their priors."""
        chosen, when = (self.tuned, AFTER) if self.beats_base else (self.base, BEFORE)
        priors = {**chosen.cases.priors, **self.priors[when]}
        return msgspec.structs.replace(chosen, cases=msgspec.structs.replace(chosen.cases, priors=priors))

    @property
    def changes(self) -> dict[str, tuple[Any, Any]]:
        """Every tuned value that differs from the base, by dotted path: before and after."""
        before, after = flatten(self.base), flatten(self.tuned)
        return {path: (before[path], after[path]) for path in after if before[path] != after[path]}

    @property
    def verdict(self) -> str:
        """The outcome in one sentence."""
        before, after = self._held_out(BEFORE), self._held_out(AFTER)
        if self.tuned == self.base:
            return "Tuning found nothing better than the settings it began with, so these are kept."
        if not self.beats_base:
            return (
                "On the held-out days the tuned settings do not beat those that tuning began with, so "
                "these are kept."
            )
        if after.excess < before.excess:
            how = (
                "they are nearer to the budget, which neither keeps"
                if after.excess
                else "they keep the budget"
            )
        elif after.worth > before.worth:
            how = "they find more"
        else:
            how = "they find as much with fewer alerts"
        return f"On the held-out days the tuned settings beat those that tuning began with: {how}."

    @property
    def config(self) -> str:
        """The configuration file: the values that differ from the packaged defaults, below a summary."""
        return config_text(self.settings, ["Written by `retail-anomaly tune`.", "", *self.lines()])

    def comparison(self) -> pd.DataFrame:
        """Return the measures of both parts, before and after.

        Returns
        -------
        pandas.DataFrame
            One row a measure, one column a part and ``before`` or ``after``: texts for a person.
        """
        return pd.DataFrame(
            {
                key: [measure_text(measure, card.value(measure)) for measure in COMPARED]
                for key, card in self.scorecards.items()
            },
            index=list(map(measure_label, COMPARED)),
        )

    def _repr_html_(self) -> str:
        changes = [(path, value_text(old), value_text(new)) for path, (old, new) in self.changes.items()]
        parts = [html_paragraph(self.verdict), self.comparison().to_html()]
        if changes:
            parts.append(html_table(changes, ["parameter", BEFORE, AFTER]))
        return "\n".join(parts)

    def scenarios(self) -> pd.DataFrame:
        """Return the incidents of the held-out days by scenario, and the share of them that was found."""
        before, after = (
            row_of(self.scorecards[HELD_OUT, when].by_scenario, "Alerts") for when in (BEFORE, AFTER)
        )
        return pd.DataFrame(
            {
                "Held out": list(map(label_of, map(str, before.index))),
                "Incidents": [f"{count:,.0f}" for count in before["incidents"]],
                BEFORE: [measure_text("recall", value) for value in before["recall"]],
                AFTER: [measure_text("recall", value) for value in after["recall"]],
            }
        )

    def facts(self) -> list[str]:
        """Return the days, incidents and limits behind the figures, in sentences."""
        days = self.truth.days
        found = [
            f"{part.capitalize()}: {days.period(part)}, "
            f"{plural(int(days.store_days[part].sum()), 'store-day')}, "
            f"{plural(int((self.truth.weights[part] > 0).sum()), 'incident')}."
            for part in (TUNED, HELD_OUT)
        ]
        wanted = "incidents" if self.objective == "recall" else "expected loss"
        found.append(
            f"Wanted: most {wanted} within {self.budget:g} alerts a store-day; "
            f"{plural(len(self.trials), 'trial')} of each detector."
        )
        if self.truth.incidents_left_out:
            left_out = plural(self.truth.incidents_left_out, "incident")
            found.append(f"Left out: {left_out} of other stores or times.")
        if self.bad_lines:
            found.append(
                f"Left out: {plural(self.bad_lines, 'line')} of the log that could not be read; "
                f"first {self.first_bad}."
            )
        return found

    def lines(self) -> list[str]:
        """Return the summary that the command prints, line by line."""
        found = self.facts()
        found += ["", *_table(self.comparison()), "", self.verdict]
        if self.changes:
            found.append("Changed:" if self.beats_base else "Best on the days tuned on, and not kept:")
            found += [
                f"  {path}: {value_text(old)} -> {value_text(new)}"
                for path, (old, new) in self.changes.items()
            ]
        return found

    def recall_and_alert_rate(self) -> go.Figure:
        """Draw the share found against the alert rate: trials, frontier, before and after."""
        return recall_and_alert_rate(
            self.trials,
            self.frontier,
            before=(self.start.alerts / self.truth.tuned_store_days, self.start.worth),
            budget=self.budget,
            objective=self.objective,
        )

    def parameter_slices(self) -> go.Figure:
        """Draw the share that each detector found by the values that were tried."""
        return parameter_slices(self.candidates, chosen=flatten(self.tuned), budget=self.budget)

    def _held_out(self, when: str) -> "_HeldOutResult":
        card = self.scorecards[HELD_OUT, when]
        worth, rate = card.value(MEASURES[self.objective]), card.value("alert_rate")
        days = float(self.truth.days.store_days[HELD_OUT].sum())
        return _HeldOutResult(max(0.0, rate - self.budget - 2 * sqrt(self.budget / days)), worth, rate)


class _HeldOutResult(NamedTuple):
    """The result of settings on the held-out days; a greater key is better."""

    excess: float
    worth: float
    alert_rate: float

    @property
    def key(self) -> tuple[float, float, float]:
        return -self.excess, self.worth, -self.alert_rate


def _table(comparison: pd.DataFrame) -> list[str]:
    heads = ["", *(", ".join(pair) for pair in comparison.columns)]
    rows = [heads, *([str(name), *texts] for name, *texts in comparison.itertuples())]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [f"{row[0]:{widths[0]}}  " + "  ".join(map(str.rjust, row[1:], widths[1:])) for row in rows]
