"""Voids: which lines of which receipt an event takes back."""

from collections.abc import Iterable
from typing import Final, NamedTuple, TypeAlias

from retail_anomaly.core.events import PosEvent, TillEvent
from retail_anomaly.core.kept_line import KeptLine
from retail_anomaly.core.kept_lines import KeptLines
from retail_anomaly.core.receipts import Named, Numbering, Receipt, agrees

LINE_VOID: Final = "LINE_VOID"
TAKING_BACK: Final = frozenset({"VOID", "POST_VOID", LINE_VOID})
"""The types of events that take lines back."""

_DAY: Final = 86_400_000
_TINY: Final = 1e-9


class TakenLine(NamedTuple):
    """A line, or a part of one, that was taken back.

    Parameters
    ----------
    line
        The number of the line, as `StoreMemory.line` gave it when it was processed.
    is_sale
        Whether it is a SALE line, not a REFUND line.
    sku, time
        Its article, and its event time in epoch milliseconds.
    receipt
        Its receipt.
    quantity, amount
        As much as was taken back now.
    share
        That, as a share of what was left of the line before; 1 if nothing is left now.

    Examples
    --------
    >>> taken = TakenLine(7, True, "k", 1_760_000_000_000, Receipt(("42",), 1_760_000_000_000), 1.0, 9.5, 1.0)
    >>> taken.is_gone
    True
    """

    line: int
    is_sale: bool
    sku: str
    time: int
    receipt: Receipt
    quantity: float
    amount: float
    share: float

    @property
    def is_gone(self) -> bool:
        """Whether nothing is left of the line: it is no line any more."""
        return self.share == 1.0


_Void: TypeAlias = PosEvent | TillEvent


def take_back(
    kind: str, event: _Void, lines: KeptLines, numbering: Numbering, *, clock: int, void_memory: int
) -> list[TakenLine]:
    """Take back the lines that a void names.

    Parameters
    ----------
    kind
        The type of the void, in upper case.
    event
        The void.
    lines
        The store's lines; those taken back are changed.
    numbering
        Tells which receipts the void names.
    clock
        The store's clock, in epoch milliseconds.
    void_memory
        How long a line can be taken back, in milliseconds.

    Returns
    -------
    list of TakenLine
        The lines, with as much as was taken back of each.
    """
    named = (None if kind == LINE_VOID else numbering.named(event)) or numbering.own(event)
    kept = [
        line
        for line in lines.of_number(named[0] or "")
        if line.quantity > 0
        and clock <= max(line.time, line.clock) + void_memory
        and agrees(named[1:], line.series)
    ]
    if kind == LINE_VOID:
        parts = _parts_of_lines(event, kept)
    else:
        parts = [(line, line.quantity) for line in _newest_receipt(kept)]
    return [_taken(line, quantity, named, lines) for line, quantity in parts]


def _newest_receipt(kept: Iterable[KeptLine]) -> list[KeptLine]:
    """Return the lines of the receipt that has the newest line."""
    lines = list(kept)
    if not lines:
        return []
    newest = max(lines, key=lambda line: (line.time, line.line))
    return [line for line in lines if _receipt(line) == _receipt(newest)]


def _parts_of_lines(event: _Void, kept: Iterable[KeptLine]) -> list[tuple[KeptLine, float]]:
    near = (
        line for line in kept if line.sku == event.sku and abs(event.event_time - line.receipt_first) <= _DAY
    )
    lines = _newest_receipt(near)
    candidates = [line for line in lines if line.is_sale] or lines
    wanted: float | None = event.quantity
    if isinstance(event, PosEvent) and not event.has_quantity:
        wanted = None
    parts = []
    for line in reversed(candidates):
        part = line.quantity if wanted is None else min(line.quantity, wanted)
        parts.append((line, part))
        if wanted is None:
            break
        wanted -= part
        if wanted <= _TINY:
            break
    return parts


def _taken(line: KeptLine, quantity: float, named: Named, lines: KeptLines) -> TakenLine:
    left = line.quantity - quantity
    share = quantity / line.quantity if left > _TINY else 1.0
    amount = line.amount * share
    lines.leave(line.line, left if share < 1 else 0.0, line.amount - amount)
    receipt = Receipt((named[0] or "", *line.series), line.receipt_first)
    return TakenLine(line.line, line.is_sale, line.sku, line.time, receipt, quantity, amount, share)


def _receipt(line: KeptLine) -> tuple[object, int]:
    return line.series, line.receipt_first
