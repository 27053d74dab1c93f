"""Cases as a sheet for those who work in a spreadsheet, and the verdicts that come back in it."""

from hashlib import blake2b
from pathlib import Path
from typing import Any, Final

import pandas as pd

from retail_anomaly.cases import Action
from retail_anomaly.core.errors import UsageError
from retail_anomaly.core.extras import require
from retail_anomaly.core.records import InvalidRecord, record_from
from retail_anomaly.frames.cases import CaseBook
from retail_anomaly.whole_file import whole_file

_FORMS: Final = (".csv", ".xlsx")
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def write_cases(book: CaseBook, path: Path) -> None:
    """Write the open cases as a sheet in reading order, with empty columns for verdict and reason.

    Parameters
    ----------
    book
        The cases.
    path
        ``.csv`` or ``.xlsx``. A text that a spreadsheet would take for a formula gets an apostrophe.

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
        **{name: frame[name].dt.strftime("%Y-%m-%d %H:%M:%S UTC") for name in ("opened_at", "newest_at")},
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
        The sheet. Rows without a verdict are passed over; other columns may be changed or gone.
    book
        The cases.
    by
        The person.
    time
        When the person decided, in epoch milliseconds. It is moved behind a case's newest alert, so that the
        verdict covers the alerts that the sheet showed.

    Returns
    -------
    list of Action
        A row has the same ``actionId`` each time it is read: a sheet that is imported twice counts once.

    Raises
    ------
    UsageError
        A row is wrong; the text names file and row.
    """
    _expect_form(path)
    if path.suffix.lower() == ".csv":
        sheet = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    else:
        require("openpyxl")
        sheet = pd.read_excel(path, dtype=str, keep_default_na=False)
    if missing := [name for name in ("case_id", "verdict", "reason") if name not in sheet]:
        raise UsageError(f"{path}: there is no column {', '.join(missing)}")
    known = {case.case_id: case for case in book.cases}
    actions: list[Action] = []
    for number, row in enumerate(sheet.to_dict("records"), 2):  # the heading is row 1
        name, verdict, reason = (str(row[key]).strip() for key in ("case_id", "verdict", "reason"))
        if not verdict:
            continue
        case = known.get(name)
        if case is None:
            raise UsageError(f"{path}: row {number}: case_id: {name!r} is no case of these alerts")
        parts = "\n".join((name, verdict.lower(), reason, by))
        fields: dict[str, Any] = {
            "actionId": blake2b(parts.encode(), digest_size=16).hexdigest(),
            "time": max(time, case.newest_at),
            "by": by,
            "action": "verdict",
            "storeId": case.store_id,
            "reason": reason,
            "caseId": name,
            "verdict": verdict.lower(),
        }
        try:
            actions.append(record_from(Action, fields))
        except InvalidRecord as error:
            raise UsageError(f"{path}: row {number}: {error}") from None
    return actions


def _expect_form(path: Path) -> None:
    if path.suffix.lower() not in _FORMS:
        raise UsageError(f"{path}: expected a name that ends with {' or '.join(_FORMS)}")


def _plain(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
