"""Lower prices: a supervisor's override, a regular customer's discount, an employee's purchase."""

from random import Random
from typing import Final

import msgspec

from data_gen.day import StoreDay
from data_gen.honest.voids import receipts_of
from retail_anomaly.core.events import PosEvent, TillEvent

PRICE_OVERRIDE: Final = "PRICE_OVERRIDE"
REASONS: Final = ("PRICE_MATCH", "DAMAGED", "SHELF_LABEL", "BEST_BEFORE")
LOYALTY: Final = 0.95
EMPLOYEES: Final = 0.85
# Share of the price after an override.
OVERRIDDEN: Final = (0.7, 0.8, 0.85, 0.9)


def lower_prices(day: StoreDay, sold: list[PosEvent]) -> list[PosEvent]:
    """Return the sold lines, some of them at lower prices, and report the overrides."""
    rng, rates = day.rng("prices"), day.rates
    changed: dict[str | None, PosEvent] = {}
    # An offer is cheap enough; its incident is about that price alone.
    on_offer = {offer.product.sku for offer in day.offers}
    by_employees = rates.overrides + rates.employees
    for receipt in receipts_of(sold):
        draw = rng.random()
        if draw < rates.overrides:
            line = rng.choice(receipt)
            if line.sku not in on_offer:
                changed[line.event_id] = _override(day, line, rng)
        elif draw < by_employees or (receipt[0].customer_token and draw < by_employees + rates.discounts):
            staff = draw < by_employees
            for line in receipt:
                if line.sku not in on_offer:
                    share = EMPLOYEES if staff else LOYALTY
                    changed[line.event_id] = reduced(line, share, employee_discount=staff)
    return [changed.get(line.event_id, line) for line in sold] if changed else sold


def reduced(line: PosEvent, share: float, **details: str | bool | None) -> PosEvent:
    """Return a line at a share of its price.

    Examples
    --------
    >>> line = PosEvent("t-1", "store-1", "c-1", "sku-1", 20.0, "SALE", 1_760_000_000_000, 2)
    >>> cheaper = reduced(line, 0.9)
    >>> cheaper.amount, cheaper.discount_amount, cheaper.list_price, cheaper.unit_price
    (18.0, 2.0, 10.0, 9.0)
    """
    amount = round(line.amount * share, 2)
    return msgspec.structs.replace(
        line,
        amount=amount,
        discount_amount=round(line.amount - amount, 2),
        list_price=round(line.amount / line.quantity, 2),
        unit_price=round(amount / line.quantity, 2),
        **details,
    )


def override(day: StoreDay, line: PosEvent, reason: str, approver: str) -> TillEvent:
    """Report that the price of a line was changed by hand."""
    return day.at_till(
        PRICE_OVERRIDE,
        line.cashier_id,
        line.event_time,
        transaction_id=line.transaction_id,
        sku=line.sku,
        amount=line.amount,
        quantity=line.quantity,
        unit_price=line.unit_price,
        list_price=line.list_price,
        discount_amount=line.discount_amount,
        reason_code=reason,
        approver_id=approver,
    )


def _override(day: StoreDay, line: PosEvent, rng: Random) -> PosEvent:
    reason, approver = rng.choice(REASONS), day.manager(line.event_time)
    cheaper = reduced(line, rng.choice(OVERRIDDEN), reason_code=reason, approver_id=approver)
    day.events.append(override(day, cheaper, reason, approver))
    return cheaper
