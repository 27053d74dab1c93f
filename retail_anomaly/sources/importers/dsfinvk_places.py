"""Lines of one receipt that bear the same number: copies, or lines that can't be told apart."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from retail_anomaly.sources.importers.dsfinvk_receipt import ReceiptLine
from retail_anomaly.sources.importers.report import ImportReport


def without_copies(
    lines: Sequence[ReceiptLine], report: ImportReport
) -> tuple[list[ReceiptLine], Mapping[str, int]]:
    """Return the lines of a receipt once each, and how often each number stands there that does so again.

    The other tables name a line by its number. So lines that share one and differ get another, for
    which there are no amounts.

    Parameters
    ----------
    lines
        The lines in their order.
    report
        Told of copies, and of lines that share a number and differ.

    Examples
    --------
    >>> line = ReceiptLine("1", "Umsatz", False, "a", "", "", 1.0, 1.0, 5.0, "")
    >>> lines, copies = without_copies([line, line], ImportReport())
    >>> len(lines), copies
    (1, {'1': 2})
    """
    by_place: defaultdict[str, list[ReceiptLine]] = defaultdict(list)
    for line in lines:
        by_place[line.place].append(line)
    kept, copies = [], {}
    for place, same in by_place.items():
        if len(same) == 1:
            kept.append(same[0])
        elif place and all(line == same[0] for line in same):
            kept.append(same[0])
            copies[place] = len(same)
            report.note("lines that stand in an export twice: read once", len(same) - 1)
        else:
            report.note("lines of one receipt that have one POS_ZEILE, or none, and differ", len(same))
            for number, line in enumerate(same):
                line.place = f"{place}/{number}"
                kept.append(line)
    return kept, copies


def sums(amounts: Sequence[tuple[str, float | None]], copies: Mapping[str, int]) -> dict[str, float | None]:
    """Return the sum of the amounts of each line; None where one of them is no number.

    Parameters
    ----------
    amounts
        The number of a line, and an amount of it.
    copies
        How often each line stands in the export, where more than once.

    Examples
    --------
    >>> sums([("1", 5.0), ("1", 2.0), ("2", 3.0), ("2", None)], {})
    {'1': 7.0, '2': None}
    >>> sums([("1", 5.0), ("1", 5.0)], {"1": 2})
    {'1': 5.0}
    """
    found: dict[str, float | None] = {}
    for place, amount in amounts:
        before = found.get(place, 0.0)
        found[place] = None if before is None or amount is None else round(before + amount, 5)
    for place, times in copies.items():
        total = found.get(place)
        rows = Counter(amount for each, amount in amounts if each == place)
        if total is not None and all(count % times == 0 for count in rows.values()):
            found[place] = round(total / times, 5)
    return found
