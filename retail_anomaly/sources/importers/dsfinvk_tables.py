"""The receipts of DSFinV-K exports, in a database on disk: each is in several tables, and there are many."""

import re
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any, Final, Self, TypeAlias
from zoneinfo import ZoneInfo

from retail_anomaly.sources.importers import dsfinvk_sql as sql
from retail_anomaly.sources.importers.dsfinvk_receipt import Head, ReceiptLine, Reference, is_receipt
from retail_anomaly.sources.importers.export_files import ExportError, ExportFiles
from retail_anomaly.sources.importers.gdpdu import GdpduTable, rows
from retail_anomaly.sources.importers.report import ImportReport
from retail_anomaly.sources.importers.times import read_moment

# The name of each table's file in the standard, by that and by its name in index.xml.
_KINDS: Final = {
    name: names[0]
    for names in (
        ("transactions", "bonkopf"),
        ("lines", "bonpos"),
        ("lines_vat", "bonpos_ust"),
        ("itemamounts", "bonpos_preisfindung"),
        ("datapayment", "bonkopf_zahlarten"),
        ("references", "bon_referenzen"),
        ("location", "stamm_orte"),
        ("cashpointclosing", "stamm_abschluss"),
    )
    for name in names
}
# A table in several files: lines_1.csv, lines-2.csv, lines (3).csv.
_PART: Final = re.compile(r"[ _.-]*\(?\d+\)?$")
_KEY: Final = ("Z_KASSE_ID", "Z_NR", "BON_ID")
_HEAD: Final = (
    *_KEY,
    "BON_TYP",
    "BON_STORNO",
    "BON_START",
    "BON_ENDE",
    "BEDIENER_ID",
    "BEDIENER_NAME",
    "UMS_BRUTTO",
    "KUNDE_ID",
)
_LINE: Final = (
    *_KEY,
    "POS_ZEILE",
    "GV_TYP",
    "P_STORNO",
    "ART_NR",
    "GTIN",
    "ARTIKELTEXT",
    "MENGE",
    "FAKTOR",
    "STK_BR",
    "GUTSCHEIN_NR",
)
_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d")
_NO_DECIMALS: Final = re.compile(r"[.,]0*$")
_YES: Final = frozenset({"1", "true", "ja", "j", "x"})

_Row: TypeAlias = tuple[Any, ...]
Zones: TypeAlias = Callable[[str], ZoneInfo]
"""Returns the time zone of a store."""


