"""Replay: the detectors over history."""

import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from heapq import heappop, heappush
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from retail_anomaly.alerts import Alert
from retail_anomaly.columns import Columns
from retail_anomaly.engine import Engine
from retail_anomaly.events import EVENT_TYPES, Event, ShiftEvent
from retail_anomaly.logs import BadLines
from retail_anomaly.models.score import Score
from retail_anomaly.settings import Settings, build_engine
from retail_anomaly.sources import Input, Where, open_input
from retail_anomaly.store import StoreState

if TYPE_CHECKING:
    import pandas as pd

_PROGRESS_EVERY: Final = 4_096


class Replay:
    """One pass of events through an engine; it holds the stores' state and never the events.

    Parameters
    ----------
    engine
        The detectors.

    Attributes
    ----------
    stores
        The memory of each store by its id.

    Examples
    --------
    >>> from retail_anomaly.events import CountEvent
    >>> replay = Replay(build_engine(Settings()))
    >>> counts = [CountEvent("s", "k", n, 1_760_000_000_000) for n in (20, 12)]
    >>> [alert.type for alert in replay.alerts(counts)]
    ['STOCK_DISCREPANCY']
    >>> replay.events["inventory-counts"], replay.held
    (2, 0)
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._counts: Counter[type] = Counter()
        # Nothing is paid for ticks where no detector waits.
        self._ticks = _Ticks(engine) if engine.needs_ticks else None
        self.stores: dict[str, StoreState] = {}

    @property
    def events(self) -> Counter[str]:
        """How many events were processed, by topic."""
        return Counter({topic: self._counts[kind] for topic, kind in EVENT_TYPES.items()})

    @property
    def held(self) -> int:
        """How many decisions still wait for time to pass."""
        return sum(self._engine.waiting(store)[0] for store in self.stores.values())

    def alerts(self, events: Iterable[Event]) -> Iterator[Alert]:
        """Process events and yield the alerts they raise, stamped with the time of their emission.

        A store that waits for time to pass, and that no event comes from, is ticked when the newest
        event time of all stores reaches what it waits for.
        """
        engine, stores, counts, ticks = self._engine, self.stores, self._counts, self._ticks
        process = engine.process
        for event in events:
            store_id = event.store_id
            store = stores.get(store_id)
            if store is None:
                store = stores[store_id] = engine.new_store(store_id)
            counts[type(event)] += 1
            raised = process(event, store)
            if raised:
                now = _now()
                for alert in raised:
                    yield alert.detected(now)
            if ticks is not None:
                ticks.expect(store)
                if not isinstance(event, ShiftEvent) and ticks.pass_time(event.event_time):
                    for alert in ticks.run(stores):
                        yield alert.detected(_now())


class _Ticks:
    """Which stores wait for time to pass, and the newest event time of all."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._newest = 0
        self._due: list[tuple[int, str]] = []
        self._expected: dict[str, int] = {}  # the due time that stands for a store in the heap

    def expect(self, store: StoreState) -> None:
        """Take note of what a store waits for."""
        due = self._engine.waiting(store)[1]
        if due is not None and self._expected.get(store.store_id) != due:
            self._expected[store.store_id] = due
            heappush(self._due, (due, store.store_id))

    def pass_time(self, event_time: int) -> bool:
        """Move the newest time; tell whether a store has waited long enough."""
        if event_time <= self._newest:
            return False
        self._newest = event_time
        return bool(self._due) and self._due[0][0] <= event_time

    def run(self, stores: Mapping[str, StoreState]) -> Iterator[Alert]:
        """Tick the stores that have waited long enough."""
        while self._due and self._due[0][0] <= self._newest:
            due, store_id = heappop(self._due)
            if self._expected.get(store_id) == due:  # else a due time that was overtaken
                del self._expected[store_id]
                yield from self._engine.tick(self._newest, stores[store_id])
                self.expect(stores[store_id])


def replay_events(events: Iterable[Event], engine: Engine) -> Iterator[Alert]:
    """Process events and yield the alerts they raise, one at a time.

    Parameters
    ----------
    events
        Events in the order in which they are to be processed; they are not kept.
    engine
        The detectors.

    Yields
    ------
    Alert
        Alerts in the order of the events that raise them.

    Examples
    --------
    >>> from retail_anomaly.events import PosEvent
    >>> refund = PosEvent("t-9", "store-1", "c-1", "sku", 20.0, "REFUND", 1_760_000_000_000)
    >>> [alert.type for alert in replay_events([refund], build_engine(Settings()))]
    ['REFUND_WITHOUT_SALE']
    """
    return Replay(engine).alerts(events)


