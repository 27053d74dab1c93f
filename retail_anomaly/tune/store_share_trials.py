"""Tuning trials over one share of the stores; `tune.all_store_shares` adds the shares up."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import Any, Final

import msgspec
import pandas as pd

from retail_anomaly.core.alerts import Alert
from retail_anomaly.core.events import Event, PosEvent, ShiftEvent
from retail_anomaly.evaluate import Activity
from retail_anomaly.evaluate.match import distractors, match_pairs
from retail_anomaly.frames.alerts import alerts_frame
from retail_anomaly.replay import replay_events
from retail_anomaly.settings import Settings, build_engine
from retail_anomaly.sources import Input, Share, Where, open_input
from retail_anomaly.sources.event_log import BadLine, BadLines

_REPEATED: Final = ("store_id", "cashier_id", "sku", "event_type", "register_id", "tender")


LEVELS: Final = (0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.93, 0.96, 0.98)
"""The least confidences that tuning tries."""


class TrialOutcome(msgspec.Struct, frozen=True):
    """The result of one detector with one set of parameters on the days tuned on.

    Parameters
    ----------
    alerts
        How many alerts it raises, each counted once.
    found
        The incidents it finds, as row numbers in the frame of those days' incidents. Empty if there are more
        alerts than the limit: then nobody has looked.
    surer
        The same of the alerts of each of `LEVELS`, or more. Empty where no confidence counts.
    """

    alerts: int
    found: tuple[int, ...]
    surer: tuple["TrialOutcome", ...] = ()

    def of_level(self, place: int | None) -> "TrialOutcome":
        """Return the outcome with the least confidence of this place in `LEVELS`; None: with none."""
        return self if place is None or not self.surer else self.surer[place]

    def within(self, most: int) -> "TrialOutcome":
        """Return the outcome of the lowest level that has no more alerts than this, else of the highest."""
        return next((one for one in (self, *self.surer) if one.alerts <= most), (self, *self.surer)[-1])


class LogFacts(msgspec.Struct, frozen=True):
    """The few things that tuning needs to know about the events themselves.

    Parameters
    ----------
    times
        By store the times of its events, in epoch milliseconds.
    digests
        By store a hash of its events in their order.
    bad_lines
        How many lines were no events.
    first_bad
        The first of these lines, or None.
    """

    times: dict[str, Any]
    digests: dict[str, str]
    bad_lines: int
    first_bad: BadLine | None


class StoreShareTrials:
    """The events of a share of the stores, kept in memory, and the trials over them.

    Parameters
    ----------
    where
        The log, as `open_input` takes it.
    share
        The stores to keep; None: all.
    """

    def __init__(self, where: Where, share: Share | None = None) -> None:
        self._events: list[Event] = []
        self._incidents = pd.DataFrame()
        self._cuts: Mapping[str, int] = {}
        self._tuned_events = 0
        self._limit = 0
        self._bad = BadLines()
        names: dict[str, str] = {}
        for event in _events(open_input(where), share, self._bad):
            if isinstance(event, PosEvent):
                _share_names(event, names)
            self._events.append(event)

    def facts(self) -> LogFacts:
        """Return when each store had events, a hash of its events, and the number of bad lines."""
        digests: dict[str, Any] = {}
        for event in self._events:
            store = event.store_id
            if store not in digests:
                digests[store] = blake2b(digest_size=16)
            digests[store].update(msgspec.json.encode(event))
        return LogFacts(
            dict(Activity.of(self._events, sample=0).times),
            {store: digest.hexdigest() for store, digest in digests.items()},
            self._bad.count,
            self._bad.first,
        )

    def begin(self, incidents: pd.DataFrame, cuts: Mapping[str, int], limit: int) -> None:
        """Set the incidents, the end and the limit for the trials.

        Parameters
        ----------
        incidents
            The incidents of the days tuned on.
        cuts
            By store the end of these days, in epoch milliseconds.
        limit
            A detector with more alerts than this can't be chosen.
        """
        self._incidents, self._cuts, self._limit = incidents.reset_index(drop=True), cuts, limit
        # An early event can come late, so the last early one decides where the days tuned on end in the list.
        early = (
            place
            for place, event in enumerate(self._events)
            if not isinstance(event, ShiftEvent) and event.event_time < cuts[event.store_id]
        )
        self._tuned_events = 1 + max(early, default=-1)

    def outcomes(
        self, settings: Settings, detectors: Sequence[str], limited: bool
    ) -> dict[str, TrialOutcome]:
        """Run detectors over the days tuned on, all in one pass, and judge each by itself.

        Parameters
        ----------
        settings
            Holds their parameters.
        detectors
            Their names.
        limited
            Whether to skip the search for incidents for a detector with more alerts than the limit.
        """
        # The least confidence is chosen afterwards, from the alerts of every confidence.
        settings = msgspec.structs.replace(settings, min_confidence=0.0)
        calibration = settings.cases.calibration
        sure: dict[str, dict[str, float]] = {name: {} for name in detectors}
        kept: dict[str, list[Alert]] = defaultdict(list)
        events = self._events[: self._tuned_events]
        for alert in replay_events(events, build_engine(settings, detectors)):
            if max(alert.opened_at, alert.event_time) >= self._cuts[alert.store_id]:
                continue
            known = sure[alert.detector]
            known[alert.alert_id] = max(known.get(alert.alert_id, 0.0), calibration.sureness(alert))
            kept[alert.detector].append(alert)
        return {
            name: self._outcome(known, kept[name], self._limit if limited else None)
            for name, known in sure.items()
        }

    def alerts(self, settings: Settings) -> list[Alert]:
        """Run all enabled detectors over all days."""
        return list(replay_events(self._events, build_engine(settings)))

    def _outcome(self, sure: Mapping[str, float], alerts: list[Alert], limit: int | None) -> TrialOutcome:
        """Return the outcome with all alerts, and with those of each level."""
        counts = [sum(one >= level - 1e-9 for one in sure.values()) for level in (0.0, *LEVELS)]
        # Nobody looks for the incidents of levels with too many alerts: that takes long.
        lowest = next((place for place, n in enumerate(counts) if limit is None or n <= limit), None)
        best: dict[int, float] = {}
        if lowest is not None:
            least = (0.0, *LEVELS)[lowest] - 1e-9
            best = self._found([alert for alert in alerts if sure[alert.alert_id] >= least], sure)
        every, *surer = (
            TrialOutcome(
                count,
                tuple(sorted(row for row, one in best.items() if one >= level - 1e-9))
                if lowest is not None and place >= lowest
                else (),
            )
            for place, (count, level) in enumerate(zip(counts, (0.0, *LEVELS), strict=True))
        )
        return msgspec.structs.replace(every, surer=tuple(surer))

    def _found(self, alerts: list[Alert], sure: Mapping[str, float]) -> dict[int, float]:
        """Return the incidents that alerts find, each with the confidence of its surest alert."""
        if not alerts or self._incidents.empty:
            return {}
        pairs = match_pairs(alerts_frame(alerts), self._incidents)
        pairs = pairs[~distractors(self._incidents)[pairs["incident"]]]
        best: dict[int, float] = {}
        for row, name in zip(pairs["incident"], pairs["alert_id"], strict=True):
            best[int(row)] = max(best.get(int(row), 0.0), sure[name])
        return best


def _events(source: Input, share: Share | None, bad: BadLines) -> Iterator[Event]:
    if share is None:
        return source.events(bad)
    # Each share reports its own part of the bad lines.
    return (event for _, event in source.placed(lambda _, line: bad(line), share))


def _share_names(event: PosEvent, names: dict[str, str]) -> None:
    """Make equal names of many events one object: half of a log's memory is such names."""
    for field in _REPEATED:
        text = getattr(event, field)
        if text is not None:
            msgspec.structs.force_setattr(event, field, names.setdefault(text, text))
