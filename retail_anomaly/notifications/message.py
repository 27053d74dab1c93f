"""A message: what one route is told at one time, about the alerts of one store."""

from hashlib import blake2b
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from retail_anomaly.core.local_time import UTC
from retail_anomaly.notifications.message_state import note_key
from retail_anomaly.notifications.note import AlertNote

SHOWN: Final = 20
"""Most alerts that a message tells of one by one."""


class Message(NamedTuple):
    """What a route is told at one time.

    Parameters
    ----------
    route
        The route's name.
    store_id
        The store.
    notes
        The alerts, the gravest first; there is one at least.
    zone
        The store's zone, in which times are shown.

    Examples
    --------
    >>> note = AlertNote("a", 1, "SHRINKAGE", "store-1", 1_760_000_000_000, "high", "10 pieces are missing.")
    >>> message = Message("duty", "store-1", (note,))
    >>> message.title
    'High: shrinkage in store-1'
    >>> message.lines
    ['2025-10-09 08:53 (UTC): 10 pieces are missing.']
    """

    route: str
    store_id: str
    notes: tuple[AlertNote, ...]
    zone: ZoneInfo = UTC

    @property
    def keys(self) -> tuple[str, ...]:
        """Return the keys of its notes."""
        return tuple(note_key(self.route, note) for note in self.notes)

    @property
    def id(self) -> str:
        """Return an id that is the same when the message is sent a second time."""
        return blake2b("\n".join(self.keys).encode(), digest_size=16).hexdigest()

    @property
    def severity(self) -> str:
        """Return the severity of its gravest alert."""
        return self.notes[0].severity

    @property
    def title(self) -> str:
        """Return its first line."""
        first = self.notes[0]
        if len(self.notes) > 1:
            return f"{len(self.notes)} alerts in {first.store}, the gravest {first.severity}"
        again = "" if first.revision == 1 else ", worse than before"
        return f"{first.severity.capitalize()}: {_words(first.type)} in {first.store}{again}"

    @property
    def lines(self) -> list[str]:
        """Return a line for each alert, without its link."""
        found = [self._line(note) for note in self.notes[:SHOWN]]
        more = len(self.notes) - SHOWN
        return [*found, f"And {more} more."] if more > 0 else found

    @property
    def link(self) -> str:
        """Return the address of the case of its gravest alert, or ""."""
        return self.notes[0].link

    @property
    def text(self) -> str:
        """Return the message as plain text, its title left out."""
        shown = self.notes[:SHOWN]
        links = [f"\n{note.link}" if note.link else "" for note in shown]
        told = [f"{line}{link}" for line, link in zip(self.lines, links, strict=False)]
        return "\n\n".join([*told, *self.lines[len(shown) :]])

    def _line(self, note: AlertNote) -> str:
        kind = "" if len(self.notes) == 1 else f"{note.severity}, {_words(note.type)}: "
        money = "" if note.money is None else f" Money: {note.money:,.2f}."
        return f"{note.local(self.zone)} ({self.zone.key}): {kind}{note.sentence}{money}"


def _words(alert_type: str) -> str:
    return alert_type.lower().replace("_", " ")