class ReplayResult(msgspec.Struct, frozen=True):
    """What a replay found.

    Parameters
    ----------
    alerts
        One row an alert: snake_case columns, times as UTC timestamps, evidence as dicts.
    events
        How many events were processed, by topic.
    bad_lines, bad_reasons
        How many lines or rows were no events, and how many by reason.
    held
        How many decisions still wait for time to pass.
    stores
        How many stores there were.
    seconds
        How long it took.
    scores
        One row a judgement of a model, see `retail_anomaly.models.score.Score`; None unless asked for.
    """

    alerts: "pd.DataFrame"
    events: Counter[str]
    bad_lines: int
    bad_reasons: Counter[str]
    held: int
    stores: int
    seconds: float
    scores: "pd.DataFrame | None" = None


def replay(  # noqa: PLR0913 - each is an option of its own
    source: Where,
    *,
    topic: str | None = None,
    settings: Settings | None = None,
    detectors: Sequence[str] | None = None,
    columns: Mapping[str, str] | None = None,
    constants: Mapping[str, Any] | None = None,
    dead_letters: str | Path | None = None,
    progress: bool | None = None,
    scores: bool = False,
) -> ReplayResult:
    """Run the detectors over history.

    Parameters
    ----------
    source
        An event log, a folder, a Parquet or CSV file, a DataFrame, several of these, or events;
        see `retail_anomaly.sources`.
    topic
        The topic of files and frames that don't say it themselves.
    settings
        By default the packaged ones; `retail_anomaly.load_settings` reads a file.
    detectors
        Names of the detectors to run; by default those that are enabled.
    columns
        Column by field, for foreign data: ``{"cashierId": "customerId"}``.
    constants
        Value by field, where its column is missing or a row has nothing in it.
    dead_letters
        A file for what could not be read, as JSON lines.
    progress
        Show a progress bar on standard error; by default when it is a terminal.
    scores
        Keep what the models thought of every interval, whether it alerted or not.

    Returns
    -------
    ReplayResult
        The alerts as a DataFrame, and what was counted on the way.

    Raises
    ------
    SourceError
        The source isn't there or can't be read.
    ColumnsError, SettingsError
        A column or a detector that there isn't.

    Examples
    --------
    >>> import pandas as pd
    >>> tills = pd.DataFrame({"no": ["t1"], "sku": ["k"], "amount": [20.0], "kind": ["REFUND"],
    ...     "at": [pd.Timestamp("2025-10-09")], "cashier": ["c-1"]})
    >>> result = replay(tills, columns={"transactionId": "no", "eventType": "kind", "eventTime": "at",
    ...     "cashierId": "cashier"}, constants={"storeId": "store-1"})
    >>> result.alerts[["type", "employee_id", "risk_score"]].values.tolist()
    [['REFUND_WITHOUT_SALE', 'c-1', 1.0]]
    """
    # Here, for the command needs no pandas, which takes longer to import than all of ours.
    from retail_anomaly.frames import alerts_frame, scores_frame

    began = time.perf_counter()
    engine = build_engine(settings or Settings(), detectors)
    judged: list[Score] = []
    if scores:
        for detector in engine.detectors:
            detector.listener = judged.append
    run = Replay(engine)
    opened = open_input(source, topic, Columns(columns, constants))
    with ExitStack() as stack:
        letters = stack.enter_context(Path(dead_letters).open("wb")) if dead_letters else None
        bad = BadLines(letters)
        events = tracked(opened, opened.events(bad), progress)
        alerts = alerts_frame(run.alerts(events))
    return ReplayResult(
        alerts=alerts,
        events=run.events,
        bad_lines=bad.count,
        bad_reasons=bad.reasons,
        held=run.held,
        stores=len(run.stores),
        seconds=time.perf_counter() - began,
        scores=scores_frame(judged) if scores else None,
    )


def tracked(source: Input, events: Iterator[Event], shown: bool | None) -> Iterator[Event]:
    """Return the events, followed by a progress bar if it is to be shown.

    Parameters
    ----------
    source
        Knows how much of it has been read.
    events
        Its events.
    shown
        Whether to show the bar; None: when standard error is a terminal.

    Returns
    -------
    Iterator of Event
        The same events.
    """
    if shown is None:
        shown = sys.stderr.isatty()
    return _tracked(source, events) if shown else events


def _tracked(source: Input, events: Iterator[Event]) -> Iterator[Event]:
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("reading", total=None)
        for number, event in enumerate(events):
            if number % _PROGRESS_EVERY == 0:
                done = source.done()
                bar.update(
                    task,
                    description=f"{number:,} events",
                    total=None if done is None else 1.0,
                    completed=done,
                )
            yield event


def _now() -> int:
    return int(time.time() * 1000)
