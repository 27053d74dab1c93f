"""Gift cards: loaded at a till, and spent on later days."""

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Final, NamedTuple, TypeAlias

from data_gen.day import StoreDay
from data_gen.honest.sales import TENDERS
from data_gen.world import SECOND
from retail_anomaly.core.events import PosEvent, TillEvent

LOAD: Final = "GIFT_CARD_LOAD"
REDEEM: Final = "GIFT_CARD_REDEEM"
AMOUNTS: Final = (10.0, 20.0, 25.0, 25.0, 50.0, 50.0, 100.0)
# Share of the cards that are ever spent; the days until then, on average.
SPENT: Final = 0.8
MEDIAN_DAYS: Final = 20.0
SPREAD: Final = 1.0
LONGEST: Final = 365


class GiftCard(NamedTuple):
    """A card and the money on it."""

    token: str
    amount: float


# Cards that will be spent, by the day on which they are.
Wallets: TypeAlias = dict[date, list[GiftCard]]


def gift_cards(day: StoreDay, wallets: Wallets, spent_today: Iterable[GiftCard]) -> None:
    """Load cards after some receipts of the day, and spend those that customers bring."""
    rng = day.rng("gift cards")
    receipts = list({line.transaction_id: line for line in day.sales}.values())
    for line in receipts:
        if rng.random() >= day.rates.gift_cards:
            continue
        card = GiftCard(day.number("gift"), rng.choice(AMOUNTS))
        tender = rng.choice(TENDERS)
        day.events.append(load(day, line.cashier_id, line.event_time + 30 * SECOND, card, tender))
        days = max(1, round(MEDIAN_DAYS * rng.lognormvariate(0, SPREAD)))
        if rng.random() < SPENT and days <= LONGEST:
            wallets.setdefault(day.day + timedelta(days=days), []).append(card)
    for card in spent_today if receipts else ():
        line = rng.choice(receipts)
        day.events.append(redeem(day, line, card, round(card.amount * rng.choice((0.6, 0.9, 1.0, 1.0)), 2)))


def load(day: StoreDay, cashier: str, at: int, card: GiftCard, tender: str | None) -> TillEvent:
    """Put money on a card; a load without a tender was not paid."""
    return day.at_till(
        LOAD,
        cashier,
        at,
        transaction_id=day.number("t"),
        amount=card.amount,
        gift_card_token=card.token,
        tender=tender,
    )


def redeem(day: StoreDay, line: PosEvent, card: GiftCard, amount: float) -> TillEvent:
    """Pay the receipt of a line with a card, in part."""
    return day.at_till(
        REDEEM,
        line.cashier_id,
        line.event_time,
        transaction_id=line.transaction_id,
        amount=amount,
        gift_card_token=card.token,
    )
