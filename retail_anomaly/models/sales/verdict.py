"""The verdict on a quarter of an hour: its components combined to a drop, a spike or wrong prices."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from retail_anomaly.models.sales.history import SalesHistory
from retail_anomaly.models.sales.off_prices import OffPriceTails
from retail_anomaly.models.sales.receipts import ReceiptTails
from retail_anomaly.models.sales.tills import SilentTill
from retail_anomaly.models.tails import strength

_RANKS: Final = 3
_RANKS_WITH_TILLS: Final = 4


class SalesTails(msgspec.Struct, frozen=True):
    """How unusual a quarter is, alone and with the time before it.

    Parameters
    ----------
    observed, expected
        By horizon, and since the last sale (`silence`): receipts, and how many are usual.
    shapes
        By horizon: the shape of the expectation's spread.
    low, high
        By component: the chance of so few, and of so many.
    off_price
        Receipts of two hours with a line far below and far above the known price.
    drop, spike
        The receipts' components and the tickets of each side combined, see `tails.strength`.
    cheap, dear
        The same of prices that are too low and too high.
    fewer
        As `drop`, of the receipts alone.
    """

    observed: Mapping[str, float]
    expected: Mapping[str, float]
    shapes: Mapping[str, float]
    low: Mapping[str, float]
    high: Mapping[str, float]
    off_price: tuple[int, int]
    drop: float
    spike: float
    cheap: float
    dear: float
    fewer: float

    @property
    def price(self) -> float:
        """The stronger of the two evidences of wrong prices."""
        return max(self.cheap, self.dear)


class Chances(NamedTuple):
    """Calibrated p-values of too few receipts, a drop and a spike; wrong prices belong to the latter two."""

    fewer: float
    drop: float
    spike: float


class JudgedQuarter(msgspec.Struct, frozen=True):
    """A quarter of an hour that is over.

    Parameters
    ----------
    end
        Epoch milliseconds.
    day
        The local day.
    usual
        Receipts that are usual then.
    tails
        How unusual it is.
    drop, spike
        Calibrated p-values of either side.
    day_start
        When the day's trade began, in epoch milliseconds.
    fewer
        Calibrated p-value of too few receipts, whatever the tickets and prices are.
    is_holiday
        Whether it is on a holiday of the store.
    tills
        The tills that are silent while the store sells, the rarest silence first.
    """

    end: int
    day: int
    usual: float
    tails: SalesTails
    drop: float
    spike: float
    day_start: int
    fewer: float = 1.0
    is_holiday: bool = False
    tills: Sequence[SilentTill] = ()

    @property
    def chance(self) -> float:
        """The smallest of the p-values."""
        return min(self.drop, self.spike, self.till)

    @property
    def till(self) -> float:
        """Calibrated p-value of the rarest silence of a till."""
        return self.tills[0].chance if self.tills else 1.0


def combined(
    receipts: ReceiptTails, tickets: tuple[float, float] | None, prices: OffPriceTails
) -> SalesTails:
    """Return the components with the strengths of each side."""
    low, high = receipts.low, receipts.high
    fewer = strength([*low.values(), 1.0])
    if tickets is not None:
        low["ticket"], high["ticket"] = tickets
    drop, spike = strength(low.values()), strength(high.values())
    low["price"], high["price"] = prices.p_cheap, prices.p_dear
    return SalesTails(
        receipts.observed,
        receipts.expected,
        receipts.shapes,
        low,
        high,
        (prices.cheap, prices.dear),
        drop,
        spike,
        strength((prices.p_cheap,)),
        strength((prices.p_dear,)),
        fewer,
    )


def chances(tails: SalesTails, store: SalesHistory) -> Chances:
    """Rank a quarter's strengths among those seen lately.

    Three ranks share the false alarms of two sides (Bonferroni): each may have two thirds of a side's.
    """
    fewer, drop, spike, wrong = (
        min(1.0, _RANKS / 2 * rank.chance_of(reached))
        for rank, reached in (
            (store.drop_rank, tails.fewer),
            (store.drop_rank, tails.drop),
            (store.spike_rank, tails.spike),
            (store.price_rank, tails.price),
        )
    )
    if tails.cheap >= tails.dear:
        return Chances(fewer, min(drop, wrong), spike)
    return Chances(fewer, drop, min(spike, wrong))


def chances_on_holiday(tails: SalesTails, store: SalesHistory) -> Chances:
    """Rank a quarter of a holiday, of which only the least that the store should sell is known.

    More sales than that are no news, and neither is a store that has sold nothing so far: it may be closed.
    """
    found = chances(tails, store)
    wrong = min(1.0, _RANKS / 2 * store.price_rank.chance_of(tails.price))
    cheap, dear = (wrong, 1.0) if tails.cheap >= tails.dear else (1.0, wrong)
    has_sold = tails.observed["day"] > 0
    fewer = found.fewer if has_sold else 1.0
    return Chances(fewer, min(fewer, cheap), dear)


def with_tills(quarter: JudgedQuarter, silent: Sequence[SilentTill]) -> JudgedQuarter:
    """Add the silent tills, whose rank is the fourth that shares the false alarms of two sides."""

    def shared(chance: float, ranks: float) -> float:
        return min(1.0, chance * _RANKS_WITH_TILLS / ranks)

    return msgspec.structs.replace(
        quarter,
        drop=shared(quarter.drop, _RANKS),
        spike=shared(quarter.spike, _RANKS),
        fewer=shared(quarter.fewer, _RANKS),
        tills=[msgspec.structs.replace(till, chance=shared(till.chance, 2)) for till in silent],
    )
