"""Tills: whether one till of a store is silent while the others go on."""

from collections.abc import Callable, Iterator
from math import log, log10
from struct import pack, unpack, unpack_from
from typing import Final, Protocol

import msgspec

from retail_anomaly.core.events import PosEvent
from retail_anomaly.core.local_time import QUARTER
from retail_anomaly.models.rank import RollingRank
from retail_anomaly.models.sales.history import CELL_BYTES
from retail_anomaly.models.sales.profile import LARGEST_CELL
from retail_anomaly.models.spread import ExcessSpread
from retail_anomaly.models.tails import at_most, shape_of, strength

MOST_TILLS: Final = 24
_HOURS: Final = 24
_CELLS: Final = 7 * _HOURS
_PER_HOUR: Final = 4  # quarters
_FOLLOWED_FOR: Final = 8 * QUARTER  # two hours: after that the till is closed for the day
_KNOWN_FROM: Final = 5  # days on which the till was open
_RANKED_FROM: Final = 14  # days of the store: each weekday twice
_PRIOR_RECEIPTS: Final = 3.0  # of the till
_LARGEST_SHARE: Final = 0.9
_SPREAD_PRIOR, _PRIOR_SHAPE = 20.0, 2.0  # until a till is known, it may be one for peaks
_LONG: Final = 1.5  # the strength of a silence that is remembered
_PRIOR_SILENCES: Final = 100.0
_PRIOR_LONG: Final = 10.0
_LARGEST_EXCESS: Final = 6.0  # mean ones: an outage must not hide the next
_THEORETICAL_EXCESS: Final = 1 / log(10)
_KEPT: Final = 0.9  # of a weekday's past, when another such day is over
_DECAY: Final = 0.97  # a day
# The rank tells strengths up to 4 apart, and the pauses of some tills reach 8.
_PER_STRENGTH: Final = 2.0
_THEORY: Final = 4.0


class TillToday(msgspec.Struct, array_like=True):
    """A till since it was first heard of today.

    Parameters
    ----------
    last
        When it was heard of last, in epoch milliseconds.
    receipt
        Its last receipt.
    seen
        How many receipts of the quarter that is being counted the store had by then.
    expected, others
        Since then, in the quarters that are over: how many receipts of the till are usual, and how many the
        other tills had.
    hours
        Its receipts by hour of the day.
    reached
        The strength of its silence so far.
    long
        The strengths of today's long silences that are over.
    """

    last: int = 0
    receipt: str = ""
    seen: int = 0
    expected: float = 0.0
    others: int = 0
    hours: dict[int, int] = {}
    reached: float = 0.0
    long: list[float] = []

    def end_silence(self) -> None:
        """Begin the next silence, and remember a long one."""
        if self.reached > _LONG:
            self.long = [*self.long, self.reached]
        self.expected, self.others, self.reached = 0.0, 0, 0.0


class TillsToday(msgspec.Struct, array_like=True):
    """A store's day at its tills, and how strong the evidence of a silent till has been.

    Parameters
    ----------
    day
        The local day that is being counted.
    counted
        Receipts of the quarter that is being counted.
    hours
        Receipts of all tills by hour of the day.
    tills
        The tills that were heard of today.
    unfollowed
        The last receipt of the tills that there are too many of.
    heard
        When any till was heard of last, in epoch milliseconds.
    days
        Days learned.
    rank
        The strengths of past quarters.
    """

    day: int = 0
    counted: int = 0
    hours: dict[int, int] = {}
    tills: dict[str, TillToday] = {}
    unfollowed: str = ""
    heard: int = 0
    days: int = 0
    rank: RollingRank = msgspec.field(default_factory=RollingRank)


