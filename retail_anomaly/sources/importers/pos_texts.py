"""Texts of a POSLog as numbers and flags; one that is neither is reported."""

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from retail_anomaly.sources.importers.numbers import plain_number
from retail_anomaly.sources.importers.report import ImportReport

ReadNumber: TypeAlias = Callable[[Mapping[str, str], str], float | None]
"""Reads a field of some texts as a number."""

_YES: Final = frozenset({"true", "1", "yes", "y"})
_NO: Final = frozenset({"", "false", "0", "no", "n"})


class PosTexts:
    """Reads the texts of a transaction.

    Parameters
    ----------
    report
        Told of texts that are no number, and of flags that are neither true nor false.

    Examples
    --------
    >>> report = ImportReport()
    >>> texts = PosTexts(report)
    >>> number = texts.reader("LineItem/Sale")
    >>> number({"amount": "9.50"}, "amount"), number({"amount": "9,50"}, "amount"), number({}, "amount")
    (9.5, None, None)
    >>> [texts.is_set({"voided": word}, "voided", "LineItem") for word in ("true", "on")]
    [True, False]
    >>> list(report.unmapped)
    ['LineItem/Sale: amount is no number', 'LineItem: voided is neither true nor false']
    """

    def __init__(self, report: ImportReport) -> None:
        self._report = report
        self._readers: dict[str, ReadNumber] = {}

    def reader(self, place: str) -> ReadNumber:
        """Return a function that reads numbers of a place."""
        if place not in self._readers:
            self._readers[place] = self._reader(place)
        return self._readers[place]

    def _reader(self, place: str) -> ReadNumber:
        def number(texts: Mapping[str, str], field: str) -> float | None:
            text = texts.get(field)
            if not text:
                return None
            found = plain_number(text)
            if found is None:
                self._report.skip(place, f"{field} is no number")
            return found

        return number

    def is_set(self, texts: Mapping[str, str], field: str, place: str) -> bool:
        """Tell whether a flag is set."""
        word = texts.get(field, "").lower()
        if word not in _YES and word not in _NO:
            self._report.skip(place, f"{field} is neither true nor false")
        return word in _YES
