"""How far an event was from an alert."""

from typing import Final

import msgspec

from retail_anomaly.core.quantities import rounded

_TOLERANCE: Final = 1e-9


class Margin(msgspec.Struct, frozen=True):
    """What a detector measured at an event, and from where on it alerts.

    Parameters
    ----------
    measure
        What was measured, in words; without a limit all that there is to say.
    value
        The value after the event.
    limit
        From this value on the detector alerts.

    Examples
    --------
    >>> print(Margin("refunds of 100.00 or more by c-1 within 10m", 2, 3))
    refunds of 100.00 or more by c-1 within 10m: 2; alerts from 3 on, 1 short
    >>> print(Margin("the sale 42 is known"))
    the sale 42 is known
    """

    measure: str
    value: float | None = None
    limit: float | None = None

    @property
    def is_reached(self) -> bool | None:
        """Whether the value reaches the limit; None without one."""
        if self.value is None or self.limit is None:
            return None
        return self.value >= self.limit - _TOLERANCE

    def __str__(self) -> str:
        if self.value is None:
            return self.measure
        said = f"{self.measure}: {_number(self.value)}"
        if self.limit is None:
            return said
        short = "" if self.is_reached else f", {_number(self.limit - self.value)} short"
        return f"{said}; alerts from {_number(self.limit)} on{short}"


def _number(value: float) -> str:
    whole = rounded(value)
    return f"{whole:,}" if isinstance(whole, int) else f"{whole:,.2f}"
