"""A draft of a mapping, made by looking at the columns and the first rows of a table."""

import re
from collections.abc import Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from itertools import islice
from typing import Any, Final

import yaml

from retail_anomaly.core.events import POS_EVENTS
from retail_anomaly.core.quantities import plural
from retail_anomaly.sources.advice import date_ways_of
from retail_anomaly.sources.columns import FIELDS, REQUIRED, TIMES
from retail_anomaly.sources.csv_form import OTHER_ENCODINGS
from retail_anomaly.sources.date_forms import iso_moment
from retail_anomaly.sources.draft_names import CLOCK, NAMES, UNIT_PRICES, is_part_of_amount, type_of_name
from retail_anomaly.sources.foreign_table import ForeignTable
from retail_anomaly.sources.line_numbers import looks_like_lines, varies_within
from retail_anomaly.sources.number_forms import NumberForm, detected

_ROWS: Final = 1_000
_MILLIS_DIGITS: Final = 13
_LIKELY: Final = 0.75
# The fields that tell receipts apart: two tills may use one number.
_OF_RECEIPT: Final = ("transactionId", "storeId", "eventTime", "eventType")
_OF_PRICES: Final = re.compile(r"price|preis|prix|precio")
_OF_CENTS: Final = re.compile(r"cents?$|pence$|minorunits?$")
_OF_NUMBER: Final = re.compile(r"(?:nr|no|num|nro|number|nummer|numero|id)$")


def draft_mapping(table: ForeignTable, topic: str = POS_EVENTS) -> str:
    """Return a mapping as YAML, with a comment for each guess.

    Parameters
    ----------
    table
        The table; its first thousand rows are looked at.
    topic
        The topic of its rows.

    Examples
    --------
    >>> from retail_anomaly.sources.frame_tables import DictTable
    >>> row = {"Receipt number": 7, "Store": "s", "SKU": "k", "Net sales": "9,50", "Date": "31.10.2025"}
    >>> text = draft_mapping(DictTable([row]))
    >>> [line for line in text.splitlines() if line.startswith(("dates", "  sku"))]
    ['  sku: SKU  # the name, and k', "dates: ['DD.MM.YYYY']  # the first value is 31.10.2025"]
    """
    rows = _first_rows(table)
    return "\n".join([*_lines(table, rows, topic), ""])


def _lines(table: ForeignTable, rows: Mapping[str, list[Any]], topic: str) -> Iterator[str]:
    names = list(rows)
    found = _columns(names, rows, topic)
    yield "# A draft: read each line, mend it, and try it with `retail-anomaly replay FILE --mapping THIS`."
    yield f"topic: {topic}"
    for key, value in table.found.items():
        yield f"{key}: {_value(value)}  # {_FOUND[key]}"
    yield "columns:"
    for field, columns in found.items():
        written = _text(columns[0]) if len(columns) == 1 else f"[{', '.join(map(_text, columns))}]"
        shown = next((cell for cell in rows.get(columns[0], []) if cell not in (None, "")), "nothing")
        yield f"  {field}: {written}  # the name, and {_short(shown)}"
    for name in names:
        if not any(name in columns for columns in found.values()):
            yield f"  # not used: {_short(name)}"
    missing = [field for field in REQUIRED[topic] if field not in found]
    for field in missing:
        if field not in _CONSTANTS:
            yield f"  # {field}: FILL IN  # no column looks like it, and every row needs one: name its column"
    if constants := [field for field in missing if field in _CONSTANTS]:
        yield "constants:  # no column looks like these: name one above, or keep a value for all rows"
        for field in constants:
            yield f"  {field}: {_CONSTANTS[field]}"
    yield from _types(rows, found)
    yield from _numbers(rows, found)
    yield from _dates(rows, found)
    yield "# time_zone: Europe/Berlin  # times without a zone are those of each store, as `stores:` says"


_FOUND: Final = {
    "encoding": f"not UTF-8; if letters look wrong, {OTHER_ENCODINGS}",
    "separator": "the sign between the cells",
    "header": "the line that names the columns",
    "sheet": "the first of several sheets",
}
_CONSTANTS: Final = {
    "eventType": "SALE",
    "storeId": "store-1",
    "cashierId": "unknown  # nobody: rules per cashier skip it",
}


