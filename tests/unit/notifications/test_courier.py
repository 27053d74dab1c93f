"""Couriers: one route waits for no other, and a pause is as long as it must be."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from retail_anomaly.notifications import AlertNote, Message
from streamer.notify.courier import Courier, Couriers, Parcel
from streamer.notify.delivery import Delivery
from tests.support.waiting import PATIENCE_S


class ToldCarrier:
    """Delivers as it is told: by a script of outcomes, then well; or never, while it is held."""

    def __init__(self, *script: Delivery, held: bool = False) -> None:
        self.script = list(script)
        self.tried: list[str] = []
        self.go = threading.Event()
        if not held:
            self.go.set()

    def deliver(self, message: Message) -> Delivery:
        self.tried.append(message.notes[0].alert_id)
        self.go.wait(PATIENCE_S)
        return self.script.pop(0) if self.script else Delivery("sent")

    def end_within(self, seconds: float) -> None:
        self.go.set()


def parcel(name: str, route: str = "r", severity: str = "high", partition: int = 0) -> Parcel:
    note = AlertNote(name, 1, "SHRINKAGE", "store-1", 1_760_000_000_000, severity, "10 pieces are missing.")
    return Parcel(Message(route, "store-1", (note,)), partition)


@contextmanager
def running(*carriers: ToldCarrier, ours: Callable[[int], bool] = lambda _: True) -> Iterator[Couriers]:
    news: list[int] = []
    names = ["r", "s"]
    made = {
        name: Courier(name, carrier, news.append, ours, first_pause=0.05)
        for name, carrier in zip(names, carriers, strict=False)
    }
    couriers = Couriers(made)
    couriers.start()
    yield couriers
    couriers.stop_soon()
    couriers.outcomes()


def outcomes(couriers: Couriers, number: int) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    deadline = time.monotonic() + PATIENCE_S
    while len(found) < number:
        assert time.monotonic() < deadline, found
        found += [(each.message.notes[0].alert_id, how.outcome) for each, how in couriers.outcomes()]
        time.sleep(0.005)
    return found


def test_a_route_that_hangs_delays_no_other() -> None:
    hanging, well = ToldCarrier(held=True), ToldCarrier()
    with running(hanging, well) as couriers:
        couriers.hand(parcel("a"))
        for name in "bcd":
            couriers.hand(parcel(name, route="s"))
        assert [name for name, _ in outcomes(couriers, 3)] == ["b", "c", "d"]
        assert [each.notes[0].alert_id for each in couriers.flying("store-1")] == ["a"]


def test_after_a_failure_the_rest_is_given_back_and_the_route_pauses_as_long_as_it_was_asked() -> None:
    carrier = ToldCarrier(Delivery("away", "answers 429", 0.3), held=True)
    with running(carrier) as couriers:
        for name in "abc":
            couriers.hand(parcel(name))
        began = time.monotonic()
        carrier.go.set()
        assert outcomes(couriers, 1) == [("a", "away")]
        assert couriers.flying("store-1") == []
        assert couriers.paused() == {"r": True}
        while not couriers.hand(parcel("b")):
            time.sleep(0.005)
        assert time.monotonic() - began >= 0.3
        assert outcomes(couriers, 1) == [("b", "sent")]
    assert carrier.tried == ["a", "b"]


def test_the_gravest_message_goes_first() -> None:
    carrier = ToldCarrier(held=True)
    with running(carrier) as couriers:
        couriers.hand(parcel("first", severity="low"))
        while not carrier.tried:
            time.sleep(0.005)
        for name, severity in (("b", "low"), ("c", "critical"), ("d", "high")):
            couriers.hand(parcel(name, severity=severity))
        carrier.go.set()
        assert [name for name, _ in outcomes(couriers, 4)] == ["first", "c", "d", "b"]


def test_messages_of_a_partition_that_went_away_are_left_to_its_new_process() -> None:
    carrier = ToldCarrier()
    with running(carrier, ours=lambda partition: partition == 1) as couriers:
        couriers.hand(parcel("a", partition=0))
        couriers.hand(parcel("b", partition=1))
        assert outcomes(couriers, 1) == [("b", "sent")]
    assert carrier.tried == ["b"]


def test_a_fault_in_a_message_does_not_end_its_route() -> None:
    class Faulty(ToldCarrier):
        def deliver(self, message: Message) -> Delivery:
            if message.notes[0].alert_id == "a":
                raise KeyError("a")
            return super().deliver(message)

    with running(Faulty()) as couriers:
        couriers.hand(parcel("a"))
        couriers.hand(parcel("b"))
        assert outcomes(couriers, 2) == [("a", "refused"), ("b", "sent")]


def test_a_courier_that_stops_waits_for_what_is_on_its_way_and_begins_nothing() -> None:
    carrier = ToldCarrier(held=True)
    with running(carrier) as couriers:
        for name in "ab":
            couriers.hand(parcel(name))
        while not carrier.tried:
            time.sleep(0.005)
        couriers.stop_soon()
        assert [(each.message.notes[0].alert_id, how.outcome) for each, how in couriers.outcomes()] == [
            ("a", "sent")
        ]
        assert not couriers.hand(parcel("c"))
