"""The memory of a store's messages: those that wait, those that were sent, and how many."""

from collections.abc import Iterator

import msgspec

from retail_anomaly.cases import Action
from retail_anomaly.core.collections import Table
from retail_anomaly.core.detector_state import DetectorState
from retail_anomaly.notifications.note import AlertNote


class WaitingNote(msgspec.Struct, gc=False):
    """An alert of which a route will be told.

    Parameters
    ----------
    route
        The route's name.
    note
        What it is told.
    due
        When, in epoch milliseconds.
    together
        Whether it goes out in one message with others.
    tries
        How often its message failed.
    since
        When it was first due, in epoch milliseconds: it is given up some time after that.

    Examples
    --------
    >>> WaitingNote("duty", AlertNote("a", 1, "SHRINKAGE", "s", 1, "high", "10 pieces."), 5).key
    'duty/a/1'
    """

    route: str
    note: AlertNote
    due: int
    together: bool = False
    tries: int = 0
    since: int = 0

    def __post_init__(self) -> None:
        self.since = self.since or self.due

    def put_off(self, until: int) -> None:
        """Have it go out later, together with others."""
        self.due, self.together = until, True
        if not self.tries:
            self.since = until

    @property
    def key(self) -> str:
        """Return its key: a route is told of each revision of an alert once."""
        return note_key(self.route, self.note)


class SentMark(msgspec.Struct, gc=False):
    """The newest revision of an alert that a route was told of.

    Examples
    --------
    >>> SentMark(2, "high", 1_760_000_000_000).revision
    2
    """

    revision: int
    severity: str
    at: int


class SentCount(msgspec.Struct, gc=False):
    """How many messages a route had in the hour or day that began at a time.

    Examples
    --------
    >>> SentCount(1_760_000_000_000, 3).messages
    3
    """

    begin: int
    messages: int = 0


class NotificationState(DetectorState):
    """The messages of one store.

    Parameters
    ----------
    memory
        How long it is known which alerts were sent, in milliseconds.

    Examples
    --------
    >>> sorted(NotificationState(1).collections())
    ['counts', 'entries', 'sent', 'waiting']
    """

    def __init__(self, memory: int) -> None:
        self.waiting = Table(WaitingNote)
        self.sent = Table(SentMark, due=lambda mark: mark.at + memory)  # by route and alert
        self.counts = Table(SentCount)  # by route
        self.entries = Table(Action, due=lambda action: action.ends)  # snooze and allow entries

    def waits_for(self, route: str) -> list[WaitingNote]:
        """Return the notes that wait for a route, those that came first at the front."""
        return [each for _, each in self.waiting.items() if each.route == route]

    def waiting_of(self, route: str, alert_id: str) -> Iterator[WaitingNote]:
        """Yield the notes of an alert that wait for a route."""
        return (each for each in self.waits_for(route) if each.note.alert_id == alert_id)

    def count(self, route: str, begin: int) -> SentCount:
        """Return the count of a route for the hour or day that began at a time."""
        kept = self.counts.get(route)
        return kept if kept is not None and kept.begin == begin else SentCount(begin)

    def wait(self, note: WaitingNote) -> None:
        """Keep a note, or its change."""
        self.waiting.put(note.key, note)


def note_key(route: str, note: AlertNote) -> str:
    """Return the key of a note that waits for a route.

    Examples
    --------
    >>> note_key("duty", AlertNote("a", 2, "SHRINKAGE", "s", 1, "high", "10 pieces."))
    'duty/a/2'
    """
    return f"{route}/{note.alert_id}/{note.revision}"


def sent_key(route: str, alert_id: str) -> str:
    """Return the key of the newest revision that a route was told of.

    Examples
    --------
    >>> sent_key("duty", "a")
    'duty/a'
    """
    return f"{route}/{alert_id}"