def _first_rows(table: ForeignTable) -> dict[str, list[Any]]:
    names = list(dict.fromkeys(name for name in table.names if name))
    rows: dict[str, list[Any]] = {name: [] for name in names}
    for batch in table.batches(names):
        for name in names:
            cells = list(islice(batch.column(name) or (), _ROWS))
            # The fields of a column of structs are columns of their own.
            inner = dict.fromkeys(key for cell in cells if isinstance(cell, Mapping) for key in cell)
            if inner:
                del rows[name]
            for key in inner:
                rows[f"{name}.{key}"] = [
                    cell.get(key) if isinstance(cell, Mapping) else None for cell in cells
                ]
            if not inner:
                rows[name] = cells
        break
    return rows


def _columns(names: Sequence[str], rows: Mapping[str, list[Any]], topic: str) -> dict[str, list[str]]:
    """Return the columns that look like each field, each column once."""
    scores = [
        (_likeness(field, name), -place, field, name)
        for field in FIELDS[topic]
        for place, name in enumerate(names)
        if name
    ]
    # "Pos" is the till here and the line of a receipt there: the values tell, once the receipts are known.
    doubtful = [score for score in scores if score[2] in ("lineNumber", "registerId")]
    known = _assigned([score for score in scores if score not in doubtful], names, rows)
    rows_once = _without_repeats(rows)
    columns = [column for field in _OF_RECEIPT for column in known.get(field, ())]
    receipt = [rows_once.get(column, []) for column in columns if "transactionId" in known]
    unfit = {
        (field, name)
        for score, _, field, name in doubtful
        if score >= _LIKELY and not _fits(field, rows_once.get(name, []), receipt)
    }
    found = _assigned([score for score in scores if score[2:] not in unfit], names, rows)
    return {field: found[field] for field in FIELDS[topic] if field in found}


def _fits(field: str, cells: Sequence[Any], receipt: Sequence[Sequence[Any]]) -> bool:
    return looks_like_lines(cells, receipt) if field == "lineNumber" else not varies_within(cells, receipt)


def _without_repeats(rows: Mapping[str, list[Any]]) -> dict[str, list[Any]]:
    """Return the rows without those that equal an earlier one: a line sent twice tells nothing of lines."""
    once = {str(cells): cells for cells in zip(*rows.values(), strict=False)}
    return {name: [cells[place] for cells in once.values()] for place, name in enumerate(rows)}


def _assigned(
    scores: Sequence[tuple[float, int, str, str]], names: Sequence[str], rows: Mapping[str, list[Any]]
) -> dict[str, list[str]]:
    """Return the likeliest column of each field, and with a date the column of its time of day."""
    found: dict[str, list[str]] = {}
    taken: set[str] = set()
    for score, _, field, name in sorted(scores, reverse=True):
        if score >= _LIKELY and field not in found and name not in taken:
            found[field] = [name]
            taken.add(name)
    for field in [name for name in found if name in TIMES]:
        clock = next((n for n in names if _plain(n) in CLOCK and n not in taken), None)
        first = next((c for c in rows.get(found[field][0], []) if isinstance(c, str) and c), "")
        if clock is not None and ":" not in first:
            found[field].append(clock)
            taken.add(clock)
    return found


def _likeness(field: str, name: str) -> float:
    """Return how much a column's name looks like a field, 0 to 1."""
    if field == "amount" and is_part_of_amount(name):
        return 0.0
    # A dot stands before a field of a struct, and in an abbreviation: receipt.sku, Art.Nr.
    return max(_likeness_of(field, _plain(part)) for part in {name, name.rstrip(". ").rpartition(".")[2]})


def _likeness_of(field: str, plain: str) -> float:
    words = NAMES.get(field, (_plain(field),))
    if plain in words:
        return 1.0 - words.index(plain) / 1_000
    if _OF_NUMBER.sub("", plain) in words:  # Bon-Nr, Register No
        return 0.9
    best = max(SequenceMatcher(None, plain, word).ratio() for word in words)
    inside = any(len(word) > 4 and word in plain for word in words)
    return max(best * 0.9, 0.8 if inside else 0.0)