class TillHabit(msgspec.Struct, array_like=True):
    """A till on the past days on which it was open.

    Parameters
    ----------
    own, store
        Decayed receipts by hour and weekday in half precision, of the till and of the whole store, the seven
        weekdays of an hour together.
    spread
        How much the till's receipts of an hour vary around its share of the store's.
    days
        On how many days it was open.
    receipts
        Its decayed receipts: those of a till that is no more come to nothing.
    heard
        When it was heard of last, in epoch milliseconds.
    long, excess
        Decayed count of its long silences, and by how much their strengths exceeded the least of them.
    """

    own: bytes = bytes(_CELLS * CELL_BYTES)
    store: bytes = bytes(_CELLS * CELL_BYTES)
    spread: ExcessSpread = msgspec.field(default_factory=ExcessSpread)
    days: int = 0
    receipts: float = 0.0
    heard: int = 0
    long: float = 0.0
    excess: float = 0.0

    def share(self, weekday: int, hour: int) -> float:
        """Return its share of the store's receipts: the weekday's drawn to the hour's, that to the whole."""
        overall = (_sum(self.own) + 0.5) / (_sum(self.store) + 1.0)
        prior = _PRIOR_RECEIPTS / max(overall, 0.01)
        at = hour * 7 * CELL_BYTES
        own, store = unpack_from("<7e", self.own, at), unpack_from("<7e", self.store, at)
        of_hour = (sum(own) + prior * overall) / (sum(store) + prior)
        share: float = (own[weekday] + prior * of_hour) / (store[weekday] + prior)
        return min(share, _LARGEST_SHARE)

    def shape(self) -> float:
        """Return the shape of the spread of its receipts; small for a till that is open now and then."""
        return self.spread.shape(_SPREAD_PRIOR, _PRIOR_SHAPE)

    def calibrated(self, reached: float) -> float:
        """Return a silence's strength among those of this till, which may pause often.

        Beyond the least of the long silences the tail is exponential, with their mean excess as its scale, as
        in `RollingRank`. Between two receipts there is one silence.
        """
        if reached <= _LONG:
            return reached
        share = (self.long + _PRIOR_SILENCES * 10**-_LONG) / (self.receipts + _PRIOR_SILENCES)
        return (reached - _LONG) * _THEORETICAL_EXCESS / self._mean_excess() - log10(share)

    def _mean_excess(self) -> float:
        return (self.excess + _PRIOR_LONG * _THEORETICAL_EXCESS) / (self.long + _PRIOR_LONG)

    def learn(self, weekday: int, till: TillToday, store: dict[int, int]) -> None:
        """Learn a day on which the till was open."""
        own = till.hours
        if self.days >= _KNOWN_FROM:
            for hour, receipts in store.items():
                expected = self.share(weekday, hour) * receipts
                if expected > 1:
                    self.spread.add_relative(own.get(hour, 0), expected)
        self.own, self.store = _added(self.own, weekday, own), _added(self.store, weekday, store)
        self.days += 1
        self.receipts += sum(own.values())
        self.heard = till.last
        for reached in till.long:
            self.excess += min(reached - _LONG, _LARGEST_EXCESS * self._mean_excess())
            self.long += 1

    def decay(self) -> None:
        """Make the past count less; once a day of the store."""
        self.spread.decay(_DECAY)
        self.receipts *= _DECAY
        self.long *= _DECAY
        self.excess *= _DECAY


class SilentTill(msgspec.Struct, frozen=True):
    """A till that is silent while the store sells.

    Parameters
    ----------
    register
        The till.
    since
        When it was heard of last, in epoch milliseconds.
    expected, shape
        How many receipts of it are usual in that time, and the shape of that expectation's spread.
    others
        Receipts of the other tills in that time.
    days
        On how many days it was open before.
    p_value
        The chance of none.
    chance
        The same, ranked among the silences of past quarters.
    """

    register: str
    since: int
    expected: float
    shape: float
    others: int
    days: int
    p_value: float
    chance: float = 1.0


class Habits(Protocol):
    """The tills' habits by register, as a table keeps them."""

    def get(self, key: str) -> TillHabit | None:
        """Return the habit of a till, or None."""

    def put(self, key: str, entry: TillHabit) -> None:
        """Keep the habit of a till."""

    def drop(self, key: str) -> None:
        """Forget a till."""

    def items(self) -> Iterator[tuple[str, TillHabit]]:
        """Iterate over the tills."""

    def shed(self, most: int, worth: Callable[[TillHabit], float]) -> list[str]:
        """Forget those that are worth least once there are more than `most`."""


# --- counting ---


def hear(event: PosEvent, today: TillsToday, habits: Habits) -> TillToday | None:
    """Note that a till works; None where there are too many to follow, or where the event names none."""
    register = event.register_id
    if register is None:
        return None
    till = today.tills.get(register)
    if till is None:
        # Somebody who makes up ids can't keep a known till out.
        if len(today.tills) >= MOST_TILLS and habits.get(register) is None:
            return None
        till = today.tills[register] = TillToday()
    till.last, till.seen = max(till.last, event.event_time), today.counted
    till.end_silence()
    today.heard = max(today.heard, event.event_time)
    return till


