"""The state of all rules in one store: entries by rule and group, in one table."""

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from retail_anomaly.core.collections import Table
from retail_anomaly.core.dispatch import SharedState
from retail_anomaly.core.episode import Episode


class OpenAlert(Episode):
    """The open episode of a group.

    Its alert went to the shadow where `shadow` is set, and so do its revisions.
    """

    alert_id: str
    opened_at: int
    revision: int
    risk: float
    employee: str | None
    shadow: bool


class WindowEntry(msgspec.Struct, array_like=True, tag=0):
    """The events that a group keeps, as parallel lists in the order of their times.

    A group of one local day keeps no events: their number, sum and distinct values are enough. Before
    `unsure_until` a share may lack events that were forgotten.
    """

    until: int
    newest: int
    day: int = 0
    first: int = 0
    second: int = 0
    count: int = 0
    total: float = 0.0
    distinct: dict[str, int] = {}
    ids: list[str] = []
    times: list[int] = []
    names: list[int] = []
    values: list[Any] = []
    numbers: list[str | None] = []
    episode: OpenAlert | None = None
    unsure_until: int = 0


class Earlier(msgspec.Struct, array_like=True, gc=False):
    """An unused first event of a sequence."""

    time: int
    subject: str | None
    number: str | None


class SequenceEntry(msgspec.Struct, array_like=True, tag=1):
    """The unused first events of a group, in the order of their times."""

    until: int
    earlier: list[Earlier] = []


class WaitingAlert(msgspec.Struct, array_like=True, gc=False):
    """An event after which another is missing so far: its alert, ready to be raised."""

    time: int
    alert_id: str
    subject: str | None
    number: str | None
    by: dict[str, Any]
    message: str
    answers_others: bool


class AbsenceEntry(msgspec.Struct, array_like=True, tag=2):
    """The waiting alerts of a group in the order of arrival, and the times of the answers.

    Before `unsure_until` answers may have been forgotten.
    """

    until: int
    waiting: list[WaitingAlert] = []
    answers: list[int] = []
    window: int = 0
    unsure_until: int = 0


class FloodEntry(msgspec.Struct, array_like=True, tag=3):
    """The times of a rule's live alerts, and whether further ones go to the shadow."""

    until: int
    times: list[int] = []
    flooding: bool = False


class ForgottenEntry(msgspec.Struct, array_like=True, tag=4):
    """Until when a new group may be one that was forgotten, because there were too many."""

    until: int


RuleEntry = WindowEntry | SequenceEntry | AbsenceEntry | FloodEntry | ForgottenEntry

_FORGOTTEN: Final = "@forgotten"


class RuleState(SharedState):
    """The state of all rules in one store.

    Attributes
    ----------
    groups
        The entries, by rule and group.
    due
        By group that waits for time, when it is due; None until it is read from the entries.
    """

    def __init__(self) -> None:
        self.groups: Table[RuleEntry] = Table(RuleEntry, due=_until)  # type: ignore[arg-type]
        self.due: dict[str, int] | None = None

    @property
    def forgotten_until(self) -> int:
        """Until when a new group may be one that was forgotten; 0: none was."""
        entry = self.groups.get(_FORGOTTEN)
        return entry.until if isinstance(entry, ForgottenEntry) else 0

    def note_forgotten(self, entries: Iterable[RuleEntry]) -> None:
        """Note the groups that were forgotten, of which new ones of the same keys know nothing."""
        until = max((entry.until for entry in entries if _may_raise(entry)), default=0)
        if until > self.forgotten_until:
            self.groups.put(_FORGOTTEN, ForgottenEntry(until))

    def rules_changed(self) -> None:
        """Forget what was found out about the rules that ran so far."""
        super().rules_changed()
        self.due = None


def worth(entry: RuleEntry) -> tuple[int, int, int]:
    """Return by how much an entry is worth keeping: an open alert most, then by the number of its events."""
    if isinstance(entry, WindowEntry):
        return int(entry.episode is not None), max(entry.count, len(entry.times)), entry.until
    if isinstance(entry, SequenceEntry):
        return 0, len(entry.earlier), entry.until
    if isinstance(entry, AbsenceEntry):
        return 0, len(entry.waiting) + len(entry.answers), entry.until
    return 2, 0, entry.until


def _may_raise(entry: RuleEntry) -> bool:
    """Tell whether its loss could raise an alert: it has answers, or the whole of a share."""
    return isinstance(entry, AbsenceEntry) or (isinstance(entry, WindowEntry) and entry.second > 0)


def _until(entry: RuleEntry) -> int:
    return entry.until
