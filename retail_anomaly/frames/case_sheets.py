"""Cases as a sheet for those who work in a spreadsheet, and the verdicts that come back in it."""

import unicodedata
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from typing import Any, Final

from retail_anomaly.cases import Action, Case
from retail_anomaly.core.errors import UsageError
from retail_anomaly.core.extras import require
from retail_anomaly.core.records import InvalidRecord, record_from
from retail_anomaly.frames.cases import CaseBook
from retail_anomaly.sources.csv_form import csv_form, text_lines
from retail_anomaly.sources.csv_rows import CsvRows
from retail_anomaly.sources.file_tables import ExcelTable
from retail_anomaly.sources.stored_file import StoredFile
from retail_anomaly.whole_file import whole_file

_COLUMNS: Final = ("case_id", "verdict", "reason")
_SEEN: Final = "newest_at"  # the newest alert that the sheet shows
_TIME: Final = "%Y-%m-%d %H:%M:%S.%f UTC"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DECIDING: Final = ("verdict", "reopen")
_FORMS: Final = (".csv", ".xlsx")
_FORMULA: Final = ("=", "+", "-", "@")
# Excel's longest text of a cell.
_LONGEST: Final = 32_767
_SPACES: Final = "\t\n\r"


def write_cases(book: CaseBook, path: Path) -> None:
    """Write the open cases as a sheet in reading order, with empty columns for verdict and reason.

    Parameters
    ----------
    book
        The cases.
    path
        ``.csv`` or ``.xlsx``. A text that a spreadsheet would take for a formula gets an apostrophe; control
        characters are replaced, and a text ends where a cell does.

    Raises
    ------
    UsageError
        The suffix is another one, or openpyxl is not installed.
    """
    _expect_form(path)
    frame = book.frame()
    frame = frame[frame["state"] == "open"].drop(columns="state")
    sheet = frame.assign(
        types=[", ".join(types) for types in frame["types"]],
        **{name: frame[name].dt.strftime(_TIME) for name in ("opened_at", _SEEN)},
    )
    for name in sheet.columns:
        sheet[name] = sheet[name].map(_plain)
    sheet.insert(1, "verdict", "")
    sheet.insert(2, "reason", "")
    with whole_file(path) as file:
        if path.suffix.lower() == ".csv":
            file.write(sheet.to_csv(index=False).encode("utf-8-sig"))
        else:
            require("openpyxl")
            sheet.to_excel(file, sheet_name="Cases", index=False)


def read_verdicts(path: Path, book: CaseBook, *, by: str, time: int) -> list[Action]:
    """Return the verdicts of a sheet that `write_cases` wrote and a person filled in.

    Parameters
    ----------
    path
        The sheet. Rows without a verdict are passed over; other columns may be changed or gone. A verdict
        covers the alerts up to the row's ``newest_at``, as `write_cases` wrote it; without that column it
        covers all alerts that the case has now.
    book
        The cases.
    by
        The person.
    time
        When the person decided, in epoch milliseconds. It is moved behind a case's newest alert, or, where
        newer alerts joined the case after the export, before them: the person never saw those.

    Returns
    -------
    list of Action
        The verdicts that change something. A row that says what its case's newest decision says is passed
        over: a sheet that is imported twice counts once.

    Raises
    ------
    UsageError
        A row is wrong, two rows judge one case differently, or a case has both newer alerts and a newer
        decision than the sheet; the text names file and row.
    SourceError
        The sheet can't be read.
    """
    _expect_form(path)
    known = {case.case_id: case for case in book.cases}
    judged: dict[str, tuple[int, str, str]] = {}
    actions: list[Action] = []
    for number, row in _filled_rows(path):
        name, verdict, reason = (row[column] for column in _COLUMNS)
        verdict = verdict.lower()
        if not verdict:
            continue
        case = known.get(name)
        if case is None:
            raise UsageError(f"{path}: row {number}: case_id: {name!r} is no case of these alerts")
        first = judged.setdefault(name, (number, verdict, reason))
        if first[1:] != (verdict, reason):
            raise UsageError(
                f"{path}: row {number}: case {name} has another verdict or reason in row {first[0]}: keep one"
            )
        last = next((each for each in reversed(case.actions) if each.action in _DECIDING), None)
        seen = _seen(path, number, row, case)
        if first[0] != number or (last is not None and _repeats(last, case, seen, verdict, reason, by)):
            continue
        at = max(time if seen == case.newest_at else 0, seen, 0 if last is None else last.time + 1)
        if any(seen < alert.opened_at <= at for alert in case.alerts):
            raise UsageError(
                f"{path}: row {number}: case {name} has newer alerts and a newer decision: export it again"
            )
        # The decision before is part of the id: a verdict that is changed back is another one.
        parts = "\n".join((name, verdict, reason, by, "" if last is None else last.action_id))
        fields: dict[str, Any] = {
            "actionId": blake2b(parts.encode(), digest_size=16).hexdigest(),
            "time": at,
            "by": by,
            "action": "verdict",
            "storeId": case.store_id,
            "reason": reason,
            "caseId": name,
            "verdict": verdict,
        }
        try:
            actions.append(record_from(Action, fields))
        except InvalidRecord as error:
            raise UsageError(f"{path}: row {number}: {error}") from None
    return actions


