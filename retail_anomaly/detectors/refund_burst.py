"""REFUND_BURST: one cashier makes many high refunds within minutes; off shift, the risk is higher."""

from bisect import bisect_left, insort_right
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise
from operator import attrgetter
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from retail_anomaly.detector import (
    MOST_CASHIERS,
    REFUND,
    Alert,
    Detector,
    DetectorState,
    Duration,
    Episode,
    Margin,
    Parameters,
    PosEvent,
    Range,
    Receipt,
    StoreMemory,
    Table,
    TakenLine,
    reaches,
)

_MINUTE: Final = 60_000
_TINY: Final = 1e-9
# From so many refunds on, what they come to is kept from one to the next instead of counted anew.
_MANY: Final = 32
_time: Final = attrgetter("time")
_newest: Final = attrgetter("newest")


class RefundBurstParameters(Parameters, frozen=True):
    """The limits from which refunds are a burst.

    These defaults are the ones that count; `settings/config.yaml` repeats them for readers.

    Examples
    --------
    >>> RefundBurstParameters().count
    3
    """

    window: Annotated[
        Duration,
        Meta(
            description="Time over which refunds are counted.",
            extra=Range(2 * _MINUTE, 4 * 60 * _MINUTE, step=_MINUTE).declared,
        ),
    ] = Duration(10 * _MINUTE)
    count: Annotated[
        int,
        Meta(
            ge=1, description="Number of high refunds in the window that alerts.", extra=Range(2, 12).declared
        ),
    ] = 3
    amount: Annotated[
        float,
        Meta(
            gt=0,
            le=1e300,
            description="A refund of this amount or more is high.",
            extra=Range(10, 500, step=5).declared,
        ),
    ] = 100.0
    off_shift_bump: Annotated[
        float, Meta(ge=0, le=1, description="Added to the risk if one of the refunds was made off shift.")
    ] = 0.2
    revise_by: Annotated[float, Meta(gt=0, le=1, description="Rise of the risk that raises a revision.")] = (
        0.05
    )

    def __post_init__(self) -> None:
        if self.window <= 0:
            raise ValueError("window: expected a duration above 0")


class LineRefund(msgspec.Struct, array_like=True, gc=False):
    """What is left of a refund line."""

    line: int
    time: int
    amount: float
    off_shift: bool | None


class ReceiptRefund(msgspec.Struct, array_like=True):
    """The refund lines of a receipt by one cashier, as far as they have come."""

    transaction_id: str
    time: int
    amount: float
    off_shift: bool | None
    receipt: str = ""
    lines: list[LineRefund] = []

    def add(self, line: LineRefund) -> None:
        """Add a line."""
        if not self.lines:  # stored by version 1
            self.lines.append(LineRefund(0, self.time, self.amount, self.off_shift))
        self.amount += line.amount
        self.off_shift = _either(self.off_shift, line.off_shift)
        self.lines.append(line)

    def take_back(self, taken: TakenLine) -> bool:
        """Take a line, or a part of one, off the refund; return whether nothing is left of it."""
        for line in self.lines:
            if line.line == taken.line:
                line.amount *= 1 - taken.share
        self.lines = [line for line in self.lines if line.line != taken.line or not taken.is_gone]
        self.amount = sum(line.amount for line in self.lines)
        self.off_shift = _any_off_shift(self.lines)
        if self.lines:
            self.time = self.lines[0].time
        return self.amount <= _TINY


class BurstEpisode(Episode):
    """The open alert about a cashier's burst."""

    alert_id: str
    opened_at: int
    revision: int
    risk: float


class Cashier(msgspec.Struct, array_like=True, dict=True):
    """One cashier's refunds within the window before the newest of them."""

    newest: int
    refunds: list[ReceiptRefund]
    episode: BurstEpisode | None = None

    def tally(self, amount: float) -> "_Tally":
        """Return what the refunds come to; those of this amount or more are high."""
        kept = vars(self)  # not stored with the fields
        tally: _Tally | None = kept.get("counted")
        if tally is None:
            tally = _Tally(self.refunds, amount)
            if len(self.refunds) >= _MANY:
                kept["counted"] = tally
        return tally

    def count_anew(self) -> None:
        """Forget what the refunds came to, because one of them has changed."""
        vars(self).pop("counted", None)


