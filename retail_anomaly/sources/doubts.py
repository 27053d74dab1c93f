"""What the cells of a table leave open: a zero before another number, two currencies."""

import re
from collections.abc import Sequence
from typing import Any, Final

from retail_anomaly.core.quantities import plural
from retail_anomaly.sources.cells import Convert

_NO_MONEY: Final = re.compile(r"[\d.,'()+\-\u2212\u2013\u2014\s]+")
# Signs that are written for one currency only, or mostly; others count as they stand.
_CODES: Final = {
    "\u20ac": "EUR", "\u00a3": "GBP", "$": "USD", "US$": "USD", "\u20b9": "INR", "\u20bd": "RUB",
    "\u20ba": "TRY", "z\u0142": "PLN", "K\u010d": "CZK", "Ft": "HUF", "Fr": "CHF", "Fr.": "CHF",
}  # fmt: skip


class Doubts:
    r"""Collects what is read in one way and may be meant in another, for remarks.

    Examples
    --------
    >>> doubts = Doubts()
    >>> money = doubts.of_money(lambda cell: 9.5)
    >>> [money(text) for text in ("9.50", "EUR 9.50", "$9.50")]
    [9.5, 9.5, 9.5]
    >>> doubts.of_columns("amount", ["Debit", "Credit"], [[0.0, 2.0], [9.5, 1.0]])
    >>> print("\n".join(doubts.notes()))
    1 row of Debit holds 0 for amount beside another number in Credit, such as 9.5: the 0 was read; if it ...
    amounts are in several currencies, such as EUR 9.50 and $9.50: they are read as one, and not converted
    """

    def __init__(self) -> None:
        self._zeros: dict[str, tuple[Sequence[str], float, int]] = {}
        self._currencies: dict[str, str] = {}

    def notes(self, *, zeros: bool = True) -> list[str]:
        """Return a sentence for a person about each; of zeros only if they are wanted."""
        notes = [
            f"{plural(count, 'row')} of {names[0]} {'holds' if count == 1 else 'hold'} 0 for {field} beside "
            f"another number in {' or '.join(names[1:])}, such as {number:g}: the 0 was read; if it stands "
            "for nothing, leave it out of the export"
            for field, (names, number, count) in (self._zeros if zeros else {}).items()
        ]
        if len(self._currencies) > 1:
            shown = " and ".join(list(self._currencies.values())[:3])
            notes.append(
                f"amounts are in several currencies, such as {shown}: they are read as one, and not converted"
            )
        return notes

    def of_money(self, convert: Convert) -> Convert:
        """Return a conversion of amounts that notes their currencies."""

        def converted(cell: Any) -> Any:
            value = convert(cell)
            if type(cell) is str and type(value) is float and not _NO_MONEY.fullmatch(cell):
                word = _NO_MONEY.sub("", cell)
                self._currencies.setdefault(_CODES.get(word, word.upper()), cell.strip())
            return value

        return converted

    def of_columns(self, field: str, names: Sequence[str], values: Sequence[Sequence[Any]]) -> None:
        """Note the rows in which a column of a field holds 0 and one behind it another number."""
        hidden = [
            number
            for first, *others in zip(*values, strict=True)
            if type(first) in (int, float) and first == 0 and (number := _number(others))
        ]
        if hidden:
            _, shown, count = self._zeros.get(field, (names, hidden[0], 0))
            self._zeros[field] = (names, shown, count + len(hidden))


def _number(cells: Sequence[Any]) -> float:
    """Return the first number that is not 0."""
    return next((cell for cell in cells if type(cell) in (int, float) and cell), 0)
