"""SECURITY_CORRELATION: a high-value sale, then an alarm at the gate."""

from collections.abc import Sequence
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from retail_anomaly.detector import (
    SALE,
    Alert,
    Detector,
    DetectorState,
    Duration,
    Margin,
    Parameters,
    PosEvent,
    Range,
    SaleRun,
    SecurityEvent,
    StoreMemory,
    Table,
    TakenLine,
    reaches,
)

_MINUTE: Final = 60_000


class SecurityCorrelationParameters(Parameters, frozen=True):
    """The sales and alarms that belong together.

    Examples
    --------
    >>> SecurityCorrelationParameters().amount
    200.0
    """

    window: Annotated[
        Duration,
        Meta(
            description="How long after the sale an alarm still points at it.",
            extra=Range(_MINUTE // 2, 15 * _MINUTE, step=_MINUTE // 2).declared,
        ),
    ] = Duration(2 * _MINUTE)
    amount: Annotated[
        float,
        Meta(
            ge=0,
            le=1e300,
            description="A sale of this amount or more is of high value.",
            extra=Range(20, 1_000, step=10).declared,
        ),
    ] = 200.0
    risk: Annotated[float, Meta(ge=0, le=1, description="The risk of each alert.")] = 0.85


class HighValueSale(msgspec.Struct, array_like=True, gc=False):
    """A sale line of high value."""

    time: int
    transaction_id: str
    cashier_id: str
    amount: float
    line: int = 0
    receipt: str = ""


class SecurityCorrelationState(DetectorState):
    """High-value sale lines by the minute they were rung."""

    def __init__(self, keep: int) -> None:
        self.sales: Table[list[HighValueSale]] = Table(
            list[HighValueSale],
            due=lambda sales: max(sale.time for sale in sales) + keep,
            time=lambda sales: max(sale.time for sale in sales),
        )


class SecurityCorrelation(Detector[SecurityCorrelationParameters, SecurityCorrelationState]):
    """Alert when a gate alarm follows a high-value sale.

    An alarm is matched with the newest high-value sale line in the window before it. All lines of that
    receipt are then dropped, so that a second alarm finds another receipt. A line that is taken back is
    dropped too.

    Cannot see: the person and the goods at the gate, goods that were never rung up, a person who waits longer
    than the window before leaving, or gates whose clock differs from that of the tills by more than the
    window. A false alarm after an honest sale looks the same.

    Examples
    --------
    >>> from retail_anomaly.core.engine import Engine
    >>> from retail_anomaly.core.events import GateData
    >>> engine = Engine(
    ...     [SecurityCorrelation(SecurityCorrelationParameters(), max_late=86_400_000)])
    >>> store = engine.new_store("s")
    >>> engine.process(PosEvent("t", "s", "c", "tv", 500.0, "SALE", 1_760_000_000_000), store)
    []
    >>> gate = SecurityEvent("g", "s", 1_760_000_060_000, "GATE", GateData("gate-1", alarm=True))
    >>> engine.process(gate, store)[0].evidence["secondsAfterSale"]
    60.0
    """

    name = "security_correlation"
    alert_type = "SECURITY_CORRELATION"
    needs = ("sales", "alarms")
    colour = "#0b6fc2"
    symbol = "square"
    Parameters = SecurityCorrelationParameters

    def new_state(self) -> SecurityCorrelationState:
        """Return a store's state without sales."""
        return SecurityCorrelationState(self.parameters.window + self.max_late)

    def on_sales(self, run: SaleRun, state: SecurityCorrelationState, store: StoreMemory) -> None:
        """Remember the high-value lines."""
        limit = self.parameters.amount
        for event, line in zip(run.events, run.lines, strict=True):
            if reaches(event.amount, limit):
                minute = str(event.event_time // _MINUTE)
                receipt = store.lines.receipt(line, event.transaction_id).key
                sale = HighValueSale(
                    event.event_time, event.transaction_id, event.cashier_id, event.amount, line, receipt
                )
                state.sales.put(minute, [*(state.sales.get(minute) or ()), sale])

    def on_taken_back(self, taken: TakenLine, state: SecurityCorrelationState, store: StoreMemory) -> None:
        """Drop a line of which too little is left."""
        minute = str(taken.time // _MINUTE)
        sales = state.sales.get(minute) or []
        for sale in sales:
            if sale.line == taken.line:
                sale.amount *= 1 - taken.share
                if not reaches(sale.amount, self.parameters.amount) or taken.is_gone:
                    sales = [other for other in sales if other is not sale]
                _keep(state, minute, sales)
                return

    def on_security(
        self, event: SecurityEvent, state: SecurityCorrelationState, store: StoreMemory
    ) -> Sequence[Alert]:
        """Match an alarm with the newest sale in the window before it."""
        if not event.event_data.alarm:
            return ()
        in_window = self._in_window(event.event_time, state)
        if not in_window:
            return ()
        sale = in_window[-1]
        for minute, lines in list(state.sales.items()):
            rest = [line for line in lines if not _is_one_receipt(line, sale)]
            if len(rest) < len(lines):
                _keep(state, minute, rest)
        others = [line.transaction_id for line in in_window if not _is_one_receipt(line, sale)]
        seconds = (event.event_time - sale.time) / 1000
        gate = event.event_data.gate_id
        return (
            self.alert(
                event,
                time=event.event_time,
                employee_id=sale.cashier_id,
                risk=self.parameters.risk,
                message=(
                    f"Gate {gate} gave an alarm {seconds:.0f} s after cashier {sale.cashier_id} "
                    f"rang up {sale.amount:.2f} (transaction {sale.transaction_id})."
                ),
                evidence={
                    "transactionId": sale.transaction_id,
                    "saleAmount": sale.amount,
                    "gateId": gate,
                    "securityEventId": event.event_id,
                    "secondsAfterSale": seconds,
                    "otherTransactionIds": list(dict.fromkeys(others)),
                },
            ),
        )

    def explain(
        self, event: PosEvent, state: SecurityCorrelationState, store: StoreMemory
    ) -> Sequence[Margin]:
        """Compare the amount of a sale with the one from which a gate alarm matters."""
        if event.event_type.upper() != SALE:
            return ()
        rule = self.parameters
        measure = f"amount of a line that a gate alarm within {rule.window} would alert about"
        return (Margin(measure, event.amount, rule.amount),)

    def _in_window(self, time: int, state: SecurityCorrelationState) -> list[HighValueSale]:
        """Return the lines in the window before `time`, oldest first."""
        start = time - self.parameters.window
        minutes = range(start // _MINUTE, time // _MINUTE + 1)
        keys = map(str, minutes) if len(minutes) < len(state.sales) else list(state.sales)
        in_window = [
            sale for minute in keys for sale in state.sales.get(minute) or () if start <= sale.time <= time
        ]
        # Of two sales at the same time, the one that arrived last counts as newer.
        return sorted(in_window, key=lambda sale: (sale.time, sale.line))


def _keep(state: SecurityCorrelationState, minute: str, sales: list[HighValueSale]) -> None:
    if sales:
        state.sales.put(minute, sales)
    else:
        state.sales.drop(minute)


def _is_one_receipt(line: HighValueSale, sale: HighValueSale) -> bool:
    # Version 1 did not note the receipt.
    return line is sale or (bool(sale.receipt) and line.receipt == sale.receipt)
