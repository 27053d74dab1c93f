"""Cases to read and judge with widgets, in a notebook."""

import getpass
import json
from collections.abc import Hashable, Iterable
from html import escape
from pathlib import Path
from typing import Any, Final, get_args

import pandas as pd
import plotly.graph_objects as go

from retail_anomaly.cases import Action, Case
from retail_anomaly.cases.actions import Verdict
from retail_anomaly.cli.review.board_cases import BoardCases, CaseChangedError, require_alerts
from retail_anomaly.cli.review.case_receipts import RECEIPT_HEAD, receipt_rows
from retail_anomaly.cli.review.growing_file import GrowingFile
from retail_anomaly.core.events import Event
from retail_anomaly.core.extras import extra_imports
from retail_anomaly.core.markup import html_paragraph, html_table
from retail_anomaly.core.records import record_from
from retail_anomaly.frames.alert_tables import alerts_table
from retail_anomaly.frames.alerts import alerts_frame
from retail_anomaly.frames.cases import heading_of
from retail_anomaly.frames.events import pos_frame
from retail_anomaly.frames.evidence import evidence_items
from retail_anomaly.frames.receipts_around import NearReceipt, receipts_around
from retail_anomaly.frames.shown_times import Zones, zone_of
from retail_anomaly.frames.words import percent
from retail_anomaly.plots.evidence_figure import evidence_figure
from retail_anomaly.settings import Settings

with extra_imports():
    import ipywidgets

VERDICTS: Final[tuple[str, ...]] = get_args(Verdict)
_FIGURE: Final = "application/vnd.plotly.v1+json"


