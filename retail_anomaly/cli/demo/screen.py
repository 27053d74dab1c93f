"""The screen of the demo: alerts as they arrive, as a table on a terminal and as lines elsewhere."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pandas as pd
from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from retail_anomaly.core.alerts import Alert
from retail_anomaly.core.quantities import plural
from retail_anomaly.core.registry import look_of
from retail_anomaly.frames.words import label_of

_ROWS_AROUND = 12  # lines of the terminal that the table leaves to the other output


class Screen:
    r"""Shows alerts, each in a row that its revisions replace.

    Parameters
    ----------
    console
        Receives the output. On a terminal it is a live table.

    Examples
    --------
    >>> import io
    >>> screen = Screen(Console(file=io.StringIO(), width=100))
    >>> screen.say("embedded broker at 127.0.0.1:9092")
    >>> screen.console.file.getvalue()
    'embedded broker at 127.0.0.1:9092\n'
    """

    def __init__(self, console: Console) -> None:
        self.console = console
        self._alerts: dict[str, Alert] = {}
        self._began = time.monotonic()
        self._live: Live | None = None

    @contextmanager
    def alerts_live(self) -> Iterator[None]:
        """On a terminal, show alerts as a live table while the block lasts."""
        if not self.console.is_terminal:
            yield
            return
        with Live(console=self.console, get_renderable=self._table, refresh_per_second=8) as live:
            self._live = live
            try:
                yield
            finally:
                self._live = None

    def say(self, text: str) -> None:
        """Show a line."""
        self.console.print(escape(text), highlight=False, soft_wrap=True)

    def show(self, alert: Alert) -> None:
        """Show an alert, or the revision of one."""
        self._alerts[alert.alert_id] = alert
        if self._live is None:
            revised = f" (revision {alert.revision})" if alert.revision > 1 else ""
            self.say(
                f"{_clock(alert)} UTC  {alert.store_id}  {label_of(alert.type)}  "
                f"risk {alert.risk_score:.2f}{revised}  {alert.message}"
            )

    def _table(self) -> Table:
        seconds = time.monotonic() - self._began
        seen = plural(len(self._alerts), "alert") if self._alerts else "No alert yet, the streamer starts"
        title = f"{seen}: {seconds:.0f} s"
        table = Table(title=title, title_justify="left", title_style="bold", expand=True, box=None)
        table.add_column("UTC", no_wrap=True)
        table.add_column("Store", no_wrap=True)
        table.add_column("Alert", no_wrap=True)
        table.add_column("Risk", justify="right", no_wrap=True)
        table.add_column("What was seen", ratio=1, no_wrap=True, overflow="ellipsis")
        room = max(3, self.console.height - _ROWS_AROUND)
        for alert in list(self._alerts.values())[-room:]:
            table.add_row(
                _clock(alert),
                Text(alert.store_id),
                Text(label_of(alert.type), style=look_of(alert.type).colour),
                f"{alert.risk_score:.2f}",
                Text(alert.message),
            )
        return table


def _clock(alert: Alert) -> str:
    return f"{pd.Timestamp(alert.event_time, unit='ms'):%H:%M:%S}"
