"""Durations: whole milliseconds in the code, ``10m`` or ``PT10M`` in a configuration."""

import re
from typing import Final

_UNITS: Final = {"d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1_000, "ms": 1}
_SHORT: Final = re.compile(r"(\d+)(ms|[dhms])")
_ISO: Final = re.compile(
    r"P(?:(?P<d>\d+)D)?(?:T(?:(?P<h>\d+)H)?(?:(?P<m>\d+)M)?(?:(?P<s>\d+)(?:\.(?P<ms>\d{1,3}))?S)?)?"
)


class Duration(int):
    """A length of time in milliseconds; zero or more.

    Examples
    --------
    >>> Duration.parse("10m") == Duration.parse("PT10M") == 600_000
    True
    >>> Duration(5_400_000)
    Duration('1h30m')
    """

    def __new__(cls, milliseconds: int) -> "Duration":
        """Refuse a negative number."""
        if milliseconds < 0:
            raise ValueError(f"expected a duration of 0 or more, got {milliseconds} ms")
        return super().__new__(cls, milliseconds)

    @classmethod
    def parse(cls, text: str) -> "Duration":
        """Read ``10m``, ``1h30m``, ``500ms``, ``0`` or an ISO 8601 duration such as ``PT10M``.

        Raises
        ------
        ValueError
            The text is not a duration.

        Examples
        --------
        >>> int(Duration.parse("P30D"))
        2592000000
        """
        text = text.strip()
        if text == "0":
            return cls(0)
        parts = _SHORT.findall(text)
        if parts and "".join(n + unit for n, unit in parts) == text:
            return cls(sum(int(n) * _UNITS[unit] for n, unit in parts))
        iso = _ISO.fullmatch(text)
        if iso and text[-1] not in "PT":
            fields = iso.groupdict()
            fraction = fields.pop("ms")
            total = sum(int(n) * _UNITS[unit] for unit, n in fields.items() if n)
            return cls(total + (int(fraction.ljust(3, "0")) if fraction else 0))
        raise ValueError(f"expected a duration such as 10m, 30d or PT10M, got {text!r}")

    def __str__(self) -> str:
        rest, parts = int(self), []
        for unit, size in _UNITS.items():
            whole, rest = divmod(rest, size)
            if whole:
                parts.append(f"{whole}{unit}")
        return "".join(parts) or "0"

    def __repr__(self) -> str:
        return f"Duration({str(self)!r})"
