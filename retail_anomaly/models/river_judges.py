"""River detectors in place of the packaged models: the features they get, and the verdict from their scores.

The packaged models still count, and still learn how much is usual. The chosen detector alone decides how
strange that is.
"""

from typing import Any, Final

import msgspec

from retail_anomaly.core.local_time import LocalTime
from retail_anomaly.models.rank import RollingRank
from retail_anomaly.models.refunds import MARKS, CashierHistory, RefundTails
from retail_anomaly.models.river_choice import Features, RiverChoice
from retail_anomaly.models.river_model import RiverModel, Tell
from retail_anomaly.models.sales import HORIZONS, JudgedQuarter

COMPONENT: Final = "model"
"""The name under which a River detector stands among the components of a score."""
REFUND_FEATURES: Final = ("excess", "refunds", "usual", "in_hour", "sales", "amount", "hour", *MARKS)
SALES_FEATURES: Final = (
    "excess",
    *HORIZONS,
    *(f"usual_{horizon}" for horizon in HORIZONS),
    *("low_prices", "high_prices", "time", "weekday"),
)


def refund_features(time: int, quarter: int, cashier: CashierHistory, tails: RefundTails) -> Features:
    """Return the features of a cashier's day at a refund.

    Parameters
    ----------
    time, quarter
        The refund's time in epoch milliseconds, and its quarter of an hour in the local day.
    cashier, tails
        The day with that refund, and its expectation.

    Returns
    -------
    dict
        ``excess`` (refunds of the day less the expectation; a supervised detector's target), ``refunds``,
        ``usual`` (the expectation), ``in_hour`` (refunds of the last hour), ``sales`` (lines of the day),
        ``amount`` (mean logarithm), ``hour`` (of the day), and how many refunds of the day bear each of
        `refunds.MARKS`.

    Examples
    --------
    >>> from retail_anomaly.models.refunds import RefundLine, RefundModel, StoreRefunds
    >>> model, cashier, store = RefundModel(), CashierHistory(), StoreRefunds()
    >>> model.begin_day(739_000, cashier, store)
    True
    >>> cashier.count_refund(RefundLine(1_760_000_000_000, "r", "sku", 20.0, cash=True))
    >>> tails = model.judge(1_760_000_000_000, cashier, store)
    >>> features = refund_features(1_760_000_000_000, 41, cashier, tails)
    >>> features["refunds"], features["in_hour"], features["cash"], features["off_shift"]
    (1.0, 1.0, 1.0, 0.0)
    """
    return {
        "excess": tails.observed - tails.expected,
        "refunds": float(tails.observed),
        "usual": tails.expected,
        "in_hour": float(cashier.refunds_in_hour(time)),
        "sales": float(cashier.sales),
        "amount": cashier.log_amounts / max(cashier.refunds, 1),
        "hour": quarter / 4,
        **{mark: float(getattr(cashier.marks, mark)) for mark in MARKS},
    }


def sales_features(quarter: JudgedQuarter, number: int) -> Features:
    """Return the features of a store at the end of a quarter of an hour.

    Parameters
    ----------
    quarter
        The quarter, with its expectation.
    number
        Its number in the local day.

    Returns
    -------
    dict
        ``excess`` (receipts of two hours less the expectation, over the root of the expectation; a supervised
        detector's target), receipts and expectation by horizon (``hour``, ``usual_hour``), ``low_prices`` and
        ``high_prices`` (lines of two hours far off the known price), ``time`` (hour of the day), ``weekday``
        (Monday is 0).
    """
    tails = quarter.tails
    usual = tails.expected["two_hours"]
    return {
        "excess": (tails.observed["two_hours"] - usual) / (usual + 1) ** 0.5,
        **{horizon: float(tails.observed[horizon]) for horizon in HORIZONS},
        **{f"usual_{horizon}": float(tails.expected[horizon]) for horizon in HORIZONS},
        "low_prices": float(tails.off_price[0]),
        "high_prices": float(tails.off_price[1]),
        "time": number / 4,
        "weekday": float((quarter.day - 1) % 7),
    }


class SalesRank(msgspec.Struct, array_like=True):
    """The rank of a detector's strengths over a store's quarters.

    Parameters
    ----------
    rank
        The rank.
    day
        The local day on which it was last fitted.

    Examples
    --------
    >>> SalesRank().day
    0
    """

    rank: RollingRank = msgspec.field(default_factory=RollingRank)
    day: int = 0


class RiverRefunds:
    """Judge a cashier's day by a River detector, one for all cashiers of a store.

    Its strength replaces the packaged model's and is ranked among those of all cashier days, so that
    `false_alarms` keeps its meaning.

    Parameters
    ----------
    choice
        The detector.

    Attributes
    ----------
    model
        The detector at work, to be stored.
    """

    def __init__(self, choice: RiverChoice) -> None:
        self.model = RiverModel(choice)

    def judge(
        self,
        time: int,
        local: LocalTime,
        cashier: CashierHistory,
        tails: RefundTails,
        tell: Tell | None = None,
    ) -> RefundTails:
        """Return the tails with the detector's verdict in place of theirs; `tell` as for `RiverModel`."""
        share = self.model.share_as_high(refund_features(time, local.of(time)[1], cashier, tails), tell)
        return msgspec.structs.replace(tails, p_values={COMPONENT: share}, strength=self.model.strength)

    def evidence(self) -> dict[str, Any]:
        """Return the detector, its last score and its features."""
        return self.model.evidence()


class RiverSales:
    """Judge a store's quarters by a River detector, and rank its strengths.

    Parameters
    ----------
    choice
        The detector.

    Attributes
    ----------
    model
        The detector at work, to be stored.
    """

    def __init__(self, choice: RiverChoice) -> None:
        self.model = RiverModel(choice, SalesRank())

    def judge(self, quarter: JudgedQuarter, local: LocalTime, tell: Tell | None = None) -> JudgedQuarter:
        """Return the quarter with the detector's verdict in place of the packaged model's.

        A detector does not tell drops from spikes. The quarter counts as a drop if its two hours had fewer
        receipts than usual. `tell` is as for `RiverModel`.
        """
        began = quarter.end - 1
        features = sales_features(quarter, local.of(began)[1])
        share = self.model.share_as_high(features, tell)
        own: SalesRank = self.model.beside  # now, since the detector may have begun anew
        if quarter.day != own.day:
            own.rank.decay(0.97)
            own.rank.fit()
            own.day = quarter.day
        chance = own.rank.chance_of(self.model.strength)
        own.rank.add(self.model.strength)
        is_drop = features["excess"] < 0
        tails = msgspec.structs.replace(
            quarter.tails,
            low={COMPONENT: share if is_drop else 1.0},
            high={COMPONENT: 1.0 if is_drop else share},
        )
        return msgspec.structs.replace(
            quarter,
            tails=tails,
            drop=chance if is_drop else 1.0,
            spike=1.0 if is_drop else chance,
            fewer=chance if is_drop else 1.0,
        )

    def evidence(self) -> dict[str, Any]:
        """Return the detector, its last score and its features."""
        return self.model.evidence()
