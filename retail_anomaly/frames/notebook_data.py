"""The events that a notebook is about: the reader's, or simulated ones whose truth is known."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol

import msgspec
import pandas as pd

from retail_anomaly.core.events import Event
from retail_anomaly.core.incidents import Incident
from retail_anomaly.core.markup import html_paragraph
from retail_anomaly.frames.incidents import incidents_frame, read_incidents
from retail_anomaly.frames.shown_times import Zones
from retail_anomaly.sources import Where
from retail_anomaly.sources.loaded import Events, load
from retail_anomaly.sources.mapping_file import AnyMapping


class Simulated(Protocol):
    """A simulation: its events, and then the incidents in them."""

    @property
    def incidents(self) -> Iterable[Incident]:
        """The incidents, once the events were read."""

    def events(self) -> Iterable[Event]:
        """Make the events."""


class Skipped(msgspec.Struct, frozen=True):
    """A sentence in place of a part of a notebook that your data cannot fill.

    Parameters
    ----------
    sentence
        Why the part is skipped, and what would fill it.

    Examples
    --------
    >>> Skipped("No refund burst.")
    No refund burst.
    """

    sentence: str

    def __repr__(self) -> str:
        return self.sentence

    def _repr_html_(self) -> str:
        return html_paragraph(self.sentence)


class NotebookData(msgspec.Struct, frozen=True):
    """What a notebook reads: your data if you name a source, simulated stores if you do not.

    Parameters
    ----------
    events
        The events, to be read as often as you like.
    incidents
        The incidents that are known to be in them, as a frame; None: nobody knows any.
    is_yours
        Whether the events are the reader's.
    zones
        Time zone of the stores.

    Examples
    --------
    >>> rows = [{"storeId": "s", "sku": "k", "countedQty": 3, "eventTime": "2025-10-09 10:00"}]
    >>> data = NotebookData.of(rows, {"topic": "inventory-counts"}, zones="Europe/Berlin")
    >>> [event.event_time for event in data.events]
    [1759996800000]
    >>> data.needs_truth("the share of incidents that was found")
    Skipped with your data: the share of incidents that was found needs incidents that are known. Name a file
    of them in `incidents`.
    """

    events: Events | list[Event]
    incidents: pd.DataFrame | None
    is_yours: bool
    zones: Zones

    @classmethod
    def of(
        cls,
        source: Where | None,
        mapping: AnyMapping | None,
        simulation: Simulated | Callable[[], Simulated] | None = None,
        *,
        incidents: str | Path | None = None,
        zones: Zones = "UTC",
    ) -> "NotebookData":
        """Load the reader's data; without a source, simulate.

        Parameters
        ----------
        source, mapping
            The parameters of the notebook, as `retail_anomaly.load` takes them; a source of None simulates.
        simulation
            The simulation, or a function that makes it. With a source it is never run.
        incidents
            A file of the incidents that are known to be in the reader's data, if there is one.
        zones
            Time zone of the stores, and of times that have none.

        Raises
        ------
        SourceError, MappingError, InvalidRecord
            The data, the mapping or the incidents can't be read.
        ValueError
            There is neither a source nor a simulation.
        """
        if source is not None:
            events = load(source, mapping=mapping, zones=zones)
            known = None if incidents is None else read_incidents(incidents)
            return cls(events=events, incidents=known, is_yours=True, zones=zones)
        if simulation is None:
            raise ValueError("source: expected your data, for there is no simulation")
        made = simulation() if callable(simulation) else simulation
        simulated = list(made.events())
        return cls(events=simulated, incidents=incidents_frame(made.incidents), is_yours=False, zones=zones)

    @property
    def has_truth(self) -> bool:
        """Whether incidents are known."""
        return self.incidents is not None

    def needs_truth(self, part: str) -> Skipped:
        """Return the sentence in place of a part that needs known incidents."""
        return Skipped(
            f"Skipped with your data: {part} needs incidents that are known. Name a file of them in "
            "`incidents`."
        )

    def left_out(self, part: str) -> Skipped:
        """Return the sentence in place of a part that is about other events than the reader's."""
        return Skipped(f"Skipped with your data: {part}. Run the notebook with `source = None` for it.")

    def lacks(self, thing: str) -> Skipped:
        """Return the sentence in place of a part about something that these events do not have."""
        return Skipped(f"Skipped: {'your data have' if self.is_yours else 'these events have'} {thing}.")
