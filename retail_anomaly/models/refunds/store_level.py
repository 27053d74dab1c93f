"""The refunds of a store: the sums over all its cashiers and roles."""

from typing import Final

import msgspec

from retail_anomaly.core.most_ids import MOST_ROLES
from retail_anomaly.models.rank import RollingRank
from retail_anomaly.models.refunds.cashier import MarkCounts
from retail_anomaly.models.spread import ExcessSpread

_SPREAD_PRIOR: Final = 2.0
_FORGOTTEN_AFTER: Final = 60  # days without an event count as this many
# Theory weighs as much as this many observations: a dozen components make a lighter tail than one would.
_THEORY: Final = 4.0


class RoleSums(msgspec.Struct, array_like=True):
    """Decayed exposure and refunds of all cashiers of a role."""

    exposure: float = 0.0
    refunds: float = 0.0


class AmountSums(msgspec.Struct, array_like=True):
    """Decayed sums over refunds: count, logarithm of the amount, its square."""

    count: float = 0.0
    logs: float = 0.0
    squares: float = 0.0

    def add(self, count: float, logs: float, squares: float) -> None:
        """Add a day's sums."""
        self.count += count
        self.logs += logs
        self.squares += squares

    def decay(self, factor: float) -> None:
        """Make the past count less."""
        self.count *= factor
        self.logs *= factor
        self.squares *= factor


class StoreRefunds(msgspec.Struct, array_like=True):
    """One store: the sums over all its cashiers.

    Parameters
    ----------
    day, days
        The newest local day, and how many days were learned.
    exposure, returned, cashier_days
        Decayed sums over all cashiers' days: exposure, refunds, days.
    roles
        The same by role.
    marks
        Decayed counts of refunds that bear each mark.
    chances
        Decayed count of the refunds that could have been repeated.
    amounts
        Decayed sums of the refunds' amounts.
    spread
        How much refunds vary from day to day.
    strays
        How many events in a row were days older than the newest day.
    rank
        How strong the evidence of a cashier's day has been.
    refund_days
        Decayed count of cashiers' days with a refund.
    """

    day: int = 0
    days: int = 0
    exposure: float = 0.0
    returned: float = 0.0
    cashier_days: float = 0.0
    roles: dict[str, RoleSums] = {}
    marks: MarkCounts = msgspec.field(default_factory=lambda: MarkCounts(*[0.0] * 7))
    chances: float = 0.0
    amounts: AmountSums = msgspec.field(default_factory=AmountSums)
    spread: ExcessSpread = msgspec.field(default_factory=ExcessSpread)
    strays: int = 0
    rank: RollingRank = msgspec.field(default_factory=RollingRank)
    refund_days: float = 0.0

    @property
    def typical_exposure(self) -> float:
        """The exposure of an average cashier's day."""
        return self.exposure / max(self.cashier_days, 1.0)

    @property
    def base_exposure(self) -> float:
        """The exposure of a day without a sale: refunds come to a service desk too."""
        return 0.2 * self.exposure / self.cashier_days if self.cashier_days > 5 else 10.0

    def sums_of_role(self, role: str | None) -> RoleSums:
        """Return the sums of a role, to be added to; of too many, that with the least work is forgotten."""
        sums = self.roles.get(role or "")
        if sums is None:
            if len(self.roles) >= MOST_ROLES:
                del self.roles[min(self.roles, key=lambda name: (self.roles[name].exposure, name))]
            sums = self.roles[role or ""] = RoleSums()
        return sums

    def rate_of_role(self, role: str | None) -> float:
        """Return refunds per exposure of a role, drawn to the store's with the weight of ten refunds."""
        rate = (self.returned + 1) / (self.exposure + 60)
        sums = self.roles.get(role or "")
        return rate if sums is None else (10 + sums.refunds) / (10 / rate + sums.exposure)

    def shape(self, prior_shape: float) -> float:
        """Return the shape of the spread of refunds from day to day."""
        return self.spread.shape(_SPREAD_PRIOR, prior_shape)

    def pass_days(self, day: int, half_life: float) -> None:
        """Make `day` the newest; the days before it count less by every day that has passed."""
        passed = min(day - self.day, _FORGOTTEN_AFTER) if self.day else 0
        self.day = day
        self.strays = 0
        if passed:
            self.days += 1
            self._decay(0.5 ** (passed / half_life))
            self.rank.fit(_THEORY)

    def _decay(self, factor: float) -> None:
        self.exposure *= factor
        self.returned *= factor
        self.cashier_days *= factor
        self.refund_days *= factor
        self.roles = {
            role: RoleSums(sums.exposure * factor, sums.refunds * factor)
            for role, sums in self.roles.items()
            if sums.exposure * factor > 0.1
        }
        self.marks.decay(factor)
        self.amounts.decay(factor)
        self.chances *= factor
        self.spread.decay(factor)
        self.rank.decay(factor)
