"""`retail_anomaly.enrich`: the POS events of a log with their shifts, receipts and local times."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
import pandas as pd

from retail_anomaly.core.engine import Engine
from retail_anomaly.core.enriched import EnrichedEvent, enriched
from retail_anomaly.core.events import PosEvent, TillEvent
from retail_anomaly.core.memory import StoreMemory
from retail_anomaly.frames.times import utc_times
from retail_anomaly.settings import Settings, pseudonyms_of
from retail_anomaly.sources import Where, open_input
from retail_anomaly.sources.columns import Columns
from retail_anomaly.sources.event_log import BadLine
from retail_anomaly.sources.mapping import EventMapping
from retail_anomaly.sources.mapping_file import AnyMapping, read_mapping
from retail_anomaly.sources.unreadable import Unreadable

_TIMES: Final = ("event_time", "shift_start", "shift_end")


def enrich(
    events: Where,
    *,
    settings: Settings | None = None,
    mapping: AnyMapping | None = None,
    columns: Mapping[str, str] | None = None,
    constants: Mapping[str, Any] | None = None,
) -> pd.DataFrame:
    """Return the POS events of a log, each with what its store knew about it.

    The streamer writes the same to the topic ``enriched-pos-events``, if you set ``streamer.enriched``.

    Parameters
    ----------
    events
        An event log, a folder, tables or events, as `replay` takes them. A shift counts for the events that
        come after it.
    settings
        The stores' time zones, and what a transaction number is unique within.
    mapping, columns, constants
        Names and values for foreign data, as for `replay`.

    Returns
    -------
    pandas.DataFrame
        One row for each POS event, repeated and training ones too, in the order of the log: the fields of the
        event, then ``local_date``, ``local_hour``, ``receipt``, ``off_shift``, ``shift_start``,
        ``shift_end`` and ``shift_role``. Times are UTC timestamps. Lines that are no events are left out.

    Raises
    ------
    SourceError
        The source isn't there, can't be read, or has no event.

    Examples
    --------
    >>> from retail_anomaly.core.events import ShiftEvent
    >>> shift = ShiftEvent("c-1", "s", 1_759_996_800_000, 1_760_000_400_000, "CASHIER")
    >>> late = PosEvent("42", "s", "c-1", "k", 9.5, "SALE", 1_760_004_000_000)
    >>> enrich([shift, late])[["local_hour", "off_shift", "shift_role"]].values.tolist()
    [[10, True, 'CASHIER']]
    """
    settings = settings or Settings()
    whole = EventMapping() if mapping is None else read_mapping(mapping)
    mapped = whole.with_columns(Columns(columns, constants))
    source = open_input(events, columns=mapped, zones=settings.zones, privacy=settings.privacy)
    unreadable = Unreadable(_pass_over)
    engine = Engine(
        [],
        max_late=settings.max_late,
        dedupe_memory=settings.dedupe_memory,
        zone=settings.zone,
        numbered_by=settings.numbered_by,
        void_memory=settings.void_memory,
        max_ahead=settings.max_ahead,
        pseudonyms=pseudonyms_of(settings.privacy, nobody=mapped.nobody),
    )
    stores: dict[str, StoreMemory] = {}
    rows = []
    for event in source.events(unreadable):
        store = stores.get(event.store_id)
        if store is None:
            store = stores[event.store_id] = engine.new_store(event.store_id)
        engine.process(event, store)
        if isinstance(event, PosEvent | TillEvent):
            rows.append(msgspec.structs.astuple(enriched(event, store)))
    unreadable.check(len(stores))
    frame = pd.DataFrame(rows, columns=list(EnrichedEvent.__struct_fields__))
    return frame.assign(**{name: utc_times(frame[name].astype("Int64")) for name in _TIMES})


def _pass_over(_bad: BadLine) -> None:
    """Leave a line out that is no event."""