class _Tally:
    """What refunds come to, so that one more costs little, however many there are."""

    def __init__(self, refunds: list[ReceiptRefund], amount: float) -> None:
        self._refunds, self._amount = refunds, amount
        self._of_receipt = {refund.receipt: refund for refund in refunds if refund.receipt}
        self._without_receipt = [refund for refund in refunds if not refund.receipt]  # stored by version 1
        self._in_order = all(a.time <= b.time for a, b in pairwise(refunds))
        self.high = sum(map(self._is_high, refunds))
        self._off_shift = Counter(refund.off_shift for refund in refunds)

    @property
    def off_shift(self) -> bool | None:
        """Whether one of them was made off shift; None if that is known of none."""
        return True if self._off_shift[True] else False if self._off_shift[False] else None

    def leave(self, oldest: int) -> None:
        """Let the refunds before a time leave."""
        refunds = self._refunds
        if self._in_order:
            gone = refunds[: bisect_left(refunds, oldest, key=_time)]
            del refunds[: len(gone)]
        else:
            gone = [refund for refund in refunds if refund.time < oldest]
            refunds[:] = [refund for refund in refunds if refund.time >= oldest]
        for refund in gone:
            self._count(refund, -1)
            if refund.receipt:
                del self._of_receipt[refund.receipt]
            else:
                self._without_receipt.remove(refund)

    def join(self, event: PosEvent, receipt: Receipt, line: LineRefund) -> None:
        """Add a line to its receipt's refund, or begin one."""
        key = receipt.key
        known = self._of_receipt.get(key) or self._of_version_1(event)
        if known is not None:
            self._count(known, -1)
            known.add(line)
            self._count(known, 1)
            return
        begun = ReceiptRefund(event.transaction_id, line.time, line.amount, line.off_shift, key, [line])
        if not self._in_order:
            self._refunds.sort(key=_time)
            self._in_order = True
        insort_right(self._refunds, begun, key=_time)
        self._of_receipt[key] = begun
        self._count(begun, 1)

    def _of_version_1(self, event: PosEvent) -> ReceiptRefund | None:
        for refund in self._without_receipt:
            if refund.time == event.event_time and refund.transaction_id == event.transaction_id:
                return refund
        return None

    def _count(self, refund: ReceiptRefund, by: int) -> None:
        self.high += by * self._is_high(refund)
        self._off_shift[refund.off_shift] += by

    def _is_high(self, refund: ReceiptRefund) -> bool:
        return reaches(refund.amount, self._amount)


class RefundBurstState(DetectorState):
    """Cashiers with a recent refund."""

    def __init__(self, keep: int) -> None:
        # Later than that, a new refund would drop all the refunds that are kept here.
        self.cashiers: Table[Cashier] = Table(
            Cashier,
            due=lambda cashier: cashier.newest + keep,
            time=lambda cashier: cashier.newest,
        )