class Receipts:
    """The receipts of exports, in a database in a folder.

    Parameters
    ----------
    folder
        Where the database is written; whoever made the folder removes it.
    zone
        The time zone of a store.
    store
        The id of the store; None: as the export names the place of each till.
    report
        Told of each row that is not read.
    """

    def __init__(self, folder: Path, zone: Zones, store: str | None, report: ImportReport) -> None:
        self._data = sqlite3.connect(folder / "receipts.sqlite", isolation_level=None)
        self._data.executescript(sql.SCHEMA)
        self._zone = zone
        self._store = store
        self._report = report
        self._export = 0
        self._has_discounts = False
        self._days: dict[tuple[str, str], str] = {}
        self._places: dict[tuple[str, str], str] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._data.close()

    def add(self, export: ExportFiles, tables: Sequence[GdpduTable], place: str) -> None:
        """Read an export.

        Parameters
        ----------
        export
            Its files.
        tables
            The tables that its `index.xml` lists.
        place
            The export, as errors name it.

        Raises
        ------
        ExportError
            It has no receipts (transactions.csv) or no lines (lines.csv).
        """
        self._export += 1
        self._days, self._places = {}, {}
        found = _by_kind(tables)
        for needed in ("transactions", "lines"):
            if not found[needed]:
                listed = ", ".join(PurePosixPath(table.file).name for table in tables)
                raise ExportError(f"{place}: expected a table {needed}.csv, it lists {listed}")
        # Closings and places first: a receipt's time needs its store's zone.
        for table in found["location"]:
            self._read_places(export, table)
        for table in found["cashpointclosing"]:
            self._read_closings(export, table)
        self._data.execute("BEGIN")
        for kind, (target, read) in {
            "transactions": ("heads", self._heads),
            "lines": ("lines", self._lines),
            "lines_vat": ("gross", self._gross),
            "itemamounts": ("discounts", self._discounts),
            "datapayment": ("payments", self._payments),
            "references": ("links", self._links),
        }.items():
            for table in found[kind]:
                self._data.executemany(sql.INSERTS[target], read(export, table))
        self._data.execute("COMMIT")

    def _read_places(self, export: ExportFiles, table: GdpduTable) -> None:
        for till, closing, place in rows(export, table, ("Z_KASSE_ID", "Z_NR", "LOC_NAME"), self._report):
            if place:
                self._places[till, _whole(closing)] = self._places[till, ""] = place

    def _read_closings(self, export: ExportFiles, table: GdpduTable) -> None:
        names = ("Z_KASSE_ID", "Z_NR", "Z_BUCHUNGSTAG", "Z_ERSTELLUNG", "NAME")
        for till, closing, day, made, company in rows(export, table, names, self._report):
            key = till, _whole(closing)
            if company:
                self._places.setdefault(key, self._places.get((till, ""), company))
            # A day needs no zone; the day of a time depends on it.
            moment = read_moment(made, self._zone(self._store_of(*key)))
            if _DAY.fullmatch(day):
                self._days[key] = day
            elif moment is not None:
                self._days[key] = moment.date

    def _heads(self, export: ExportFiles, table: GdpduTable) -> Iterator[_Row]:
        path = PurePosixPath(table.file).name
        for row in rows(export, table, _HEAD, self._report):
            till, closing, number, kind, void, start, end, cashier, name, total, customer = row
            if not till or not number:
                self._report.skip(path, "Z_KASSE_ID or BON_ID is empty")
                continue
            store = self._store_of(till, _whole(closing))
            zone = self._zone(store)
            moment = read_moment(end or start, zone)
            if moment is None:
                self._report.skip(path, "BON_ENDE is no time in ISO 8601")
                continue
            if not is_receipt(kind.lower()):
                self._report.skip(path, f"BON_TYP {kind or 'empty'}")
            if not end:
                self._report.note("receipts without BON_ENDE: their time is BON_START")
            if not moment.zoned:
                self._report.note(f"times without a zone: read as {zone.key}")
            yield (
                self._export,
                _receipt(till, closing, number),
                kind.lower(),
                void.lower() in _YES,
                moment.time,
                self._days.get((till, _whole(closing)), moment.date),
                cashier or name,
                table.number(total) if total else None,
                customer,
                till,
                store,
            )

    def _lines(self, export: ExportFiles, table: GdpduTable) -> Iterator[_Row]:
        number = self._number_of(table)
        for row in rows(export, table, _LINE, self._report):
            till, closing, bon, place, kind, void, article, gtin, words, *numbers, voucher = row
            quantity, factor, unit = map(number, ("MENGE", "FAKTOR", "STK_BR"), numbers)
            yield (
                self._export,
                _receipt(till, closing, bon),
                place,
                kind,
                void.lower() in _YES,
                article,
                gtin,
                words,
                quantity,
                factor,
                unit,
                voucher,
            )

    def _gross(self, export: ExportFiles, table: GdpduTable) -> Iterator[_Row]:
        number = self._number_of(table)
        names = (*_KEY, "POS_ZEILE", "POS_BRUTTO")
        for till, closing, bon, place, gross in rows(export, table, names, self._report):
            yield self._export, _receipt(till, closing, bon), place, number("POS_BRUTTO", gross)

    def _discounts(self, export: ExportFiles, table: GdpduTable) -> Iterator[_Row]:
        number = self._number_of(table)
        names = (*_KEY, "POS_ZEILE", "TYP", "PF_BRUTTO")
        for till, closing, bon, place, kind, amount in rows(export, table, names, self._report):
            if kind.lower() == "discount":
                self._has_discounts = True
                yield self._export, _receipt(till, closing, bon), place, number("PF_BRUTTO", amount)

    def _payments(self, export: ExportFiles, table: GdpduTable) -> Iterator[_Row]:
        number = self._number_of(table)
        names = (*_KEY, "ZAHLART_TYP", "BASISWAEH_BETRAG")
        for till, closing, bon, kind, amount in rows(export, table, names, self._report):
            yield self._export, _receipt(till, closing, bon), kind, number("BASISWAEH_BETRAG", amount) or 0.0

    def _links(self, export: ExportFiles, table: GdpduTable) -> Iterator[_Row]:
        path = PurePosixPath(table.file).name
        names = (*_KEY, "POS_ZEILE", "REF_TYP", "REF_Z_KASSE_ID", "REF_Z_NR", "REF_BON_ID")
        for row in rows(export, table, names, self._report):
            till, closing, bon, place, kind, their_till, their_closing, their_bon = row
            if kind.lower().startswith("extern") or not their_bon:
                self._report.skip(path, f"REF_TYP {kind}" if their_bon else "REF_BON_ID is empty")
                continue
            original = _receipt(their_till or till, their_closing or closing, their_bon)
            yield self._export, _receipt(till, closing, bon), place, original, their_till or till

    def _number_of(self, table: GdpduTable) -> Callable[[str, str], float | None]:
        """Return a function from a column's name and text to its number."""
        path = PurePosixPath(table.file).name

        def number(column: str, text: str) -> float | None:
            found = table.number(text) if text else None
            if found is None and text:
                self._report.skip(path, f"{column} is no number as index.xml says (decimal {table.decimal})")
            return found

        return number

    def _store_of(self, till: str, closing: str) -> str:
        if self._store is not None:
            return self._store
        place = self._places.get((till, closing)) or self._places.get((till, ""))
        return place or till

    def each(self) -> Iterator[tuple[Head, list[ReceiptLine], list[tuple[str, float]], list[Reference]]]:
        """Yield each receipt once with its lines, payments and references, in order of time."""
        self._data.executescript(sql.INDEXES)
        self._tell_of_orphans()
        fetch = self._data.execute
        for export, receipt, *fields in self._data.cursor().execute(sql.HEADS):
            key = (receipt, export)
            gross = _sums(fetch(sql.GROSS, key))
            discounts = _sums(fetch(sql.DISCOUNTS, key)) if self._has_discounts else {}
            lines = [
                ReceiptLine._make((*row, gross.get(row[0]), discounts.get(row[0])))
                for row in fetch(sql.LINES, key)
            ]
            links = [self._reference(*link) for link in fetch(sql.LINKS, key).fetchall()]
            yield Head._make((receipt, *fields)), lines, fetch(sql.PAYMENTS, key).fetchall(), links

    def _reference(self, place: str, original: str, till: str) -> Reference:
        kind = self._data.execute(sql.KIND, (original,)).fetchone()
        named = self._data.execute(sql.ARTICLES, (original,))
        articles = frozenset(article or gtin or words for article, gtin, words in named)
        return Reference(place, original, till, kind[0] if kind else "", articles)

    def _tell_of_orphans(self) -> None:
        (repeated,) = self._data.execute(sql.REPEATED).fetchone()
        if repeated:
            self._report.note("receipts that stand in the exports twice: read once", repeated)
        for path, query in sql.ORPHANS.items():
            (orphans,) = self._data.execute(query).fetchone()
            if orphans:
                self._report.skip(path, "rows without a receipt in transactions.csv", orphans)


def _by_kind(tables: Sequence[GdpduTable]) -> defaultdict[str, list[GdpduTable]]:
    """Return the tables by the name of the standard; a table in parts has several."""
    found: defaultdict[str, list[GdpduTable]] = defaultdict(list)
    for table in tables:
        stems = (PurePosixPath(table.file).stem.lower(), table.name.lower())
        names = [name for stem in stems for name in (stem, _PART.sub("", stem))]
        kind = next((_KINDS[name] for name in names if name in _KINDS), None)
        if kind is not None:
            found[kind].append(table)
    return found


def _sums(rows_found: Any) -> dict[str, float]:
    """Return the sum of the amounts of each line."""
    sums: dict[str, float] = {}
    for place, amount in rows_found:
        if amount is not None:
            sums[place] = round(sums.get(place, 0.0) + amount, 5)
    return sums


def _receipt(till: str, closing: str, number: str) -> str:
    return f"{till}/{_whole(closing)}/{number}"


@lru_cache(maxsize=10_000)
def _whole(closing: str) -> str:
    """Return the number of a closing as all tables have it: ``0012`` and ``12,0`` are 12."""
    whole = _NO_DECIMALS.sub("", closing).lstrip("0")
    return whole or closing
