"""Each refund against its receipt: whether the receipt was found, how old it was, and what it covers."""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import msgspec
import pandas as pd

from retail_anomaly.core.alerts import Alert
from retail_anomaly.core.durations import Duration
from retail_anomaly.core.engine import Engine
from retail_anomaly.core.events import PosEvent
from retail_anomaly.core.ledger import match
from retail_anomaly.core.memory import StoreMemory
from retail_anomaly.detectors.refund_match import RefundMatch, RefundMatchParameters, RefundMatchState
from retail_anomaly.frames.times import utc_times
from retail_anomaly.replay import replay_events
from retail_anomaly.settings import Settings, with_parameters
from retail_anomaly.sources import Where
from retail_anomaly.sources.loaded import load
from retail_anomaly.sources.mapping_file import AnyMapping

COVERED: Final = "covered"
IN_QUESTION: Final = "in question"
EXEMPT: Final = "exempt"


class JudgedRefund(NamedTuple):
    """A refund line and the verdict on it."""

    store_id: str
    transaction_id: str
    sku: str
    event_time: int
    amount: float
    verdict: str
    loss: float
    matched_by: str | None
    receipt: str | None
    age: int | None


class _Recording(RefundMatch):
    """The rule, and a row for each line that it judges."""

    def __init__(self, parameters: RefundMatchParameters, max_late: int) -> None:
        super().__init__(parameters, max_late)
        # By store and line: a replay may process the first event of a store again.
        self.rows: dict[tuple[str, int], JudgedRefund] = {}

    def on_refund(self, event: PosEvent, state: RefundMatchState, store: StoreMemory) -> Sequence[Alert]:
        """Judge the line, and keep the verdict."""
        before = self.undecided.copy()
        found = match(event, state.ledger, store.numbering, self.parameters.sale_memory)
        alerts = super().on_refund(event, state, store)
        unknown = next(iter(self.undecided - before), None)
        loss = alerts[0].evidence["lines"][-1]["loss"] if alerts else 0.0
        receipt = found.receipt if unknown is None else None
        article = receipt.articles.get(event.sku) if receipt is not None else None
        verdict = unknown or (IN_QUESTION if alerts else COVERED if receipt is not None else EXEMPT)
        self.rows[event.store_id, store.line] = JudgedRefund(
            event.store_id,
            event.transaction_id,
            event.sku,
            event.event_time,
            event.amount,
            verdict,
            loss,
            found.matched_by if receipt is not None else None,
            receipt.number if receipt is not None else None,
            event.event_time - article.newest.time if article is not None else None,
        )
        return alerts


def refund_cover(
    source: Where, *, settings: Settings | None = None, mapping: AnyMapping | None = None
) -> pd.DataFrame:
    """Compare each refund line with its receipt.

    Parameters
    ----------
    source, mapping
        A log or events, as `replay` takes them.
    settings
        The settings with the parameters of `refund_match` and the stores' time zones; by default the packaged
        ones.

    Returns
    -------
    pandas.DataFrame
        One row a REFUND line: ``store_id``, ``transaction_id``, ``sku``, ``event_time``, ``amount``;
        ``verdict``, which is ``covered``, ``in question``, ``exempt`` or the reason why nothing is known;
        ``loss``, the amount in question; ``matched_by``, ``receipt`` and ``age``, since the sale.

    Examples
    --------
    >>> sale = PosEvent("42", "s", "c", "k", 20.0, "SALE", 1_760_000_000_000, 2)
    >>> back = PosEvent("43", "s", "c", "k", 30.0, "REFUND", 1_760_086_400_000, 3, "42")
    >>> refund_cover([sale, back])[["receipt", "age", "verdict", "loss"]].values.tolist()
    [['42', Timedelta('1 days 00:00:00'), 'in question', 10.0]]
    """
    settings = settings or Settings()
    parameters = settings.detectors["refund_match"]
    if not isinstance(parameters, RefundMatchParameters):
        raise TypeError(f"refund_match: expected its own parameters, got {type(parameters).__name__}")
    rule = _Recording(parameters, settings.max_late)
    engine = Engine(
        [rule],
        max_late=settings.max_late,
        dedupe_memory=settings.dedupe_memory,
        zone=settings.zone,
        numbered_by=settings.numbered_by,
        void_memory=settings.void_memory,
        max_ahead=settings.max_ahead,
    )
    for _ in replay_events(
        load(source, mapping=mapping, zones=settings.zones, privacy=settings.privacy), engine
    ):
        pass
    frame = pd.DataFrame(rule.rows.values(), columns=list(JudgedRefund._fields))
    return frame.assign(
        event_time=utc_times(frame["event_time"]),
        age=pd.to_timedelta(pd.to_numeric(frame["age"]), unit="ms"),
    )


def cover_by_memory(
    source: Where,
    memories: Iterable[str] = ("7d", "30d", "90d", "180d"),
    *,
    settings: Settings | None = None,
    mapping: AnyMapping | None = None,
) -> pd.DataFrame:
    """Count how many refunds can be compared with their receipt, by how long sales are remembered.

    Parameters
    ----------
    source, settings, mapping
        As for `refund_cover`; the source is read once for each memory.
    memories
        Values of ``sale_memory``, such as ``90d``.

    Returns
    -------
    pandas.DataFrame
        One row a memory and verdict: ``memory``, ``verdict``, ``lines``, ``receipts``, ``amount``, ``loss``.

    Examples
    --------
    >>> sale = PosEvent("42", "s", "c", "k", 20.0, "SALE", 1_760_000_000_000, 2)
    >>> back = PosEvent("43", "s", "c", "k", 20.0, "REFUND", 1_761_000_000_000, 2, "42")
    >>> cover_by_memory([sale, back], ["7d", "30d"])[["memory", "verdict", "lines"]].values.tolist()
    [['7d', 'memory passed', 1], ['30d', 'covered', 1]]
    """
    settings = settings or Settings()
    events = load(source, mapping=mapping, zones=settings.zones, privacy=settings.privacy)
    parts = []
    for memory in memories:
        rule = msgspec.structs.replace(settings.detectors["refund_match"], sale_memory=Duration.parse(memory))
        cover = refund_cover(events, settings=with_parameters(settings, {"refund_match": rule}))
        sums = cover.groupby("verdict", as_index=False).agg(
            lines=("amount", "size"),
            receipts=("transaction_id", "nunique"),
            amount=("amount", "sum"),
            loss=("loss", "sum"),
        )
        parts.append(sums.assign(memory=memory))
    columns = ["memory", "verdict", "lines", "receipts", "amount", "loss"]
    return pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)