def count_receipt(event: PosEvent, quarter: int, today: TillsToday, habits: Habits) -> None:
    """Count a sale line of the quarter."""
    till = hear(event, today, habits)
    if event.transaction_id == (till.receipt if till else today.unfollowed):
        return
    hour = quarter // _PER_HOUR
    today.counted += 1
    today.hours[hour] = today.hours.get(hour, 0) + 1
    if till is None:
        today.unfollowed = event.transaction_id
        return
    till.receipt, till.seen = event.transaction_id, today.counted
    till.hours[hour] = till.hours.get(hour, 0) + 1


def begin_day(day: int, today: TillsToday, habits: Habits) -> None:
    """Learn the day that is over and begin another, unless it is still the same."""
    if day == today.day:
        return
    if today.hours:
        _learn_day((today.day - 1) % 7, today, habits)
    today.day, today.counted = day, 0
    today.hours, today.tills, today.unfollowed = {}, {}, ""


def _learn_day(weekday: int, today: TillsToday, habits: Habits) -> None:
    for register, till in today.tills.items():
        if till.hours:
            habit = habits.get(register) or TillHabit()
            till.end_silence()
            habit.learn(weekday, till, today.hours)
            habits.put(register, habit)
    for register, habit in list(habits.items()):
        habit.decay()
        if habit.receipts < 1:
            habits.drop(register)
        else:
            habits.put(register, habit)
    habits.shed(MOST_TILLS, lambda habit: habit.receipts)
    today.days += 1
    today.rank.decay(_DECAY)
    today.rank.fit(_THEORY)


# --- judging ---


def silent_tills(end: int, day: int, quarter: int, today: TillsToday, habits: Habits) -> list[SilentTill]:
    """Judge and rank the tills at the end of a quarter, the rarest silence first.

    A till is followed from its first receipt of the day until it was silent for two hours. Its receipts are
    expected from those of the other tills alone: where the whole store is silent, no till is.
    """
    if day != today.day or not today.counted:
        return []
    found = []
    for register, till in today.tills.items():
        new, till.seen = today.counted - till.seen, 0
        habit = habits.get(register)
        if habit is None or habit.days < _KNOWN_FROM or end - till.last > _FOLLOWED_FOR:
            continue
        if new:
            share = habit.share((day - 1) % 7, quarter // _PER_HOUR)
            till.expected += new * share / (1 - share)
            till.others += new
        if till.others:
            # n receipts of others leave 1 / n of doubt about how busy the store is: without a spread of its
            # own, the chance of none is (1 - share) ** n.
            shape = shape_of(till.others, habit.shape())
            p_value = at_most(0, till.expected, shape)
            till.reached = strength((p_value,))
            reached = habit.calibrated(till.reached) / _PER_STRENGTH
            silent = SilentTill(register, till.last, till.expected, shape, till.others, habit.days, p_value)
            found.append((reached, silent))
    today.counted = 0
    return _ranked(sorted(found, key=lambda one: (-one[0], one[1].register)), today)


def _ranked(found: list[tuple[float, SilentTill]], today: TillsToday) -> list[SilentTill]:
    """Rank silences among the longest of each past quarter."""
    if today.days < _RANKED_FROM:
        return []
    chances = [today.rank.chance_of(reached) for reached, _ in found]
    today.rank.add(found[0][0] if found else 0.0)
    return [
        msgspec.structs.replace(silent, chance=chance)
        for (_, silent), chance in zip(found, chances, strict=True)
    ]


def _sum(cells: bytes) -> float:
    return float(sum(unpack(f"<{_CELLS}e", cells)))


def _added(cells: bytes, weekday: int, hours: dict[int, int]) -> bytes:
    """Add a day to its weekday, of which ten past days count."""
    values = list(unpack(f"<{_CELLS}e", cells))
    for hour in range(_HOURS):
        at = hour * 7 + weekday
        values[at] = min(values[at] * _KEPT + hours.get(hour, 0), LARGEST_CELL * 2)
    return pack(f"<{_CELLS}e", *values)