class CaseDesk:
    """Cases to read and judge in a notebook, on the files that `retail-anomaly review` works on.

    Parameters
    ----------
    alerts
        A file of alerts, JSON lines.
    events
        The events that the alerts came from, for the receipts and the figures.
    actions
        The file that your decisions are appended to. By default it lies beside the alerts and ends with
        ``.actions.jsonl``.
    by
        The name under which you act. By default your login.
    zones
        Time zone of the stores.
    settings
        The priors and the store groups. By default the packaged ones.

    Attributes
    ----------
    actions
        The path of the decisions.
    widget
        Shows a case, and buttons to judge it.

    Raises
    ------
    MissingExtraError
        The notebook extra is not installed.
    UsageError
        The file has lines, and none is an alert.

    Examples
    --------
    >>> desk = CaseDesk(Path("nowhere.jsonl"), by="kim")
    >>> desk.actions.name, desk.shown
    ('nowhere.actions.jsonl', None)
    """

    def __init__(
        self,
        alerts: Path,
        events: Iterable[Event] = (),
        *,
        actions: Path | None = None,
        by: str | None = None,
        zones: Zones = "UTC",
        settings: Settings | None = None,
    ) -> None:
        self.actions = actions or alerts.with_suffix(".actions.jsonl")
        require_alerts(GrowingFile(alerts), str(alerts))
        self.shown: str | None = None
        self._revision = 0  # of the case that is shown
        self._cases = BoardCases(GrowingFile(alerts), GrowingFile(self.actions), settings or Settings())
        self._events = list(events)
        self._lines = pos_frame(self._events)
        self._by = by or getpass.getuser()
        self._zones = zones
        self._choice = ipywidgets.Dropdown(description="Case", layout={"width": "auto"})
        self._details, self._said = ipywidgets.HTML(), ipywidgets.HTML()
        self._figure = ipywidgets.Output()
        self._reason = ipywidgets.Text(description="Reason", layout={"width": "auto"})
        self._buttons = [ipywidgets.Button(description=verdict) for verdict in VERDICTS]
        for button in self._buttons:
            button.on_click(self._pressed)
        buttons = ipywidgets.HBox(self._buttons, layout={"flex_flow": "row wrap"})
        self.widget = ipywidgets.VBox(
            [self._choice, self._details, self._figure, self._reason, buttons, self._said]
        )
        self._choice.observe(self._chosen, "value")
        self.refresh()

    def refresh(self) -> None:
        """Read new alerts and decisions, and show the case to read first."""
        self._cases.refresh()
        waiting = [case for name in self._cases.waiting() if (case := self._cases.find(name))]
        self._choice.unobserve(self._chosen, "value")
        self._choice.options = [
            (_title(number, case), case.case_id) for number, case in enumerate(waiting, 1)
        ]
        self._choice.value = waiting[0].case_id if waiting else None
        self._choice.observe(self._chosen, "value")
        self.open(self._choice.value)

    def open(self, case_id: str | None) -> None:
        """Show a case; None shows that no case is open."""
        case = None if case_id is None else self._cases.find(case_id)
        self.shown = None if case is None else case.case_id
        self._revision = 0 if case is None else case.revision
        for button in self._buttons:
            button.disabled = case is None
        self._details.value = html_paragraph("No open case.") if case is None else self._described(case)
        figure = None if case is None else self._drawn(case)
        # Not a FigureWidget: one that takes the place of another is drawn before it has a place, and Plotly
        # then lays title and subtitle over each other.
        self._figure.outputs = () if figure is None else (_output(figure),)

    def judge(self, case_id: str, verdict: str, reason: str, *, alert_id: str | None = None) -> Action:
        """Append a verdict to the decisions.

        Parameters
        ----------
        case_id
            The case.
        verdict
            ``confirmed``, ``benign``, ``training`` or ``unclear``.
        reason
            Why, in your words.
        alert_id
            The one alert of the case that the verdict is about; None: all of them.

        Raises
        ------
        KeyError
            There is no such case.
        CaseChangedError
            The case changed since it was shown: an alert joined it, or somebody else decided.
        InvalidRecord
            The verdict is none of these, or there is no reason. The error is a ValueError.
        OSError
            The file cannot be written.
        """
        case = self._cases.find(case_id)
        if case is None:
            raise KeyError(f"{case_id}: no such case")
        revision = self._revision if case_id == self.shown else case.revision
        target = {"caseId": case_id} if alert_id is None else {"alertId": alert_id}
        fields: dict[str, Any] = {
            "by": self._by,
            "action": "verdict",
            "storeId": case.store_id,
            "reason": reason.strip(),
            "verdict": verdict,
            **target,
        }
        action = self._cases.act(
            case.store_id,
            lambda name, at: record_from(Action, {"actionId": name, "time": at, **fields}),
            seen=(case_id, revision),
        )
        decided = self._cases.find(case_id)
        if decided is not None and case_id == self.shown:
            self._revision = decided.revision  # their own decision is known to the person
        return action

    def _chosen(self, change: dict[str, Any]) -> None:
        self.open(change["new"])

    def _pressed(self, button: Any) -> None:
        if self.shown is None:
            return
        if not self._reason.value.strip():
            self._said.value = html_paragraph("Write a reason first: nobody remembers it later.")
            return
        try:
            action = self.judge(self.shown, button.description, self._reason.value)
        except CaseChangedError as error:
            self._said.value = html_paragraph(str(error))
            self.open(self.shown)
            return
        except (ValueError, OSError) as error:
            self._said.value = html_paragraph(f"Not kept: {error}")
            return
        said = f"{action.verdict}: kept in {self.actions.name}. This is the next case."
        self._reason.value = ""
        self._said.value = html_paragraph(said)
        self.refresh()

    def _alerts(self, case: Case) -> pd.DataFrame:
        calibration = self._cases.settings.cases.calibration
        return alerts_frame((self._cases.alert(alert.alert_id) for alert in case.alerts), calibration)

    def _described(self, case: Case) -> str:
        alerts = self._alerts(case)
        table = alerts_table(alerts, self._zones).astype(str)
        rows = alerts.to_dict("records")
        # The newest alert is open; a click opens each other one.
        parts = [self._alert_part(alert, " open" if alert is rows[-1] else "") for alert in reversed(rows)]
        return "\n".join([html_table(table.to_numpy().tolist(), list(table.columns)), *parts])

    def _alert_part(self, alert: dict[Hashable, Any], is_open: str) -> str:
        """Return an alert's evidence, and the receipts around it."""
        zone = zone_of(alert["store_id"], self._zones)
        found = receipts_around(alert, self._lines).itertuples(index=False)
        rows = receipt_rows([NearReceipt(*row) for row in found], zone)
        head = ["Receipts around it", *RECEIPT_HEAD[1:]]
        return (
            f"<details{is_open}><summary>{escape(alert['message'])}</summary>"
            f"{html_table(evidence_items(alert['evidence'], zone))}"
            f"{html_table(rows, head) if rows else ''}</details>"
        )

    def _drawn(self, case: Case) -> go.Figure | None:
        """Return the figure of the newest alert that has one."""
        alerts = self._alerts(case)
        if not self._events:
            return None
        figures = (
            evidence_figure(alert, self._events, alerts=alerts, zones=self._zones)
            for alert in reversed(alerts.to_dict("records"))
        )
        return next((figure for figure in figures if figure is not None), None)


def _title(number: int, case: Case) -> str:
    about = f"{number}. {heading_of(case)} in {case.store_id}"
    return f"{about}: {percent(case.priority)}, {case.expected_loss:,.2f}"


def _output(figure: go.Figure) -> dict[str, Any]:
    """Return a figure as the output of a cell."""
    bundle = {_FIGURE: json.loads(figure.to_json()), "text/plain": "Figure"}
    return {"output_type": "display_data", "data": bundle, "metadata": {}}
