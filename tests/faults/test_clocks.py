"""Clocks that are wrong, and stores that are silent for a month; meanwhile the streamer is killed."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import msgspec

from data_gen import Simulation
from data_gen.world import recorded_at
from retail_anomaly.core import codec
from retail_anomaly.core.codec import decode, encode, topic_of
from retail_anomaly.core.events import POS_EVENTS, PosEvent
from retail_anomaly.replay import replay_events
from retail_anomaly.settings import Settings, build_engine, load
from tests.kafka import Record
from tests.support.faults import PARTITIONS, Scene, variants
from tests.support.simulated import Content, by_key, records
from tests.support.wrong_till import CASHIER, with_wrong_till

FIRST = date(2025, 3, 3)
HOUR, DAY = 3_600_000, 86_400_000
YEAR_2035 = 2_051_222_400_000


def day(start: date = FIRST) -> list[Record]:
    """Return a day of four stores, each in a partition of its own."""
    return [
        replace(record, partition=int((record.key or b"").rpartition(b"-")[2]) % PARTITIONS)
        for record in records(Simulation(stores=4, days=1, seed=11, start=start))
    ]


def as_read(log: Iterable[Record]) -> Iterator[Record]:
    """Yield a backlog as the streamer reads it: of a partition's topics, the earliest next record."""
    partitions: defaultdict[int | None, defaultdict[str, deque[Record]]] = defaultdict(
        lambda: defaultdict(deque)
    )
    for record in log:
        partitions[record.partition][record.topic].append(record)
    for topics in partitions.values():
        while waiting := [queue for queue in topics.values() if queue]:
            # Or else the order of two topics would decide.
            assert len({queue[0].timestamp for queue in waiting}) == len(waiting)
            yield min(waiting, key=lambda queue: queue[0].timestamp or 0).popleft()


def expected(log: Iterable[Record]) -> Content:
    return in_line(as_read(log))


def in_line(log: Iterable[Record]) -> Content:
    """Return the alerts of a replay of the records in this order."""
    events = (decode(record.topic, record.value) for record in log)
    return by_key(
        msgspec.json.decode(encode(alert)) for alert in replay_events(events, build_engine(Settings()))
    )


def cashier_of(record: Record) -> str | None:
    event = codec.decode(record.topic, record.value)
    return event.cashier_id if isinstance(event, PosEvent) else None


def moved(record: Record, milliseconds: int) -> Record:
    """Return a receipt line as a till with a wrong clock sends it."""
    event = codec.decode(record.topic, record.value)
    assert isinstance(event, PosEvent)
    event = msgspec.structs.replace(event, event_time=event.event_time + milliseconds)
    return replace(record, value=encode(event), timestamp=event.event_time)


def killed_midway(
    scene: Callable[..., Scene], log: list[Record], alerts: Content | None = None, **options: Any
) -> Scene:
    here = scene(given=log, alerts=expected(log) if alerts is None else alerts, **options)
    here.die(f"kill:processed:{len(log) // 2}")
    here.lose_state()
    here.start()
    here.finish()
    return here


@variants("minutes", [30], [-30, 30])
def test_a_till_whose_clock_is_wrong_makes_no_difference_to_a_restart(
    scene: Callable[..., Scene], minutes: int
) -> None:
    till = next(cashier for record in day() if (cashier := cashier_of(record)))
    log = [moved(record, minutes * 60_000) if cashier_of(record) == till else record for record in day()]
    killed_midway(scene, log)


@variants("ahead", [3 * DAY], [HOUR, DAY, 40 * DAY, 365 * DAY, -HOUR, -DAY, -365 * DAY])
def test_a_till_whose_clock_is_wrong_by_days_leaves_the_alerts_of_the_log_without_the_till(
    scene: Callable[..., Scene], tmp_path: Path, ahead: int
) -> None:
    without = list(Simulation(stores=4, days=2, seed=11, numbered_by="register").events())
    events = with_wrong_till(without, ahead, 400, after=len(without) // 3, every=3)
    config = tmp_path / "config.yaml"
    config.write_text("numbered_by: register\n")
    log = [
        Record(topic_of(event), encode(event), event.store_id.encode(), timestamp=recorded_at(event))
        for event in events
    ]
    here = scene("--at-least-once", "--config", str(config), given=log, alerts={})

    # A backlog, in which the till's records stand before those of other topics that are days earlier.
    here.die(f"kill:processed:{len(log) // 2}")
    here.lose_state()
    here.die(f"kill:processed:{len(log) // 4}")
    here.start()
    here.drain()

    found = {key: alert for key, alert in here.alerts().items() if alert["employeeId"] != CASHIER}
    engine = build_engine(load(config, environ={}).settings)
    wanted = by_key(msgspec.json.decode(encode(alert)) for alert in replay_events(without, engine))
    assert found == wanted
    assert len(wanted) > 10


def test_an_event_of_a_far_future_stops_no_other_record_and_state_stays_bounded(
    scene: Callable[..., Scene],
) -> None:
    days = [record for n in range(4) for record in day(FIRST + timedelta(days=n))]
    sale = next(
        n for n, r in enumerate(days) if r.topic == POS_EVENTS and r.key == b"store-1" and n > len(days) // 4
    )
    log = [*days[:sale], moved(days[sale], YEAR_2035 - (days[sale].timestamp or 0)), *days[sale + 1 :]]

    # A broker of version 4 refuses it by itself, with the whole batch that it is in.
    config = {"message.timestamp.after.max.ms": str(2**63 - 1)}
    here = killed_midway(scene, log, in_line(log), topic_config=config)

    undisturbed = {k: v for k, v in expected(days).items() if v["storeId"] != "store-1"}
    found = {k: v for k, v in here.alerts().items() if v["storeId"] != "store-1"}
    assert found == undisturbed
    sizes = state_bytes(here)
    # The store whose events are always late forgets, too.
    assert sizes["store-1"] < 2 * max(size for store, size in sizes.items() if store != "store-1")


def test_a_month_of_silence_forgets_what_is_of_no_more_use_and_nothing_else(
    scene: Callable[..., Scene],
) -> None:
    # The same weekday: Saturdays are fuller.
    before, after = day(), day(FIRST + timedelta(days=35))
    log = [*before, *after]
    here = scene(given=log, alerts=expected(log), first=len(before))
    streamer = here.start()
    streamer.wait_until_processed()
    assert streamer.stop() == 0
    sizes = state_bytes(here)
    here.send_rest()
    here.die(f"kill:processed:{len(after) // 2}")
    here.lose_state()
    here.start()
    here.finish()

    # Were the first day still there, it would be twice as much.
    for store, size in state_bytes(here).items():
        assert size < 1.5 * sizes[store]


def state_bytes(scene: Scene) -> dict[str, int]:
    """Return how many bytes of state each store has, as its changelog tells."""
    newest: dict[tuple[int | None, bytes], bytes | None] = {}
    for record in scene.changelog():
        newest[record.partition, record.key or b""] = record.value
    sizes: defaultdict[str, int] = defaultdict(int)
    for (_, key), value in newest.items():
        sizes[key.partition(b"|")[0].decode()] += len(value or b"")
    return dict(sizes)