def _seen(path: Path, number: int, row: dict[str, str], case: Case) -> int:
    """Return the time up to which a row shows its case's alerts."""
    text = row.get(_SEEN, "")
    if not text:
        return case.newest_at
    try:
        shown = datetime.strptime(text, _TIME).replace(tzinfo=UTC)
    except ValueError:
        raise UsageError(
            f"{path}: row {number}: {_SEEN}: expected a time as exported, got {text!r}: export again"
        ) from None
    return min((shown - _EPOCH) // timedelta(milliseconds=1), case.newest_at)


def _repeats(last: Action, case: Case, seen: int, verdict: str, reason: str, by: str) -> bool:
    """Tell whether a case's newest decision says the same, about all alerts that the sheet shows."""
    said = (last.case_id, last.verdict, last.reason, last.by)
    return said == (case.case_id, verdict, reason, by) and last.time >= seen


def _filled_rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield the rows of a sheet that are not blank, each with the number that a spreadsheet gives it."""
    file = StoredFile(path)
    if file.form == ".csv":
        yield from _csv_rows(path, file)
        return
    table = ExcelTable(file)
    _expect_columns(path, table.names)
    names = _read_columns(table.names)
    for batch in table.batches(names):
        columns = [batch.column(name) or () for name in names]
        for number, *cells in zip(batch.numbers, *columns, strict=True):
            row = ("" if cell is None else str(cell).strip() for cell in cells)
            yield number, dict(zip(names, row, strict=True))


def _csv_rows(path: Path, file: StoredFile) -> Iterator[tuple[int, dict[str, str]]]:
    form = csv_form(file, None, None, header=1)  # no title: `write` puts none above it
    _expect_columns(path, form.header)
    places = {name: form.header.index(name) for name in _read_columns(form.header)}
    with file.opened("CSV") as (content, _), text_lines(content, form.encoding) as lines:
        first_line = form.header_lines + 1
        rows = CsvRows(
            islice(lines, form.header_lines, None), form.separator, len(form.header), first_line=first_line
        )
        joined = 0  # lines that go on in a cell: a spreadsheet counts rows
        for block in rows:
            for broken in block.broken:
                raise UsageError(f"{path}: line {broken.line}: {broken.reason}")
            for line, row in zip(block.lines, block.rows, strict=True):
                yield line - joined, {name: row[place].strip() for name, place in places.items()}
                joined += sum(cell.count("\n") for cell in row)


def _read_columns(names: Sequence[str]) -> tuple[str, ...]:
    return (*_COLUMNS, _SEEN) if _SEEN in names else _COLUMNS


def _expect_columns(path: Path, names: Sequence[str]) -> None:
    if missing := [name for name in _COLUMNS if name not in names]:
        raise UsageError(f"{path}: there is no column {', '.join(missing)}")


def _expect_form(path: Path) -> None:
    if path.suffix.lower() not in _FORMS:
        raise UsageError(f"{path}: expected a name that ends with {' or '.join(_FORMS)}")


def _plain(value: object) -> object:
    """Return a text as a spreadsheet may show it: no formula, and nothing that hides or turns it."""
    if not isinstance(value, str):
        return value
    text = "".join(
        letter if unicodedata.category(letter)[0] != "C" else " " if letter in _SPACES else "\ufffd"
        for letter in value
    )
    # Spreadsheets read a formula behind blanks, and in letters of full width.
    is_formula = unicodedata.normalize("NFKC", text).lstrip().startswith(_FORMULA)
    text = f"'{text}" if is_formula or value[:1] in tuple(_SPACES) else text
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}\u2026"
