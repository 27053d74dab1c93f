"""Replay: the detectors over history, in one process or in several."""

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retail_anomaly.core.alerts import Alert
from retail_anomaly.core.engine import Engine
from retail_anomaly.core.events import Event
from retail_anomaly.core.markup import html_paragraph, html_table
from retail_anomaly.core.quantities import plural
from retail_anomaly.core.score import Score
from retail_anomaly.frames.words import undecided_lines
from retail_anomaly.replay.driver import Replay
from retail_anomaly.replay.jobs import Pass, open_replay
from retail_anomaly.replay.progress import tracked
from retail_anomaly.replay.rules_log import read_rules_log
from retail_anomaly.rules import Rule
from retail_anomaly.settings import Settings, with_rules
from retail_anomaly.sources import Where
from retail_anomaly.sources.columns import Columns
from retail_anomaly.sources.event_log import BadLines
from retail_anomaly.sources.mapping import EventMapping
from retail_anomaly.sources.mapping_file import AnyMapping, read_mapping
from retail_anomaly.sources.read_files import files_of
from retail_anomaly.sources.unreadable import UnreadableError
from retail_anomaly.whole_file import refuse_to_overwrite, whole_file

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Pass", "Replay", "ReplayResult", "open_replay", "replay", "replay_events", "tracked"]


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
    >>> from retail_anomaly.core.events import PosEvent
    >>> from retail_anomaly.settings import build_engine
    >>> refund = PosEvent("t-9", "store-1", "c-1", "sku", 20.0, "REFUND", 1_760_000_000_000)
    >>> [alert.type for alert in replay_events([refund], build_engine(Settings()))]
    ['REFUND_WITHOUT_SALE']
    """
    return Replay(engine).alerts(events)


# No msgspec struct: `help()` would look up the annotations, and pandas is imported only when it is needed.
@dataclass(frozen=True)
class ReplayResult:
    """The result of a replay.

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
    undecided
        How many refunds could not be judged, by detector and reason, such as a log that is too young.
    stores
        How many stores there were.
    seconds
        How long it took.
    scores
        One row per score of a model, see `retail_anomaly.core.score.Score`; None unless you ask for them.
    shadow
        The alerts of rules in the shadow, one row an alert, in the form of `alerts`.
    first_bad_line
        The first line or row that was no event, for a person; None if there was none.
    remarks
        Sentences about the data that you should read before the alerts.
    """

    alerts: "pd.DataFrame"
    events: Counter[str]
    bad_lines: int
    bad_reasons: Counter[str]
    held: int
    undecided: Counter[tuple[str, str]]
    stores: int
    seconds: float
    scores: "pd.DataFrame | None" = None
    shadow: "pd.DataFrame | None" = None
    first_bad_line: str | None = None
    remarks: Sequence[str] = ()

    def write(self, path: str | Path) -> Path:
        """Write the alerts to a file: ``.jsonl``, ``.csv``, ``.parquet`` or ``.xlsx``, by its suffix.

        `retail_anomaly.read_alerts` reads each of them back.
        """
        from retail_anomaly.frames.alert_files import write_alerts

        return write_alerts(self.alerts, path)

    def _repr_html_(self) -> str:
        types = self.alerts.drop_duplicates("alert_id")["type"].value_counts(sort=False)
        rows = [(str(name), f"{count:,}") for name, count in types.items()]
        sentences = [
            (self.bad_lines, "line", "could not be read"),
            (self.held, "decision", "still waiting for time to pass"),
        ]
        notes = [f"{plural(count, noun)} {end}." for count, noun, end in sentences if count]
        notes += [f"{count:,}: {reason}" for reason, count in self.bad_reasons.most_common(5)]
        notes += [f"The first: {self.first_bad_line}"] if self.first_bad_line else []
        notes += self.remarks
        notes += [f"{line}." for line in undecided_lines(self.undecided)]
        return "\n".join(
            [*map(html_paragraph, [self._said(), *notes]), html_table(rows, ["alerts", "count"])]
        )

    def _said(self) -> str:
        events, alerts = self.events.total(), self.alerts["alert_id"].nunique()
        return (
            f"{plural(events, 'event')} of {plural(self.stores, 'store')} in {self.seconds:.1f} s: "
            f"{plural(alerts, 'alert')}."
        )


def replay(  # noqa: PLR0913 - by name only
    source: Where,
    *,
    topic: str | None = None,
    settings: Settings | None = None,
    detectors: Sequence[str] | None = None,
    mapping: AnyMapping | None = None,
    columns: Mapping[str, str] | None = None,
    constants: Mapping[str, Any] | None = None,
    dead_letters: str | Path | None = None,
    progress: bool | None = None,
    jobs: int = 1,
    scores: bool = False,
    rules: Iterable[Rule | str | Path | Mapping[str, Any]] = (),
    rules_log: str | Path | None = None,
    return_stores: bool = False,
    executor: Executor | str | None = None,
    results: str | Path | None = None,
) -> ReplayResult:
    """Run the detectors over history.

    Parameters
    ----------
    source
        An event log, a folder, a table, a frame, several of these, or `Events`; see
        `retail_anomaly.sources.open_input`.
    topic
        The topic of files and frames that don't say it themselves.
    settings
        By default the packaged ones; `retail_anomaly.load_settings` reads a file.
    detectors
        Names of the detectors to run; by default those that are enabled.
    mapping
        How foreign data is read: a YAML file, the name of a mapping of the package, or a dict.
    columns
        Column by field, over the mapping: ``{"cashierId": "customerId"}``.
    constants
        Value by field, where its column is missing or a row has nothing in it.
    dead_letters
        A file for the bad lines, as JSON lines. An old file is replaced when the replay is done.
    progress
        Show a progress bar; by default on a terminal, on standard error, and in a notebook.
    jobs
        Number of processes that share the stores; 0: one for each core. The alerts and their order do not
        depend on it. Each process takes memory and about a second to start, so several pay off from some
        hundred thousand events.
    scores
        Keep the models' score of every interval, with or without an alert. One process then does all the
        work.
    rules
        Declarative rules that run too: rules, their files or mappings. The alerts of those in the shadow are
        in ``result.shadow``.
    rules_log
        A file with changes of the rules, as `retail-streamer rules log --json` writes it: each comes in force
        at its place among the events, as it did in the streamer.
    return_stores
        Look up refunds in the whole chain: one that names another store (``originalStoreId``) is compared
        with that store's receipt. The source is in order of time over all stores.
    executor
        For a log in buckets, as `retail-anomaly partition` writes it: where its buckets are replayed. An
        executor of `concurrent.futures`, ``local`` (as many processes as `jobs` says),
        ``dask://host:port``, ``dask+tls://host:port`` or ``ray://host:port``. The alerts come bucket by
        bucket.
    results
        With `executor`: the folder or address for the alerts of the buckets; by default the folder
        ``_results`` of the log. Buckets that are done there, with the same events and configuration, are not
        replayed again.

    Returns
    -------
    ReplayResult
        The alerts as a DataFrame, and counts.

    Raises
    ------
    SourceError
        The source isn't there or can't be read.
    ColumnsError, SettingsError
        A column or a detector that there isn't.
    UsageError
        `dead_letters` is a file that the source is read from; or with an `executor`, the source is no log in
        buckets.
    ClusterError
        The cluster of `executor` does not answer, or its workers can't do the work.
    InvalidRecord
        A line of `rules_log` is no change.

    Examples
    --------
    >>> import pandas as pd
    >>> tills = pd.DataFrame({"no": ["t1"], "sku": ["k"], "amount": [20.0], "kind": ["REFUND"],
    ...     "at": [pd.Timestamp("2025-10-09")], "cashier": ["c-1"]})
    >>> result = replay(tills, columns={"transactionId": "no", "eventType": "kind", "eventTime": "at",
    ...     "cashierId": "cashier"}, constants={"storeId": "store-1"})
    >>> result.alerts[["type", "employee_id", "risk_score"]].values.tolist()
    [['REFUND_WITHOUT_SALE', 'c-1', 0.2]]
    """
    # Here, for the command needs no pandas, which takes longer to import than all of ours.
    from retail_anomaly.frames.alerts import alerts_frame
    from retail_anomaly.frames.scores import scores_frame

    began = time.perf_counter()
    mapped = (EventMapping() if mapping is None else read_mapping(mapping)).with_columns(
        Columns(columns, constants)
    )
    settings = with_rules(settings or Settings(), rules)
    calibration = settings.cases.calibration
    judged: list[Score] = []
    shadow: list[Alert] = []
    run = open_replay(
        source,
        topic,
        mapped,
        settings,
        detectors,
        jobs=jobs,
        listener=judged.append if scores else None,
        shadow=shadow.append,
        rules_log=None if rules_log is None else read_rules_log(rules_log),
        return_stores=return_stores,
        executor=executor,
        results=results,
    )
    if dead_letters is not None:
        refuse_to_overwrite({"dead_letters": Path(dead_letters)}, files_of(source))
    with ExitStack() as stack:
        letters = stack.enter_context(whole_file(dead_letters)) if dead_letters else None
        bad = BadLines(letters)
        unreadable = None
        try:
            alerts = alerts_frame(run.alerts(bad, progress), calibration)
        except UnreadableError as error:  # raised below, so that the dead letters are kept
            unreadable = error
    if unreadable is not None:
        raise unreadable
    return ReplayResult(
        alerts=alerts,
        events=run.events,
        bad_lines=bad.count,
        bad_reasons=bad.reasons,
        held=run.held,
        undecided=run.undecided,
        stores=run.store_count,
        seconds=time.perf_counter() - began,
        scores=scores_frame(judged) if scores else None,
        shadow=alerts_frame(shadow, calibration),
        first_bad_line=None if bad.first is None else str(bad.first),
        remarks=[*run.remarks, *run.hints],
    )
