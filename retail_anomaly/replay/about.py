"""The remarks of a replay."""

from collections.abc import Collection, Sequence

from retail_anomaly.core.dispatch import Dispatch
from retail_anomaly.core.events import POS_EVENTS
from retail_anomaly.replay.named_stores import NamedStores
from retail_anomaly.settings import Settings
from retail_anomaly.sources.findings import Findings


class About:
    """The facts about a replay that its remarks need.

    Parameters
    ----------
    said
        Remarks that hold before the first event is read.
    names
        The detectors that run.
    rules
        The rules that run, or come in force within the log.
    settings
        The settings.
    """

    def __init__(
        self, said: list[str], names: Collection[str], rules: Sequence[Dispatch], settings: Settings
    ) -> None:
        self.configured: Collection[str] = settings.stores
        self._numbered_by = settings.numbered_by
        self._said = said
        self._names = names
        self._rules = rules

    def add_notes(self, notes: Sequence[str]) -> None:
        """Add notes that only reading gave, such as a decimal comma."""
        self._said += [note for note in notes if note not in self._said]

    def remarks(self, findings: Findings, stores: NamedStores) -> list[str]:
        """Return all remarks, with those about the events and the stores that were read."""
        seen = {kind for kind in findings.types if any(each.steps(POS_EVENTS, kind) for each in self._rules)}
        said = findings.remarks(self._names, seen, self._numbered_by)
        return [*self._said, *said, *stores.remarks(self.configured)]