def _types(rows: Mapping[str, list[Any]], found: Mapping[str, list[str]]) -> Iterator[str]:
    cells = rows.get(found.get("eventType", [""])[0], [])
    names = list(dict.fromkeys(str(cell).strip() for cell in cells if cell not in (None, "")))[:20]
    if not names or all(name.upper() in ("SALE", "REFUND") for name in names):
        return
    yield "types:  # their event types and ours"
    for name in names:
        ours = type_of_name(name)
        yield f"  {_text(name)}: {ours}" if ours else f"  # {_text(name)}: SALE, REFUND or VOID?"


def _numbers(rows: Mapping[str, list[Any]], found: Mapping[str, list[str]]) -> Iterator[str]:
    column = found.get("amount", [""])[0]
    if _plain(column) in UNIT_PRICES:
        yield f"amount: per_unit  # {_short(column)} looks like the price of one piece"
    elif _OF_PRICES.search(_plain(column)) and "quantity" in found:
        yield f"# amount: per_unit  # if {_short(column)} is the price of one piece, and not of the line"
    cells = [cell for name in ("amount", "quantity") for cell in rows.get(found.get(name, [""])[0], [])]
    texts = [cell for cell in cells if isinstance(cell, str)]
    form = detected(texts)
    if _OF_CENTS.search(_plain(column)):
        yield f"minor_units: 2  # {_short(column)} looks like cents"
    if form.decimal == ",":
        yield 'decimal: ","  # the numbers have a decimal comma'
    values = [form.parsed(cell) if isinstance(cell, str) else cell for cell in cells]
    if any(isinstance(value, int | float) and value < 0 for value in values):
        yield "negative: refund  # there are negative amounts or quantities"
    unclear = next((text for text in texts if form.has_two_readings(text)), None)
    if unclear is not None:
        point, comma = NumberForm(".").parsed(unclear), NumberForm(",").parsed(unclear)
        yield f'# decimal: "."  # {unclear} is then {point:g}; with decimal: "," it is {comma:g}. Choose one.'


def _dates(rows: Mapping[str, list[Any]], found: Mapping[str, list[str]]) -> Iterator[str]:
    for field in (name for name in found if name in TIMES):
        parts = [rows.get(column, []) for column in found[field]]
        texts = [
            " ".join(map(str, cells))
            for cells in zip(*parts, strict=False)
            if all(_is_text(c) for c in cells)
        ]
        unread = [text for text in texts if not _is_readable(text)]
        if not unread:
            continue
        fitting, unfit = date_ways_of(unread)
        if fitting:
            yield f"dates: {_list(fitting[0])}  # the first value is {_short(_first_other(unread, unfit))}"
        for other in fitting[1:]:
            yield f"# dates: {_list(other)}  # fits as well: choose one"
        if not fitting and len(unread) == len(texts):
            yield f"# dates: ['DD.MM.YYYY HH:mm']  # no form fits, such as {_short(unfit[0])}"
        elif unfit:
            verb = "does" if len(unfit) == 1 else "do"
            yield (
                f"# {len(unfit):,} of the first {plural(len(texts), 'row')} {verb} not fit, such as "
                f"{_short(unfit[0])}: a replay reports such rows and reads the others"
            )
        if fitting:
            return


def _first_other(texts: Sequence[str], others: Sequence[str]) -> str:
    return next(text for text in texts if text not in others)


def _is_readable(text: str) -> bool:
    """Tell whether a time needs no form: ISO 8601, or epoch milliseconds."""
    return iso_moment(text) is not None or (text.isdecimal() and len(text) == _MILLIS_DIGITS)


def _is_text(cell: Any) -> bool:
    return isinstance(cell, str) and bool(cell)


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", "", name.lower())


def _text(name: str) -> str:
    written: str = yaml.safe_dump(name, allow_unicode=True, width=10_000)
    return written.removesuffix("\n").removesuffix("\n...")


def _value(value: str | int) -> str:
    if isinstance(value, int):
        return str(value)
    return f'"{value}"' if len(value) == 1 else _text(value)


def _list(forms: Sequence[str]) -> str:
    return str(list(forms))


def _short(cell: Any) -> str:
    text = "".join(sign if sign.isprintable() else " " for sign in str(cell))
    text = " ".join(text.split())
    return text if len(text) <= 40 else f"{text[:37]}..."
