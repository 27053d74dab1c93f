"""Writes DSFinV-K exports: tables as dictionaries, and the index.xml that describes them."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Rows = list[dict[str, Any]]
KEY = ("Z_KASSE_ID", "Z_ERSTELLUNG", "Z_NR")
RECEIPT = (*KEY, "BON_ID")
# Name in index.xml, columns, and the decimal places of the columns that are numbers.
TABLES: dict[str, tuple[str, tuple[str, ...], dict[str, int]]] = {
    "lines.csv": (
        "Bonpos",
        (
            *RECEIPT,
            "POS_ZEILE",
            "GUTSCHEIN_NR",
            "ARTIKELTEXT",
            "POS_TERMINAL_ID",
            "GV_TYP",
            "GV_NAME",
            "INHAUS",
            "P_STORNO",
            "AGENTUR_ID",
            "ART_NR",
            "GTIN",
            "WARENGR_ID",
            "WARENGR",
            "MENGE",
            "FAKTOR",
            "EINHEIT",
            "STK_BR",
        ),
        {"MENGE": 3, "FAKTOR": 3, "STK_BR": 5},
    ),
    "lines_vat.csv": (
        "Bonpos_USt",
        (*RECEIPT, "POS_ZEILE", "UST_SCHLUESSEL", "POS_BRUTTO", "POS_NETTO", "POS_UST"),
        {"POS_BRUTTO": 5, "POS_NETTO": 5, "POS_UST": 5},
    ),
    "itemamounts.csv": (
        "Bonpos_Preisfindung",
        (*RECEIPT, "POS_ZEILE", "TYP", "UST_SCHLUESSEL", "PF_BRUTTO", "PF_NETTO", "PF_UST"),
        {"PF_BRUTTO": 5, "PF_NETTO": 5, "PF_UST": 5},
    ),
    "transactions.csv": (
        "Bonkopf",
        (
            *RECEIPT,
            "BON_NR",
            "BON_TYP",
            "BON_NAME",
            "TERMINAL_ID",
            "BON_STORNO",
            "BON_START",
            "BON_ENDE",
            "BEDIENER_ID",
            "BEDIENER_NAME",
            "UMS_BRUTTO",
            "KUNDE_NAME",
            "KUNDE_ID",
            "KUNDE_TYP",
            "KUNDE_STRASSE",
            "KUNDE_PLZ",
            "KUNDE_ORT",
            "KUNDE_LAND",
            "KUNDE_USTID",
            "BON_NOTIZ",
        ),
        {"UMS_BRUTTO": 2},
    ),
    "datapayment.csv": (
        "Bonkopf_Zahlarten",
        (*RECEIPT, "ZAHLART_TYP", "ZAHLART_NAME", "ZAHLWAEH_CODE", "ZAHLWAEH_BETRAG", "BASISWAEH_BETRAG"),
        {"ZAHLWAEH_BETRAG": 2, "BASISWAEH_BETRAG": 2},
    ),
    "references.csv": (
        "Bon_Referenzen",
        (
            *RECEIPT,
            "POS_ZEILE",
            "REF_TYP",
            "REF_NAME",
            "REF_DATUM",
            "REF_Z_KASSE_ID",
            "REF_Z_NR",
            "REF_BON_ID",
        ),
        {},
    ),
    "cashpointclosing.csv": (
        "Stamm_Abschluss",
        (
            *KEY,
            "Z_BUCHUNGSTAG",
            "TAXONOMIE_VERSION",
            "Z_START_ID",
            "Z_ENDE_ID",
            "NAME",
            "STRASSE",
            "PLZ",
            "ORT",
            "LAND",
            "STNR",
            "USTID",
            "Z_SE_ZAHLUNGEN",
            "Z_SE_BARZAHLUNGEN",
        ),
        {"Z_SE_ZAHLUNGEN": 2, "Z_SE_BARZAHLUNGEN": 2},
    ),
    "location.csv": (
        "Stamm_Orte",
        (*KEY, "LOC_NAME", "LOC_STRASSE", "LOC_PLZ", "LOC_ORT", "LOC_LAND", "LOC_USTID"),
        {},
    ),
    "vat.csv": ("Stamm_USt", (*KEY, "UST_SCHLUESSEL", "UST_SATZ", "UST_BESCHR"), {"UST_SATZ": 2}),
}
ENCODINGS = {"UTF8": "utf-8", "ANSI": "cp1252", "UTF16": "utf-16"}


@dataclass
class Form:
    """How an export is written."""

    separator: str = ";"
    decimal: str = ","
    encoding: str = "UTF8"
    header: bool = True
    names: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Files of a table that is split, by the name of the standard."""


def index_xml(files: Mapping[str, str], form: Form) -> str:
    """Describe files, each by the name of its table's file in the standard."""
    parts = []
    for file, standard in files.items():
        name, columns, places = TABLES[standard]
        described = "".join(
            f"<VariableColumn><Name>{column}</Name>"
            + (
                f"<Numeric><Accuracy>{places[column]}</Accuracy></Numeric>"
                if column in places
                else "<AlphaNumeric/>"
            )
            + "</VariableColumn>"
            for column in columns
        )
        grouping = "." if form.decimal == "," else ","
        first = "<Range><From>2</From></Range>" if form.header else ""
        parts.append(
            f"<Table><URL>{file}</URL><Name>{name}</Name><Description>{name}</Description>"
            f"<{form.encoding}/><DecimalSymbol>{form.decimal}</DecimalSymbol>"
            f"<DigitGroupingSymbol>{grouping}</DigitGroupingSymbol>{first}"
            f"<VariableLength><ColumnDelimiter>{form.separator}</ColumnDelimiter>"
            f'<RecordDelimiter>&#13;&#10;</RecordDelimiter><TextEncapsulator>"</TextEncapsulator>'
            f"{described}</VariableLength></Table>"
        )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE DataSet SYSTEM "gdpdu-01-09-2004.dtd">\n'
        "<DataSet><Version>1.0</Version><DataSupplier><Name>Till</Name><Location/><Comment/></DataSupplier>"
        f"<Media><Name>DSFinV-K</Name>{''.join(parts)}</Media></DataSet>"
    )


def export_bytes(
    tables: Mapping[str, Iterable[Mapping[str, Any]]], form: Form | None = None
) -> dict[str, bytes]:
    """Return the files of an export; a cell that a row lacks is empty."""
    form = form or Form()
    files: dict[str, bytes] = {}
    described: dict[str, str] = {}
    for standard, found in tables.items():
        rows = list(found)
        names = form.names.get(standard, [standard])
        share = -(-len(rows) // len(names)) or 1
        for number, name in enumerate(names):
            described[name] = standard
            files[name] = _table_bytes(standard, rows[number * share : (number + 1) * share], form)
    files["index.xml"] = index_xml(described, form).encode()
    return files


def _table_bytes(standard: str, rows: Iterable[Mapping[str, Any]], form: Form) -> bytes:
    _, columns, places = TABLES[standard]
    text = io.StringIO()
    writer = csv.writer(text, delimiter=form.separator, lineterminator="\r\n")
    if form.header:
        writer.writerow(columns)
    for row in rows:
        writer.writerow([_cell(row.get(column, ""), places.get(column), form) for column in columns])
    return text.getvalue().encode(ENCODINGS[form.encoding])


def _cell(value: Any, places: int | None, form: Form) -> str:
    if places is None or value == "":
        return str(value)
    return f"{value:.{places}f}".replace(".", form.decimal)


def write_zip(path: Path, files: Mapping[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def write_folder(path: Path, files: Mapping[str, bytes]) -> Path:
    for name, content in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)
    return path
