"""The analyst's board: figures of a running system's alerts, drawn again whenever alerts come."""

import threading
import time
from collections.abc import Callable, Mapping
from html import escape
from typing import Final, Self, TypeAlias

import ipywidgets
import pandas as pd
import plotly.graph_objects as go

from retail_anomaly import plots
from retail_anomaly.frames.shown_times import Zones
from streamer.errors import StreamerError
from streamer.notebook.feed import Feed

Draw: TypeAlias = Callable[[pd.DataFrame], go.Figure]
_PATIENCE_S: Final = 60.0


class Board:
    """Figures that follow a feed, in a notebook or, served by Voila, on a page.

    Parameters
    ----------
    feed
        Gives the alerts.
    zones
        Time zones of the stores.
    every
        Seconds between two reads of the feed.

    Attributes
    ----------
    figures
        By name, the figures that are shown now.
    widget
        Shows the figures, and their successors in the same place.
    alerts
        The alerts in the figures, as the feed gave them.

    Raises
    ------
    ImportError
        The notebook extra is not installed: Plotly needs it to change a figure in place.

    Examples
    --------
    >>> class Once:
    ...     def read(self): return plots.example_alerts()
    >>> board = Board(Once())
    >>> board.refresh()
    True
    >>> board.figures["timeline"].layout.title.text
    '2 alerts in 1 store'
    """

    def __init__(self, feed: Feed, *, zones: Zones = "UTC", every: float = 1.0) -> None:
        self._feed = feed
        self._every = every
        self._draw: Mapping[str, Draw] = {
            "timeline": lambda alerts: plots.timeline(alerts, zones=zones),
            "counts": plots.alert_counts,
        }
        self.alerts = pd.DataFrame()
        self.figures: dict[str, go.FigureWidget] = {}
        self.widget = ipywidgets.VBox()
        self._drawn: set[tuple[str, int]] | None = None
        self._ended = threading.Event()
        self._changed = threading.Condition()
        self._failure: Exception | None = None
        self._thread: threading.Thread | None = None

    def refresh(self) -> bool:
        """Read the feed once; if it has new alerts, draw the figures again and return True."""
        alerts = self._feed.read()
        keys = set(zip(alerts["alert_id"], alerts["revision"], strict=True))
        if keys == self._drawn:
            return False
        self._show({name: draw(alerts) for name, draw in self._draw.items()})
        with self._changed:
            self.alerts, self._drawn = alerts, keys
            self._changed.notify_all()
        return True

    def follow(self) -> Self:
        """Read the feed again and again, in a thread that ends with `stop` or with the process."""
        if self._thread is None:
            self.refresh()  # an error of the feed is raised here, not in the thread
            self._thread = threading.Thread(target=self._run, name="board", daemon=True)
            self._thread.start()
        return self

    def wait(self, until: Callable[[pd.DataFrame], bool], seconds: float = _PATIENCE_S) -> None:
        """Wait until the alerts are as expected.

        Parameters
        ----------
        until
            Takes the alerts and tells whether they are.
        seconds
            How long to wait.

        Raises
        ------
        StreamerError
            The feed failed, or the alerts are not as expected after that time.
        """
        deadline = time.monotonic() + seconds
        with self._changed:
            while not until(self.alerts):
                if self._failure is not None:
                    raise StreamerError(f"the board has stopped: {self._failure}")
                if not self._changed.wait(max(0.0, deadline - time.monotonic())):
                    raise StreamerError(f"{len(self.alerts)} alerts after {seconds:.0f} s, which are not all")

    def stop(self) -> None:
        """Stop following."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _run(self) -> None:
        while not self._ended.wait(self._every):
            try:
                self.refresh()
            except Exception as error:  # noqa: BLE001 - told to the thread that waits, and in the figure
                with self._changed:
                    self._failure = error
                    self._changed.notify_all()
                stopped = {name: go.Figure(figure) for name, figure in self.figures.items()}
                stopped["timeline"].update_layout(title_text=f"The board has stopped: {escape(str(error))}")
                self._show(stopped)
                return

    def _show(self, figures: Mapping[str, go.Figure]) -> None:
        """Replace the figures that are shown by new widgets.

        Widgets are not updated: a page that is opened later would show the figure that a widget was made
        with.
        """
        before = list(self.figures.values())
        self.figures = {name: go.FigureWidget(figure) for name, figure in figures.items()}
        self.widget.children = tuple(self.figures.values())
        for widget in before:
            widget.close()
