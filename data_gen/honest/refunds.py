"""Refunds: the goods that customers bring back, the day, and the cashier who takes them."""

from bisect import bisect_left
from collections import defaultdict
from datetime import date, timedelta
from random import Random
from typing import Any, Final, NamedTuple, TypeAlias

from data_gen.day import Buyer, StoreDay
from data_gen.honest.sales import TENDERS
from data_gen.world import MINUTE, Product
from retail_anomaly.core.events import SALE, PosEvent

# Share of receipts of which goods are brought back.
RETURNED: Final = 0.03
ALL_LINES: Final = 0.2
# The lag is that of the Online Retail data (UCI; Chen, Sain, Guo 2012): some on the same day, the others
# log-normal, so that the median is 9.4 days and 90 % come within 66.
SAME_DAY: Final = 0.08
MEDIAN_DAYS: Final = 11.0
SPREAD: Final = 1.45
# Customers who come later are turned away.
LONGEST_RETURN: Final = 180
# Share of refunds whose sale the till does not know: bought in another store, or the receipt is lost.
UNKNOWN_SALE: Final = 0.02
# Share of returned goods that cannot be sold again; nobody books them out.
DAMAGED: Final = 0.08

# The dearest article that is taken in exchange: no gate takes it for a theft.
MOST_EXCHANGED: Final = 60.0


class Brought(NamedTuple):
    """Lines of one receipt that a customer brings back together."""

    lines: tuple[PosEvent, ...]


# Goods that customers will bring back, by the day on which they do.
Returns: TypeAlias = dict[date, list[Brought]]


def plan_returns(day: StoreDay, returns: Returns) -> None:
    """Choose the lines of today that will be brought back, and the days."""
    rng, more = day.rng("returns"), day.rng("more returns")
    receipts: defaultdict[str, list[PosEvent]] = defaultdict(list)
    for line in day.sales:
        receipts[line.transaction_id].append(line)
    for lines in receipts.values():
        if rng.random() < RETURNED:
            days = lag(rng)
            chosen = lines if rng.random() < ALL_LINES else [rng.choice(lines)]
            if days <= LONGEST_RETURN:
                returns[day.day + timedelta(days=days)].append(Brought(tuple(chosen)))
        elif day.more_returns and more.random() < day.more_returns:
            returns[day.day].append(Brought((more.choice(lines),)))


def lag(rng: Random) -> int:
    """Draw the number of days until goods are brought back.

    Examples
    --------
    >>> rng = Random(7)
    >>> sorted(lag(rng) for _ in range(9_999))[4_999]
    9
    """
    if rng.random() < SAME_DAY:
        return 0
    return max(1, round(MEDIAN_DAYS * rng.lognormvariate(0, SPREAD)))


def earlier_sales(day: StoreDay) -> list[Brought]:
    """Return the goods brought back today that were bought before the simulation began."""
    rng = day.rng("earlier sales")
    before = (day.day - day.start).days
    brought = []
    for _ in range(round(day.expected * RETURNED)):
        days = lag(rng)
        if before < days <= LONGEST_RETURN:
            bought = day.day - timedelta(days=days)
            receipt = f"t-{day.store.number}-{bought:%Y%m%d}-{rng.randint(0, 89_999):05d}"
            products: list[Product] = rng.choices(
                day.catalogue.products, cum_weights=day.catalogue.cumulative
            )
            brought.append(Brought((_line(day, receipt, products[0], rng),)))
    return brought


def refunds(day: StoreDay, brought: list[Brought]) -> None:
    """Take back the goods that customers bring, most at the service desk if there is one."""
    rng, ways = day.rng("refunds"), day.rng("ways of refunds")
    due: list[tuple[int, int, Brought]] = []
    for index, visit in enumerate(brought):
        earliest = max(visit.lines[0].event_time + 15 * MINUTE, day.opens + 10 * MINUTE)
        latest = day.closes - 10 * MINUTE
        if earliest < latest:
            due.append((rng.randint(earliest, latest), index, visit))
    for at, _, visit in sorted(due):
        draws = rng.random(), rng.random(), rng.random()
        if any(outage.start <= at <= outage.end for outage in day.outages):
            continue
        cashier = _taken_by(day, at, draws[0])
        sale = visit.lines[0].transaction_id
        # Some tills print a number of their own for the refund, others repeat the sale's.
        own = draws[1] < 0.8
        receipt, original = (day.number("t"), sale) if own else (sale, None)
        details: dict[str, Any] = {}
        if draws[2] < UNKNOWN_SALE:
            receipt = day.number("t")
            # Another store's receipt, which tells its store and number, or none. Without a receipt the till
            # asks for the customer's or the payment's card, and some customers have neither.
            original = sale.replace("t-", "t-9", 1) if draws[2] < UNKNOWN_SALE / 2 else None
            other = {"original_store_id": f"store-9{day.store.number}"}
            details = other if original else _tokens(visit.lines[0])
        tokens = _tokens(visit.lines[0]) if original == sale and ways.random() < day.rates.tokens else {}
        for line in visit.lines:
            named = None if tokens else original
            day.events.append(day.refund(receipt, cashier, line, at, named, None, **tokens, **details))
            if rng.random() < DAMAGED:
                day.damaged.append(line)
                day.stock.refund_without_goods(line.sku, line.quantity)
            else:
                day.stock.put_back(line.sku, line.quantity)
        if original == sale and ways.random() < day.rates.exchanges:
            _exchange(day, receipt, cashier, at, ways)


def _tokens(line: PosEvent) -> dict[str, str | None]:
    """Return the token that finds the sale where the receipt is lost."""
    if line.customer_token:
        return {"customer_token": line.customer_token}
    return {"card_token": line.card_token} if line.card_token else {}


def _exchange(day: StoreDay, receipt: str, cashier: str, at: int, rng: Random) -> None:
    """Sell another article on the receipt of a refund."""
    (product,) = rng.choices(day.catalogue.products, cum_weights=day.catalogue.cumulative)
    if product.price <= MOST_EXCHANGED and not product.weighed and day.stock.can_sell(product.sku, 1):
        day.events.append(day.sale(receipt, cashier, product, 1, at, Buyer(rng.choice(TENDERS))))


def _taken_by(day: StoreDay, at: int, draw: float) -> str:
    if day.return_desk in day.present(at):
        return day.return_desk
    here = [p.employee for p in day.presences if p.start <= at <= p.end]
    total = 0.0
    shares = [total := total + employee.refunds for employee in here]
    return here[min(bisect_left(shares, draw * total), len(here) - 1)].employee_id


def _line(day: StoreDay, receipt: str, product: Product, rng: Random) -> PosEvent:
    """Return a line of a receipt from before the first day."""
    return PosEvent(
        receipt,
        day.store.store_id,
        "",
        product.sku,
        product.price,
        SALE,
        day.opens - 60 * MINUTE,
        1,
        tender=rng.choice(TENDERS),
    )
