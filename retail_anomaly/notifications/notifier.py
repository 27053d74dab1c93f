"""The decision who is told of which alert, and when.

`Notifier` has the interface of the engine and of the triage, so the host that keeps the memory of stores
keeps it here, too. It reads no clock: a host passes the present time, in epoch milliseconds.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Final, Literal, NamedTuple, TypeAlias, cast
from zoneinfo import ZoneInfo

import msgspec

from retail_anomaly.cases import Action, covers, scope_of
from retail_anomaly.core.alerts import Alert
from retail_anomaly.core.local_time import UTC
from retail_anomaly.core.memory import StoreMemory
from retail_anomaly.core.severity import severity
from retail_anomaly.core.store_keeper import StoreKeeper
from retail_anomaly.notifications.hours import next_clock, window_of
from retail_anomaly.notifications.message import Message
from retail_anomaly.notifications.message_state import (
    NotificationState,
    SentMark,
    WaitingNote,
    note_key,
    sent_key,
)
from retail_anomaly.notifications.note import AlertNote, AlertPlace
from retail_anomaly.notifications.route import Route, rank

Fate: TypeAlias = Literal["due", "held", "known", "milder", "snoozed", "old"]
_DAY: Final = 86_400_000
_LATEST: Final = 4_102_444_799_999
_STATE: Final = "notifications"
# Alerts that come late come in a burst, as after an outage: they are gathered for so long.
_GATHER: Final = 60_000
_MOST_TOGETHER: Final = 500
# A message that the service refuses comes again after so long, then twice as long ...
_AGAIN: Final = 30_000
_LONGEST_AGAIN: Final = 3_600_000
MOST_WAITING: Final = 1_000
"""Notes of a store that wait for a route; with more, the oldest are given up."""


class Decision(NamedTuple):
    """What becomes of an alert on a route.

    Parameters
    ----------
    route
        The route's name.
    fate
        ``due``: a message goes out now. ``held``: later. ``known``: the route was told of this revision or
        a later one. ``milder``: the route takes no such revision. ``snoozed``: a snooze or an allow entry
        covers it. ``old``: it is older than the memory of the messages sent.

    Examples
    --------
    >>> Decision("duty", "held").fate
    'held'
    """

    route: str
    fate: Fate


class Notifier(StoreKeeper):
    """Decides which messages go out.

    Parameters
    ----------
    routes
        The routes.
    critical
        The risk from which an alert is critical.
    severities
        By type of alert, the severity that all alerts of the type have.
    link
        The address of an alert's case, see `AlertNote.of`.
    memory
        How long it is known which alerts were sent, in milliseconds.
    zone
        Returns the zone of a store.
    has_pseudonyms
        Whether pseudonyms stand for the ids of employees; state of the other kind is refused.

    Examples
    --------
    >>> notifier = Notifier([Route(name="duty", severity="high")])
    >>> store, now = notifier.new_store("store-1"), 1_760_000_000_000
    >>> alert = Alert(alert_id="a", revision=1, type="SHRINKAGE", detector="inventory_shrinkage",
    ...     store_id="store-1", employee_id=None, risk_score=0.9, message="10 pieces are missing.",
    ...     event_time=now, opened_at=now, evidence={"sku": "sku-1"}, config_hash="0")
    >>> notifier.process(alert, store, now)
    [Decision(route='duty', fate='due')]
    >>> [message] = notifier.messages(store, now)
    >>> notifier.delivered(message, store, now)
    >>> notifier.process(alert, store, now)
    [Decision(route='duty', fate='known')]
    """

    STATE = _STATE
    needs_ticks: Final = True

    def __init__(
        self,
        routes: Iterable[Route],
        *,
        critical: float = 0.95,
        severities: Mapping[str, str] | None = None,
        link: str = "",
        memory: int = 30 * _DAY,
        zone: Callable[[str], ZoneInfo] = lambda _store: UTC,
        has_pseudonyms: bool = False,
    ) -> None:
        super().__init__(has_pseudonyms=has_pseudonyms)
        self.routes = {route.name: route for route in routes}
        self._critical = critical
        self._severities = dict(severities or {})
        self._link = link
        self._memory = memory
        self._zone = zone

    def new_state(self) -> NotificationState:
        """Return the state of a store of which nobody was told anything."""
        return NotificationState(self._memory)

    def waiting(self, store: StoreMemory) -> tuple[int, int | None]:
        """Return how many notes wait in a store, and when the first is due."""
        state = _state(store)
        return len(state.waiting), min((each.due for _, each in state.waiting.items()), default=None)

    def process(
        self, record: Alert | Action, store: StoreMemory, now: int, place: AlertPlace | None = None
    ) -> list[Decision]:
        """Take an alert, or the decision of a person about alerts.

        Parameters
        ----------
        record
            An alert or an action of the store.
        store
            The store's memory; it is changed.
        now
            The present time.
        place
            Where the alert's record stands.

        Returns
        -------
        list of Decision
            For each route that takes such alerts, what becomes of it.
        """
        state = _state(store)
        self._forget(state, store, now)
        if isinstance(record, Action):
            if record.scope is not None and record.ends > now - self._memory:
                state.entries.put(record.action_id, record)
            return []
        if record.event_time > _LATEST:  # an alert of another program; no calendar has a day after it
            record = msgspec.structs.replace(record, event_time=_LATEST)
        zone = self._zone(record.store_id)
        grave = self._severities.get(record.type) or severity(record.risk_score, self._critical)
        takers = [route for route in self.routes.values() if route.takes(record, grave, zone)]
        if not takers:
            return []
        if record.event_time < now - self._memory:
            return [Decision(route.name, "old") for route in takers]
        if _is_snoozed(record, state):
            return [Decision(route.name, "snoozed") for route in takers]
        note = AlertNote.of(record, grave, self._link, place)
        return [Decision(route.name, self._take(note, route, state, now, zone)) for route in takers]

    def messages(self, store: StoreMemory, now: int, flying: Sequence[Message] = ()) -> list[Message]:
        """Return the messages of a store that are to go out now, the gravest first.

        Parameters
        ----------
        store
            The store's memory.
        now
            The present time.
        flying
            The store's messages that are on their way.
        """
        state, zone = _state(store), self._zone(store.store_id)
        busy = {key for message in flying for key in message.keys}
        found: list[Message] = []
        for route in self.routes.values():
            room = self._room(route, state, now, zone) - sum(one.route == route.name for one in flying)
            due = [
                each
                for each in state.waits_for(route.name)
                if each.due <= now
                and each.key not in busy
                and not self._put_off(each, route, state, now, zone)
            ]
            together = sorted((each for each in due if each.together), key=_gravest)[:_MOST_TOGETHER]
            single = sorted((each for each in due if not each.together), key=_gravest)
            waves = [*([together] if together else []), *([each] for each in single)]
            found.extend(_message(route, store, wave, zone) for wave in waves[: max(room, 0)])
            for each in chain.from_iterable(waves[max(room, 0) :]):
                _hold(each, window_of(now, route.per, zone)[1], state)
        return sorted(found, key=lambda message: -rank(message.severity))

    def delivered(self, message: Message, store: StoreMemory, now: int) -> None:
        """Note that a message has arrived.

        Parameters
        ----------
        message
            The message.
        store
            The store's memory; it is changed.
        now
            The present time.
        """
        state = _state(store)
        for note in message.notes:
            self._mark(message.route, note, state, now)
        route = self.routes.get(message.route)
        if route is not None and route.limit:
            begin, _ = window_of(now, route.per, self._zone(store.store_id))
            count = state.count(route.name, begin)
            count.messages += 1
            state.counts.put(route.name, count)

    def failed(self, message: Message, store: StoreMemory, now: int, *, refused: bool = False) -> None:
        """Note that a message did not arrive; it is tried again until the route gives it up.

        Parameters
        ----------
        message
            The message.
        store
            The store's memory; it is changed.
        now
            The present time.
        refused
            Whether the service took other messages, but not this one: it is tried less and less often.
        """
        state = _state(store)
        for key in message.keys:
            waiting = state.waiting.get(key)
            if waiting is not None:
                if refused:
                    waiting.due = now + min(_AGAIN * 2 ** min(waiting.tries, 10), _LONGEST_AGAIN)
                waiting.tries += 1
                state.wait(waiting)

    def given_up(
        self, store: StoreMemory, now: int, flying: Sequence[Message] = ()
    ) -> list[tuple[str, AlertNote]]:
        """Drop the notes that were tried for too long, or are too many; return each with its route.

        Parameters
        ----------
        store
            The store's memory; it is changed.
        now
            The present time.
        flying
            The store's messages that are on their way; they stay.
        """
        state = _state(store)
        busy = {key for message in flying for key in message.keys}
        dropped: list[WaitingNote] = []
        for route in self.routes.values():
            waits = [each for each in state.waits_for(route.name) if each.key not in busy]
            surplus = max(0, len(waits) - MOST_WAITING)
            dropped.extend(
                each
                for number, each in enumerate(sorted(waits, key=lambda each: each.note.event_time))
                if number < surplus or (each.tries and now - each.since >= route.give_up)
            )
        # A route that was taken out of the configuration has nobody left to tell.
        gone = [each for _, each in state.waiting.items() if each.route not in self.routes]
        for each in (*dropped, *gone):
            self._mark(each.route, each.note, state, now)
        return [(each.route, each.note) for each in dropped]

    def _forget(self, state: NotificationState, store: StoreMemory, now: int) -> None:
        if now >= store.next_sweep:
            store.clock = max(store.clock, now)
            store.next_sweep = now + 3_600_000
            state.sent.sweep(now)
            state.entries.sweep(now - self._memory)

    def _take(
        self, note: AlertNote, route: Route, state: NotificationState, now: int, zone: ZoneInfo
    ) -> Fate:
        mark = state.sent.get(sent_key(route.name, note.alert_id))
        waits = list(state.waiting_of(route.name, note.alert_id))
        known = max([mark.revision if mark else 0, *(each.note.revision for each in waits)])
        if note.revision <= known:
            return "known"
        gravest = max([rank(mark.severity) if mark else -1, *(rank(each.note.severity) for each in waits)])
        held = [each for each in waits if each.due > now]
        takes = route.revisions == "all" or (route.revisions == "worse" and rank(note.severity) > gravest)
        if known and not takes and not held:
            return "milder"
        # A message that has not gone out yet tells of the newest revision alone.
        for each in held:
            state.waiting.drop(each.key)
        due, together = self._plan(note, route, state, now, zone)
        state.wait(WaitingNote(route.name, note, due, together))
        return "due" if due <= now else "held"

    def _plan(
        self, note: AlertNote, route: Route, state: NotificationState, now: int, zone: ZoneInfo
    ) -> tuple[int, bool]:
        """Return when a note goes out, and whether together with others."""
        due, together = now, False
        if route.digest:
            due, together = next_clock(route.digest, now, zone), True
        elif now - note.event_time > route.max_age:
            others = [each.due for each in state.waits_for(route.name) if each.together and each.due > now]
            due, together = min([now + _GATHER, *others]), True
        if note.severity != "critical" and route.quiet.cover(due, zone):
            due, together = route.quiet.over_at(due, zone), True
        return due, together

    def _room(self, route: Route, state: NotificationState, now: int, zone: ZoneInfo) -> int:
        """Return how many messages a route may still have in this hour or day."""
        if not route.limit:
            return 1_000_000
        return route.limit - state.count(route.name, window_of(now, route.per, zone)[0]).messages

    def _put_off(
        self, each: WaitingNote, route: Route, state: NotificationState, now: int, zone: ZoneInfo
    ) -> bool:
        """Put off a note that became due in quiet hours, as after an outage; gather those that are old."""
        if each.note.severity != "critical" and route.quiet.cover(now, zone):
            _hold(each, route.quiet.over_at(now, zone), state)
            return True
        if not each.together and now - each.note.event_time > route.max_age:
            each.together = True
            state.wait(each)
        return False

    def _mark(self, route: str, note: AlertNote, state: NotificationState, now: int) -> None:
        """Note that nothing more is to be done about a note."""
        state.waiting.drop(note_key(route, note))
        key = sent_key(route, note.alert_id)
        mark = state.sent.get(key)
        if mark is None or mark.revision < note.revision:
            state.sent.put(key, SentMark(note.revision, note.severity, now))


def _state(store: StoreMemory) -> NotificationState:
    return cast(NotificationState, store.detectors[_STATE])


def _hold(each: WaitingNote, until: int, state: NotificationState) -> None:
    each.put_off(until)
    state.wait(each)


def _gravest(each: WaitingNote) -> tuple[int, int]:
    return -rank(each.note.severity), each.note.event_time


def _message(route: Route, store: StoreMemory, waiting: Iterable[WaitingNote], zone: ZoneInfo) -> Message:
    return Message(route.name, store.store_id, tuple(each.note for each in waiting), zone)


def _is_snoozed(alert: Alert, state: NotificationState) -> bool:
    scope = scope_of(alert)
    return any(entry.scope is not None and covers(entry.scope, scope) for entry in _in_force(alert, state))


def _in_force(alert: Alert, state: NotificationState) -> Iterator[Action]:
    return (action for _, action in state.entries.items() if action.time <= alert.opened_at <= action.ends)
