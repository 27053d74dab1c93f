"""What an import wrote, and which parts of the export it could not map."""

import re
from collections import Counter
from functools import lru_cache
from typing import Final

from retail_anomaly.core.quantities import plural

_MOST_PATHS: Final = 1_000
_LONGEST: Final = 60
# A value of the export may stand in a path; a card number may not.
_LONG_NUMBER: Final = re.compile(r"(?:\d[ -]?){12,}\d")


class ImportReport:
    r"""The events of an import by kind, and what could not be mapped, by path and count.

    Attributes
    ----------
    events
        Events written, by `eventType`.
    training
        How many of these are training.
    receipts
        Receipts, or other transactions, that were read.
    unmapped
        Rows, elements and values that became no event or no field, by path and reason.
    notes
        Readings that you should know of, by text and count.

    Examples
    --------
    >>> report = ImportReport()
    >>> report.events["SALE"] += 2
    >>> report.skip("lines.csv", "GV_TYP TrinkgeldAN")
    >>> print("\n".join(report.lines()))
    2 events of 0 receipts
              2 SALE
    Not mapped:
              1 lines.csv: GV_TYP TrinkgeldAN
    """

    def __init__(self) -> None:
        self.events: Counter[str] = Counter()
        self.training = 0
        self.receipts = 0
        self.unmapped: Counter[str] = Counter()
        self.notes: Counter[str] = Counter()

    def skip(self, path: str, reason: str = "", count: int = 1) -> None:
        """Count something that could not be mapped; without a reason there is no field for it."""
        _add(self.unmapped, _plain(f"{path}: {reason}" if reason else path), count)

    def note(self, text: str, count: int = 1) -> None:
        """Count a reading that you should know of."""
        _add(self.notes, _plain(text), count)

    def lines(self) -> list[str]:
        """Return the report as lines of text."""
        found = [f"{plural(self.events.total(), 'event')} of {plural(self.receipts, 'receipt')}"]
        found += [f"  {count:>9,} {kind}" for kind, count in self.events.most_common()]
        if self.training:
            found.append(f"  {self.training:>9,} of these are training")
        if self.notes:
            found.append("Read as follows:")
            found += [f"  {count:>9,} {text}" for text, count in self.notes.most_common()]
        if self.unmapped:
            found.append("Not mapped:")
            found += [f"  {count:>9,} {path}" for path, count in self.unmapped.most_common()]
        return found


def _add(counts: Counter[str], text: str, count: int) -> None:
    # The text may quote the export, so the number of texts is bounded as memory must be.
    counts[text if text in counts or len(counts) < _MOST_PATHS else "others"] += count


@lru_cache(maxsize=1_000)
def _plain(text: str) -> str:
    """Return a text of an export in one short line, without long numbers.

    Examples
    --------
    >>> _plain("CARD 4111 1111 1111 1111")
    'CARD ...'
    """
    text = _LONG_NUMBER.sub("...", " ".join(text.split()))
    return text if len(text) <= _LONGEST * 2 else f"{text[: _LONGEST * 2]} ..."
