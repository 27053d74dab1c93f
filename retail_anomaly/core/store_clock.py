"""The clock of a store, which the times of its events move."""

from typing import Final

from retail_anomaly.core.clock import HeldBack
from retail_anomaly.core.events import PosEvent

_LATE_PER_SWEEP: Final = 1_000


class StoreClock:
    """The clock of a store: it is at the newest event time, and no single till with a wrong clock moves it.

    Parameters
    ----------
    max_late
        How late an event may be and still raise an alert, in milliseconds.
    max_ahead
        How near two sources must be to confirm a time far ahead of the clock, in milliseconds.

    Attributes
    ----------
    clock
        The newest event time so far, in epoch milliseconds; 0 before the first event.
    held
        The events that are too far ahead of the clock to move it, or None.
    is_stuck
        Whether the clock stands still because it is wrong: all that comes is too late.
    released
        Lines that were held back from the detectors that count by days, and that these may see now.
    next_sweep
        The clock at which expired state is dropped next, in epoch milliseconds.

    Examples
    --------
    >>> day = 86_400_000
    >>> store = StoreClock(max_late=day, max_ahead=3_600_000)
    >>> store.advance(1_760_000_000_000, "till-1"), store.advance(1_760_000_000_000 + 365 * day, "till-2")
    (False, True)
    >>> store.clock
    1760000000000
    """

    __slots__ = (
        "_late_at",
        "_late_since_sweep",
        "_max_ahead",
        "_max_late",
        "_newest_late",
        "clock",
        "held",
        "is_stuck",
        "next_sweep",
        "released",
    )

    def __init__(self, max_late: int, max_ahead: int) -> None:
        self.clock = 0
        self.next_sweep = 0
        self.held: HeldBack | None = None
        self.released: list[PosEvent] = []
        self.is_stuck = False
        self._max_late = max_late
        self._max_ahead = max_ahead
        self._late_at = 0
        self._late_since_sweep = 0
        self._newest_late: int | None = None

    def advance(self, time: int, source: str = "") -> bool:
        """Move the clock to an event's time, if that is newer.

        Return whether detectors that count by days must not see the event now: it is held back, or it is
        older than `max_late`, from a till whose clock is behind.

        Parameters
        ----------
        time
            The event's time, in epoch milliseconds.
        source
            The register of the event, or its topic. A time far ahead counts once two sources bear it.
        """
        clock, is_late = self.clock, False
        if time > clock:
            if time > clock + self._max_late and clock:
                return self._hold_back(time, source)
            self.clock = time
        elif time < clock - self._max_late:
            self._note_late(time)
            is_late = not self.is_stuck
        if self.held is not None:
            self.held.came_in_time(self.clock)
            if not self.held.newest:
                self.held = None
        return is_late

    def hold_back(self, line: PosEvent) -> None:
        """Keep a line that is held back, for the detectors that count by days."""
        if self.held is not None:
            self.held.keep(line)

    def holds_back(self, time: int) -> bool:
        """Tell whether a line of this time or an older one is held back."""
        held_back = self.held
        return held_back is not None and any(line.event_time <= time for line in held_back.lines)

    def sighting(self, time: int, dedupe_memory: int) -> tuple[int, int]:
        """Return when an id of an event is first seen, and since when it must not have been.

        That is the later of the event's time and the clock. Where the clock stands still because it is wrong,
        it is the event's time: the id would else be kept for ever.
        """
        sighted = time if self.is_stuck and time < self.clock - self._max_late else max(time, self.clock)
        return sighted, min(sighted, self.clock) - dedupe_memory

    def _note_late(self, time: int) -> None:
        # Where the clock itself is wrong, it stands still and all that follow are too late. Their state must
        # expire too, so every thousandth of them starts a sweep. The count is stored, so that a restart
        # changes nothing.
        if self._late_at != self.clock:
            self._late_at, self._late_since_sweep, self.is_stuck = self.clock, 0, False
        self._late_since_sweep += 1
        if self._late_since_sweep >= _LATE_PER_SWEEP:
            self._late_since_sweep = 0
            self._newest_late = time
            self.is_stuck = True
            self.next_sweep = self.clock

    def _hold_back(self, time: int, source: str) -> bool:
        if self.held is None:
            self.held = HeldBack()
        self.released = []
        moved = self.held.confirmed(time, source, max_late=self._max_late, max_ahead=self._max_ahead)
        if moved is None:
            return True
        self.clock = moved
        self.released = self.held.lines
        self.held.came_in_time(moved)
        return False
