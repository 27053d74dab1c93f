"""Tuning trials over one share of the stores; `tune.all_store_shares` adds the shares up."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import Any, Final

import msgspec
import numpy as np
import pandas as pd

from retail_anomaly.core.alerts import Alert
from retail_anomaly.core.events import Event, PosEvent, ShiftEvent
from retail_anomaly.evaluate import Activity, match_incidents
from retail_anomaly.frames.alerts import alerts_frame
from retail_anomaly.replay import replay_events
from retail_anomaly.settings import Settings, build_engine
from retail_anomaly.sources import Input, Share, Where, open_input
from retail_anomaly.sources.event_log import BadLine, BadLines

_REPEATED: Final = ("store_id", "cashier_id", "sku", "event_type", "register_id", "tender")


class TrialOutcome(msgspec.Struct, frozen=True):
    """The result of one detector with one set of parameters on the days tuned on.

    Parameters
    ----------
    alerts
        How many alerts it raises, each counted once.
    found
        The incidents it finds, as row numbers in the frame of those days' incidents. Empty if there are more
        alerts than the limit: then nobody has looked.
    """

    alerts: int
    found: tuple[int, ...]


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
        digests: dict[str, Any] = {}
        names: dict[str, str] = {}
        bad = BadLines()
        for event in _events(open_input(where), share, bad):
            if isinstance(event, PosEvent):
                _share_names(event, names)
            store = event.store_id
            if store not in digests:
                digests[store] = blake2b(digest_size=16)
            digests[store].update(msgspec.json.encode(event))
            self._events.append(event)
        self._facts = LogFacts(
            dict(Activity.of(self._events, sample=0).times),
            {store: digest.hexdigest() for store, digest in digests.items()},
            bad.count,
            bad.first,
        )

    def facts(self) -> LogFacts:
        """Return when each store had events, a hash of its events, and the number of bad lines."""
        return self._facts

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
        ids: dict[str, set[str]] = {name: set() for name in detectors}
        kept: dict[str, list[Alert]] = defaultdict(list)
        events = self._events[: self._tuned_events]
        for alert in replay_events(events, build_engine(settings, detectors)):
            if max(alert.opened_at, alert.event_time) >= self._cuts[alert.store_id]:
                continue
            known = ids[alert.detector]
            known.add(alert.alert_id)
            if not limited or len(known) <= self._limit:
                kept[alert.detector].append(alert)
        return {
            name: TrialOutcome(
                len(known), () if limited and len(known) > self._limit else self._found(kept[name])
            )
            for name, known in ids.items()
        }

    def alerts(self, settings: Settings) -> list[Alert]:
        """Run all enabled detectors over all days."""
        return list(replay_events(self._events, build_engine(settings)))

    def _found(self, alerts: list[Alert]) -> tuple[int, ...]:
        if not alerts or self._incidents.empty:
            return ()
        matched = match_incidents(alerts_frame(alerts), self._incidents)
        return tuple(np.flatnonzero(matched["found"].to_numpy()).tolist())


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