class RefundBurst(Detector[RefundBurstParameters, RefundBurstState]):
    """Alert when a cashier makes several high refunds within a window.

    The risk is ``h / count * 0.7 + min(1, a / (2 * amount)) * 0.3``, at most 1, with h the high
    refunds present and a the mean amount of all present; an off-shift refund adds
    ``off_shift_bump``. While the burst lasts, the alert is revised when the risk rises.

    Cannot see: refunds below the amount (structuring), refunds spread over a longer time than the window
    (slow skimming), refunds shared among several cashiers or made under a colleague's login. A busy service
    desk looks like abuse.

    Examples
    --------
    >>> from retail_anomaly.core.engine import Engine
    >>> engine = Engine([RefundBurst(RefundBurstParameters(), max_late=86_400_000)])
    >>> store = engine.new_store("store-1")
    >>> for n in range(3):
    ...     refund = PosEvent(f"t{n}", "store-1", "c-1", "sku", 120.0, "REFUND", 1_760_000_000_000 + n)
    ...     alerts = engine.process(refund, store)
    >>> alerts[0].risk_score, alerts[0].evidence["refundCount"]
    (0.88, 3)
    """

    name = "refund_burst"
    alert_type = "REFUND_BURST"
    needs = ("refunds", "cashiers")
    better_with = ("shifts",)
    per_cashier = True
    most_cashiers = MOST_CASHIERS
    sheds = "cashiers"
    colour = "#d1495b"
    symbol = "circle"
    Parameters = RefundBurstParameters

    def new_state(self) -> RefundBurstState:
        """Return a store's state without refunds."""
        return RefundBurstState(self.parameters.window + self.max_late)

    def on_refund(self, event: PosEvent, state: RefundBurstState, store: StoreMemory) -> Sequence[Alert]:
        """Add the line to its receipt; alert, or revise the open alert, if the refunds are a burst."""
        rule = self.parameters
        time = event.event_time
        cashier = state.cashiers.get(event.cashier_id) or Cashier(time, [])
        cashier.newest = max(cashier.newest, time)
        oldest = cashier.newest - rule.window
        tally = cashier.tally(rule.amount)
        tally.leave(oldest)
        joined = time >= oldest
        if joined:
            line = LineRefund(store.line, time, event.amount, store.off_shift(event.cashier_id, time))
            tally.join(event, store.receipt(event), line)
        state.cashiers.put(event.cashier_id, cashier)
        self.shed(state.cashiers, self.most_cashiers, _newest, store)

        episode = cashier.episode
        if episode and (tally.high < rule.count or cashier.newest > episode.opened_at + rule.window):
            episode = cashier.episode = None
        if not joined or tally.high < rule.count or (episode and not self._is_worse(1.0, episode)):
            return ()
        return self._decide(event, cashier, tally, store)

    def on_taken_back(self, taken: TakenLine, state: RefundBurstState, store: StoreMemory) -> None:
        """Take the line off its refund; that alone raises and ends nothing."""
        if taken.is_sale:
            return
        for name, cashier in state.cashiers.items():
            for refund in cashier.refunds:
                if any(line.line == taken.line for line in refund.lines):
                    if refund.take_back(taken):
                        cashier.refunds.remove(refund)
                    cashier.count_anew()
                    state.cashiers.put(name, cashier)
                    return

    def explain(self, event: PosEvent, state: RefundBurstState, store: StoreMemory) -> Sequence[Margin]:
        """Compare a refund's amount and the number of high refunds with the limits."""
        cashier = state.cashiers.get(event.cashier_id)
        if event.event_type.upper() != REFUND or cashier is None:
            return ()
        rule, key = self.parameters, store.receipt(event).key
        own = sum(refund.amount for refund in cashier.refunds if refund.receipt == key)
        high = sum(reaches(refund.amount, rule.amount) for refund in cashier.refunds)
        of_cashier = f"refunds of {rule.amount:.2f} or more by {event.cashier_id} within {rule.window}"
        return Margin("amount of this refund", own, rule.amount), Margin(of_cashier, high, rule.count)

    def _decide(
        self, event: PosEvent, cashier: Cashier, tally: _Tally, store: StoreMemory
    ) -> Sequence[Alert]:
        refunds, episode, off_shift = cashier.refunds, cashier.episode, tally.off_shift
        average = sum(refund.amount for refund in refunds) / len(refunds)
        risk = self._risk(tally.high, average, off_shift is True)
        if episode is None:
            episode = cashier.episode = BurstEpisode(
                alert_id=self.alert_id(event, event.event_time),
                opened_at=event.event_time,
                revision=1,
                risk=risk,
            )
        elif self._is_worse(risk, episode):
            episode.revise(risk)
        else:
            return ()
        high = [refund for refund in refunds if reaches(refund.amount, self.parameters.amount)]
        return (
            self.alert(
                event,
                time=event.event_time,
                employee_id=event.cashier_id,
                risk=risk,
                message=self._message(event, len(high), average, off_shift),
                evidence=self._evidence(event, refunds, high, average, off_shift, store),
                episode=episode,
            ),
        )

    def _is_worse(self, risk: float, episode: BurstEpisode) -> bool:
        """Tell whether a risk raises the next revision; at 1.0, whether any risk does."""
        return reaches(risk, episode.risk + self.parameters.revise_by) or (
            reaches(risk, 1.0) and not reaches(episode.risk, 1.0)
        )

    def _risk(self, high: int, average: float, off_shift: bool) -> float:
        rule = self.parameters
        base = high / rule.count * 0.7 + min(1.0, average / (2 * rule.amount)) * 0.3
        return round(min(1.0, min(1.0, base) + (rule.off_shift_bump if off_shift else 0.0)), 6)

    def _message(self, event: PosEvent, high: int, average: float, off_shift: bool | None) -> str:
        rule = self.parameters
        return (
            f"Cashier {event.cashier_id} made {high} refunds of {rule.amount:.2f} or more within "
            f"{rule.window}, {average:.2f} on average"
            f"{', at least one of them off shift' if off_shift else ''}."
        )

    def _evidence(
        self,
        event: PosEvent,
        refunds: list[ReceiptRefund],
        high: list[ReceiptRefund],
        average: float,
        off_shift: bool | None,
        store: StoreMemory,
    ) -> dict[str, Any]:
        evidence: dict[str, Any] = {
            "transactionIds": [refund.transaction_id for refund in high],
            "refundCount": len(high),
            "totalRefunds": len(refunds),
            "averageAmount": round(average, 6),
            "offShift": off_shift,
        }
        shift = store.shift_at(event.cashier_id, event.event_time)
        if shift is not None:
            evidence["shift"] = {
                "shiftStart": shift.start,
                "shiftEnd": shift.end,
                "role": shift.role,
            }
        return evidence


def _either(one: bool | None, other: bool | None) -> bool | None:
    if one is None:
        return other
    return one or other is True


def _any_off_shift(refunds: Iterable[ReceiptRefund | LineRefund]) -> bool | None:
    known = None
    for refund in refunds:
        known = _either(known, refund.off_shift)
    return known
