"""How often honest people at the tills do things that thieves do, too."""

from dataclasses import dataclass, fields, replace
from typing import Self

from data_gen.world import WEIGHED


@dataclass(frozen=True, kw_only=True)
class TillRates:
    """The honest voids, discounts, drawer openings and gift cards of a world.

    Parameters
    ----------
    drawers
        Drawer openings without a sale, for each person at a till on a day.
    line_voids
        Share of receipts with a line that was scanned twice and taken back.
    voids
        Share of receipts that are given up before the customer pays.
    post_voids
        Share of receipts that a supervisor takes back after the payment.
    overrides
        Share of receipts with a line whose price a supervisor lowers.
    discounts
        Share of receipts of regular customers with a discount.
    employees
        Share of receipts that an employee pays, at the employees' price.
    customers
        Share of receipts that name a regular customer.
    cards
        Share of the card payments whose card has a token.
    gift_cards
        Share of receipts after which a gift card is loaded.
    exchanges
        Share of the customers that bring goods back who take other goods in exchange.
    movements
        Share of the deliveries and write-offs that the stock system books.
    weighed
        Share of the articles that are sold by weight.
    tokens
        Share of the returns without a receipt: the customer's or the card's token finds the sale.
    typed
        Share of the sold lines that are typed instead of scanned; 0: the tills do not say how.
    cash_counts
        Share of the shifts at a till that end with a count of the cash. This rate and those below are 0
        unless you give them.
    paid_outs
        Payments out of the drawer for something the store needs, for each person at a till on a day.
    suspended
        Share of receipts that wait while the customer fetches something.
    copies
        Share of receipts that are printed again.
    training
        Share of the people at a till who practise on a day, in training mode.

    Raises
    ------
    ValueError
        A rate is below 0, or a share above 1.

    Examples
    --------
    >>> TillRates(line_voids=0.05).drawers
    1.2
    """

    drawers: float = 1.2
    line_voids: float = 0.02
    voids: float = 0.004
    post_voids: float = 0.002
    overrides: float = 0.004
    discounts: float = 0.01
    employees: float = 0.002
    customers: float = 0.3
    cards: float = 1.0
    gift_cards: float = 0.004
    exchanges: float = 0.15
    movements: float = 1.0
    weighed: float = WEIGHED
    tokens: float = 0.15
    typed: float = 0.0
    cash_counts: float = 0.0
    paid_outs: float = 0.0
    suspended: float = 0.0
    copies: float = 0.0
    training: float = 0.0

    def __post_init__(self) -> None:
        for field in fields(self):
            rate = getattr(self, field.name)
            if not 0 <= rate <= (100 if field.name == "drawers" else 1):
                raise ValueError(f"{field.name}: expected a share from 0 to 1, got {rate:g}")

    @classmethod
    def none(cls) -> Self:
        """Return rates of 0: the tills sell pieces and refund them, and do nothing else.

        Examples
        --------
        >>> TillRates.none().movements
        0.0
        """
        return cls(**dict.fromkeys((field.name for field in fields(cls)), 0.0))

    @classmethod
    def with_routine(cls) -> Self:
        """Return the usual rates, and tills that report the routine of a day: counts, copies, practice.

        Examples
        --------
        >>> TillRates.with_routine().cash_counts
        1.0
        """
        return cls(typed=0.03, cash_counts=1.0, paid_outs=0.1, suspended=0.005, copies=0.003, training=0.02)

    @classmethod
    def read(cls, text: str) -> Self:
        """Read rates that differ from the usual ones, ``name=value`` separated by commas.

        ``routine`` at the beginning stands for the rates of `with_routine`.

        Raises
        ------
        ValueError
            There is no such rate, or the value is no number.

        Examples
        --------
        >>> TillRates.read("drawers=3,voids=0.01").voids
        0.01
        >>> TillRates.read("routine,drawers=3").copies
        0.003
        >>> TillRates.read("speed=2")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        ValueError: till rates: expected one of drawers, line_voids, voids, ..., got 'speed=2'
        """
        names = [field.name for field in fields(cls)]
        changed: dict[str, float] = {}
        first, _, others = text.partition(",")
        usual, text = (cls.with_routine(), others) if first == "routine" else (cls(), text)
        for pair in text.split(",") if text else ():
            name, _, value = pair.partition("=")
            if name not in names:
                raise ValueError(f"till rates: expected one of {', '.join(names)}, got {pair!r}")
            try:
                changed[name] = float(value)
            except ValueError:
                raise ValueError(f"till rates: {name}: expected a number, got {value!r}") from None
        return replace(usual, **changed)
