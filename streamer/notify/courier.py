"""Couriers: one for each route, with a thread of its own, so that a dead route delays no other."""

import heapq
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import count
from typing import Final, NamedTuple

import structlog

from retail_anomaly.notifications import Message
from retail_anomaly.notifications.route import rank
from streamer.notify.delivery import Carrier, Delivery

_log: Final = structlog.stdlib.get_logger("retail-streamer")

_MOST_QUEUED: Final = 50
"""Messages that a courier has at a time; further ones wait in the state."""
_LONGEST_PAUSE: Final = 300.0
STOP_SECONDS: Final = 2.0
"""Seconds that a delivery may go on once the process was asked to stop."""


class Parcel(NamedTuple):
    """A message with the partition of its store.

    Parameters
    ----------
    message
        The message.
    partition
        The partition.

    Examples
    --------
    >>> Parcel._fields
    ('message', 'partition')
    """

    message: Message
    partition: int


class Courier:
    """Delivers the messages of one route, one after the other, the gravest first.

    After a failure it pauses: as long as the service asked, or longer from failure to failure. What it has
    not tried by then it gives back, so that it waits in the state, where later decisions see it.

    Parameters
    ----------
    route
        The route's name.
    carrier
        Delivers a message.
    on_news
        Is told a partition of which something is to be done: a message ended, or a pause.
    still_ours
        Tells whether this process still has a partition.
    first_pause
        Seconds of the pause after a first failure.
    """

    def __init__(
        self,
        route: str,
        carrier: Carrier,
        on_news: Callable[[int], None],
        still_ours: Callable[[int], bool],
        first_pause: float = 1.0,
    ) -> None:
        self._route = route
        self._carrier = carrier
        self._on_news = on_news
        self._still_ours = still_ours
        self._first_pause = first_pause
        self._numbers = count()
        self._queue: list[tuple[int, int, Parcel]] = []
        self._flying: dict[str, Parcel] = {}  # by message id, until its outcome is taken
        self._done: list[tuple[Parcel, Delivery]] = []
        self._wanting: set[int] = set()  # partitions whose messages were not taken
        self._changed = threading.Condition()
        self._paused_until = 0.0
        self._failures = 0
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name=f"notify-{route}", daemon=True)

    def start(self) -> None:
        """Begin to deliver."""
        self._thread.start()

    @property
    def paused(self) -> bool:
        """Whether it waits after a failure. Any thread may ask."""
        return time.monotonic() < self._paused_until

    def hand(self, parcel: Parcel) -> bool:
        """Take a message to be delivered; False: not now."""
        with self._changed:
            if self._stopped or self.paused or len(self._flying) >= _MOST_QUEUED:
                self._wanting.add(parcel.partition)
                return False
            self._flying[parcel.message.id] = parcel
            heapq.heappush(self._queue, (-rank(parcel.message.severity), next(self._numbers), parcel))
            self._changed.notify_all()
        return True

    def flying(self, store_id: str) -> list[Message]:
        """Return the messages about a store whose outcome nobody has taken yet."""
        with self._changed:
            return [each.message for each in self._flying.values() if each.message.store_id == store_id]

    def outcomes(self) -> list[tuple[Parcel, Delivery]]:
        """Take the messages whose delivery has ended."""
        with self._changed:
            done, self._done = self._done, []
            for parcel, _ in done:
                self._flying.pop(parcel.message.id, None)
        return done

    def end_within(self, seconds: float) -> None:
        """Begin no delivery any more, and end the one that goes on. A signal handler may call it."""
        self._stopped = True
        self._carrier.end_within(seconds)

    def wait(self, seconds: float) -> None:
        """Wait until the delivery that goes on has ended."""
        with self._changed:
            self._changed.notify_all()
        self._thread.join(seconds)

    def _run(self) -> None:
        while not self._stopped:
            parcel = self._next()
            if parcel is None:
                continue
            self._settle(parcel, self._deliver(parcel))
            self._rest()
            self._call_for_more()

    def _next(self) -> Parcel | None:
        with self._changed:
            if not self._queue:
                self._changed.wait(0.5)
            if not self._queue or self._stopped:
                return None
            parcel = heapq.heappop(self._queue)[2]
            if not self._still_ours(parcel.partition):  # the process that has it now will send it
                self._flying.pop(parcel.message.id, None)
                return None
            return parcel

    def _deliver(self, parcel: Parcel) -> Delivery:
        try:
            return self._carrier.deliver(parcel.message)
        except Exception as error:  # noqa: BLE001 - a fault in one message must not end the route
            return Delivery("refused", f"{type(error).__name__} while the message was made")

    def _settle(self, parcel: Parcel, delivery: Delivery) -> None:
        with self._changed:
            is_news = not self._done  # else they are called for already
            self._done.append((parcel, delivery))
            if delivery.outcome == "away":
                pause = delivery.wait
                if pause is None:
                    pause = min(self._first_pause * 2.0**self._failures, _LONGEST_PAUSE)
                self._failures += 1
                self._paused_until = time.monotonic() + pause
                if not self._stopped:
                    _log.warning(
                        "a route takes no messages; they wait", route=self._route,
                        reason=delivery.reason, seconds=round(pause, 1),
                    )  # fmt: skip
                for _, _, waiting in self._queue:
                    self._flying.pop(waiting.message.id, None)
                    self._wanting.add(waiting.partition)
                self._queue.clear()
                self._wanting.add(parcel.partition)
            elif delivery.outcome == "sent" and self._failures:
                _log.info("a route takes messages again", route=self._route, failures=self._failures)
                self._failures = 0
        if is_news:
            self._on_news(parcel.partition)

    def _rest(self) -> None:
        while self.paused:
            with self._changed:
                if self._stopped:
                    return
                self._changed.wait(min(0.5, max(0.0, self._paused_until - time.monotonic())))

    def _call_for_more(self) -> None:
        with self._changed:
            if len(self._flying) > _MOST_QUEUED // 2:
                return
            wanting, self._wanting = self._wanting, set()
        for partition in wanting:
            self._on_news(partition)


class Couriers:
    """The couriers of all routes.

    Parameters
    ----------
    couriers
        By route.

    Examples
    --------
    >>> Couriers({}).outcomes()
    []
    """

    def __init__(self, couriers: Mapping[str, Courier]) -> None:
        self._couriers = dict(couriers)
        self._stopping = False

    def start(self) -> None:
        """Begin to deliver."""
        for courier in self._couriers.values():
            courier.start()

    def hand(self, parcel: Parcel) -> bool:
        """Give a message to the courier of its route; False: not now."""
        return self._couriers[parcel.message.route].hand(parcel)

    def flying(self, store_id: str) -> list[Message]:
        """Return the messages about a store that are on their way."""
        return [each for courier in self._couriers.values() for each in courier.flying(store_id)]

    def outcomes(self) -> Sequence[tuple[Parcel, Delivery]]:
        """Take the messages whose delivery has ended; while the process stops, wait for it."""
        if self._stopping:
            deadline = time.monotonic() + 2 * STOP_SECONDS
            for courier in self._couriers.values():
                courier.wait(max(0.0, deadline - time.monotonic()))
        return [each for courier in self._couriers.values() for each in courier.outcomes()]

    def stop_soon(self) -> None:
        """Begin no delivery, and end those that go on. A signal handler may call it."""
        for courier in self._couriers.values():
            courier.end_within(STOP_SECONDS)
        self._stopping = True

    def paused(self) -> dict[str, bool]:
        """Return by route whether it waits after a failure. Any thread may ask."""
        return {name: courier.paused for name, courier in self._couriers.items()}
