"""The ranges of a detector's parameters as distributions of Optuna."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

from retail_anomaly.detectors import Parameters, Range

if TYPE_CHECKING:
    from optuna.distributions import IntDistribution


class Space:
    """The parameters of one detector that tuning may change, around those it begins with.

    A value is drawn as a number of steps, small numbers as densely as large ones in proportion.

    Parameters
    ----------
    detector
        Its name.
    base
        The parameters to begin with; those without a range stay as they are.

    Examples
    --------
    >>> from retail_anomaly.settings import DetectorSettings
    >>> space = Space("refund_burst", DetectorSettings().refund_burst)
    >>> found = space.parameters({"window": 5, "count": 4, "amount": 30})
    >>> found.window, found.count, found.amount
    (Duration('5m'), 4, 150.0)
    """

    def __init__(self, detector: str, base: Parameters) -> None:
        self.detector = detector
        self.base = base
        self.ranges: dict[str, Range] = type(base).ranges()

    def distributions(self) -> "dict[str, IntDistribution]":
        """Return Optuna's distribution of every parameter."""
        from optuna.distributions import IntDistribution

        found = {}
        for name, limits in self.ranges.items():
            low, high = round(limits.low / limits.step), round(limits.high / limits.step)
            found[name] = IntDistribution(low, high, log=low > 0)
        return found

    def parameters(self, steps: Mapping[str, int]) -> Parameters:
        """Return the parameters whose values are these numbers of steps, as Optuna drew them.

        A range with ``step=5`` turns 12 steps into the value 60.
        """
        values = {
            # A product of floats is rounded, or a file would say 0.30000000000000004.
            name: type(getattr(self.base, name))(round(steps[name] * limits.step, 9))
            for name, limits in self.ranges.items()
        }
        return msgspec.structs.replace(self.base, **values)

    def distance(self, parameters: Parameters) -> tuple[int, float]:
        """Return how far parameters are from the base: how many differ, and by how much in proportion."""
        changed, far = 0, 0.0
        for name, limits in self.ranges.items():
            before, after = float(getattr(self.base, name)), float(getattr(parameters, name))
            changed += before != after
            far += abs(math.log((after + limits.step) / (before + limits.step)))
        return changed, far
