"""The replay of one share of the stores; `retail_anomaly.replay.jobs` runs it in a process of its own."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec

from retail_anomaly.core.alerts import Alert
from retail_anomaly.core.events import Event
from retail_anomaly.replay.driver import Order, Replay
from retail_anomaly.replay.named_stores import NamedStores
from retail_anomaly.replay.rules_log import PlacedChange, RunningRules
from retail_anomaly.settings import Settings, build_engine, rules_of_settings
from retail_anomaly.sources import FIRST, Place, Share, open_input
from retail_anomaly.sources.event_log import BadLine
from retail_anomaly.sources.findings import Findings
from retail_anomaly.sources.mapping import EventMapping
from retail_anomaly.sources.watch import Watch
from retail_anomaly.workers import Channel

_REPORT_EVERY: Final = 4_096
_MOST_BAD_LINES: Final = 1_000


class ShareTask(msgspec.Struct, frozen=True):
    """The arguments of a replay, and the share of the stores to replay."""

    where: Any
    topic: str | None
    mapping: EventMapping
    settings: Settings
    detectors: Sequence[str] | None
    share: Share
    rules_log: Sequence[PlacedChange] | None = None
    return_stores: bool = False


class ShareReport(msgspec.Struct):
    """The alerts and bad lines of a share since its last report.

    Parameters
    ----------
    until
        Everything before this place has been reported.
    items
        Alerts and bad lines with their order.
    events
        How many events the share has processed so far.
    done
        How much of the input has been read, 0 to 1.
    """

    until: Place
    items: list[tuple[Order, Alert | BadLine]]
    events: int
    done: float | None


class ShareCounts(msgspec.Struct):
    """The counts of a share at its end."""

    events: Counter[str]
    held: int
    stores: int
    findings: Findings
    undecided: Counter[tuple[str, str]]
    notes: list[str]
    hints: list[str]
    named_stores: NamedStores


def replay_share(channel: Channel, task: ShareTask) -> None:
    """Replay a share; send a report every few thousand events, and the counts at the end."""
    rules = None
    if task.rules_log is not None:
        rules = RunningRules(rules_of_settings(task.settings, task.detectors), task.rules_log)
    engine = build_engine(task.settings, task.detectors, nobody=task.mapping.nobody)
    run = Replay(engine, rules=rules, return_stores=task.return_stores)
    source = open_input(task.where, task.topic, task.mapping, task.settings.zones, task.settings.privacy)
    watch = Watch(task.mapping.nobody, task.settings.numbered_by)
    report = ShareReport(FIRST, [], 0, 0.0)

    def send_report() -> None:
        report.done = source.done()
        channel.send(report)
        report.items.clear()

    def reject(place: Place, bad: BadLine) -> None:
        report.until = max(report.until, place)
        report.items.append(((place, 2, bad.number, bad.place), bad))
        # A file of nothing but bad lines has no events, at which a report would be due.
        if len(report.items) >= _MOST_BAD_LINES:
            send_report()

    def events() -> Iterator[tuple[Place, Event]]:
        for number, (place, event) in enumerate(source.placed(reject, task.share), 1):
            if task.share.owns(event.store_id):
                watch.take(event)
            if task.return_stores and task.share.owns(getattr(event, "original_store_id", None) or ""):
                watch.take_return(event)
            yield place, event
            # The next event is asked for when all alerts of this one have been taken.
            report.until, report.events = place, number
            if number % _REPORT_EVERY == 0:
                send_report()

    for order, alert in run.placed_alerts(events(), task.share.owns):
        report.items.append((order, alert))
    send_report()
    stores = NamedStores.of(run.store_ids, task.settings.stores)
    channel.send(
        ShareCounts(
            run.events,
            run.held,
            run.store_count,
            watch.findings,
            run.undecided,
            source.notes,
            source.hints,
            stores,
        )
    )
